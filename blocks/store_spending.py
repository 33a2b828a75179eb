"""The ledger of what the model costs, shared by all processes that share the store."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, LiteralString

from blocks.models import eastern_day, utc_now
from blocks.spending import PATIENCE_S, Account, Booking, Cap, Permission, Ruling, rule
from blocks.store_ledger import opened
from blocks.store_windows import Transaction, Window

# $1 key
KNOWN: LiteralString = "SELECT 1 FROM spending WHERE key = $1::text"

# $1 key, $2 run, $3 day, $4 model, $5 worst case (null: unknown), $6 seconds it may stay open
RESERVE: LiteralString = """
INSERT INTO spending (key, run, day, model, worst_nano, reserved_at, open_until)
VALUES ($1::text, $2::text, $3::date, $4::text, $5::bigint, now(),
  now() + $6::double precision * INTERVAL '1 second')"""

# $1 key, $2 cost (null: the worst case); what is settled stays
SETTLE: LiteralString = """
UPDATE spending SET actual_nano = coalesce($2::bigint, worst_nano), settled_at = now()
WHERE key = $1::text AND settled_at IS NULL"""

# $1 run, $2 day, $3 seconds of patience
# -> whether of the run, whether of the day, field of Account, its sum, how many are of unknown
# price; in one scan, since planning a statement costs more than running it
ACCOUNTS: LiteralString = """
SELECT run = $1::text, day = $2::date,
  CASE WHEN settled_at IS NOT NULL OR open_until <= now() THEN 'spent_nano'
    WHEN open_until <= now() + $3::double precision * INTERVAL '1 second' THEN 'in_flight_nano'
    ELSE 'held_nano' END,
  coalesce(sum(CASE WHEN settled_at IS NULL THEN worst_nano ELSE actual_nano END), 0)::bigint,
  count(CASE WHEN coalesce(actual_nano, worst_nano) IS NULL THEN 1 END)
FROM spending WHERE run = $1::text OR day = $2::date
GROUP BY 1, 2, 3"""


class SpendingLedger:
    """See :class:`blocks.budget.Ledger`. Each method is one short transaction on the store.

    All methods raise ``StoreUnavailable`` and ``StoreTooNew`` as those of
    :class:`blocks.store.SeenStore` do; then nothing was booked.
    """

    def __init__(self, window: Window) -> None:
        self._window = window

    def reserve(self, booking: Booking, caps_nano: Mapping[Cap, int]) -> Ruling:
        """See :meth:`blocks.budget.Ledger.reserve`."""
        with opened(self._window, writes=True) as transaction:
            if transaction.rows(KNOWN, booking.key):
                return Ruling()
            today = eastern_day(utc_now())
            accounts = _accounts(transaction, booking.run, today) if caps_nano else {}
            ruling = rule(booking.worst_nano or 0, accounts, caps_nano)
            if ruling.permission is Permission.GRANTED:
                transaction.rows(
                    RESERVE,
                    booking.key,
                    booking.run,
                    today,
                    booking.model,
                    booking.worst_nano,
                    booking.open_s,
                )
            return ruling

    def settle(self, key: str, actual_nano: int | None) -> bool:
        """See :meth:`blocks.budget.Ledger.settle`."""
        with opened(self._window, writes=True) as transaction:
            transaction.rows(SETTLE, key, actual_nano)
            return bool(transaction.rows(KNOWN, key))

    def accounts(self, run: str) -> dict[Cap, Account]:
        """See :meth:`blocks.budget.Ledger.accounts`."""
        with opened(self._window, writes=False) as transaction:
            return _accounts(transaction, run, eastern_day(utc_now()))


def _accounts(transaction: Transaction, run: str, day: date) -> dict[Cap, Account]:
    rows = transaction.rows(ACCOUNTS, run, day, PATIENCE_S)
    return {
        Cap.RUN: _account(sums for is_of_run, _, *sums in rows if is_of_run),
        Cap.DAY: _account(sums for _, is_of_day, *sums in rows if is_of_day),
    }


def _account(sums: Iterable[list[Any]]) -> Account:
    added = Counter[str]()
    for field, nano, unpriced in sums:
        added[field] += nano
        added["unpriced_calls"] += unpriced if field == "spent_nano" else 0
    return Account(**added)
