"""What Prefect's server has of an installation: runs that died, things missing or switched off."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from prefect.blocks.core import Block
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun, WorkerStatus
from prefect.client.schemas.responses import DeploymentResponse
from prefect.events.filters import (
    EventFilter,
    EventNameFilter,
    EventOccurredFilter,
    EventResourceFilter,
)
from prefect.exceptions import ObjectNotFound

from blocks.analyst import Analyst
from blocks.edgar import EdgarClient
from blocks.errors import ConfigurationError
from blocks.models import utc_now
from blocks.prices import PriceSource
from flows.automations import SILENCE, ZOMBIES
from flows.dead_runs import close, in_a_process
from flows.rooms import load
from flows.setup import DEPLOYMENTS
from flows.stack import POOL
from tasks.check_prefect import PrefectState

_OTHER_BLOCKS: Final[tuple[type[Block], ...]] = (EdgarClient, PriceSource, Analyst)
_PATIENCE: Final = SILENCE + timedelta(seconds=30)  # the automation closes them before


def prefect_state(
    client: SyncPrefectClient, profile: str, now: datetime | None = None
) -> PrefectState:
    """Ask the server for all that the doctor looks at."""
    deployments = {name: _deployment(client, name) for name in DEPLOYMENTS}
    automations = client.read_automations_by_name(ZOMBIES.name)
    pool_is_there, pool_is_paused, worker_is_up = _pool(client)
    missing = [
        *_unusable_blocks(profile),
        *(f"deployment {name}" for name, found in deployments.items() if found is None),
        *(() if automations else (f"automation {ZOMBIES.name!r}",)),
        *(() if pool_is_there else (f"work pool {POOL}",)),
    ]
    paused = [
        *(word for name, found in deployments.items() if found for word in _paused(name, found)),
        *(f"automation {one.name!r}" for one in automations if not one.enabled),
        *((f"work pool {POOL}",) if pool_is_paused else ()),
    ]
    return PrefectState(
        silent=tuple((str(run.id), run.name) for run in silent_runs(client, now)),
        missing=tuple(missing),
        paused=tuple(paused),
        worker_is_up=worker_is_up or not pool_is_there,
    )


def silent_runs(client: SyncPrefectClient, now: datetime | None = None) -> list[FlowRun]:
    """Runs of the pool that have been Running for some time, and show no sign of life.

    Args:
        client: of the server.
        now: the moment that counts as the present one.
    """
    since = (now or utc_now()) - _PATIENCE
    return [
        run
        for run in in_a_process(client)
        if run.state is not None
        and run.state.timestamp < since
        and not _heartbeats(client, run, since)
    ]


def close_silent_runs(client: SyncPrefectClient, now: datetime | None = None) -> None:
    """Mark them as Crashed, and their days' runs; those that are silent now."""
    if dead := silent_runs(client, now):
        close(client, dead)


def _heartbeats(client: SyncPrefectClient, run: FlowRun, since: datetime) -> int:
    """How many have come from this run."""
    its = EventFilter(
        occurred=EventOccurredFilter(since=since),
        event=EventNameFilter(name=["prefect.flow-run.heartbeat"]),
        resource=EventResourceFilter(id=[f"prefect.flow-run.{run.id}"]),
    )
    return client.read_events(its, limit=1).total


def _deployment(client: SyncPrefectClient, name: str) -> DeploymentResponse | None:
    try:
        return client.read_deployment_by_name(name)
    except ObjectNotFound:
        return None


def _paused(name: str, deployment: DeploymentResponse) -> Iterator[str]:
    if deployment.paused:
        yield f"deployment {name}"
    elif any(not schedule.active for schedule in deployment.schedules):
        yield f"schedule of deployment {name}"


def _pool(client: SyncPrefectClient) -> tuple[bool, bool, bool]:
    """Whether it is there, is paused, and has a worker that shows signs of life."""
    try:
        pool = client.read_work_pool(POOL)
    except ObjectNotFound:
        return False, False, False
    workers = client.read_workers_for_work_pool(POOL)
    return True, pool.is_paused, any(one.status == WorkerStatus.ONLINE for one in workers)


def _unusable_blocks(profile: str) -> Iterator[str]:
    for kind in _OTHER_BLOCKS:
        try:
            load(kind, profile)
        except ConfigurationError as error:
            yield str(error)
