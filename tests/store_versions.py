"""Stores as earlier versions of the program left them; without Prefect, to start quickly.

The rows of a version are written by the statements of that version, not by
today's: each has the columns of its time.
"""

import os
import signal
import sys
from typing import Final, LiteralString, cast

from certificate_values import DAY, certificate
from store_children import window_at
from store_filings import accession, answer, enriched, filing, rejected

import blocks.store_ledger as ledger
from blocks.models import accession_key
from blocks.store_schema import STEPS, bring_up_to_date
from blocks.store_windows import Row, Transaction

FEED: Final = "https://www.sec.gov 8-K"
CERTIFIED: Final = DAY
# a filing for each state in which one may be left
NUMBERS: Final = {
    name: number
    for number, name in enumerate(("enriched", "rejected", "parked", "live", "stale", "failed"), 1)
}
_LATER_IN_AN_ANSWER: Final = {
    *("period", "filer_ciks", "item_titles", "ticker", "price_usd", "price_as_of"),
    *("excerpt_sha256", "same_text_as", "batch_id"),
}

_CLAIMED: LiteralString = """
INSERT INTO seen (k, owner, lease_until, attempts, found_by, filing)
VALUES ($1::bigint, $2::text, now() + $3::int * INTERVAL '1 second', $4::smallint, 'feed',
  $5::text)"""
_DONE: LiteralString = """
INSERT INTO seen (k, done_at, done_by, attempts, found_by)
VALUES ($1::bigint, now(), 'earlier', $2::smallint, 'feed')"""
_OUTCOME: LiteralString = """
INSERT INTO outcome (k, accession, recorded_at, owner, attempts, status, reason, form, filer,
  verdict, ticker, price_usd, filing, decision, fingerprint, answered_at, from_cache)
VALUES ($1::bigint, $2::text, now(), 'earlier', $3::smallint, $4::text, $5::text, '8-K',
  'Filer', $6::text, 'ONS', 4.25, $7::text, $8::text, $9::text, $10::timestamptz, false)"""
_ANALYSIS: LiteralString = """
INSERT INTO analysis (k, fingerprint, answered_at, summary, sentiment, confidence, risk_level,
  model, cost_usd, answer)
VALUES ($1::bigint, $2::text, $3::timestamptz, $4::text, 0.7, 0.9, 'low', 'small-model', 0.0004,
  $5::text)"""
_FAILURE: LiteralString = """
INSERT INTO failure (k, accession, failed_at, owner, attempt, error, message, cost_usd)
VALUES ($1::bigint, $2::text, now(), 'earlier', $3::smallint, 'AnalystUnavailable',
  'no answer in 30 s', 0.0001)"""
_MARK: LiteralString = (
    "INSERT INTO feed_mark (feed, read_at, swept_at) VALUES ($1::text, now(), now())"
)
_CERTIFICATE: LiteralString = """
INSERT INTO certificate (day, forms, issued_at, closed, body)
VALUES ($1::date, '8-K', now(), true, $2::text)"""
_REPORTED: LiteralString = """
INSERT INTO reported (k, cik, base_form, period, form, filed_at, items)
VALUES ($1::bigint, 320193, '8-K', '2025-12-11', '8-K', now(), '[]')"""
_LINK: LiteralString = "INSERT INTO amendment_link (k) VALUES ($1::bigint)"
_SETTLED: LiteralString = """
INSERT INTO spending (key, run, day, model, worst_nano, actual_nano, reserved_at, open_until,
  settled_at) VALUES ('settled', 'run', '2025-12-12', 'small-model', 900000, 400000, now(),
  now() + INTERVAL '300 seconds', now())"""
_OPEN: LiteralString = """
INSERT INTO spending (key, run, day, model, worst_nano, reserved_at, open_until)
VALUES ('open', 'run', '2025-12-12', 'small-model', 900000, now(),
  now() + INTERVAL '3000 seconds')"""


