"""A run's dollar budget, alone and under many threads."""

import math
import random
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocks.budget import Budget, Reservation
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


def reserve_elsewhere(budget: Budget, worst_usd: float) -> "Future[Reservation]":
    """A reservation asked for in another thread, which may have to wait for it."""
    asked: Future[Reservation] = Future()

    def ask() -> None:
        try:
            asked.set_result(budget.reserve(worst_usd))
        except BudgetReached as error:
            asked.set_exception(error)

    threading.Thread(target=ask, daemon=True).start()
    return asked


def test_a_call_waits_for_what_calls_in_flight_may_leave_over() -> None:
    budget = Budget(1.0)
    with budget.reserve(0.6) as first:
        second = reserve_elsewhere(budget, 0.6)
        time.sleep(0.05)
        assert not second.done()
        first.settle(0.1)
        second.result(5).settle(0.1)
    assert math.isclose(budget.spent_usd, 0.2)


def test_a_waiting_call_is_refused_once_the_money_is_spent() -> None:
    budget = Budget(1.0)
    with budget.reserve(0.6) as first:
        second = reserve_elsewhere(budget, 0.6)
        first.settle(0.5)
        with pytest.raises(BudgetReached, match=r"0\.5000 is spent; raise the budget"):
            second.result(5)


def test_a_call_larger_than_the_budget_is_refused_without_waiting() -> None:
    budget = Budget(1.0)
    with budget.reserve(0.1), pytest.raises(BudgetReached, match="may cost"):
        reserve_elsewhere(budget, 1.1).result(5)


def test_a_thread_that_dies_lets_the_waiting_ones_go_on() -> None:
    budget = Budget(1.0)
    with pytest.raises(RuntimeError), budget.reserve(0.4):
        raise RuntimeError(second := reserve_elsewhere(budget, 0.7))
    with pytest.raises(BudgetReached):
        second.result(5)
    with reserve_elsewhere(budget, 0.6).result(5) as third:
        third.settle(0.0)


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


def made_and_refused(
    budget: Budget, calls: list[tuple[float, float]], threads: int
) -> tuple[list[float], list[float]]:
    """What the calls that were made cost, and the worst cases of those refused."""
    spent: list[float] = []
    refused: list[float] = []

    def call(worst_usd: float, share: float) -> None:
        try:
            with budget.reserve(worst_usd) as reserved:
                time.sleep(0)
                reserved.settle(worst_usd * share)
        except BudgetReached:
            refused.append(worst_usd)
        else:
            spent.append(worst_usd * share)

    with ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(call, *one) for one in calls]
    for future in futures:
        future.result()
    return spent, refused


@settings(max_examples=40)
@given(limit_usd=st.floats(0, 10), calls=_CALLS)
def test_threads_spend_no_more_than_the_limit_and_leave_no_call_out_that_fits(
    limit_usd: float, calls: list[tuple[float, float]]
) -> None:
    budget = Budget(limit_usd)
    shuffled = random.Random(0).sample(calls, len(calls))  # noqa: S311  # order only
    spent, refused = made_and_refused(budget, shuffled, threads=8)
    assert len(spent) + len(refused) == len(calls)
    assert math.fsum(spent) <= limit_usd
    assert budget.spent_usd <= limit_usd
    assert math.isclose(budget.spent_usd, math.fsum(spent), abs_tol=1e-6)
    assert all(budget.spent_usd + worst_usd > limit_usd - 1e-8 for worst_usd in refused)


@settings(max_examples=25)
@given(limit_usd=st.floats(0, 5), worst_usd=st.floats(0.05, 1), share=st.floats(0, 1))
def test_a_budget_covers_as_many_calls_at_once_as_one_at_a_time(
    limit_usd: float, worst_usd: float, share: float
) -> None:
    calls = [(worst_usd, share)] * 30
    one_at_a_time, _ = made_and_refused(Budget(limit_usd), calls, threads=1)
    at_once, _ = made_and_refused(Budget(limit_usd), calls, threads=10)
    assert len(at_once) == len(one_at_a_time)
