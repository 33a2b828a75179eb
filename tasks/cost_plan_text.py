"""The plan of a run's cost in words: in one line, and on a page of the UI."""

from collections.abc import Iterable

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from tasks.cost_plan import CostPlan, FormCost, Rehearsal, Scope, unit_cost
from tasks.markdown import said, table


def sentence(plan: CostPlan) -> str:
    """The plan in one line, for the final state and the terminal."""
    total = plan.total
    stands = f"{total.standing} keep their analysis, " if total.standing else ""
    return (
        f"Plan, nothing was claimed or asked: {total.paid} of {total.fetched + total.taken_up} "
        f"filings would be asked about, {_price(plan)}; {total.known + total.held} known, "
        f"{total.rejected} rejected by price, {stands}{total.on_file} answered on file"
    )


def plan_markdown(plan: CostPlan) -> str:
    """The plan as a page for the UI."""
    sections = [
        f"# What {_run(plan)} would cost\n\n**{sentence(plan)}.**",
        *_warnings(plan),
        table(("stage", "filings", "what that means"), _stages(plan.total)),
        *_dollars(plan),
        *_by_form(plan),
        *_by_unit(plan),
        _asked_how(plan.scope),
    ]
    return "\n\n".join(sections) + "\n"


@task(name="plan", cache_policy=NO_CACHE, persist_result=False)
def publish_plan(plan: CostPlan) -> None:
    """Show the plan as the artifact ``plan``."""
    create_markdown_artifact(
        key=f"plan-{plan.scope.source}",
        markdown=plan_markdown(plan),
        description=f"{_run(plan)}: {sentence(plan)}",
    )


def usd(amount: float | None) -> str:
    """Dollars to a hundredth of a cent, or that they are not known."""
    return "unknown" if amount is None else f"${amount:,.4f}"


def _run(plan: CostPlan) -> str:
    refresh = "" if plan.scope.refresh == "none" else f" with refresh={plan.scope.refresh}"
    return f"source={plan.scope.source}{refresh}"


def _asked_how(scope: Scope) -> str:
    return (
        f"Analyst: {scope.analyst} (fingerprint `{scope.fingerprint}`), {scope.excerpt_tokens:,} "
        "tokens of a filing at most; prices of the stocks and of the model as they are now."
    )


def _price(plan: CostPlan) -> str:
    if plan.most_usd is None:
        return f"at a cost that is unknown (no price of {plan.scope.analyst} at this address)"
    if not plan.most_usd:
        return "at no cost"
    half = f"{usd(plan.batch_expected_usd)} and {usd(plan.batch_most_usd)} by the Batch API"
    return f"for about {usd(plan.expected_usd)} and at most {usd(plan.most_usd)} ({half})"


def _warnings(plan: CostPlan) -> Iterable[str]:
    if plan.scope.switched_off:
        yield f"**Switched off: {', '.join(plan.scope.switched_off)}.**"
    for note in plan.notes:
        yield f"**Note:** {said(note)}"


def _stages(total: Rehearsal) -> Iterable[tuple[object, ...]]:
    yield "fetched", total.fetched, "distinct accession numbers"
    yield "taken up again", total.taken_up, "left unfinished by an earlier run"
    yield "known", total.known, "have an outcome that stands"
    yield "held elsewhere", total.held, "another run is working on them"
    yield "parked", total.parked, "attempts used up"
    yield "rejected by price", total.rejected, "as prices are now"
    if total.standing:
        yield "analysis stands", total.standing, "not renewed: the price rejects it now, or parked"
    yield "answered on file", total.on_file, "under the present fingerprint; not paid again"
    yield "**to be asked about**", total.paid, "and paid for"


def _dollars(plan: CostPlan) -> Iterable[str]:
    if not plan.most_usd:
        return
    rows = (
        ("by ordinary calls", usd(plan.expected_usd), usd(plan.most_usd)),
        ("by the Batch API", usd(plan.batch_expected_usd), usd(plan.batch_most_usd)),
    )
    yield "## Dollars\n\n" + table(("", "expected", "at most"), rows)
    yield (
        "At most: what a run sets aside before each call, with a full excerpt, nothing cached and "
        "an answer at its limit. Both count one question for each filing: one that fails may be "
        "asked about again by a later run."
    )


def _by_form(plan: CostPlan) -> Iterable[str]:
    if plan.forms:
        header = ("form", "filings", "expected each", "rests on", "expected", "at most")
        rows = (
            (
                said(form.form),
                form.filings,
                usd(form.expected_usd),
                _basis(form),
                usd(form.all_expected_usd),
                usd(form.all_most_usd),
            )
            for form in plan.forms
        )
        yield "## Forms\n\n" + table(header, rows)


def _basis(form: FormCost) -> str:
    if not form.most_usd:
        return "an unknown price" if form.most_usd is None else "no price"
    if not form.answers:
        return "no basis yet: computed, a full excerpt and an answer of usual length"
    answers = "1 kept answer" if form.answers == 1 else f"the mean of {form.answers} kept answers"
    return answers if form.same_fingerprint else f"{answers} of other fingerprints"


def _by_unit(plan: CostPlan) -> Iterable[str]:
    if len(plan.units) > 1:
        header = ("", "fetched", "known", "rejected", "on file", "to ask", "expected", "at most")
        rows = [_unit_row(unit, plan) for unit in (*plan.units, plan.total)]
        yield "## Days\n\n" + table(header, rows)


def _unit_row(unit: Rehearsal, plan: CostPlan) -> tuple[object, ...]:
    expected, most = unit_cost(unit, plan)
    counts = (unit.fetched, unit.known, unit.rejected, unit.on_file, unit.paid)
    return (unit.unit, *counts, usd(expected), usd(most))