def fill(url: str, version: int) -> None:
    """A store of this version with a filing in every state, and whatever else it could keep.

    A version that is added needs rows here only for what it adds.
    """
    window = window_at(url)
    with window.transaction() as transaction:
        bring_up_to_date(transaction, dedicated=window.dedicated, steps=STEPS[:version])
        for wrote in (_first, _second, _third, _fourth)[:version]:
            wrote(transaction)


def _first(transaction: Transaction) -> None:
    for name, owner, lease_s in (("live", "running", 3600), ("stale", "killed", -60)):
        number = NUMBERS[name]
        filed = filing(number).model_dump_json()
        transaction.rows(_CLAIMED, _key(number), owner, lease_s, 1, filed)
    failed = NUMBERS["failed"]
    transaction.rows(_CLAIMED, _key(failed), None, None, 1, filing(failed).model_dump_json())
    _fails(transaction, failed, attempts=1)
    for name, attempts in (("enriched", 1), ("rejected", 1), ("parked", 3)):
        _ends(transaction, name, attempts)
    _fails(transaction, NUMBERS["parked"], attempts=3)
    one = answer(NUMBERS["enriched"])
    transaction.rows(
        _ANALYSIS,
        _key(NUMBERS["enriched"]),
        one.fingerprint,
        one.answered_at,
        one.reply.analysis.summary,
        one.model_dump_json(exclude=_LATER_IN_AN_ANSWER),
    )


def _fails(transaction: Transaction, number: int, attempts: int) -> None:
    for attempt in range(1, attempts + 1):
        transaction.rows(_FAILURE, _key(number), accession(number), attempt)


def _ends(transaction: Transaction, name: str, attempts: int) -> None:
    number = NUMBERS[name]
    ended = rejected(number) if name == "rejected" else enriched(number)
    decision = ended.decision
    assert decision is not None
    one = ended.answer if name == "enriched" else None
    transaction.rows(_DONE, _key(number), attempts)
    transaction.rows(
        _OUTCOME,
        *(_key(number), accession(number), attempts, name, ended.reason),
        *(decision.verdict.value, filing(number).model_dump_json(), decision.model_dump_json()),
        *((one.fingerprint, one.answered_at) if one else (None, None)),
    )


def _second(transaction: Transaction) -> None:
    transaction.rows("UPDATE seen SET first_seen_at = now(), in_feed_at = now()")
    transaction.rows(_MARK, FEED)
    transaction.rows(_CERTIFICATE, CERTIFIED, certificate().model_dump_json())


def _third(transaction: Transaction) -> None:
    transaction.rows(_REPORTED, _key(NUMBERS["enriched"]))
    transaction.rows(_LINK, _key(NUMBERS["enriched"]))


def _fourth(transaction: Transaction) -> None:
    transaction.rows(_SETTLED)
    transaction.rows(_OPEN)


def _key(number: int) -> int:
    return accession_key(accession(number))


def open_at_once(url: str) -> None:
    """Open the store when told to."""
    window = window_at(url)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    with ledger.opened(window, writes=False):
        pass


class _Dying:
    """A transaction whose process is killed after so many statements."""

    def __init__(self, transaction: Transaction, statements: int) -> None:
        self._transaction = transaction
        self._left = statements

    def rows(self, sql: LiteralString, *parameters: object) -> list[Row]:
        rows = self._transaction.rows(sql, *parameters)
        self._left -= not sql.lstrip().startswith("SELECT")
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return rows

    def exclusive(self) -> None:
        self._transaction.exclusive()


def open_and_die(url: str, statements: int) -> None:
    """Open the store, and be killed after so many statements of its migration."""
    window = window_at(url)
    with window.transaction() as transaction:
        dying = cast("Transaction", _Dying(transaction, statements))
        bring_up_to_date(dying, dedicated=window.dedicated, steps=STEPS)
