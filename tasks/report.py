"""report: what a run did, as artifacts and events that a person reads in the UI."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final

from prefect import task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.events import emit_event

from blocks.models import Answer, Failure, Filing, Outcome, Usage, Value

_SHOWN_FAILURES: Final = 50
_MESSAGE_CHARS: Final = 500
_MARKUP: Final = re.compile(r"([\\`*_{}\[\]<>|])")


class Funnel(Value):
    """The counts through the stages of one run. ``claimed`` includes the backlog.

    ``spent_usd`` counts calls whose price is known; ``unpriced_calls`` the others.
    ``saved_usd`` is what the answers of known and cached filings cost when bought.
    ``stopped_by`` says why a run left filings untouched; ``closed_door`` that this
    was a refusal a person must mend, not the run's own budget. ``unread_days`` have
    an index that could not be read.
    """

    source: str
    analyst: str
    fingerprint: str
    fetched: int
    requests: int
    known: int
    held: int
    backlog: int
    claimed: int
    rejected: Mapping[str, int]
    unknown_price: int
    from_cache: int
    enriched: int
    failed: int
    parked: int
    untouched: int
    lost: int
    model_calls: int
    usage: Usage
    spent_usd: float
    unpriced_calls: int
    saved_usd: float
    switched_off: tuple[str, ...]
    switches: Mapping[str, str]
    stopped_by: str = ""
    closed_door: bool = False
    unread_days: tuple[date, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def needs_attention(self) -> bool:
        """Whether a person should look: filings failed, a door was closed, a day not read."""
        return bool(self.failed or self.parked or self.closed_door or self.unread_days)

    @property
    def calls_not_made(self) -> int:
        """Filings that were fetched and cost no model call in this run."""
        return self.known + self.held + sum(self.rejected.values()) + self.from_cache

    @property
    def summary(self) -> str:
        """The run in one line, for the final state and the terminal."""
        return (
            f"{self.fetched} fetched, {self.known + self.held} known, "
            f"{sum(self.rejected.values())} rejected by price, {self.from_cache} from cache, "
            f"{self.enriched} enriched, {self.failed} failed, {self.parked} parked; "
            f"{self.model_calls} model calls, {spent(self)}"
        )


def spent(funnel: Funnel) -> str:
    """Dollars spent, saying so where some calls have no known price."""
    known = f"${funnel.spent_usd:.4f}"
    if not funnel.unpriced_calls:
        return known
    return f"at least {known} ({funnel.unpriced_calls} calls of unknown price)"


def funnel_markdown(funnel: Funnel, failures: Sequence[Failure] = ()) -> str:
    """The run's report as markdown."""
    sections = [
        f"# SEC filings, {funnel.source}\n\n{funnel.summary}",
        *_warnings(funnel),
        _table(("stage", "filings", "what that means"), _stages(funnel)),
        "## Model\n\n" + _table(("", ""), _model(funnel)),
    ]
    if failures:
        sections.append(_failures(failures))
    switches = (f"{name}={value}" for name, value in funnel.switches.items())
    sections.append("Switches: " + ", ".join(f"`{switch}`" for switch in switches))
    return "\n\n".join(sections) + "\n"


def analyses_table(outcomes: Iterable[Outcome], edgar_url: str) -> list[dict[str, Any]]:
    """One row per analysed filing, most confident and most pointed first.

    ``edgar_url`` is where the links lead: EDGAR's own address, without a slash.
    """
    rows = [_row(outcome, answer, edgar_url) for outcome, answer in _answered(outcomes)]
    return sorted(rows, key=lambda row: -abs(row["sentiment"]) * row["confidence"])


@task(name="report", cache_policy=NO_CACHE, persist_result=False)
def publish_report(
    funnel: Funnel, outcomes: Sequence[Outcome], failures: Sequence[Failure], edgar_url: str
) -> None:
    """Publish the funnel, the table of analyses, and one event per analysis of this run."""
    create_markdown_artifact(
        key=f"funnel-{funnel.source}",
        markdown=funnel_markdown(funnel, failures),
        description=funnel.summary,
    )
    table = analyses_table(outcomes, edgar_url)
    if table:
        create_table_artifact(
            key=f"analyses-{funnel.source}",
            table=table,
            description=f"{len(table)} analyses of this run",
        )
    for outcome, answer in _answered(outcomes):
        _announce(outcome, answer)


def _answered(outcomes: Iterable[Outcome]) -> Iterable[tuple[Outcome, Answer]]:
    """The outcomes that have an answer, with it: the enriched ones."""
    return ((outcome, outcome.answer) for outcome in outcomes if outcome.answer is not None)


