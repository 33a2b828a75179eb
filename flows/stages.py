"""What every filing goes through, however it was found."""

from collections.abc import Sequence

from blocks.errors import StoreUnavailable
from blocks.models import Decision, Failure, Filing, Outcome, utc_now
from blocks.store_values import Claim, FeedMark
from flows.run import Run
from tasks.dedup import claim_unseen, triage
from tasks.fetched import Fetched
from tasks.passing import as_is
from tasks.price_filter import filter_by_price
from tasks.record import rejected, survivors


def through_the_stages(fetched: Fetched, run: Run, *, backlog: bool = False) -> None:
    """Dedup -> price filter -> enrich -> record -> announce, for what one fetch has found.

    A run works on a filing once: what an earlier unit of it has met, and may
    have failed on, is left to the next run. With ``backlog`` the run also takes
    up what earlier runs left unfinished.
    """
    progress = run.progress
    unmet = met_now(fetched, run)
    claim = claimed(unmet, run, backlog=backlog, mark=fetched.mark)
    progress.take(claim)
    sorted_out = triage(claim.granted, run.rooms.max_attempts)
    to_decide = (*sorted_out.fresh, *sorted_out.suspects)
    decisions = decide_by_price(to_decide, run)
    progress.record((*sorted_out.worn_out, *rejected(to_decide, decisions)))
    for chunk in run.enrichment.chunks(
        survivors(sorted_out.fresh, decisions), survivors(sorted_out.suspects, decisions)
    ):
        outcomes, failures = run.enrichment.enrich(chunk, decisions)
        _record(outcomes, failures, run)
        run.announcer.tell(outcomes)


def _record(outcomes: Sequence[Outcome], failures: Sequence[Failure], run: Run) -> None:
    """Store how a chunk ended; where that fails, say which paid answers are lost by it."""
    try:
        run.progress.record(outcomes, failures)
    except StoreUnavailable as error:
        unkept = run.enrichment.bench.unkept
        lost = [one.filing.accession for one in outcomes if one.filing.accession in unkept]
        if not lost:
            raise
        raise StoreUnavailable(
            f"{error} {len(lost)} paid answers are lost, for they are in no answer folder "
            f"either, and will be paid for again: {', '.join(lost)}.",
            subject=error.subject,
        ) from error


def claimed(
    filings: Sequence[Filing], run: Run, *, backlog: bool = False, mark: FeedMark | None = None
) -> Claim:
    """Lease these to the run, on its own terms."""
    asked_at = utc_now()
    claim = claim_unseen(
        as_is(filings),
        as_is(run.rooms.store),
        owner=run.id,
        lease_s=run.leases.lease_s,
        refresh=run.enrichment.refresh == "all",
        outdated_by=run.enrichment.outdated_by,
        backlog=backlog,
        mark=mark,
    )
    run.leases.taken((one.filing.accession for one in claim.granted), asked_at)
    return claim


def met_now(fetched: Fetched, run: Run) -> list[Filing]:
    """What no earlier unit of the run has met or holds; the run has met it by now."""
    met = run.progress.met | run.progress.granted.keys()
    unmet = [one for one in fetched.filings if one.accession not in met]
    run.met(fetched)
    return unmet


def decide_by_price(filings: tuple[Filing, ...], run: Run) -> dict[str, Decision]:
    """Fetch the tables, unless there is nothing to decide, and filter by price."""
    if not filings:
        return {}
    tickers = run.rooms.tables.tickers.get()
    prices = run.rooms.tables.prices.get() if run.rule.enabled else None
    decisions = filter_by_price(as_is(filings), as_is(tickers), as_is(prices), run.rule)
    return {accession: run.decided.get(accession, now) for accession, now in decisions.items()}
