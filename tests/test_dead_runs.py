"""Runs that a stop or a crash of the machine left unfinished are closed before a worker starts."""

import contextlib

import pytest
from prefect import flow, task
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectAlreadyExists
from prefect.states import Running

from flows.dead_runs import close_dead_runs
from flows.stack import POOL

pytestmark = pytest.mark.usefixtures("prefect_server")


@flow(name="nothing")
def nothing() -> None:
    """Stands in for a flow whose process is gone."""


@task(name="day")
def day() -> None:
    """Stands in for what a run shows of a flow run below it."""


def left_running(client: SyncPrefectClient, *, below: FlowRun | None, in_pool: bool) -> FlowRun:
    """A run as a killed process leaves it."""
    shown = below and client.create_task_run(day, flow_run_id=below.id, dynamic_key=f"{below.id}")
    return client.create_flow_run(
        nothing,
        state=Running(),
        parent_task_run_id=shown.id if shown else None,
        work_pool_name=POOL if in_pool else None,
    )


def test_the_runs_of_the_pool_and_the_days_below_them_are_closed_and_no_others() -> None:
    with get_client(sync_client=True) as client:
        with contextlib.suppress(ObjectAlreadyExists):
            client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
        killed = left_running(client, below=None, in_pool=True)
        a_day = left_running(client, below=killed, in_pool=False)
        by_hand = left_running(client, below=None, in_pool=False)
        close_dead_runs(client)
        names = [client.read_flow_run(run.id).state_name for run in (killed, a_day, by_hand)]
    assert names == ["Crashed", "Crashed", "Running"]
