"""Announcing: events handed to Prefect's server, for automations to wait for."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any, Final

from httpx import HTTPError
from prefect.client.orchestration import get_client
from prefect.events.related import related_resources_from_run_context
from prefect.exceptions import PrefectException
from prefect.utilities.asyncutils import run_coro_as_sync

from blocks.announcements import Announcement
from blocks.errors import NotAnnounced

PATIENCE_S: Final = 60.0  # for all of Prefect's own retries together


def announce(announcements: Sequence[Announcement]) -> None:
    """Send these, and return once Prefect's server has taken all of them, in order.

    By one request, whose answer tells. Prefect's ``emit_event`` puts an event into a queue
    of this process, which a kill loses, a full queue drops, and nobody is told.
    Like its events these name the flow run that sends them, its deployment and its tags.

    Raises:
        NotAnnounced: the server has not answered that it has taken them.
    """
    try:
        run_coro_as_sync(_send(announcements))
    except (HTTPError, PrefectException, TimeoutError, ValueError) as error:  # or a spoilt row
        raise NotAnnounced(
            f"Prefect's server has not taken {len(announcements)} events: "
            f"{str(error) or type(error).__name__}"
        ) from error


async def _send(announcements: Sequence[Announcement]) -> None:
    async with asyncio.timeout(PATIENCE_S), get_client() as client:
        run = await related_resources_from_run_context(client)
        context = [one.model_dump(mode="json") for one in run]
        events = [_event(one, context) for one in announcements]
        await client.request("POST", "/events", json=events)


def _event(one: Announcement, context: Sequence[Any]) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(one.event)
    related = [*event.get("related", ()), *context]
    return event | {"id": one.id, "occurred": one.occurred_at.isoformat(), "related": related}
