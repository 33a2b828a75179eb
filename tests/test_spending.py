"""The ledger in the store: agrees with the one in memory, and holds its caps among processes."""

import signal
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import NamedTuple

import pytest
from children import child
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_backends import Backend

from blocks.budget import Budget
from blocks.budget_memory import MemoryLedger
from blocks.errors import BudgetReached
from blocks.models import EASTERN, utc_now
from blocks.spending import NANO, Account, Booking, Cap, Permission
from blocks.store_spending import SpendingLedger

pytest_plugins = ["store_fixtures"]

BATCH_S = 86_400.0
CAPS_NANO = {Cap.RUN: 60, Cap.DAY: 100}
RUNS = ("one", "other")


class Reserve(NamedTuple):
    """One step of a history: some payments come again, some are dead at once."""

    key: str
    run: str
    worst_nano: int
    open_s: float


class Settle(NamedTuple):
    """Another: of the worst case so much, or unknown."""

    key: str
    share: float | None


_KEYS = st.sampled_from("abcdefgh")
_STEPS = st.one_of(
    st.builds(
        Reserve,
        _KEYS,
        st.sampled_from(RUNS),
        st.integers(0, 50),
        st.sampled_from((0.0, 60, BATCH_S)),
    ),
    st.builds(Settle, _KEYS, st.none() | st.floats(0, 1)),
)


@pytest.fixture
def ledger(backend: Backend) -> SpendingLedger:
    return backend.store().spending


def booking(
    key: str, worst_nano: int | None = 10, *, run: str = "one", open_s: float = 60
) -> Booking:
    return Booking(key=key, run=run, model="m", worst_nano=worst_nano, open_s=open_s)


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(_STEPS, min_size=1, max_size=16))
def test_whatever_is_reserved_and_settled_no_cap_is_passed_and_both_ledgers_agree(
    backend: Backend, ledger: SpendingLedger, steps: Sequence[Reserve | Settle]
) -> None:
    ledger.accounts("one")
    backend.rows("DELETE FROM spending")
    memory, worst = MemoryLedger(), dict[str, int]()
    for step in steps:
        if isinstance(step, Reserve):
            asked = booking(step.key, step.worst_nano, run=step.run, open_s=step.open_s)
            ruling = ledger.reserve(asked, CAPS_NANO)
            assert ruling == memory.reserve(asked, CAPS_NANO)
            if ruling.permission is Permission.GRANTED:
                worst.setdefault(step.key, step.worst_nano)
        else:
            actual = None if step.share is None else int(step.share * worst.get(step.key, 0))
            known = ledger.settle(step.key, actual)
            assert known == memory.settle(step.key, actual) == (step.key in worst)
        for run in RUNS:
            accounts = ledger.accounts(run)
            assert accounts == memory.accounts(run)
            assert all(used(accounts[cap]) <= CAPS_NANO[cap] for cap in Cap)


def used(account: Account) -> int:
    return account.spent_nano + account.in_flight_nano + account.held_nano


def test_a_call_is_told_whether_waiting_may_help(ledger: SpendingLedger) -> None:
    assert told(ledger, booking("a", 50)) == (Permission.GRANTED, None)
    assert told(ledger, booking("b", 20)) == (Permission.NOT_NOW, Cap.RUN)
    assert told(ledger, booking("c", 61)) == (Permission.NEVER, Cap.RUN)
    assert told(ledger, booking("d", 50, run="other", open_s=BATCH_S)) == (
        Permission.GRANTED,
        None,
    )
    assert told(ledger, booking("e", 20, run="third")) == (Permission.NOT_NOW, Cap.DAY)
    assert told(ledger, booking("f", 51, run="third")) == (Permission.NEVER, Cap.DAY)


def told(ledger: SpendingLedger, asked: Booking) -> tuple[Permission, Cap | None]:
    ruling = ledger.reserve(asked, CAPS_NANO)
    granted = ruling.permission is Permission.GRANTED
    return ruling.permission, None if granted else ruling.cap


