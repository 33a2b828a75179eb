"""What is announced of recorded filings, as Prefect's server takes an event. Pure."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid5

from blocks.models import Answer, Filing, Outcome
from blocks.store_values import Succession

_OURS: Final = UUID("6f1c54a1-6d0e-4c52-9d0b-0d1f6b8f7c55")


class Announcement(NamedTuple):
    """An event that is to be sent, once its cause is stored.

    ``id`` is the event's: the same analysis, or the same succession, has the same
    one whenever it is told. ``occurred_at`` is when that was recorded (UTC); ``event``
    is all the rest of it, JSON.
    """

    id: str
    occurred_at: datetime
    event: str


def announcements_of(
    outcomes: Iterable[Outcome], successions: Iterable[Succession], at: datetime
) -> tuple[Announcement, ...]:
    """One for each analysis, then one for each filing that is superseded; recorded ``at``."""
    told = (
        *(_enriched(outcome, answer) for outcome, answer in _answered(outcomes)),
        *(_superseded(one.filing, one.superseded_by) for one in successions if one.superseded_by),
    )
    return tuple(
        Announcement(str(uuid5(_OURS, name)), at, json.dumps(event)) for name, event in told
    )


def _answered(outcomes: Iterable[Outcome]) -> Iterator[tuple[Outcome, Answer]]:
    return ((outcome, outcome.answer) for outcome in outcomes if outcome.answer is not None)


def _enriched(outcome: Outcome, answer: Answer) -> tuple[str, dict[str, Any]]:
    event = {
        "event": "sec-filing.enriched",
        "resource": _resource(outcome.filing),
        "payload": {
            "ticker": outcome.decision.ticker if outcome.decision else None,
            "from_cache": outcome.from_cache,
            "same_text_as": answer.same_text_as,
            **answer.reply.analysis.model_dump(mode="json"),
        },
    }
    answered_at = answer.answered_at.isoformat()
    return f"enriched {outcome.filing.accession} {answered_at}", event


def _superseded(filing: Filing, by: Filing) -> tuple[str, dict[str, Any]]:
    event = {
        "event": "sec-filing.superseded",
        "resource": _resource(filing),
        "related": [{**_resource(by), "prefect.resource.role": "amendment"}],
        "payload": {"superseded_by": by.accession, "form": by.form},
    }
    return f"superseded {filing.accession} {by.accession}", event


def _resource(filing: Filing) -> dict[str, str]:
    return {
        "prefect.resource.id": f"sec-filing.{filing.accession}",
        "prefect.resource.name": f"{filing.form} {filing.issuers[0].name}",
    }
