"""Removing rows of the store that have had their day.

What was paid for is never among them: outcomes, analyses and payments stay, and so
does every certificate.
"""

from datetime import timedelta
from typing import LiteralString

from blocks.store_windows import Transaction

# $1 seconds that failures are kept -> those removed; the latest of a filing is its last error,
# which a certificate may have to name
FAILURES: LiteralString = """
DELETE FROM failure
WHERE failed_at < now() - $1::double precision * INTERVAL '1 second'
  AND failed_at < (SELECT max(later.failed_at) FROM failure later WHERE later.k = failure.k)
RETURNING k"""

# $1 seconds after which an outcome is neither counted nor kept -> those removed
#
# With a filing it was claimed anew since, and attempts at it are counted.
SEEN: LiteralString = """
DELETE FROM seen
WHERE done_at < now() - $1::double precision * INTERVAL '1 second'
  AND owner IS NULL AND filing IS NULL
RETURNING k"""


def prune(transaction: Transaction, *, kept: timedelta, ttl: timedelta | None) -> dict[str, int]:
    """See :meth:`blocks.store.SeenStore.prune`."""
    removed = {"failures": len(transaction.rows(FAILURES, kept.total_seconds()))}
    if ttl is not None:
        gone = transaction.rows(SEEN, max(kept, ttl).total_seconds())
        removed["seen filings"] = len(gone)
    return removed
