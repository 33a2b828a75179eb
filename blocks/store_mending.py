"""The store mended: what follows from its tables is made to follow again.

Outcomes and answers are what is true; ``seen``, amendment links and open bookings follow
from them. Nothing here calls anybody, and no outcome or answer is deleted.
"""

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Final, LiteralString

import blocks.store_health_sql as look
import blocks.store_sql as sql
from blocks.models import Answer, accession_key, accession_of, eastern_day
from blocks.spending import NANO, PATIENCE_S
from blocks.store_amendments import relink
from blocks.store_health_values import Rebuilt
from blocks.store_ledger import opened
from blocks.store_rows import answer_columns
from blocks.store_schema import make_seen_anew
from blocks.store_spending import RESERVE, SETTLE
from blocks.store_windows import Transaction, Window

SURELY_DEAD_S: Final = 3600.0  # after the end of a call's booking
BATCH_GONE_S: Final = 31 * 86_400.0  # its results are deleted by then

# the outcome's own filing says the same, so the key is what is wrong
_RIGHT_OUTCOME_KEYS: LiteralString = (
    "UPDATE outcome SET k = "
    + look.KEY_OF_ACCESSION
    + " WHERE "
    + look.KEY_OF_ACCESSION
    + " <> k AND filing::json ->> 'accession' = accession"
)
_RIGHT_FAILURE_KEYS: LiteralString = (
    "UPDATE failure SET k = " + look.KEY_OF_ACCESSION + " WHERE " + look.KEY_OF_ACCESSION + " <> k"
)
_RIGHT_ANALYSIS_KEYS: LiteralString = (
    "UPDATE analysis SET k = "
    + look.KEY_OF_ANSWER
    + " WHERE "
    + look.KEY_OF_ANSWER
    + " <> k AND NOT EXISTS (SELECT 1 FROM analysis other WHERE other.k = "
    + look.KEY_OF.format("(analysis.answer::json ->> 'accession')")
    + " AND other.fingerprint = analysis.fingerprint AND other.answered_at = analysis.answered_at)"
)

_KEEP_BEFORE: LiteralString = """
CREATE TABLE seen_before AS SELECT k, owner, lease_until, done_at, done_by, attempts, found_by,
  filing, first_seen_at, in_feed_at
FROM seen"""

# Of what has no outcome, that which a run can be given: its filing is known. Of what has one, a
# claim that runs now. The moments of first sight are nobody's to guess.
_SEEN_ANEW: LiteralString = (
    """
INSERT INTO seen (k, owner, lease_until, done_at, done_by, attempts, found_by, filing,
  first_seen_at, in_feed_at)
WITH latest AS ("""
    + look.LATEST
    + """),
before AS (SELECT *, coalesce(lease_until >= now(), false) AS live FROM seen_before)
SELECT coalesce(o.k, b.k),
  CASE WHEN b.live OR o.k IS NULL THEN b.owner END,
  CASE WHEN b.live OR o.k IS NULL THEN b.lease_until END,
  o.recorded_at, o.owner,
  CASE WHEN b.live THEN b.attempts ELSE coalesce(o.attempts, b.attempts) END,
  coalesce(b.found_by, o.filing::json ->> 'found_by'),
  CASE WHEN b.live OR o.k IS NULL THEN b.filing END,
  b.first_seen_at, b.in_feed_at
FROM latest o FULL JOIN before b ON b.k = o.k
WHERE o.k IS NOT NULL OR b.filing IS NOT NULL
ORDER BY 1"""
)

_LET_REFRESHES_GO: LiteralString = """
UPDATE seen SET owner = NULL, lease_until = NULL, filing = NULL
WHERE done_at IS NOT NULL AND lease_until < now()"""

# $1 keys
_FORGET_LINKS: LiteralString = """
DELETE FROM amendment_link WHERE k IN (SELECT unnest($1::bigint[]))"""
_FORGET_REPORTED: LiteralString = """
DELETE FROM reported WHERE k NOT IN (SELECT k FROM outcome)"""

