"""housekeeping: what has had its day goes, by one policy; what was paid for stays.

Prefect's server prunes its own database, told to by ``flows/stack.py``; here goes what
that leaves, what runs have left in the answer folder, and rows of the store. What was
paid for is copied instead.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Final

import httpx
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound, PrefectException
from prefect.types import DateTime

from blocks.answers import AnswerFolder
from blocks.errors import SecFilingsError
from blocks.models import Value, utc_now
from blocks.store import SeenStore

LIMIT_S: Final = 60.0  # a night's housekeeping, of the folder and of Prefect's runs each
_SERVER_HAS: Final = timedelta(days=2)  # to prune a run by itself, which is much cheaper
_RUNS_AT_ONCE: Final = 100
# long backfills, and runs that were begun late; those that died are closed, and have ended then
_AT_WORK: Final = FlowRunFilterStateType(
    not_any_=[StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
)
_OURS: Final = FlowFilter(name=FlowFilterName(any_=["sec_filings", "sec_filings_day"]))


class HousekeepingPolicy(Value):
    """How long things are kept; None: for ever.

    ``runs``: a run, what it left for its retry or for a person, and texts of failures.
    ``answers``: the answer cache's time to live.
    """

    runs: timedelta | None
    answers: timedelta | None


class Pruned(Value):
    """What went, by kind. ``left``: sentences on what could not be pruned, or not yet."""

    removed: Mapping[str, int] = {}
    left: tuple[str, ...] = ()


@task(name="housekeeping", cache_policy=NO_CACHE, persist_result=False)
def keep_house(
    policy: HousekeepingPolicy, folder: AnswerFolder, store: SeenStore | None
) -> Pruned:
    """Prune folder, store and Prefect's runs, and copy the store; each whatever befalls another.

    Safe beside running runs, and bounded: what a minute does not do the next night does.
    """
    gone, why_not_all = folder.prune(
        runs_kept=policy.runs, answer_ttl=policy.answers, limit_s=LIMIT_S
    )
    removed = Counter(gone)
    left = [f"of the answer folder not all is pruned: {why_not_all}"] if why_not_all else []
    if store is not None:
        left += _troubles_with(store, policy, removed)
    if policy.runs is not None:
        left += _troubles_with_runs(policy.runs, removed)
    return Pruned(removed=+removed, left=tuple(left))


def _troubles_with(
    store: SeenStore, policy: HousekeepingPolicy, removed: Counter[str]
) -> Iterator[str]:
    """Prune and copy the store; what of it could not be done."""
    try:
        if policy.runs is not None:
            removed.update(store.prune(kept=policy.runs))
    except SecFilingsError as error:
        yield f"the store is not pruned: {error}"
    try:
        store.make_copy()
    except SecFilingsError as error:
        yield f"{error}"


def _troubles_with_runs(kept: timedelta, removed: Counter[str]) -> Iterator[str]:
    try:
        with get_client(sync_client=True) as client:
            removed["runs the server had left"] += prune_runs(client, kept)
    except (PrefectException, httpx.HTTPError) as error:
        yield f"runs are not pruned: {error}"


def prune_runs(client: SyncPrefectClient, kept: timedelta, *, limit_s: float = LIMIT_S) -> int:
    """Delete runs of this flow that should have begun long ago and are still there; how many.

    The server removes runs that have ended. It leaves those that no worker took; or all, if
    its own pruning is off. A run that is at work stays, this one among them, however long
    ago it should have begun.
    """
    until = time.monotonic() + limit_s
    before = DateTime.instance(utc_now() - kept - _SERVER_HAS)
    due = FlowRunFilter(
        expected_start_time=FlowRunFilterExpectedStartTime(before_=before),
        state=FlowRunFilterState(type=_AT_WORK),
    )
    deleted = 0
    while time.monotonic() < until:
        runs = client.read_flow_runs(
            flow_filter=_OURS,
            flow_run_filter=due,
            sort=FlowRunSort.EXPECTED_START_TIME_ASC,
            limit=_RUNS_AT_ONCE,
        )
        if not runs:
            break
        for run in runs:
            try:
                client.delete_flow_run(run.id)
                deleted += 1
            except ObjectNotFound:  # the server was faster
                continue
    return deleted