def _announce(outcome: Outcome, answer: Answer) -> None:
    analysis = answer.reply.analysis
    emit_event(
        event="sec-filing.enriched",
        resource={
            "prefect.resource.id": f"sec-filing.{outcome.filing.accession}",
            "prefect.resource.name": f"{outcome.filing.form} {outcome.filing.issuers[0].name}",
        },
        payload={
            "ticker": outcome.decision.ticker if outcome.decision else None,
            "from_cache": outcome.from_cache,
            **analysis.model_dump(mode="json"),
        },
    )


def _warnings(funnel: Funnel) -> Iterable[str]:
    if funnel.switched_off:
        yield f"**Switched off: {', '.join(funnel.switched_off)}.**"
    if funnel.stopped_by:
        yield (
            f"**Stopped early: {_said(funnel.stopped_by)}** "
            f"{funnel.untouched} filings are left to the next run."
        )
    for note in funnel.notes:
        yield f"**Note:** {_said(note)}"


def _stages(funnel: Funnel) -> Iterable[tuple[object, ...]]:
    yield "fetched", funnel.fetched, f"distinct accession numbers; requests: {funnel.requests}"
    yield "known", funnel.known, "have an outcome already"
    yield "held elsewhere", funnel.held, "another run is working on them"
    yield "taken up again", funnel.backlog, "left unfinished by an earlier run"
    yield "**claimed by this run**", funnel.claimed, ""
    for reason, count in sorted(funnel.rejected.items()):
        yield "rejected by price", count, reason.replace("_", " ")
    yield "price unknown", funnel.unknown_price, "kept or rejected by the policy, and recorded"
    yield "from cache", funnel.from_cache, "answered before, not paid again"
    yield "**enriched**", funnel.enriched, f"answered by {funnel.analyst} in this run"
    yield "failed", funnel.failed, "kept with the error; the next run tries again"
    yield "parked", funnel.parked, "attempts used up; a person should look"
    yield "left untouched", funnel.untouched, "not begun; the next run takes them"
    yield "claims lost", funnel.lost, "took longer than their lease and went to another run"


def _model(funnel: Funnel) -> Iterable[tuple[object, ...]]:
    usage = funnel.usage
    tokens = (
        f"{usage.input_tokens:,} in ({usage.cached_input_tokens:,} of them cached by the "
        f"provider), {usage.output_tokens:,} out"
    )
    yield "analyst", f"{funnel.analyst} (fingerprint `{funnel.fingerprint}`)"
    yield "calls", funnel.model_calls
    yield "calls not made", funnel.calls_not_made
    yield "tokens", tokens
    yield "spent", spent(funnel)
    yield "not paid again", f"${funnel.saved_usd:.4f} for filings known or cached"


def _failures(failures: Sequence[Failure]) -> str:
    rows = [
        (failure.filing.accession, failure.filing.form, failure.error, _said(failure.message))
        for failure in failures[:_SHOWN_FAILURES]
    ]
    more = len(failures) - len(rows)
    tail = f"\n\nand {more} more; all of them are in the store" if more else ""
    return "## Failed\n\n" + _table(("accession", "form", "error", "message"), rows) + tail


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(value: object) -> str:
    return " ".join(str(value).split())


def _said(text: str) -> str:
    """Words of others on one line, cut, with no markup: no link or image of theirs in the UI."""
    line = _cell(text)
    cut = line if len(line) <= _MESSAGE_CHARS else line[: _MESSAGE_CHARS - 1] + "…"
    return _MARKUP.sub(r"\\\1", cut)


def _row(outcome: Outcome, answer: Answer, edgar_url: str) -> dict[str, Any]:
    filing, decision = outcome.filing, outcome.decision
    analysis = answer.reply.analysis
    return {
        "filing": f"[{filing.accession}]({edgar_url}{filing.page_path})",
        "ticker": decision.ticker if decision else None,
        "price_usd": decision.price_usd if decision else None,
        "form": filing.form,
        "filer": _said(_names(filing)),
        "sentiment": analysis.sentiment,
        "confidence": round(analysis.confidence, 2),
        "risk": analysis.risk_level.value,
        "catalysts": ", ".join(catalyst.kind.value for catalyst in analysis.catalysts),
        "summary": _said(analysis.summary),
        "model": answer.reply.model,
        "cost_usd": answer.reply.cost_usd,
        "from_cache": outcome.from_cache,
    }


def _names(filing: Filing) -> str:
    return "; ".join(dict.fromkeys(party.name for party in filing.issuers))
