"""What the store does within one transaction."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import LiteralString, NamedTuple

import blocks.store_sql as sql
from blocks.errors import ParameterError
from blocks.models import (
    ACCESSION_PATTERN,
    Claimed,
    Failure,
    Filing,
    FoundBy,
    Outcome,
    accession_key,
    accession_of,
)
from blocks.store_amendments import link_amendments
from blocks.store_rows import (
    Mark,
    analysis_columns,
    failure_columns,
    filing_columns,
    outcome_columns,
    parked_outcome,
)
from blocks.store_schema import bring_up_to_date
from blocks.store_values import Claim, FeedMark, Recorded
from blocks.store_windows import Transaction, Window

DoneAt = dict[int, datetime]


class Terms(NamedTuple):
    """On what terms a run claims; see :meth:`blocks.store.SeenStore.claim`."""

    owner: str
    lease_s: int
    refresh: bool = False
    ttl: timedelta | None = None
    backlog: bool = False


@contextmanager
def opened(window: Window, *, writes: bool) -> Iterator[Transaction]:
    """A transaction on tables that are up to date, alone among writers if it writes."""
    with window.transaction() as transaction:
        if writes:
            transaction.exclusive()
        bring_up_to_date(transaction, dedicated=window.dedicated)
        yield transaction


def keys_of(accessions: Iterable[str]) -> list[int]:
    """Packed keys, in order and without repeats.

    Raises:
        ParameterError: one of them is not an accession number.
    """
    return list(dict.fromkeys(map(_checked_key, accessions)))


def _checked_key(accession: str) -> int:
    if not ACCESSION_PATTERN.fullmatch(accession):
        raise ParameterError(
            f"{accession!r} is not an accession number; write it as 0001193125-25-123456.",
            subject="accessions",
        )
    return accession_key(accession)


def names_of(keys: Iterable[int]) -> frozenset[str]:
    """The accession numbers behind packed keys."""
    return frozenset(map(accession_of, keys))


def state(
    transaction: Transaction, keys: Iterable[int], ttl: timedelta | None
) -> tuple[DoneAt, set[int]]:
    """Outcomes that still count, with their moment; and the keys that are backlog."""
    rows = transaction.rows(sql.STATE, list(keys), ttl and ttl.total_seconds())
    done = {key: done_at for key, done_at, counts, _ in rows if counts}
    return done, {key for key, _, _, is_backlog in rows if is_backlog}


def feed_mark(transaction: Transaction, feed: str) -> FeedMark | None:
    """The mark of this feed, if it was ever read."""
    rows = transaction.rows(sql.FEED_MARK, feed)
    return FeedMark(feed=feed, read_at=rows[0][0], swept_at=rows[0][1]) if rows else None


def set_feed_mark(transaction: Transaction, mark: FeedMark) -> None:
    """Move the mark forward; never back."""
    transaction.rows(sql.SET_FEED_MARK, mark.feed, mark.read_at, mark.swept_at)


def claim(transaction: Transaction, filings: Mapping[int, Filing], terms: Terms) -> Claim:
    """Lease what is free of ``filings`` and of the backlog."""
    fed = [key for key, filing in filings.items() if filing.found_by is FoundBy.FEED]
    if fed:
        transaction.rows(sql.IN_FEED, fed)
    rows = transaction.rows(
        sql.CLAIM,
        *filing_columns(filings),
        terms.owner,
        terms.lease_s,
        terms.refresh,
        terms.ttl and terms.ttl.total_seconds(),
        terms.backlog,
    )
    granted = {key: _claimed(filings.get(key), attempts, kept) for key, attempts, kept in rows}
    refused = filings.keys() - granted.keys()
    done = state(transaction, refused, terms.ttl)[0] if refused else {}
    return Claim(
        granted=tuple(granted[key] for key in _given_first(filings, granted)),
        done=names_of(done),
        held=names_of(refused - done.keys()),
    )


def _claimed(given: Filing | None, attempts: int, kept: str) -> Claimed:
    return Claimed(filing=given or Filing.model_validate_json(kept), attempts=attempts)


def _given_first(given: Collection[int], granted: Collection[int]) -> list[int]:
    return [key for key in given if key in granted] + sorted(set(granted) - set(given))


def record(
    transaction: Transaction,
    outcomes: Mapping[int, Outcome],
    failures: Mapping[int, Failure],
    *,
    owner: str,
    max_attempts: int,
) -> tuple[Recorded, DoneAt]:
    """Store what is this owner's to store; with the moment of every new outcome."""
    finished = _marks(transaction, sql.FINISH, outcomes, owner)
    counted = [key for key, failure in failures.items() if failure.counts]
    tried = _marks(transaction, sql.FAIL, counted, owner, max_attempts)
    excused = _marks(transaction, sql.RELEASE, failures.keys() - counted, owner)
    failed = tried | excused
    parked = {key for key, mark in tried.items() if mark.attempts >= max_attempts}
    ends = {key: outcomes[key] for key in finished}
    ends |= {key: parked_outcome(failures[key]) for key in parked}
    marks = finished | failed
    _write(transaction, ends, {key: failures[key] for key in failed}, marks, owner)
    successions = link_amendments(transaction, ends)
    unmarked = (outcomes.keys() | failures.keys()) - marks.keys()
    before = _stored_before(transaction, unmarked, owner) if unmarked else set()
    recorded = Recorded(
        stored=names_of(finished.keys() | (before & outcomes.keys())),
        failed=names_of(failed.keys() - parked),
        parked=names_of(parked | (before & failures.keys())),
        lost=names_of(unmarked - before),
        successions=successions,
    )
    return recorded, {key: marks[key].done_at for key in ends}


def _marks(
    transaction: Transaction, statement: LiteralString, keys: Collection[int], *parameters: object
) -> dict[int, Mark]:
    if not keys:
        return {}
    rows = transaction.rows(statement, list(keys), *parameters)
    return {key: Mark(attempts, done_at) for key, attempts, done_at in rows}


def _write(
    transaction: Transaction,
    ends: Mapping[int, Outcome],
    failures: Mapping[int, Failure],
    marks: Mapping[int, Mark],
    owner: str,
) -> None:
    transaction.rows(sql.ADD_OUTCOMES, owner, *outcome_columns(ends, marks))
    transaction.rows(sql.ADD_ANALYSES, *analysis_columns(ends))
    transaction.rows(sql.ADD_FAILURES, owner, *failure_columns(failures, marks))


def _stored_before(transaction: Transaction, keys: Collection[int], owner: str) -> set[int]:
    """A repeated call, whose first answer was lost on the way, is told that all is stored."""
    return {key for (key,) in transaction.rows(sql.STORED_BEFORE, list(keys), owner)}
