"""The counts of one run, drawn from what it fetched, claimed and recorded."""

from collections import Counter

from blocks.errors import BudgetReached
from blocks.models import OutcomeStatus, Verdict
from flows.enrichment import Enrichment
from flows.progress import Progress
from flows.rooms import Rooms
from tasks.fetch import Fetched
from tasks.report import Funnel

_UNKNOWN_PRICE = {Verdict.UNKNOWN_PRICE_KEPT, Verdict.UNKNOWN_PRICE_REJECTED}


def draw_funnel(
    source: str, fetched: Fetched, progress: Progress, work: Enrichment, rooms: Rooms
) -> Funnel:
    """Count what became of every filing of a run."""
    claim, outcomes, bench = progress.claim, progress.outcomes, work.bench
    asked_for = {filing.accession for filing in fetched.filings}
    answered = [one for one in outcomes if one.status is OutcomeStatus.ENRICHED]
    from_cache = [one for one in answered if one.from_cache]
    failed = {one.filing.accession for one in progress.failures} - progress.parked
    return Funnel(
        source=source,
        analyst=bench.analyst.name,
        fingerprint=bench.fingerprint,
        fetched=len(asked_for),
        requests=fetched.requests,
        known=len(claim.done),
        held=len(claim.held),
        backlog=sum(one.filing.accession not in asked_for for one in claim.granted),
        claimed=len(claim.granted),
        rejected=Counter(one.reason for one in outcomes if one.status is OutcomeStatus.REJECTED),
        unknown_price=sum(
            one.decision is not None and one.decision.verdict in _UNKNOWN_PRICE for one in outcomes
        ),
        from_cache=len(from_cache),
        enriched=len(answered) - len(from_cache),
        failed=len(failed),
        parked=len(progress.parked),
        untouched=len(progress.open_claims()),
        lost=len(progress.lost),
        model_calls=bench.tally.calls,
        usage=bench.tally.usage,
        spent_usd=bench.tally.spent_usd,
        unpriced_calls=bench.tally.unpriced_calls,
        saved_usd=_saved_usd(progress, rooms),
        switched_off=work.settings.switched_off(),
        switches=work.settings.shown(),
        stopped_by=str(bench.brake.reason or ""),
        closed_door=not isinstance(bench.brake.reason, BudgetReached | None),
        unread_days=fetched.unread_days,
        notes=fetched.notes,
    )


def _saved_usd(progress: Progress, rooms: Rooms) -> float:
    """What the answers of known and cached filings cost when they were bought."""
    cached = sum(
        one.answer.reply.cost_usd or 0.0
        for one in progress.outcomes
        if one.from_cache and one.answer is not None
    )
    return cached + rooms.cost_usd_of(progress.claim.done)
