"""Close the runs that a stop or a crash of this machine left unfinished.

Prefect's worker ends its runs without a report when it is stopped, so they stay
Running for ever; one of them holds the only place of the rss deployment, and
every later poll would be cancelled. Run as ``python -m flows.dead_runs``, and
only while no worker is up.
"""

import sys
from collections.abc import Sequence
from typing import Final

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterParentFlowRunId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.states import Crashed

from flows.stack import POOL

_IN_A_PROCESS: Final = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]


def main() -> int:
    """Close them."""
    with get_client(sync_client=True) as client:
        close_dead_runs(client)
    return 0


def close_dead_runs(client: SyncPrefectClient) -> None:
    """Mark as Crashed every run that should have a process of the pool, and its days' runs."""
    close(client, in_a_process(client))


def in_a_process(client: SyncPrefectClient) -> list[FlowRun]:
    """The runs that have a process of the pool, or should have one."""
    return client.read_flow_runs(
        flow_run_filter=FlowRunFilter(state=_unfinished()),
        work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[POOL])),
    )


def close(client: SyncPrefectClient, dead: Sequence[FlowRun]) -> None:
    """Mark these runs as Crashed, and their days' runs."""
    below = FlowRunFilterParentFlowRunId(any_=[run.id for run in dead])
    days = client.read_flow_runs(
        flow_run_filter=FlowRunFilter(state=_unfinished(), parent_flow_run_id=below)
    )
    ended: State[None] = Crashed(
        message="The installation was stopped during this run. Filings it had not finished come "
        "free when their lease runs out; a retry of the run has them at once."
    )
    for run in (*dead, *days):
        client.set_flow_run_state(run.id, ended, force=True)


def _unfinished() -> FlowRunFilterState:
    return FlowRunFilterState(type=FlowRunFilterStateType(any_=_IN_A_PROCESS))


if __name__ == "__main__":
    sys.exit(main())