# $1 seconds a call is open, $2 after which it is dead, $3 after which a batch is
_SETTLE_THE_DEAD: LiteralString = """
UPDATE spending SET actual_nano = worst_nano, settled_at = now()
WHERE settled_at IS NULL AND open_until < now() - CASE
  WHEN open_until - reserved_at > $1::double precision * INTERVAL '1 second'
  THEN $3::double precision ELSE $2::double precision END * INTERVAL '1 second'"""


def mend(transaction: Transaction, answers: Sequence[Answer], seen_ttl: timedelta | None) -> None:
    """Bring the tables into agreement; in a transaction that is exclusive.

    Keys are set by the accession numbers; ``seen`` is made anew if it contradicts the
    outcomes; ``answers`` are given to the outcomes that name them; refreshes whose run died
    are let go; links follow from what has an outcome; dead bookings are settled at their worst
    case, and answers nobody booked are booked at their cost.
    """
    for statement in (_RIGHT_OUTCOME_KEYS, _RIGHT_FAILURE_KEYS, _RIGHT_ANALYSIS_KEYS):
        transaction.rows(statement)
    if transaction.rows(look.CONTRADICTIONS, seen_ttl and seen_ttl.total_seconds()):
        _fill_seen(transaction)
    by_key = {accession_key(answer.accession): answer for answer in answers}
    transaction.rows(sql.ADD_ANALYSES, *answer_columns(by_key))
    transaction.rows(_LET_REFRESHES_GO)
    _set_links_right(transaction)
    transaction.rows(_SETTLE_THE_DEAD, PATIENCE_S, SURELY_DEAD_S, BATCH_GONE_S)
    _book_what_was_paid(transaction)


def rebuild_seen(window: Window) -> Rebuilt:
    """Make ``seen`` anew, each filing as its latest outcome says; one transaction.

    Claims that run, and filings without an outcome, are kept where the old table can be
    read. What has neither is unseen: the next run that meets it works on it, and takes a kept
    answer for it without paying.

    Raises:
        StoreUnavailable: the outcomes cannot be read; nothing was changed.
    """
    try:
        return _rebuilt(window, keep_unfinished=True)
    except _SeenUnreadable:
        return _rebuilt(window, keep_unfinished=False)


class _SeenUnreadable(Exception):
    """The table is not there, is damaged or has another shape."""


def _rebuilt(window: Window, *, keep_unfinished: bool) -> Rebuilt:
    with opened(window, writes=True) as transaction:
        if not keep_unfinished:
            make_seen_anew(transaction, dedicated=window.dedicated)
        _fill_seen(transaction)
        [(rows,)] = transaction.rows("SELECT count(*) FROM seen")
        return Rebuilt(rows=rows, kept_unfinished=keep_unfinished)


def _fill_seen(transaction: Transaction) -> None:
    try:
        transaction.rows(_KEEP_BEFORE)
    except Exception as error:  # each engine has its own words for a table that cannot be read
        raise _SeenUnreadable from error
    transaction.rows("DELETE FROM seen")
    transaction.rows(_SEEN_ANEW)
    transaction.rows("DROP TABLE seen_before")


def _set_links_right(transaction: Transaction) -> None:
    adrift = [key for (key,) in transaction.rows(look.ADRIFT)]
    if not adrift:
        return
    transaction.rows(_FORGET_REPORTED)
    transaction.rows(_FORGET_LINKS, adrift)
    relink(transaction, adrift)


def _book_what_was_paid(transaction: Transaction) -> None:
    for key, run, cost_usd, fingerprint, answered_at, model in transaction.rows(look.UNBOOKED):
        name = f"doctor {accession_of(key)} {fingerprint} {answered_at.isoformat()}"
        nano = None if cost_usd is None else math.ceil(cost_usd * NANO)
        transaction.rows(RESERVE, name, run, eastern_day(answered_at), model, nano, 0.0)
        transaction.rows(SETTLE, name, nano)
