"""One event per analysis and one per superseded analysis: what automations can wait for."""

from collections.abc import Iterable

from prefect.events import emit_event

from blocks.models import Answer, Filing, Outcome
from blocks.store_values import Succession


def announce(outcomes: Iterable[Outcome], successions: Iterable[Succession]) -> None:
    """Emit ``sec-filing.enriched`` and ``sec-filing.superseded`` on the filings concerned."""
    for outcome in outcomes:
        if outcome.answer is not None:
            _enriched(outcome, outcome.answer)
    for succession in successions:
        if succession.superseded_by is not None:
            _superseded(succession.filing, succession.superseded_by)


def _enriched(outcome: Outcome, answer: Answer) -> None:
    analysis = answer.reply.analysis
    emit_event(
        event="sec-filing.enriched",
        resource=_resource(outcome.filing),
        payload={
            "ticker": outcome.decision.ticker if outcome.decision else None,
            "from_cache": outcome.from_cache,
            "same_text_as": answer.same_text_as,
            **analysis.model_dump(mode="json"),
        },
    )


def _superseded(filing: Filing, by: Filing) -> None:
    emit_event(
        event="sec-filing.superseded",
        resource=_resource(filing),
        related=[{**_resource(by), "prefect.resource.role": "amendment"}],
        payload={"superseded_by": by.accession, "form": by.form},
    )


def _resource(filing: Filing) -> dict[str, str]:
    return {
        "prefect.resource.id": f"sec-filing.{filing.accession}",
        "prefect.resource.name": f"{filing.form} {filing.issuers[0].name}",
    }
