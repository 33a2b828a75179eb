"""The store of seen filings: who works on what, and how every filing ended."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, timedelta
from pathlib import Path
from typing import Self

import pandas as pd
from prefect.blocks.core import Block
from prefect_sqlalchemy import ConnectionComponents, SqlAlchemyConnector
from pydantic import Field, PrivateAttr
from sqlalchemy.engine import URL, make_url

import blocks.store_days as days
import blocks.store_ledger as ledger
import blocks.store_pruning as pruning
import blocks.store_sql as sql
from blocks.certificate import Certificate, Issued
from blocks.errors import ConfigurationError, ParameterError
from blocks.models import Answer, Failure, Filing, Outcome, accession_key, utc_now
from blocks.store_copy import copy_store
from blocks.store_duckdb import DuckDbWindow
from blocks.store_health import StoreHealth
from blocks.store_memory import SeenMemory
from blocks.store_outbox import Outbox
from blocks.store_spending import SpendingLedger
from blocks.store_values import (
    AnswerCosts,
    Claim,
    FeedMark,
    Lookup,
    Parked,
    Recorded,
    Standing,
)
from blocks.store_windows import Transaction, Window, window_for

__all__ = ["Claim", "FeedMark", "Lookup", "Parked", "Recorded", "SeenStore", "Standing"]

DEFAULT_LRU_SIZE = 100_000


class SeenStore(Block):
    """Claims on filings, their outcomes, analyses and failures, on DuckDB or Postgres.

    Every method is one short transaction with nothing slow inside, safe from
    any thread and from several processes at once; from async code call it
    through ``asyncio.to_thread``. A filing is seen only when its outcome is
    stored, and never becomes unseen. All methods raise ``StoreUnavailable``
    where the store cannot be opened, reached or written, and ``StoreTooNew``
    where a later version of this program wrote it; then nothing was written.
    """

    _block_type_name = "Seen Store"
    _block_type_slug = "seen-store"
    _description = "Which SEC filings have been seen, claimed and finished, and with what outcome."

    connector: SqlAlchemyConnector = Field(
        description="Address and credentials: duckdb:///PATH for a file on this machine, or "
        "postgresql+psycopg://USER:PASSWORD@HOST/DATABASE.",
        repr=False,  # an address given as one string shows its password
    )
    max_attempts: int = Field(
        3, ge=1, le=1000, description="After so many attempts a failing filing is parked."
    )
    lock_timeout_s: float = Field(
        30.0, gt=0, le=3600, description="How long to wait for another writer, in seconds."
    )

    _window: Window = PrivateAttr()
    _memory: SeenMemory | None = PrivateAttr()
    _ttl: timedelta | None = PrivateAttr(default=None)

    def block_initialization(self) -> None:
        """Prepare, without opening anything.

        Raises:
            ConfigurationError: the address is neither a DuckDB file nor Postgres.
        """
        self._window = window_for(
            _url(self.connector), self.connector.connect_args, lock_timeout_s=self.lock_timeout_s
        )
        self._memory = SeenMemory(DEFAULT_LRU_SIZE)

    def with_switches(self, *, lru_enabled: bool, lru_size: int, ttl: timedelta | None) -> Self:
        """This store with the operators' switches set, and an empty memory of its own.

        Args:
            lru_enabled: whether outcomes met before are answered from memory.
            lru_size: how many of them are remembered.
            ttl: how long an outcome counts as seen; None: for ever.

        Raises:
            ConfigurationError: ``lru_size`` or ``ttl`` is not positive.
        """
        if lru_size < 1:
            raise ConfigurationError(
                f"The store's memory cannot hold {lru_size} filings; give at least 1, or "
                "switch it off.",
                subject="lru_size",
            )
        if ttl is not None and ttl <= timedelta(0):
            raise ConfigurationError(
                f"Outcomes cannot count for {ttl}; give a positive time, or none for ever.",
                subject="ttl",
            )
        switched = self.model_copy()
        switched._memory = SeenMemory(lru_size) if lru_enabled else None  # noqa: SLF001 - its own copy
        switched._ttl = ttl  # noqa: SLF001 - its own copy
        return switched

    def lookup(self, accessions: Sequence[str]) -> Lookup:
        """Tell which accessions have an outcome, and which are backlog.

        Raises:
            ParameterError: one of them is not an accession number.
        """
        keys = ledger.keys_of(accessions)
        since = None if self._ttl is None else utc_now() - self._ttl
        known = set() if self._memory is None else self._memory.known(keys, since=since)
        rest = [key for key in keys if key not in known]
        if not rest:
            return Lookup(done=ledger.names_of(known))
        with self._transaction() as transaction:
            done, backlog = ledger.state(transaction, rest, self._ttl)
        self._remember(done)
        return Lookup(done=ledger.names_of(known | done.keys()), backlog=ledger.names_of(backlog))

    def feed_mark(self, feed: str) -> FeedMark | None:
        """How far a feed has been read, by its address and form types; None: never."""
        with self._transaction() as transaction:
            return ledger.feed_mark(transaction, feed)

    def claim(  # noqa: PLR0913 - one claim, each term named
        self,
        filings: Sequence[Filing],
        *,
        owner: str,
        lease_s: int,
        refresh: bool = False,
        backlog: bool = False,
        outdated_by: str | None = None,
        mark: FeedMark | None = None,
    ) -> Claim:
        """Lease to ``owner`` what nobody has finished or holds.

        A retry of the same owner gets its unfinished claims again, and they
        count as one attempt. ``granted`` follows ``filings``; the backlog comes
        after it, and may count more than ``max_attempts`` attempts where
        processes died on a filing.

        Args:
            filings: what was found; of equal accessions the first is taken.
            owner: the flow run's id.
            lease_s: seconds after which others may take what is not recorded.
            refresh: claim also what has an outcome, except one of this owner's.
            backlog: claim also what other runs left unfinished, whether or not it
                is among ``filings``: all that the feed showed, and of what indexes
                and lists named the filings that were begun.
            outdated_by: claim also what was enriched under another fingerprint than
                this one, if that is its latest outcome.
            mark: how far the feed was read to find them; it holds from this
                transaction on, in which all of them are claimed or have an outcome.
        """
        wanted = ledger.keyed(filings)
        if not wanted and not backlog and mark is None:
            return Claim()
        terms = ledger.Terms(owner, lease_s, refresh, self._ttl, backlog, outdated_by)
        with self._transaction(writes=True) as transaction:
            if mark is not None:
                ledger.set_feed_mark(transaction, mark)
            return ledger.claim(transaction, wanted, terms)

    def preview(
        self,
        filings: Sequence[Filing],
        *,
        owner: str,
        refresh: bool = False,
        backlog: bool = False,
        outdated_by: str | None = None,
    ) -> Claim:
        """What :meth:`claim` would grant ``owner`` now; nothing is leased and no mark moved."""
        terms = ledger.Terms(owner, 0, refresh, self._ttl, backlog, outdated_by)
        with self._transaction() as transaction:
            return ledger.preview(transaction, ledger.keyed(filings), terms)

    def renew(self, accessions: Sequence[str], *, owner: str, lease_s: int) -> frozenset[str]:
        """Let claims run ``lease_s`` seconds from now; returns those still this owner's."""
        with self._transaction(writes=True) as transaction:
            rows = transaction.rows(sql.RENEW, ledger.keys_of(accessions), owner, lease_s)
        return ledger.names_of(key for (key,) in rows)

    def release(self, accessions: Sequence[str], *, owner: str) -> None:
        """Hand back claims nothing was done with: free at once, the attempt not counted."""
        with self._transaction(writes=True) as transaction:
            transaction.rows(sql.RELEASE, ledger.keys_of(accessions), owner)

    def record(
        self, outcomes: Sequence[Outcome], failures: Sequence[Failure], *, owner: str
    ) -> Recorded:
        """Store how filings ended, all or nothing, as far as ``owner`` still holds them.

        A failure frees its filing for the next run; one that used up the last
        attempt is parked instead, with the error as the reason. A failure that
        does not count costs no attempt. An analysis that counts is replaced by
        another one only: a rejection, a parking or a failure lets it stand, and
        the attempts at it are counted from 1 again. Amendments are linked to what they amend,
        whichever of the two comes first. What is to be announced
        is noted in the same transaction. Repeating the call writes nothing twice.

        Raises:
            ParameterError: an accession is named twice.
        """
        ended = {accession_key(outcome.filing.accession): outcome for outcome in outcomes}
        failed = {accession_key(failure.filing.accession): failure for failure in failures}
        if len(ended | failed) < len(outcomes) + len(failures):
            raise ParameterError("A filing can end in one way only, and was named twice.")
        if not ended and not failed:
            return Recorded()
        with self._transaction(writes=True) as transaction:
            recorded, done = ledger.record(
                transaction,
                ended,
                failed,
                owner=owner,
                max_attempts=self.max_attempts,
                ttl=self._ttl,
            )
        self._remember(done)
        return recorded

    def outcomes(self, accessions: Sequence[str] | None = None) -> pd.DataFrame:
        """The latest outcome of each of these filings, or of all; oldest first.

        Columns: accession, form, filer, status, reason, verdict, ticker,
        price_usd, summary, sentiment, confidence, risk_level, model, cost_usd
        (of the answer, whoever paid it), from_cache, attempts, recorded_at
        (UTC), amends, superseded_by (accession numbers; of several amendments
        the newest). What does not apply is missing.
        """
        keys = None if accessions is None else ledger.keys_of(accessions)
        with self._transaction() as transaction:
            rows = transaction.rows(sql.OUTCOMES, keys)
        frame = pd.DataFrame(rows, columns=list(sql.OUTCOME_COLUMNS))
        numbers = ["price_usd", "sentiment", "confidence", "cost_usd"]
        frame[numbers] = frame[numbers].astype("float64")
        frame["recorded_at"] = pd.to_datetime(frame["recorded_at"], utc=True)
        return frame

    def answers(self, accessions: Sequence[str]) -> tuple[Answer, ...]:
        """Every answer ever stored for these filings, of all fingerprints, oldest first."""
        with self._transaction() as transaction:
            rows = transaction.rows(sql.ANSWERS, ledger.keys_of(accessions))
        return tuple(Answer.model_validate_json(answer) for (answer,) in rows)

    def answer_costs(self, model: str, fingerprint: str) -> tuple[AnswerCosts, ...]:
        """What the answers of a model have cost by form type, as far as that is known.

        An answer that cost nothing, being another filing's, is not counted.
        """
        with self._transaction() as transaction:
            rows = transaction.rows(sql.ANSWER_COSTS, model, fingerprint)
        fields = tuple(AnswerCosts.model_fields)
        return tuple(AnswerCosts(**dict(zip(fields, row, strict=True))) for row in rows)

    def parked(self) -> tuple[Parked, ...]:
        """The filings whose latest outcome is to be parked; a refresh takes them up again."""
        with self._transaction() as transaction:
            rows = transaction.rows(sql.PARKED)
        return tuple(_parked(*row) for row in rows)

    def standings(self, accessions: Sequence[str]) -> tuple[Standing, ...]:
        """How each of these filings stands now, as of one moment; in their order, once each.

        Whatever its age, an outcome stands; the memory is not asked.

        Raises:
            ParameterError: one of them is not an accession number.
        """
        with self._transaction() as transaction:
            return days.standings(transaction, ledger.keys_of(accessions))

    def keep_certificate(self, certificate: Certificate) -> None:
        """Add a certificate to the history; earlier ones of the day stay."""
        with self._transaction(writes=True) as transaction:
            days.keep_certificate(transaction, certificate)

    def certificates(self, day: date | None = None) -> tuple[Issued, ...]:
        """Every certificate ever kept, of this day or of all; oldest first."""
        with self._transaction() as transaction:
            return days.certificates(transaction, day)

    def prune(self, *, kept: timedelta) -> Mapping[str, int]:
        """Remove what has had its day; how many rows went, by kind.

        Of failures older than ``kept`` the latest of each filing stays. An outcome
        that no longer counts as seen, and is older than ``kept`` as well, loses its
        place among the seen: it is as if the filing had never been met, which is what
        it is treated as already. Where outcomes count for ever none does. Outcomes,
        analyses, certificates and payments are never removed.
        """
        with self._transaction(writes=True) as transaction:
            return pruning.prune(transaction, kept=kept, ttl=self._ttl)

    def make_copy(self) -> Path | None:
        """Copy the DuckDB file beside itself, in the place of the copy before; None: a server's.

        The copy has been read through. Raises as all methods do; then the one before stays.
        """
        return copy_store(self._window) if isinstance(self._window, DuckDbWindow) else None

    @property
    def outbox(self) -> Outbox:
        """What is recorded and not announced yet, in the same store."""
        return Outbox(self._window)

    @property
    def spending(self) -> SpendingLedger:
        """What calls of the model cost, in the same store and under the same discipline."""
        return SpendingLedger(self._window)

    @property
    def health(self) -> StoreHealth:
        """Whether the tables of this store agree, and what mends them."""
        return StoreHealth(self._window, self.max_attempts)

    @property
    def file(self) -> Path | None:
        """The DuckDB file behind it, whether or not it is there; None: a database server."""
        return self._window.path if isinstance(self._window, DuckDbWindow) else None

    def _transaction(self, *, writes: bool = False) -> AbstractContextManager[Transaction]:
        return ledger.opened(self._window, writes=writes)

    def _remember(self, done: ledger.DoneAt) -> None:
        """To be called after the commit: what is remembered cannot be rolled back."""
        if self._memory is not None:
            self._memory.remember(done)


def _url(connector: SqlAlchemyConnector) -> URL:
    # the connector keeps its own rendering private, and is never asked for its engine: a pooled
    # one would hold DuckDB's file lock between windows
    info = connector.connection_info
    return info.create_url() if isinstance(info, ConnectionComponents) else make_url(info)


def _parked(filing_json: str, attempts: int, reason: str) -> Parked:
    filing = Filing.model_validate_json(filing_json)
    return Parked(accession=filing.accession, filing=filing, attempts=attempts, last_error=reason)
