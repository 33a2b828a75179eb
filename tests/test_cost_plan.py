"""What a plan adds up to and how it is told, without an engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_filings import accession, answer, filing, filings

from blocks.models import Claimed, Outcome, OutcomeStatus
from blocks.store_values import AnswerCosts, Claim
from tasks.cost_plan import (
    CostPlan,
    Rates,
    Rehearsal,
    Scope,
    form_cost,
    plan_of,
    rehearsed,
    together,
    unit_cost,
)
from tasks.cost_plan_text import plan_markdown, sentence

FORMS = ("10-K", "424B5", "8-K")
SCOPE = Scope(
    source="batch", refresh="none", analyst="small-model", fingerprint="f1", excerpt_tokens=4_000
)
RATES = Rates(most_usd=0.003, guess_usd=0.001)
UNKNOWN = Rates(most_usd=None, guess_usd=None)
FREE = Rates(most_usd=0.0, guess_usd=0.0)


def kept(form: str, mean_usd: float, answers: int = 7, *, same: bool = True) -> AnswerCosts:
    return AnswerCosts(form=form, same_fingerprint=same, answers=answers, mean_usd=mean_usd)


def unit(name: str, **to_ask: int) -> Rehearsal:
    """A unit with so many filings to ask about, by form: ``_8K=3``."""
    forms = {form: to_ask[key] for form in FORMS if (key := f"_{form.replace('-', '')}") in to_ask}
    counts = {"known": 2, "held": 0, "parked": 0, "rejected": 1, "on_file": 0, "taken_up": 0}
    return Rehearsal(unit=name, fetched=3 + sum(forms.values()), to_ask=forms, **counts)


def claimed(*numbers: int) -> tuple[Claimed, ...]:
    return tuple(Claimed(filing=filing(number), attempts=1) for number in numbers)


def worn_out(number: int) -> Outcome:
    return Outcome(filing=filing(number), status=OutcomeStatus.PARKED, reason="kills its process")


class TestRehearsed:
    """Every filing that was fetched or taken up is counted once."""

    def test_a_filing_is_counted_where_it_leaves_the_stages(self) -> None:
        done, held = frozenset({accession(8)}), frozenset({accession(9)})
        found = rehearsed(
            "feed",
            filings(1, 2, 3, 4, 8, 9),
            Claim(granted=claimed(1, 2, 3, 4, 70), done=done, held=held),
            parked=[worn_out(4)],
            kept=filings(2, 3, 70),
            on_file={accession(3): answer(3)},
        )
        assert (found.fetched, found.taken_up, found.known, found.held) == (6, 1, 1, 1)
        assert (found.parked, found.rejected, found.on_file) == (1, 1, 1)
        assert found.to_ask == {"8-K": 2}

    def test_what_a_refresh_would_leave_as_it_is_is_neither_rejected_nor_parked(self) -> None:
        analysed = frozenset(accession(number) for number in (1, 2, 3))
        found = rehearsed(
            "feed",
            filings(1, 2, 3, 4),
            Claim(granted=claimed(1, 2, 3, 4), analysed=analysed),
            parked=[worn_out(1)],
            kept=filings(3),
            on_file={},
        )
        assert (found.standing, found.parked, found.rejected, found.paid) == (2, 0, 1, 1)
        assert together([found, found]).standing == 4
        assert "2 keep their analysis, " in sentence(plan_of(SCOPE, [found], RATES))

    def test_nothing_found_is_nothing_to_pay(self) -> None:
        found = rehearsed("feed", [], Claim(), parked=[], kept=[], on_file={})
        assert (found.fetched, found.rejected, found.paid) == (0, 0, 0)


class TestFormCost:
    """A form costs what its kept answers did, and says how many these are."""

    def test_the_mean_of_its_kept_answers_is_expected(self) -> None:
        cost = form_cost(
            "8-K", 10, Rates(most_usd=0.003, guess_usd=0.001, kept=(kept("8-K", 0.0002),))
        )
        assert (cost.expected_usd, cost.answers, cost.same_fingerprint) == (0.0002, 7, True)
        assert cost.all_expected_usd == pytest.approx(0.002)
        assert cost.all_most_usd == pytest.approx(0.03)

    def test_answers_of_this_fingerprint_go_before_many_of_others(self) -> None:
        costs = (kept("8-K", 0.0009, 500, same=False), kept("8-K", 0.0002, 3))
        for order in (costs, costs[::-1]):
            cost = form_cost("8-K", 1, Rates(most_usd=0.003, guess_usd=0.001, kept=order))
            assert (cost.expected_usd, cost.answers) == (0.0002, 3)

    def test_answers_of_other_fingerprints_are_better_than_none(self) -> None:
        rates = Rates(most_usd=0.003, guess_usd=0.001, kept=(kept("8-K", 0.0009, same=False),))
        cost = form_cost("8-K", 1, rates)
        assert (cost.expected_usd, cost.answers, cost.same_fingerprint) == (0.0009, 7, False)

    def test_without_kept_answers_of_the_form_it_is_computed_and_rests_on_none(self) -> None:
        cost = form_cost(
            "10-K", 1, Rates(most_usd=0.003, guess_usd=0.001, kept=(kept("8-K", 0.1),))
        )
        assert (cost.expected_usd, cost.answers) == (0.001, 0)

    def test_no_more_is_expected_than_can_be(self) -> None:
        dearer = Rates(most_usd=0.003, guess_usd=0.004, kept=(kept("8-K", 0.9, same=False),))
        assert form_cost("8-K", 1, dearer).expected_usd == 0.003
        assert form_cost("10-K", 1, dearer).expected_usd == 0.003

    def test_an_unknown_price_makes_what_answers_have_cost_no_basis(self) -> None:
        rates = Rates(most_usd=None, guess_usd=None, kept=(kept("8-K", 0.1),))
        cost = form_cost("8-K", 1, rates)
        assert (cost.expected_usd, cost.most_usd, cost.answers) == (None, None, 0)


counts = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("_8K", "_10K", "_424B5"), st.integers(1, 99))
)


@given(
    st.lists(counts, max_size=6),
    st.lists(st.sampled_from(FORMS), unique=True),
    st.floats(1e-6, 1),
    st.floats(1e-6, 1),
)
def test_the_units_add_up_to_the_plan_and_nothing_is_expected_above_the_bound(
    asked: list[dict[str, int]], forms: list[str], most_usd: float, mean_usd: float
) -> None:
    rates = Rates(
        most_usd=most_usd, guess_usd=0.01, kept=tuple(kept(form, mean_usd) for form in forms)
    )
    plan = plan_of(SCOPE, [unit(f"{n}", **one) for n, one in enumerate(asked)], rates)
    assert plan.total.paid == sum(sum(one.values()) for one in asked)
    assert plan.expected_usd is not None
    assert plan.most_usd is not None
    assert plan.most_usd == pytest.approx(plan.total.paid * most_usd)
    assert plan.expected_usd <= plan.most_usd
    costs = [unit_cost(one, plan) for one in plan.units]
    assert sum(expected or 0.0 for expected, _ in costs) == pytest.approx(plan.expected_usd)
    assert sum(most or 0.0 for _, most in costs) == pytest.approx(plan.most_usd)
    assert plan.batch_most_usd == plan.most_usd / 2
    assert CostPlan.model_validate(plan.model_dump(mode="json")) == plan


def test_an_unknown_price_is_no_zero_unless_there_is_nothing_to_pay() -> None:
    plan = plan_of(SCOPE, [unit("list", _8K=3)], UNKNOWN)
    assert (plan.expected_usd, plan.most_usd, plan.batch_most_usd) == (None, None, None)
    assert "no price of small-model at this address" in sentence(plan)
    assert plan_of(SCOPE, [unit("list")], UNKNOWN).most_usd == 0.0


class TestPage:
    """What the UI shows."""

    def test_a_line_for_each_day_and_their_sum(self) -> None:
        days = [unit("2025-12-10", _8K=3), unit("2025-12-11", _8K=1, _10K=2)]
        page = plan_markdown(plan_of(SCOPE, days, RATES))
        assert "| 2025-12-10 | 6 | 2 | 1 | 0 | 3 | $0.0030 | $0.0090 |" in page
        assert "| 2025-12-11 | 6 | 2 | 1 | 0 | 3 | $0.0030 | $0.0090 |" in page
        assert "| all | 12 | 4 | 2 | 0 | 6 | $0.0060 | $0.0180 |" in page

    def test_a_line_for_each_form_says_what_its_price_rests_on(self) -> None:
        costs = (kept("8-K", 0.0002), kept("10-K", 0.0005, 1, same=False))
        rates = RATES.model_copy(update={"kept": costs})
        page = plan_markdown(plan_of(SCOPE, [unit("list", _8K=3, _10K=1, _424B5=2)], rates))
        assert "| 8-K | 3 | $0.0002 | the mean of 7 kept answers | $0.0006 | $0.0090 |" in page
        assert "| 10-K | 1 | $0.0005 | 1 kept answer of other fingerprints |" in page
        assert "| 424B5 | 2 | $0.0010 | no basis yet" in page

    def test_half_price_is_named_where_there_is_a_price(self) -> None:
        priced = plan_of(SCOPE, [unit("list", _8K=4)], RATES)
        assert "about $0.0040 and at most $0.0120 ($0.0020 and $0.0060 by the Batch" in sentence(
            priced
        )
        assert "| by the Batch API | $0.0020 | $0.0060 |" in plan_markdown(priced)
        for rates in (FREE, UNKNOWN):
            plan = plan_of(SCOPE, [unit("list", _8K=4)], rates)
            assert "Batch" not in sentence(plan) + plan_markdown(plan)

    def test_what_is_free_and_what_is_unknown_is_told_apart(self) -> None:
        free, unknown = (plan_of(SCOPE, [unit("list", _8K=4)], rates) for rates in (FREE, UNKNOWN))
        assert "at no cost" in sentence(free)
        assert "| 8-K | 4 | $0.0000 | no price |" in plan_markdown(free)
        assert "| 8-K | 4 | unknown | an unknown price |" in plan_markdown(unknown)

    def test_what_is_switched_off_and_what_was_noted_stands_at_its_head(self) -> None:
        scope = SCOPE.model_copy(update={"switched_off": ("SEEN_STORE_ENABLED",)})
        page = plan_markdown(plan_of(scope, [unit("list")], RATES, ["a day [is](x) missing"]))
        assert "**Switched off: SEEN_STORE_ENABLED.**" in page
        assert r"**Note:** a day \[is\](x) missing" in page

    def test_a_refresh_is_named(self) -> None:
        scope = SCOPE.model_copy(update={"refresh": "outdated"})
        assert "source=batch with refresh=outdated" in plan_markdown(plan_of(scope, [], RATES))
