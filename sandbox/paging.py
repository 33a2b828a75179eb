"""The current-filings feed as a list of entries at a moment, and how its pages misbehave. Pure.

The feed lists newest acceptance first, one entry per party, and holds 5,100
entries. What was seen or is to be feared of it can be switched on one by one
(:class:`Quirks`), left to chance by a seed; the same request at the same moment
always has the same answer. Filings that arrive between two requests, and late
ones (``DayFiling.late_by``), need no switch: ask a later :class:`Feed`.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import NamedTuple

from blocks.models import Party
from sandbox.market import DayFiling

LONGEST_PAGE = 100
END_OF_FEED = 5_100


class Entry(NamedTuple):
    """One party of one filing; a ``malformed`` one is shown without CIK and role."""

    filing: DayFiling
    party: Party
    malformed: bool = False


class PlainEntry(NamedTuple):
    """What an entry tells, as hashable values; ``accepted_at`` is UTC."""

    accession: str
    form: str
    cik: int
    name: str
    role: str
    accepted_at: datetime
    filed_on: date
    malformed: bool


@dataclass(frozen=True)
class Quirks:
    """What is wrong with the feed; nothing, unless said.

    Attributes:
        seed: Starts the chance behind the shares and the shuffling.
        repeated_share: Share of the entries that stand twice, one behind the other.
        shuffled: Entries stand in any order within their page.
        stale_share: Share of the pages that come as they were ``stale_by`` ago,
            as from an edge cache; their neighbours may be newer.
        stale_by: How old such pages are.
        malformed: Accession numbers whose first entry is malformed.
    """

    seed: int = 0
    repeated_share: float = 0.0
    shuffled: bool = False
    stale_share: float = 0.0
    stale_by: timedelta = timedelta(seconds=90)
    malformed: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Feed:
    """The feed of these filings at ``now`` (aware); ``form_prefix`` is its ``type=``."""

    filings: Sequence[DayFiling]
    now: datetime
    quirks: Quirks = Quirks()
    form_prefix: str = ""

    def later(self, by: timedelta) -> "Feed":
        """The same feed that much later."""
        return replace(self, now=self.now.astimezone(UTC) + by)

    def moment_of(self, start: int) -> datetime:
        """Of when the page at ``start`` is: now, or earlier where it is stale."""
        now, quirks = self.now.astimezone(UTC), self.quirks
        is_stale = self._dice("stale", start, now).random() < quirks.stale_share
        return now - quirks.stale_by if is_stale else now

    def page(self, start: int, count: int = LONGEST_PAGE) -> list[Entry]:
        """The page of at most ``count`` entries, and at most 100, from entry ``start`` on."""
        snapshot = replace(self, now=self.moment_of(start))
        page = snapshot.entries[start : start + min(count, LONGEST_PAGE)]
        if self.quirks.shuffled:
            self._dice("order", start, snapshot.now).shuffle(page)
        return page

    @cached_property
    def entries(self) -> list[Entry]:
        """All the feed holds now, as one would read it if no page were stale or shuffled."""
        shown = (
            filing
            for filing in self.filings
            if filing.disseminated_at <= self.now and filing.form.startswith(self.form_prefix)
        )
        newest_first = sorted(shown, key=lambda filing: filing.accepted_at, reverse=True)
        listed = [entry for filing in newest_first for entry in self._entries_of(filing)]
        return listed[:END_OF_FEED]

    def _entries_of(self, filing: DayFiling) -> Iterator[Entry]:
        for number, party in enumerate(filing.parties):
            malformed = number == 0 and filing.accession in self.quirks.malformed
            entry = Entry(filing, party, malformed)
            chance = self.quirks.repeated_share
            yield entry
            # the chance first: dice are slow, and the feed is long
            if chance and self._dice(filing.accession, number).random() < chance:
                yield entry

    def _dice(self, *about: object) -> random.Random:
        return _dice(self.quirks.seed, *about)


def with_late_arrivals(
    filings: Iterable[DayFiling],
    seed: int,
    share: float,
    latest: timedelta = timedelta(minutes=10),
) -> tuple[DayFiling, ...]:
    """The filings, about that share of them appearing up to ``latest`` after their time."""
    dice = _dice(seed)
    return tuple(
        replace(filing, late_by=latest * dice.random()) if dice.random() < share else filing
        for filing in filings
    )


def plain(entries: Iterable[Entry]) -> list[PlainEntry]:
    """What the entries tell: the yardstick for what a reader made of them."""
    return [
        PlainEntry(
            accession=filing.accession,
            form=filing.form,
            cik=party.cik,
            name=party.name,
            role=party.role,
            accepted_at=filing.accepted_at,
            filed_on=filing.filed_on,
            malformed=malformed,
        )
        for filing, party, malformed in entries
    ]


def _dice(*seed: object) -> random.Random:
    return random.Random(repr(seed))  # noqa: S311  (a reproducible fiction, not a secret)
