"""A run whose process died is closed without a hand."""

from collections.abc import Iterator

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client

from flows.automations import ZOMBIES, put_automations


@pytest.fixture
def client(prefect_server: None) -> Iterator[SyncPrefectClient]:  # noqa: ARG001 - the server must be up
    with get_client(sync_client=True) as one:
        yield one
        for made in one.read_automations_by_name(ZOMBIES.name):
            one.delete_automation(made.id)


def test_setting_up_twice_makes_one_automation(client: SyncPrefectClient) -> None:
    put_automations(client)
    put_automations(client)
    [made] = client.read_automations_by_name(ZOMBIES.name)
    assert made.enabled
    assert made.trigger == ZOMBIES.trigger
    assert made.actions == ZOMBIES.actions


def test_an_automation_that_a_person_switched_off_stays_off(client: SyncPrefectClient) -> None:
    put_automations(client)
    [made] = client.read_automations_by_name(ZOMBIES.name)
    client.pause_automation(made.id)
    put_automations(client)
    [kept] = client.read_automations_by_name(ZOMBIES.name)
    assert (kept.id, kept.enabled) == (made.id, False)
