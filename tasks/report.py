"""report: what a run did, as artifacts that a person reads in the UI."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from prefect import task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE

from blocks.models import Answer, Failure, Filing, Outcome, Usage, Value
from blocks.spending import Balance, Cap
from blocks.store_values import Succession
from tasks.markdown import listing, said, table

_SPENT_AGAINST: Final = {
    Cap.RUN: "spent by this run, retries included",
    Cap.DAY: "spent today (Eastern) by all runs",
}


class Funnel(Value):
    """The counts through the stages of one run. ``claimed`` includes the backlog.

    ``spent_usd`` counts calls whose price is known; ``unpriced_calls`` the others.
    ``saved_usd`` is what the answers of known and cached filings cost when bought.
    ``balances`` tell how the caps of the run (retries included) and of the day stand,
    and what is spent where there is no cap. ``standing`` were claimed by a refresh
    and keep the analysis they have. ``at_batch`` are asked about and not answered
    yet, ``unanswered`` what a batch left out. ``stopped_by`` says why a run left
    filings untouched, and ``next_step`` what becomes of what is left; ``closed_door``
    that this was a refusal a person must mend, not the run's own budget or SEC's wish
    to be left alone. ``days`` tells of each day whose index was read what came of it;
    ``open_days`` are those that are not complete, with the reason. ``pruned`` counts
    what housekeeping removed, by kind.
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
    same_text: int
    at_batch: int
    unanswered: int
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
    standing: int = 0
    stopped_by: str = ""
    next_step: str = ""
    closed_door: bool = False
    balances: tuple[Balance, ...] = ()
    days: tuple[str, ...] = ()
    open_days: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    pruned: Mapping[str, int] = {}

    @property
    def needs_attention(self) -> bool:
        """Whether a person should look: filings failed or got no answer, a door, a day is open."""
        left_out = self.unanswered and not self.stopped_by
        return bool(self.failed or self.parked or self.closed_door or self.open_days or left_out)

    @property
    def calls_not_made(self) -> int:
        """Filings that were fetched and cost no model call in this run."""
        return (
            self.known
            + self.held
            + sum(self.rejected.values())
            + self.standing
            + self.from_cache
            + self.same_text
        )

    @property
    def summary(self) -> str:
        """The run in one line, for the final state and the terminal."""
        stands = f"{self.standing} keep their analysis, " if self.standing else ""
        return (
            f"{self.fetched} fetched, {self.known + self.held} known, "
            f"{sum(self.rejected.values())} rejected by price, {stands}"
            f"{self.from_cache} from cache, "
            f"{self.same_text} of the same text, {self.enriched} enriched, "
            f"{self.failed} failed, {self.parked} parked; "
            f"{self.model_calls} model calls, {spent(self)}"
        )


def spent(funnel: Funnel) -> str:
    """Dollars spent, saying so where some calls have no known price."""
    known = f"${funnel.spent_usd:.4f}"
    if not funnel.unpriced_calls:
        return known
    return f"at least {known} ({funnel.unpriced_calls} calls of unknown price)"


def balance_text(balance: Balance) -> str:
    """What is spent, of what, and what that leaves; what is of unknown cost at its worst case."""
    told = f"${balance.spent_usd:.4f}"
    if balance.cap_usd is not None:
        told += f" of its cap of ${balance.cap_usd:.4f}, ${balance.left_usd:.4f} left"
    if balance.open_usd:
        told += f"; calls not settled yet may cost ${balance.open_usd:.4f}"
    if balance.unpriced_calls:
        told += f"; not in it: {balance.unpriced_calls} calls of unknown price"
    return told


def funnel_markdown(funnel: Funnel, failures: Sequence[Failure] = ()) -> str:
    """The run's report as markdown."""
    sections = [
        f"# SEC filings, {funnel.source}\n\n{funnel.summary}",
        *_warnings(funnel),
        table(("stage", "filings", "what that means"), _stages(funnel)),
        "## Model\n\n" + table(("", ""), _model(funnel)),
    ]
    if funnel.days:
        sections.append("## Days\n\n" + "\n".join(f"- {said(told)}" for told in funnel.days))
    if failures:
        sections.append(_failures(failures))
    if funnel.pruned:
        gone = [(count, kind) for kind, count in sorted(funnel.pruned.items())]
        sections.append("## Housekeeping\n\n" + table(("pruned", "what"), gone))
    switches = (f"{name}={value}" for name, value in funnel.switches.items())
    sections.append("Switches: " + ", ".join(f"`{switch}`" for switch in switches))
    return "\n\n".join(sections) + "\n"


def analyses_table(
    outcomes: Iterable[Outcome], successions: Mapping[str, Succession], edgar_url: str
) -> list[dict[str, Any]]:
    """One row per analysed filing, most confident and most pointed first.

    ``successions``, by accession number, are of those that amend another filing or
    are superseded; ``edgar_url`` is where the links lead: EDGAR's own address,
    without a slash.
    """
    rows = [
        _row(outcome, answer, successions.get(outcome.filing.accession), edgar_url)
        for outcome, answer in _answered(outcomes)
    ]
    return sorted(rows, key=lambda row: -abs(row["sentiment"]) * row["confidence"])


