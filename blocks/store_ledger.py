"""What the store does within one transaction."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import LiteralString, NamedTuple

import blocks.store_sql as sql
from blocks.announcements import announcements_of
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
    utc_now,
)
from blocks.store_amendments import link_amendments
from blocks.store_announcements import note
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
    outdated_by: str | None = None


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


def keyed(filings: Iterable[Filing]) -> dict[int, Filing]:
    """Filings by their packed key, in order; of equal accessions the first."""
    wanted: dict[int, Filing] = {}
    for filing in filings:
        wanted.setdefault(accession_key(filing.accession), filing)
    return wanted


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
    """Lease what is free of ``filings`` and of the backlog; in a transaction that is exclusive."""
    fed = [key for key, filing in filings.items() if filing.found_by is FoundBy.FEED]
    if fed:
        transaction.rows(sql.IN_FEED, fed)
    return _granted(transaction, filings, terms, sql.CLAIM, terms.lease_s)


def preview(transaction: Transaction, filings: Mapping[int, Filing], terms: Terms) -> Claim:
    """What :func:`claim` would lease now; nothing is written."""
    return _granted(transaction, filings, terms, sql.PREVIEW)


def _granted(
    transaction: Transaction,
    filings: Mapping[int, Filing],
    terms: Terms,
    statement: LiteralString,
    *more: object,
) -> Claim:
    outdated = _outdated(transaction, filings, terms.outdated_by)
    rows = transaction.rows(
        statement,
        *filing_columns(filings),
        terms.owner,
        terms.refresh,
        terms.ttl and terms.ttl.total_seconds(),
        terms.backlog,
        outdated,
        *more,
    )
    granted = {key: _claimed(filings.get(key), attempts, kept) for key, attempts, kept in rows}
    refused = filings.keys() - granted.keys()
    done = set(state(transaction, refused, terms.ttl)[0]) if refused else set()
    done -= _held_anew(transaction, refused if terms.refresh else refused & set(outdated), terms)
    anew = granted if terms.refresh or outdated else ()
    return Claim(
        granted=tuple(granted[key] for key in _given_first(filings, granted)),
        done=names_of(done),
        held=names_of(refused - done),
        analysed=names_of(_analysed(transaction, anew, terms.ttl)),
    )


def _outdated(
    transaction: Transaction, keys: Collection[int], fingerprint: str | None
) -> list[int]:
    """Those that were enriched under another fingerprint; none where none is given."""
    if fingerprint is None or not keys:
        return []
    return [key for (key,) in transaction.rows(sql.OUTDATED, list(keys), fingerprint)]


def _held_anew(transaction: Transaction, keys: Collection[int], terms: Terms) -> set[int]:
    """Of what this refresh would claim, that which another run has claimed anew."""
    if not keys:
        return set()
    return {key for (key,) in transaction.rows(sql.HELD_ANEW, list(keys), terms.owner)}


def _analysed(transaction: Transaction, keys: Collection[int], ttl: timedelta | None) -> set[int]:
    """Those that have an analysis which only another one may replace."""
    if not keys:
        return set()
    rows = transaction.rows(sql.ANALYSED, list(keys), ttl and ttl.total_seconds())
    return {key for (key,) in rows}


def _claimed(given: Filing | None, attempts: int, kept: str) -> Claimed:
    return Claimed(filing=given or Filing.model_validate_json(kept), attempts=attempts)


def _given_first(given: Collection[int], granted: Collection[int]) -> list[int]:
    return [key for key in given if key in granted] + sorted(set(granted) - set(given))


def record(  # noqa: PLR0913 - what to store, and on what terms
    transaction: Transaction,
    outcomes: Mapping[int, Outcome],
    failures: Mapping[int, Failure],
    *,
    owner: str,
    max_attempts: int,
    ttl: timedelta | None = None,
) -> tuple[Recorded, DoneAt]:
    """Store what is this owner's to store; with the moment of every new outcome."""
    counted = {key for key, failure in failures.items() if failure.counts}
    unanswered = {key for key, outcome in outcomes.items() if outcome.answer is None}
    analysed = _analysed(transaction, unanswered | counted, ttl)
    finished = _marks(transaction, sql.FINISH, outcomes.keys() - analysed, owner)
    standing = _marks(transaction, sql.LET_STAND, outcomes.keys() & analysed, owner)
    tried = _marks(transaction, sql.FAIL, counted - analysed, owner, max_attempts)
    not_renewed = _marks(transaction, sql.LET_STAND, counted & analysed, owner)
    excused = _marks(transaction, sql.RELEASE, failures.keys() - counted, owner)
    failed = tried | excused | not_renewed
    parked = {key for key, mark in tried.items() if mark.attempts >= max_attempts}
    ends = {key: outcomes[key] for key in finished}
    ends |= {key: parked_outcome(failures[key]) for key in parked}
    marks = finished | failed
    _write(transaction, ends, {key: failures[key] for key in failed}, marks, owner)
    successions = link_amendments(transaction, ends)
    stored = [outcome for key, outcome in outcomes.items() if key in finished]
    note(transaction, announcements_of(stored, successions, utc_now()), owner)
    unmarked = (outcomes.keys() | failures.keys()) - marks.keys() - standing.keys()
    before = _stored_before(transaction, unmarked, owner) if unmarked else set()
    recorded = Recorded(
        stored=names_of(finished.keys() | (before & outcomes.keys())),
        failed=names_of(failed.keys() - parked),
        parked=names_of(parked | (before & failures.keys())),
        lost=names_of(unmarked - before),
        standing=names_of(standing),
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
