"""The automations that this project brings along; made by ``flows.setup``.

A run whose worker was killed with it stays Running for ever and holds the only
place of the rss deployment. Prefect's remedy is heartbeats and an automation
that misses them (docs.prefect.io, "Detect zombie flows").
"""

from datetime import timedelta
from typing import Final

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification

from flows.stack import HEARTBEAT_S

SILENCE: Final = timedelta(seconds=3 * HEARTBEAT_S)  # two may be lost on a busy machine
# a run may die before its first heartbeat has left; these come from the server itself
_BEGUN: Final = (
    "prefect.flow-run.Running",
    "prefect.flow-run.Retrying",
    "prefect.flow-run.Rerunning",
)

ZOMBIES: Final = AutomationCore(
    name="sec-filings: close runs that died",
    description="Marks as Crashed a run that has sent no heartbeat for a minute and a half. "
    "What it had not finished comes free when its lease runs out, and the next run takes it up.",
    trigger=EventTrigger(
        match=ResourceSpecification({"prefect.resource.id": ["prefect.flow-run.*"]}),
        for_each={"prefect.resource.id"},
        after={"prefect.flow-run.heartbeat", *_BEGUN},
        expect={"prefect.flow-run.*"},  # a run may end under a name of our own
        posture=Posture.Proactive,
        threshold=1,
        within=SILENCE,
    ),
    actions=[
        ChangeFlowRunState(
            state=StateType.CRASHED,
            message="No heartbeat for a minute and a half: the process of this run is gone. "
            "Filings it had not finished come free when their lease runs out.",
        )
    ],
)


def put_automations(client: SyncPrefectClient) -> None:
    """Make the automation, or bring it up to date; one that a person switched off stays off."""
    present = client.read_automations_by_name(ZOMBIES.name)
    if not present:
        client.create_automation(ZOMBIES)
        return
    for one in present:
        client.update_automation(one.id, ZOMBIES.model_copy(update={"enabled": one.enabled}))
