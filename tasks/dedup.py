"""dedup: lease the filings nobody has finished, in one statement for the whole frame."""

from collections.abc import Sequence

from prefect import task
from prefect.cache_policies import NO_CACHE

from blocks.models import Claimed, Filing, FoundBy, Outcome, OutcomeStatus
from blocks.plan import FeedPlan, FetchPlan
from blocks.store import SeenStore
from blocks.store_values import Claim


@task(name="dedup", cache_policy=NO_CACHE, persist_result=False)
def claim_unseen(  # noqa: PLR0913 - one claim, each part named
    filings: Sequence[Filing],
    store: SeenStore | None,
    plan: FetchPlan,
    *,
    owner: str,
    lease_s: int,
    refresh: bool,
) -> Claim:
    """Claim what has no outcome yet; with the store switched off, everything.

    A run on the live feed also takes up what an earlier one left unfinished,
    since the feed may have scrolled past it.
    """
    if store is None:
        granted = tuple(Claimed(filing=filing, attempts=1) for filing in filings)
        return Claim(granted=granted, done=frozenset(), held=frozenset())
    live = isinstance(plan, FeedPlan)
    return store.claim(
        filings,
        owner=owner,
        lease_s=lease_s,
        refresh=refresh,
        backlog=FoundBy.FEED if live else None,
        backlog_forms=plan.forms if isinstance(plan, FeedPlan) else None,
    )


def park_worn_out(
    granted: Sequence[Claimed], max_attempts: float
) -> tuple[tuple[Filing, ...], tuple[Outcome, ...]]:
    """Split claims into filings to work on and outcomes for those that wear runs out.

    A filing that kills every process that touches it never records a failure;
    only its count of claims tells.
    """
    fresh = tuple(claim.filing for claim in granted if claim.attempts <= max_attempts)
    parked = tuple(
        Outcome(
            filing=claim.filing,
            status=OutcomeStatus.PARKED,
            reason=f"claimed {claim.attempts - 1} times by runs that ended without an outcome",
        )
        for claim in granted
        if claim.attempts > max_attempts
    )
    return fresh, parked
