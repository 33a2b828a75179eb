"""What a run would pay, counted before it pays: pure, from what it would ask about."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from blocks.model_batch_results import BILLED_SHARE
from blocks.models import Answer, Filing, Outcome, Value
from blocks.plan import Refresh
from blocks.store_values import AnswerCosts, Claim


class Rehearsal(Value):
    """What would become of the filings of one fetch: the feed, a day's index, a list.

    ``fetched`` counts those this plan had not met before, ``taken_up`` what earlier
    runs have left unfinished; every filing of either is counted once more below
    them. ``standing`` are analysed ones that a refresh would leave as they are, for the
    price rejects them now or their attempts are used up. ``to_ask`` are those that would
    be paid for, by form type.
    """

    unit: str
    fetched: int
    taken_up: int
    known: int
    held: int
    parked: int
    rejected: int
    standing: int = 0
    on_file: int
    to_ask: Mapping[str, int]

    @property
    def paid(self) -> int:
        """How many filings would be asked about."""
        return sum(self.to_ask.values())


class Rates(Value):
    """What one question costs an analyst, in dollars; None where its price is unknown.

    ``most_usd`` is what is reserved for an excerpt that fills its budget; ``guess_usd``
    is computed for such an excerpt and an answer of usual length. ``kept`` is what
    answers in the store have cost.
    """

    most_usd: float | None
    guess_usd: float | None
    kept: tuple[AnswerCosts, ...] = ()


class FormCost(Value):
    """What the filings of one form type would cost; dollars are of one filing.

    ``expected_usd`` is the mean of ``answers`` kept ones, of this fingerprint if
    ``same_fingerprint``; of none it is computed. It is never above ``most_usd``.
    """

    form: str
    filings: int
    most_usd: float | None
    expected_usd: float | None
    answers: int = 0
    same_fingerprint: bool = False

    @property
    def all_most_usd(self) -> float | None:
        """What all of them may cost at most."""
        return None if self.most_usd is None else self.filings * self.most_usd

    @property
    def all_expected_usd(self) -> float | None:
        """What all of them may be expected to cost."""
        return None if self.expected_usd is None else self.filings * self.expected_usd


class Scope(Value):
    """What was planned: which run, with which analyst, at which excerpt budget."""

    source: str
    refresh: Refresh
    analyst: str
    fingerprint: str
    excerpt_tokens: int
    switched_off: tuple[str, ...] = ()


class CostPlan(Value):
    """How many filings a run would pay for, and how many dollars, at most and as expected.

    Each filing is counted as asked about once. Dollars are None where the model's
    price is unknown, and 0 where nothing is paid; ``batch_`` is the same at the price of
    OpenAI's Batch API. ``units`` are in the order in which the run would work on them,
    ``total`` is all of them together.
    """

    scope: Scope
    total: Rehearsal
    expected_usd: float | None
    most_usd: float | None
    batch_expected_usd: float | None
    batch_most_usd: float | None
    forms: tuple[FormCost, ...]
    units: tuple[Rehearsal, ...]
    notes: tuple[str, ...] = ()


def rehearsed(  # noqa: PLR0913 - the stages, each with what it has left over
    unit: str,
    fetched: Sequence[Filing],
    claim: Claim,
    *,
    parked: Sequence[Outcome],
    kept: Sequence[Filing],
    on_file: Mapping[str, Answer],
) -> Rehearsal:
    """Count one unit's way through the stages.

    Args:
        unit: the feed, a day, or the list.
        fetched: what was found, and no unit before has met.
        claim: what could be claimed of it.
        parked: those of them that have used up their attempts.
        kept: those that the price filter lets through.
        on_file: the answers among these that are kept.
    """
    new = {filing.accession for filing in fetched}
    worn_out = {outcome.filing.accession for outcome in parked}
    passed = {filing.accession for filing in kept}
    rejected = {one.filing.accession for one in claim.granted} - worn_out - passed
    to_ask = Counter(filing.form for filing in kept if filing.accession not in on_file)
    return Rehearsal(
        unit=unit,
        fetched=len(fetched),
        taken_up=sum(one.filing.accession not in new for one in claim.granted),
        known=len(claim.done),
        held=len(claim.held),
        parked=len(worn_out - claim.analysed),
        rejected=len(rejected - claim.analysed),
        standing=len((worn_out | rejected) & claim.analysed),
        on_file=len(on_file),
        to_ask=dict(sorted(to_ask.items())),
    )


def plan_of(
    scope: Scope, units: Iterable[Rehearsal], rates: Rates, notes: Iterable[str] = ()
) -> CostPlan:
    """Add the units up, and put dollars to what would be asked about."""
    in_order = tuple(units)
    total = together(in_order)
    forms = tuple(form_cost(form, count, rates) for form, count in total.to_ask.items())
    expected_usd = total_usd(form.all_expected_usd for form in forms)
    most_usd = total_usd(form.all_most_usd for form in forms)
    return CostPlan(
        scope=scope,
        total=total,
        expected_usd=expected_usd,
        most_usd=most_usd,
        batch_expected_usd=half(expected_usd),
        batch_most_usd=half(most_usd),
        forms=forms,
        units=in_order,
        notes=tuple(notes),
    )


def together(units: Sequence[Rehearsal]) -> Rehearsal:
    """All units as one."""
    to_ask: Counter[str] = Counter()
    for unit in units:
        to_ask.update(unit.to_ask)
    return Rehearsal(
        unit="all",
        fetched=sum(unit.fetched for unit in units),
        taken_up=sum(unit.taken_up for unit in units),
        known=sum(unit.known for unit in units),
        held=sum(unit.held for unit in units),
        parked=sum(unit.parked for unit in units),
        rejected=sum(unit.rejected for unit in units),
        standing=sum(unit.standing for unit in units),
        on_file=sum(unit.on_file for unit in units),
        to_ask=dict(sorted(to_ask.items())),
    )


def form_cost(form: str, filings: int, rates: Rates) -> FormCost:
    """What filings of a form cost: as its kept answers did, else as computed."""
    of_form = [costs for costs in rates.kept if costs.form == form]
    basis = max(of_form, key=lambda costs: costs.same_fingerprint, default=None)
    if rates.most_usd is None or rates.guess_usd is None:
        return FormCost(form=form, filings=filings, most_usd=None, expected_usd=None)
    return FormCost(
        form=form,
        filings=filings,
        most_usd=rates.most_usd,
        expected_usd=min(basis.mean_usd if basis else rates.guess_usd, rates.most_usd),
        answers=basis.answers if basis else 0,
        same_fingerprint=basis is not None and basis.same_fingerprint,
    )


def unit_cost(unit: Rehearsal, plan: CostPlan) -> tuple[float | None, float | None]:
    """What one unit of a plan may be expected to cost, and what at most."""
    each = {form.form: form for form in plan.forms}
    costs = [
        each[form].model_copy(update={"filings": count}) for form, count in unit.to_ask.items()
    ]
    return (
        total_usd(cost.all_expected_usd for cost in costs),
        total_usd(cost.all_most_usd for cost in costs),
    )


def total_usd(parts: Iterable[float | None]) -> float | None:
    """The sum; unknown if any of it is."""
    total = 0.0
    for part in parts:
        if part is None:
            return None
        total += part
    return total


def half(usd: float | None) -> float | None:
    """The same question's price by the Batch API."""
    return None if usd is None else usd * BILLED_SHARE
