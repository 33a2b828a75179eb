"""Dollars for the model, alone and under many threads; test_spending.py has the processes."""

import math
import random
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocks.budget import Budget, Reservation
from blocks.budget_memory import MemoryLedger
from blocks.errors import BudgetReached, ParameterError, StoreUnavailable
from blocks.spending import PATIENCE_S, Booking, Cap, Ruling

_CALLS = st.lists(
    st.tuples(st.floats(0, 2, allow_subnormal=False), st.floats(0, 1)), min_size=1, max_size=40
)


def on(limit_usd: float | None, *, ledger: MemoryLedger | None = None) -> Budget:
    """A run's budget, with a ledger that can be read."""
    return Budget(limit_usd, ledger=ledger or MemoryLedger(), run="this run")


def spent_usd(budget: Budget) -> float:
    """What the run has spent; calls in flight are not in it."""
    of_run, _ = budget.balances()
    assert of_run.cap is Cap.RUN
    return of_run.spent_usd


def test_a_settled_call_frees_what_it_did_not_cost() -> None:
    budget = on(1.0)
    for _ in range(5):
        with budget.reserve(0.5) as call:
            call.settle(0.1)
    assert math.isclose(spent_usd(budget), 0.5)


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


def test_a_call_waits_for_what_calls_in_flight_may_leave_over_and_goes_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("blocks.budget._ASK_AGAIN_S", 60)
    budget = on(1.0)
    with budget.reserve(0.6) as first:
        second = reserve_elsewhere(budget, 0.6)
        time.sleep(0.05)
        assert not second.done()
        first.settle(0.1)
        second.result(5).settle(0.1)
    assert math.isclose(spent_usd(budget), 0.2)


def test_a_waiting_call_is_refused_once_the_money_is_spent() -> None:
    budget = on(1.0)
    with budget.reserve(0.6) as first:
        second = reserve_elsewhere(budget, 0.6)
        first.settle(0.5)
        with pytest.raises(BudgetReached, match=r"0\.5000 is spent by this run; raise it"):
            second.result(5)


def test_a_call_larger_than_the_budget_is_refused_without_waiting() -> None:
    budget = on(1.0)
    with budget.reserve(0.1), pytest.raises(BudgetReached, match="may cost"):
        reserve_elsewhere(budget, 1.1).result(5)


def test_a_thread_that_dies_lets_the_waiting_ones_go_on() -> None:
    budget = on(1.0)
    with pytest.raises(RuntimeError), budget.reserve(0.4):
        raise RuntimeError(second := reserve_elsewhere(budget, 0.7))
    with pytest.raises(BudgetReached):
        second.result(5)
    with reserve_elsewhere(budget, 0.6).result(5) as third:
        third.settle(0.0)


def test_an_unknown_cost_is_booked_as_the_worst_case() -> None:
    budget = on(1.0)
    with budget.reserve(0.6) as call:
        call.settle(None)
    assert math.isclose(spent_usd(budget), 0.6)


def test_a_call_that_was_never_settled_counts_in_full_and_only_once() -> None:
    budget = on(1.0)
    with pytest.raises(RuntimeError), budget.reserve(0.6):
        raise RuntimeError
    with budget.reserve(0.2) as call:
        call.settle(0.1)
        call.settle(0.2)
    assert math.isclose(spent_usd(budget), 0.7)


def test_without_a_limit_spending_is_counted_and_never_stopped() -> None:
    budget = on(None)
    for worst_usd in (5.0, None):
        with budget.reserve(worst_usd) as call:
            call.settle(3.0)
    assert spent_usd(budget) == 6.0


def test_an_unknown_price_cannot_be_kept_to_a_limit() -> None:
    with pytest.raises(BudgetReached, match="price_provider"):
        on(1.0).reserve(None)


def test_a_budget_of_nothing_lets_free_calls_pass() -> None:
    budget = on(0.0)
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
        on(1.0).reserve(cost_usd)


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
    budget = on(limit_usd)
    shuffled = random.Random(0).sample(calls, len(calls))  # noqa: S311  # order only
    spent, refused = made_and_refused(budget, shuffled, threads=8)
    assert len(spent) + len(refused) == len(calls)
    assert math.fsum(spent) <= limit_usd
    assert spent_usd(budget) <= limit_usd
    assert math.isclose(spent_usd(budget), math.fsum(spent), abs_tol=1e-6)
    assert all(spent_usd(budget) + worst_usd > limit_usd - 1e-8 for worst_usd in refused)


@settings(max_examples=25)
@given(limit_usd=st.floats(0, 5), worst_usd=st.floats(0.05, 1), share=st.floats(0, 1))
def test_a_budget_covers_as_many_calls_at_once_as_one_at_a_time(
    limit_usd: float, worst_usd: float, share: float
) -> None:
    calls = [(worst_usd, share)] * 30
    one_at_a_time, _ = made_and_refused(Budget(limit_usd), calls, threads=1)
    at_once, _ = made_and_refused(Budget(limit_usd), calls, threads=10)
    assert len(at_once) == len(one_at_a_time)


def both(
    limit_usd: float | None, daily_cap_usd: float | None, *, ledger: MemoryLedger | None = None
) -> Budget:
    """A budget with two caps."""
    return Budget(limit_usd, daily_cap_usd, ledger=ledger or MemoryLedger(), run="live")


def test_the_cap_that_is_reached_is_named_with_what_is_spent_and_the_remedy() -> None:
    for budget, setting, words in (
        (
            both(1.0, 5.0),
            "budget_usd",
            r"run's cap .*budget_usd\) of \$1\.0000 \$0\.8000 is spent",
        ),
        (both(5.0, 1.0), "daily_cap_usd", r"daily cap .* of \$1\.0000 \$0\.8000 .* by all runs"),
    ):
        budget.reserve(0.8).settle(0.8)
        with pytest.raises(BudgetReached, match=f"{words}.*; raise it, or let") as reached:
            budget.reserve(0.3)
        assert reached.value.subject == setting


