"""A run's dollar budget, alone and under many threads."""

import math
import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocks.budget import Budget
from blocks.errors import BudgetReached, ParameterError

_CALLS = st.lists(
    st.tuples(st.floats(0, 2, allow_subnormal=False), st.floats(0, 1)), min_size=1, max_size=40
)


def test_a_settled_call_frees_what_it_did_not_cost() -> None:
    budget = Budget(1.0)
    for _ in range(5):
        with budget.reserve(0.5) as call:
            call.settle(0.1)
    assert math.isclose(budget.spent_usd, 0.5)


def test_open_reservations_count_against_the_limit() -> None:
    budget = Budget(1.0)
    with budget.reserve(0.6), pytest.raises(BudgetReached, match="raise the budget"):
        budget.reserve(0.6)


def test_an_unknown_cost_is_booked_as_the_worst_case() -> None:
    budget = Budget(1.0)
    with budget.reserve(0.6) as call:
        call.settle(None)
    assert math.isclose(budget.spent_usd, 0.6)


def test_a_call_that_was_never_settled_counts_in_full_and_only_once() -> None:
    budget = Budget(1.0)
    with pytest.raises(RuntimeError), budget.reserve(0.6):
        raise RuntimeError
    with budget.reserve(0.2) as call:
        call.settle(0.1)
        call.settle(0.2)
    assert math.isclose(budget.spent_usd, 0.7)


def test_without_a_limit_spending_is_counted_and_never_stopped() -> None:
    budget = Budget(None)
    for worst_usd in (5.0, None):
        with budget.reserve(worst_usd) as call:
            call.settle(3.0)
    assert budget.spent_usd == 6.0


def test_an_unknown_price_cannot_be_kept_to_a_limit() -> None:
    with pytest.raises(BudgetReached, match="price_provider"):
        Budget(1.0).reserve(None)


def test_a_budget_of_nothing_lets_free_calls_pass() -> None:
    budget = Budget(0.0)
    with budget.reserve(0.0) as call:
        call.settle(0.0)
    with pytest.raises(BudgetReached):
        budget.reserve(0.000001)


@pytest.mark.parametrize("limit_usd", [-1.0, math.nan, math.inf])
def test_a_limit_that_is_no_amount_is_refused(limit_usd: float) -> None:
    with pytest.raises(ParameterError):
        Budget(limit_usd)


@pytest.mark.parametrize("cost_usd", [-1.0, math.nan, math.inf])
def test_a_cost_that_is_no_amount_is_refused(cost_usd: float) -> None:
    with pytest.raises(ValueError, match="a cost is"):
        Budget(1.0).reserve(cost_usd)


@settings(max_examples=40)
@given(limit_usd=st.floats(0, 10), calls=_CALLS)
def test_threads_never_spend_more_than_the_limit(
    limit_usd: float, calls: list[tuple[float, float]]
) -> None:
    budget = Budget(limit_usd)
    spent: list[float] = []

    def call(worst_usd: float, share: float) -> None:
        try:
            reservation = budget.reserve(worst_usd)
        except BudgetReached:
            return
        with reservation:
            spent.append(worst_usd * share)
            reservation.settle(worst_usd * share)

    with ThreadPoolExecutor(8) as pool:
        for worst_usd, share in random.Random(0).sample(calls, len(calls)):  # noqa: S311  # order only
            pool.submit(call, worst_usd, share)
    assert math.fsum(spent) <= limit_usd
    assert budget.spent_usd <= limit_usd
    assert math.isclose(budget.spent_usd, math.fsum(spent), abs_tol=1e-6)
