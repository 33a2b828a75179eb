"""One run of the flow: what it works with, and what it has met so far."""

from dataclasses import dataclass, field
from datetime import date
from typing import Final

from blocks.certificate import Certificate
from blocks.errors import (
    BudgetReached,
    EdgarBlocked,
    EdgarNotFound,
    IndexUnreadable,
    SecFilingsError,
)
from blocks.models import Decision
from blocks.settings import Settings
from flows.announcer import Announcer
from flows.enrichment import Enrichment
from flows.progress import Progress
from flows.rooms import Rooms
from tasks.fetched import Fetched
from tasks.housekeeping import Pruned
from tasks.leases import Leases
from tasks.price_filter import PriceRule

WAITING_FOR_SEC: Final = "WaitingForSEC"  # as Prefect's own state names are written


@dataclass
class Run:
    """What the units of a run share: a poll of the feed, a day of a backfill, a list.

    ``id`` is the flow run's and owns the claims. Of days: ``days_read`` are those
    whose index was read, ``certificates`` the words on them, ``cut_short`` those
    in which the run was stopped; ``unread`` have an index that is none, and
    ``no_index`` have none (yet); ``days_left`` are left undone. ``ended_by`` is
    what kept the run from going on to its next unit. ``decided`` is what the price
    filter said of filings when they were asked about in batches: it holds for the run,
    though prices move while the batches are waited for. ``pruned`` is what its
    housekeeping removed.
    """

    id: str
    rooms: Rooms
    settings: Settings
    rule: PriceRule
    enrichment: Enrichment
    progress: Progress
    announcer: Announcer
    notes: list[str] = field(default_factory=list)
    days_read: list[date] = field(default_factory=list)
    certificates: list[Certificate] = field(default_factory=list)
    cut_short: set[date] = field(default_factory=set)
    unread: dict[date, IndexUnreadable] = field(default_factory=dict)
    no_index: dict[date, EdgarNotFound] = field(default_factory=dict)
    days_left: tuple[date, ...] = ()
    ended_by: SecFilingsError | None = None
    decided: dict[str, Decision] = field(default_factory=dict)
    pruned: Pruned = field(default_factory=Pruned)

    def met(self, fetched: Fetched) -> None:
        """Take note of what a fetch found."""
        self.notes += [note for note in fetched.notes if note not in self.notes]
        self.progress.met |= {filing.accession for filing in fetched.filings}

    @property
    def leases(self) -> Leases:
        """The run's claims."""
        return self.enrichment.bench.leases

    @property
    def open_certificates(self) -> tuple[Certificate, ...]:
        """Of days that are not complete, but for those the run was stopped in."""
        return tuple(
            one for one in self.certificates if not one.closed and one.day not in self.cut_short
        )

    @property
    def stopped_by(self) -> SecFilingsError | None:
        """Why the run does no more, if it was stopped: by its brake, or between two units."""
        return self.enrichment.bench.brake.reason or self.ended_by

    @property
    def stop_name(self) -> str | None:
        """What a state is called that ends by a stop no person must look into; None: by no such.

        SEC asks to be left alone, or the run's own budget is used up.
        """
        if self.waits_for_sec is not None:
            return WAITING_FOR_SEC
        return "BudgetReached" if isinstance(self.stopped_by, BudgetReached) else None

    @property
    def waits_for_sec(self) -> EdgarBlocked | None:
        """SEC's wish to be left alone, if that is what stopped the run."""
        reason = self.stopped_by
        return reason if isinstance(reason, EdgarBlocked) else None