def test_runs_share_the_daily_cap_and_not_each_others_budget() -> None:
    ledger = MemoryLedger()
    one, other = (Budget(0.6, 1.0, ledger=ledger, run=run) for run in ("one", "other"))
    one.reserve(0.6).settle(0.6)
    other.reserve(0.4).settle(0.4)
    with pytest.raises(BudgetReached, match="daily cap"):
        other.reserve(0.1)
    with pytest.raises(BudgetReached, match="run's cap"):
        one.reserve(0.1)


def test_a_retry_goes_on_with_what_its_run_has_spent() -> None:
    ledger = MemoryLedger()
    on(1.0, ledger=ledger).reserve(0.8).settle(0.7)
    retried = on(1.0, ledger=ledger)
    assert spent_usd(retried) == 0.7
    with pytest.raises(BudgetReached):
        retried.reserve(0.4)
    retried.reserve(0.3).settle(0.3)


def test_a_batch_is_not_waited_for_and_is_settled_by_key_later() -> None:
    ledger = MemoryLedger()
    on(None, ledger=ledger).reserve(0.8, key="batch/1", open_s=86_400)
    live = both(None, 1.0, ledger=ledger)
    with pytest.raises(BudgetReached, match=r"\$0\.8000 more is set aside"):
        reserve_elsewhere(live, 0.4).result(5)
    later = both(None, 1.0, ledger=ledger)
    later.settle("batch/1", 0.5)
    later.settle("batch/1", 0.1)
    live.reserve(0.4).settle(0.4)
    _, today = live.balances()
    assert (today.spent_usd, today.open_usd) == (0.9, 0.0)


def test_the_same_payment_reserved_again_is_booked_once() -> None:
    budget = on(1.0)
    for _ in range(3):
        budget.reserve(0.6, key="batch/1", open_s=86_400)
    (of_run, _) = budget.balances()
    assert of_run.open_usd == 0.6


def test_the_day_is_checked_before_anything_is_begun_and_nothing_is_booked_by_it() -> None:
    budget = both(None, 1.0)
    with budget.reserve(0.9) as call:
        budget.check_day(0.8)  # it may fit once the call in flight has settled
        call.settle(0.9)
    budget.check_day(0.1)
    with pytest.raises(BudgetReached, match="daily cap"):
        budget.check_day(0.2)
    for without in (both(None, None), both(0.1, None)):
        without.check_day(0.2)
    assert [one.spent_usd for one in budget.balances()] == [0.9, 0.9]


class Broken(MemoryLedger):
    """A ledger whose store goes away, at one of its doors."""

    def __init__(self, door: str) -> None:
        super().__init__()
        self.door = door

    def reserve(self, booking: Booking, caps_nano: Mapping[Cap, int]) -> Ruling:
        if self.door == "reserve":
            raise StoreUnavailable("the disk is gone")
        return super().reserve(booking, caps_nano)

    def settle(self, key: str, actual_nano: int | None) -> bool:
        if self.door == "settle":
            raise StoreUnavailable("the disk is gone")
        return super().settle(key, actual_nano)


def test_what_cannot_be_booked_is_not_called() -> None:
    budget = on(1.0, ledger=Broken("reserve"))
    with pytest.raises(StoreUnavailable), budget.reserve(0.1):
        pytest.fail("the call was made")


def test_what_is_paid_and_cannot_be_settled_keeps_its_answer_and_stays_booked_in_full(
    caplog: pytest.LogCaptureFixture,
) -> None:
    budget = on(1.0, ledger=Broken("settle"))
    with budget.reserve(0.6) as call:
        call.settle(0.1)
    (of_run, _) = budget.balances()
    assert (of_run.spent_usd, of_run.open_usd) == (0.0, 0.6)
    assert "stays booked at its worst case: the disk is gone" in caplog.text


def test_settling_what_was_never_reserved_is_said(caplog: pytest.LogCaptureFixture) -> None:
    on(1.0).settle("misspelt", 0.1)
    assert "payment misspelt was settled and never reserved" in caplog.text


def test_another_process_is_asked_again_without_a_word_from_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("blocks.budget._ASK_AGAIN_S", 0.02)
    ledger = MemoryLedger()
    elsewhere = on(1.0, ledger=ledger).reserve(0.6)
    waiting = reserve_elsewhere(on(1.0, ledger=ledger), 0.6)
    ledger.settle(elsewhere.key, 0)
    waiting.result(5).settle(0.1)


def test_a_dead_process_is_waited_for_no_longer_than_its_calls_may_take() -> None:
    now = [datetime(2026, 11, 25, 17, tzinfo=UTC)]
    ledger = MemoryLedger(lambda: now[0])
    on(1.0, ledger=ledger).reserve(0.6)
    waiting = reserve_elsewhere(on(1.0, ledger=ledger), 0.6)
    now[0] += timedelta(seconds=PATIENCE_S)
    with pytest.raises(BudgetReached, match=r"0\.6000 is spent"):
        waiting.result(5)


def test_a_new_day_by_eastern_time_has_its_cap_anew() -> None:
    now = [datetime(2026, 11, 26, 4, 59, tzinfo=UTC)]
    ledger = MemoryLedger(lambda: now[0])
    Budget(None, 1.0, ledger=ledger).reserve(1.0).settle(1.0)
    with pytest.raises(BudgetReached):
        Budget(None, 1.0, ledger=ledger).reserve(0.1)
    now[0] += timedelta(minutes=1)
    Budget(None, 1.0, ledger=ledger).reserve(0.1).settle(0.1)