@task(name="report", cache_policy=NO_CACHE, persist_result=False)
def publish_report(
    funnel: Funnel,
    outcomes: Sequence[Outcome],
    failures: Sequence[Failure],
    successions: Mapping[str, Succession],
    edgar_url: str,
) -> None:
    """Publish the funnel, and the table of analyses of this run."""
    create_markdown_artifact(
        key=f"funnel-{funnel.source}",
        markdown=funnel_markdown(funnel, failures),
        description=funnel.summary,
    )
    rows = analyses_table(outcomes, successions, edgar_url)
    if rows:
        create_table_artifact(
            key=f"analyses-{funnel.source}",
            table=rows,
            description=f"{len(rows)} analyses of this run",
        )


def _answered(outcomes: Iterable[Outcome]) -> Iterable[tuple[Outcome, Answer]]:
    """The outcomes that have an answer, with it: the enriched ones."""
    return ((outcome, outcome.answer) for outcome in outcomes if outcome.answer is not None)


def _warnings(funnel: Funnel) -> Iterable[str]:
    if funnel.switched_off:
        yield f"**Switched off: {', '.join(funnel.switched_off)}.**"
    if funnel.stopped_by:
        yield (
            f"**Stopped early: {said(funnel.stopped_by)}** "
            f"{funnel.untouched} filings were claimed and are handed back. "
            f"{said(funnel.next_step)}."
        )
    for told in funnel.open_days:
        yield f"**Not complete:** {said(told)}"
    for note in funnel.notes:
        yield f"**Note:** {said(note)}"


def _stages(funnel: Funnel) -> Iterable[tuple[object, ...]]:
    yield "fetched", funnel.fetched, f"distinct accession numbers; requests: {funnel.requests}"
    yield "known", funnel.known, "have an outcome already"
    yield "held elsewhere", funnel.held, "another run is working on them"
    yield "taken up again", funnel.backlog, "left unfinished by an earlier run"
    yield "**claimed by this run**", funnel.claimed, ""
    for reason, count in sorted(funnel.rejected.items()):
        yield "rejected by price", count, reason.replace("_", " ")
    if funnel.standing:
        yield (
            "analysis stands",
            funnel.standing,
            "not renewed: the price rejects it now, or parked",
        )
    yield "price unknown", funnel.unknown_price, "kept or rejected by the policy, and recorded"
    yield "from cache", funnel.from_cache, "answered before, not paid again"
    yield (
        "at a batch",
        funnel.at_batch,
        "asked about and not answered yet; a later run takes it in",
    )
    yield "no answer", funnel.unanswered, "left out by a batch; run again, or by calls"
    yield "same text", funnel.same_text, "the text of a filing that was paid for, not paid again"
    yield "**enriched**", funnel.enriched, f"answered by {funnel.analyst} in this run"
    yield "failed", funnel.failed, "kept with the error; the next rss run tries again"
    yield "parked", funnel.parked, "attempts used up; a person should look"
    yield "left untouched", funnel.untouched, "not begun, and handed back"
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
    for balance in funnel.balances:
        yield _SPENT_AGAINST[balance.cap], balance_text(balance)
    yield "not paid again", f"${funnel.saved_usd:.4f} for filings known or cached"


def _failures(failures: Sequence[Failure]) -> str:
    rows = [
        (failure.filing.accession, said(failure.filing.form), failure.error, said(failure.message))
        for failure in failures
    ]
    return "## Failed\n\n" + listing(("accession", "form", "error", "message"), rows)


def _row(
    outcome: Outcome, answer: Answer, succession: Succession | None, edgar_url: str
) -> dict[str, Any]:
    filing, decision = outcome.filing, outcome.decision
    analysis = answer.reply.analysis
    return {
        "filing": _link(filing, edgar_url),
        "ticker": said(decision.ticker) if decision and decision.ticker else None,
        "price_usd": decision.price_usd if decision else None,
        "form": said(filing.form),
        "amends": _link(succession.amends if succession else None, edgar_url),
        "superseded_by": _link(succession.superseded_by if succession else None, edgar_url),
        "filer": said(_names(filing)),
        "sentiment": analysis.sentiment,
        "confidence": round(analysis.confidence, 2),
        "risk": analysis.risk_level.value,
        "catalysts": ", ".join(catalyst.kind.value for catalyst in analysis.catalysts),
        "summary": said(analysis.summary),
        "model": answer.reply.model,
        "cost_usd": answer.reply.cost_usd,
        "from_cache": outcome.from_cache,
        "same_text_as": answer.same_text_as,
    }


def _link(filing: Filing | None, edgar_url: str) -> str | None:
    return None if filing is None else f"[{filing.accession}]({edgar_url}{filing.page_path})"


def _names(filing: Filing) -> str:
    return "; ".join(dict.fromkeys(party.name for party in filing.issuers))
