"""The store examined: whether its tables agree with each other. Nothing is written.

:class:`StoreHealth` is what :mod:`flows.doctor` works with; what mends is in
:mod:`blocks.store_mending`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta

import blocks.store_health_sql as sql
import blocks.store_mending as mending
from blocks.certificate import Certificate, Issued
from blocks.models import Answer, accession_key, accession_of
from blocks.spending import PATIENCE_S
from blocks.store_health_values import (
    AnswerName,
    CertifiedDay,
    Contradiction,
    LeaseState,
    OnRecord,
    OpenBooking,
    OrphanAnswer,
    Rebuilt,
    StoreState,
    Unbooked,
    Unfinished,
)
from blocks.store_ledger import keys_of, opened
from blocks.store_schema import missing_tables
from blocks.store_windows import Row, Transaction, Window


class StoreHealth:
    """Looks at a whole store, and mends it. Each method is one transaction.

    All methods raise ``StoreUnavailable`` and ``StoreTooNew`` as those of
    :class:`blocks.store.SeenStore` do; then nothing was changed.
    """

    def __init__(self, window: Window, max_attempts: int) -> None:
        self._window = window
        self.max_attempts = max_attempts

    def examine(self, seen_ttl: timedelta | None = None) -> StoreState:
        """How the tables agree, as of one moment.

        Args:
            seen_ttl: how long an outcome counts as seen; None: for ever.
        """
        with opened(self._window, writes=False) as transaction:
            return _examined(transaction, seen_ttl)

    def on_record(self, fingerprint: str, accessions: Iterable[str]) -> dict[str, OnRecord]:
        """What is known of these filings, with the answers of one fingerprint."""
        keys = keys_of(accessions)
        with opened(self._window, writes=False) as transaction:
            stored = defaultdict[int, list[Answer]](list)
            for key, answer in transaction.rows(sql.ANSWERS_OF, keys, fingerprint):
                stored[key].append(Answer.model_validate_json(answer))
            rows = transaction.rows(sql.ON_RECORD, keys)
        return {accession_of(row[0]): _on_record(row, stored[row[0]]) for row in rows}

    def answers_in_use(self) -> tuple[AnswerName, ...]:
        """The answers that the latest outcomes name, as far as they are stored."""
        with opened(self._window, writes=False) as transaction:
            return tuple(map(_answer_name, transaction.rows(sql.IN_USE)))

    def mend(self, answers: Sequence[Answer] = (), *, seen_ttl: timedelta | None = None) -> None:
        """Bring the tables into agreement, as far as they tell how; see :mod:`.store_mending`.

        Args:
            answers: kept elsewhere, for outcomes that have lost theirs.
            seen_ttl: as in :meth:`examine`.
        """
        with opened(self._window, writes=True) as transaction:
            mending.mend(transaction, answers, seen_ttl)

    def rebuild_seen(self) -> Rebuilt:
        """Make ``seen`` anew from the outcomes; see :func:`.store_mending.rebuild_seen`."""
        return mending.rebuild_seen(self._window)


def _examined(transaction: Transaction, seen_ttl: timedelta | None) -> StoreState:
    if missing := missing_tables(transaction):
        [(now,)] = transaction.rows("SELECT now()")
        return StoreState(as_of=now, missing=missing)
    [(now, outcomes)] = transaction.rows(sql.NOW_AND_OUTCOMES)
    rows = transaction.rows
    return StoreState(
        as_of=now,
        outcomes=outcomes,
        claims=tuple(map(_lease, rows(sql.CLAIMS))),
        unfinished=tuple(map(_unfinished, rows(sql.UNFINISHED))),
        parked=tuple(accession_of(key) for (key,) in rows(sql.PARKED_NOW)),
        contradictions=tuple(
            map(_contradiction, rows(sql.CONTRADICTIONS, seen_ttl and seen_ttl.total_seconds()))
        ),
        broken_keys=tuple(f"{table} {name}" for table, name in rows(sql.BROKEN_KEYS)),
        orphans=tuple(map(_orphan, rows(sql.ORPHANS))),
        without_analysis=tuple(map(_answer_name, rows(sql.WITHOUT_ANALYSIS))),
        adrift=tuple(accession_of(key) for (key,) in rows(sql.ADRIFT)),
        open_bookings=tuple(map(_open_booking, rows(sql.OPEN_BOOKINGS, PATIENCE_S))),
        unbooked=tuple(map(_unbooked, rows(sql.UNBOOKED))),
        days=_days(transaction),
    )


def _days(transaction: Transaction) -> tuple[CertifiedDay, ...]:
    latest = [
        Issued(issued_at=issued_at, certificate=Certificate.model_validate_json(body))
        for issued_at, body in transaction.rows(sql.CERTIFIED)
    ]
    names = sorted({f"{issued.certificate.day}" for issued in latest})
    ended, enriched = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for day, form, filings, analysed in transaction.rows(sql.ENDED_BY_DAY, names):
        ended[day, form], enriched[day, form] = filings, analysed
    named = {name for issued in latest for name in _ended_by_name(issued.certificate)}
    known = {key for (key,) in transaction.rows(sql.ENDED, [accession_key(n) for n in named])}
    return tuple(
        CertifiedDay(
            issued=issued,
            ended=_of_day(ended, issued.certificate),
            enriched=_of_day(enriched, issued.certificate),
            lost=tuple(
                name
                for name in _ended_by_name(issued.certificate)
                if accession_key(name) not in known
            ),
        )
        for issued in latest
    )


def _ended_by_name(certificate: Certificate) -> list[str]:
    """Of the filings that have an outcome by a certificate, those that it names."""
    not_ended = {one.accession for one in (*certificate.failed, *certificate.left_over)}
    named = (*(one.accession for one in certificate.parked), *certificate.index_only)
    return sorted(set(named) - not_ended)


def _of_day(counts: Counter[tuple[str, str]], certificate: Certificate) -> int:
    return sum(counts[f"{certificate.day}", form] for form in certificate.forms)


def _lease(row: Row) -> LeaseState:
    key, run, lease_until, is_over, attempts, anew = row
    return LeaseState(
        accession=accession_of(key),
        run=run,
        lease_until=lease_until,
        is_over=is_over,
        attempts=attempts,
        anew=anew,
    )


def _unfinished(row: Row) -> Unfinished:
    key, attempts, is_backlog, last_error = row
    return Unfinished(
        accession=accession_of(key),
        attempts=attempts,
        is_backlog=is_backlog,
        last_error=last_error,
    )


def _contradiction(row: Row) -> Contradiction:
    return Contradiction(accession=accession_of(row[0]), fault=row[1])


def _answer_name(row: Row) -> AnswerName:
    key, fingerprint, answered_at = row
    return AnswerName(
        accession=accession_of(key), fingerprint=fingerprint, answered_at=answered_at
    )


def _orphan(row: Row) -> OrphanAnswer:
    *name, has_outcome, is_taken_up = row
    fields = _answer_name(tuple(name)).model_dump()
    return OrphanAnswer(**fields, has_outcome=has_outcome, is_taken_up=is_taken_up)


def _open_booking(row: Row) -> OpenBooking:
    run, day, worst_nano, open_until, is_batch = row
    return OpenBooking(
        run=run, day=day, worst_nano=worst_nano, open_until=open_until, is_batch=is_batch
    )


def _unbooked(row: Row) -> Unbooked:
    key, run, cost_usd, *_ = row
    return Unbooked(accession=accession_of(key), run=run, cost_usd=cost_usd)


def _on_record(row: Row, answers: Sequence[Answer]) -> OnRecord:
    key, recorded_at, held, is_taken_up = row
    return OnRecord(
        accession=accession_of(key),
        answers=tuple(answers),
        recorded_at=recorded_at,
        held=held,
        is_taken_up=is_taken_up,
    )
