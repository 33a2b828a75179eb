"""dedup: lease the filings nobody has finished, in one statement for the whole frame."""

from collections.abc import Sequence
from typing import NamedTuple

from prefect import task
from prefect.cache_policies import NO_CACHE

from blocks.models import Claimed, Filing, Outcome, OutcomeStatus
from blocks.store import SeenStore
from blocks.store_values import Claim, FeedMark


@task(name="dedup", cache_policy=NO_CACHE, persist_result=False)
def claim_unseen(  # noqa: PLR0913 - one claim, each part named
    filings: Sequence[Filing],
    store: SeenStore | None,
    *,
    owner: str,
    lease_s: int,
    refresh: bool,
    outdated_by: str | None,
    backlog: bool,
    mark: FeedMark | None,
) -> Claim:
    """Claim what has no outcome yet; with the store switched off, everything.

    See :meth:`blocks.store.SeenStore.claim`.
    """
    if store is None:
        return _all_of(filings)
    return store.claim(
        filings,
        owner=owner,
        lease_s=lease_s,
        refresh=refresh,
        outdated_by=outdated_by,
        backlog=backlog,
        mark=mark,
    )


def preview_claim(  # noqa: PLR0913 - as above
    filings: Sequence[Filing],
    store: SeenStore | None,
    *,
    owner: str,
    refresh: bool,
    outdated_by: str | None,
    backlog: bool,
) -> Claim:
    """What :func:`claim_unseen` would claim now; nothing is claimed."""
    if store is None:
        return _all_of(filings)
    return store.preview(
        filings, owner=owner, refresh=refresh, outdated_by=outdated_by, backlog=backlog
    )


def _all_of(filings: Sequence[Filing]) -> Claim:
    """Without a store nobody has finished or holds anything."""
    return Claim(granted=tuple(Claimed(filing=filing, attempts=1) for filing in filings))


class Triage(NamedTuple):
    """Claims sorted by how often runs have ended without an outcome for them.

    ``suspects`` are worked on last and one by one: each may be what ended those
    runs. ``worn_out`` have had as many chances alone as they had in company.
    """

    fresh: tuple[Filing, ...]
    suspects: tuple[Filing, ...]
    worn_out: tuple[Outcome, ...]


def triage(granted: Sequence[Claimed], max_attempts: float) -> Triage:
    """Tell filings to work on from those that may be killing the process that does.

    A filing that kills its process never records a failure; only its count of
    claims tells. That count alone parks nothing: a machine that loses power
    three times leaves innocent filings with it.
    """
    return Triage(
        fresh=tuple(one.filing for one in granted if one.attempts <= max_attempts),
        suspects=tuple(
            one.filing for one in granted if max_attempts < one.attempts <= 2 * max_attempts
        ),
        worn_out=tuple(_parked(one) for one in granted if one.attempts > 2 * max_attempts),
    )


def _parked(claim: Claimed) -> Outcome:
    return Outcome(
        filing=claim.filing,
        status=OutcomeStatus.PARKED,
        reason=f"claimed {claim.attempts - 1} times by runs that ended without an outcome for it",
    )