def test_an_unknown_price_is_counted_as_such_and_never_as_nothing_spent(
    ledger: SpendingLedger,
) -> None:
    for key in ("unknown", "known after all", "open"):
        ledger.reserve(booking(key, None), {})
    ledger.settle("unknown", None)
    ledger.settle("known after all", 7)
    of_run = ledger.accounts("one")[Cap.RUN]
    assert (of_run.spent_nano, of_run.unpriced_calls) == (7, 1)


def test_an_engineer_finds_what_each_day_and_model_cost(
    backend: Backend, ledger: SpendingLedger
) -> None:
    for key, worst, actual in (("a", NANO, NANO // 4), ("b", NANO, NANO // 2), ("c", NANO, 0)):
        ledger.reserve(booking(key, worst), {})
        ledger.settle(key, actual)
    ledger.reserve(booking("in flight", NANO, run="other"), {})
    ledger.reserve(booking("its process died", 2 * NANO, open_s=0), {})
    ledger.reserve(booking("unknown", None, open_s=0), {})
    found = backend.rows(
        "SELECT day, model, calls, spent_usd, open_worst_usd, unpriced_calls FROM spent_by_day"
    )
    today = utc_now().astimezone(EASTERN).date()
    assert found == [(today, "m", 5, 2.75, 1.0, 1)]


def test_what_a_killed_process_had_reserved_is_waited_for_and_then_counts_in_full(
    backend: Backend, ledger: SpendingLedger
) -> None:
    doomed = child("reserve_and_die", backend.url, module="spending_children")
    doomed.communicate(timeout=60)
    assert doomed.returncode == -signal.SIGKILL
    assert told(ledger, booking("after", 60, run="other")) == (Permission.NOT_NOW, Cap.DAY)
    backend.rows("UPDATE spending SET open_until = now() WHERE run = 'killed'")
    assert told(ledger, booking("after", 60, run="other")) == (Permission.NEVER, Cap.DAY)
    assert told(ledger, booking("the rest", 50, run="other")) == (Permission.GRANTED, None)
    assert ledger.accounts("killed")[Cap.RUN].spent_nano == 50


def test_a_batch_is_settled_by_a_process_that_did_not_reserve_it(backend: Backend) -> None:
    reserved = child("reserve_a_batch", backend.url, module="spending_children")
    reserved.communicate(timeout=60)
    assert reserved.returncode == 0
    budget = Budget(None, 1.0, ledger=backend.store().spending, run="other")
    with pytest.raises(BudgetReached, match=r"\$0\.9000 more is set aside"):
        budget.reserve(0.2)
    budget.reserve(0.9, key="batch", open_s=BATCH_S)
    budget.settle("batch", 0.4)
    budget.settle("batch", 0.1)
    of_run, today = budget.balances()
    assert (of_run.spent_usd, today.spent_usd, today.left_usd) == (0.0, 0.4, 0.6)


def test_of_those_that_ask_at_one_moment_no_more_are_granted_than_fit(
    backend: Backend, ledger: SpendingLedger
) -> None:
    ledger.accounts("one")
    together = Barrier(16)

    def ask(number: int) -> Permission:
        mine = backend.store().spending
        together.wait()
        return mine.reserve(booking(f"{number}", 10), CAPS_NANO).permission

    with ThreadPoolExecutor(16) as pool:
        permissions = Counter(pool.map(ask, range(16)))
    assert permissions == {Permission.GRANTED: 6, Permission.NOT_NOW: 10}


def test_processes_and_threads_share_a_cap_to_the_last_nano_dollar(backend: Backend) -> None:
    spending = [child("spend", backend.url, run, module="spending_children") for run in RUNS]
    said = [process.communicate(timeout=60)[0].split() for process in spending]
    calls = sum(int(made) for made, _ in said)
    assert all(int(refused) > 0 for _, refused in said)
    assert calls == (100 - 7) // 3 + 1, "every call that fits is made, and none more"
    booked = backend.rows("SELECT sum(actual_nano)::bigint, count(*) FROM spending")
    assert booked == [(3 * calls, calls)]
