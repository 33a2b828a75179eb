"""The counts of one run, drawn from what it fetched, claimed and recorded."""

from collections import Counter
from collections.abc import Iterator
from datetime import date

from blocks.errors import BudgetReached, StoreError
from blocks.models import OutcomeStatus, Verdict
from blocks.spending import Balance
from flows.run import Run
from tasks.certificate_text import sentence
from tasks.report import Funnel

_UNKNOWN_PRICE = {Verdict.UNKNOWN_PRICE_KEPT, Verdict.UNKNOWN_PRICE_REJECTED}


def draw_funnel(source: str, run: Run, today: date) -> Funnel:
    """Count what became of every filing of a run; ``today`` is the Eastern date."""
    progress, outcomes, bench = run.progress, run.progress.outcomes, run.enrichment.bench
    answered = [one for one in outcomes if one.status is OutcomeStatus.ENRICHED]
    from_cache = [one for one in answered if one.from_cache]
    same_text = [one for one in answered if one.answer and one.answer.same_text_as]
    shared = [one for one in same_text if not one.from_cache]
    failed = {one.filing.accession for one in progress.failures} - progress.parked
    return Funnel(
        source=source,
        analyst=bench.analyst.name,
        fingerprint=bench.fingerprint,
        fetched=len(progress.met),
        requests=run.rooms.edgar.requests_sent,
        known=len(progress.known),
        held=len(progress.held),
        backlog=len(progress.granted.keys() - progress.met),
        claimed=len(progress.granted),
        rejected=Counter(one.reason for one in outcomes if one.status is OutcomeStatus.REJECTED),
        unknown_price=sum(
            one.decision is not None and one.decision.verdict in _UNKNOWN_PRICE for one in outcomes
        ),
        from_cache=len(from_cache),
        same_text=len(shared),
        at_batch=len(run.enrichment.at_batch.held & progress.granted.keys()),
        unanswered=len(run.enrichment.unanswered),
        enriched=len(answered) - len(from_cache) - len(shared),
        failed=len(failed),
        parked=len(progress.parked),
        untouched=len(progress.open_claims()),
        lost=len(progress.lost),
        standing=len(progress.standing),
        model_calls=bench.tally.calls,
        usage=bench.tally.usage,
        spent_usd=bench.tally.spent_usd,
        unpriced_calls=bench.tally.unpriced_calls,
        balances=_balances(run),
        saved_usd=_saved_usd(run),
        switched_off=run.settings.switched_off(),
        switches=run.settings.shown(),
        stopped_by=str(run.stopped_by or ""),
        next_step=_next_step(source, run) if run.stopped_by else "",
        closed_door=run.stopped_by is not None and run.stop_name is None,
        days=tuple(sentence(certificate) for certificate in run.certificates),
        open_days=tuple(open_days_of(run, today)),
        notes=tuple(notes_of(run, today)),
        pruned=run.pruned.removed,
    )


def _next_step(source: str, run: Run) -> str:
    """What becomes of what a stopped run has left."""
    if source == "rss":
        when = ", of the next day (Eastern) or once the cap is raised," * _day_is_spent(run)
        return f"The next rss run{when} takes up what is left"
    again = f"; what is done is {'' if run.enrichment.refresh == 'all' else 'not '}paid again"
    if not run.days_left:
        return f"Run it again with the same parameters for what is left{again}"
    first, last = run.days_left[0], run.days_left[-1]
    return f"Run batch with start_date={first} and end_date={last} for what is left{again}"


def _day_is_spent(run: Run) -> bool:
    return isinstance(run.stopped_by, BudgetReached) and run.stopped_by.subject == "daily_cap_usd"


def open_days_of(run: Run, today: date) -> Iterator[str]:
    """Days that are not complete, and days whose index is none or should be there."""
    yield from (sentence(one) for one in run.open_certificates)
    yield from (
        f"the daily index of {day} is not read, ask for that day again: {why}"
        for day, why in run.unread.items()
    )
    yield from (
        f"EDGAR has no daily index for {day} yet, ask for that day again"
        for day in run.no_index
        if day < today and not _was_closed(day, run)
    )


def notes_of(run: Run, today: date) -> Iterator[str]:
    """What a reader of the run's report should know besides the counts."""
    yield from run.notes
    if run.announcer.trouble:
        yield f"Not everything was announced: {run.announcer.trouble}"
    yield from run.rooms.tables.notes
    yield from run.pruned.left
    for day in run.no_index:
        if _was_closed(day, run):
            yield f"EDGAR has no daily index for {day}, and one for a later day: it was closed"
        elif day >= today:
            yield f"EDGAR has no daily index for {day} yet; it makes one about 22:06 Eastern"


def _was_closed(day: date, run: Run) -> bool:
    """Whether EDGAR has made a later index without this one: closed by order, say."""
    return any(read > day for read in run.days_read)


def _balances(run: Run) -> tuple[Balance, ...]:
    """How the caps stand; none where what broke the store keeps the account from being read."""
    try:
        return run.enrichment.bench.budget.balances()
    except StoreError:
        return ()


def _saved_usd(run: Run) -> float:
    """What the answers of known and cached filings cost when they were bought."""
    cached = sum(
        one.answer.reply.cost_usd or 0.0
        for one in run.progress.outcomes
        if one.from_cache and one.answer is not None
    )
    try:
        return cached + run.rooms.cost_usd_of(frozenset(run.progress.known))
    except StoreError:  # what broke the store ends the run; its report is still to come
        return cached
