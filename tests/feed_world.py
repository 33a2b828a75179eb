"""A small EDGAR for the property tests of a poll: what its feed shows, and how badly.

``sandbox.paging`` does as much on the stand-in's own pages; this one is a hundred
times as fast, and so dense that a page is four minutes of an afternoon.
"""

import random
from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import islice

from blocks.business_days import EASTERN, business_days, eastern
from blocks.edgar_feed import FeedPage, merge
from blocks.models import Filing, FoundBy, Party

LAG = timedelta(seconds=75)
CHOSEN, OTHER = "8-K", "4"  # EDGAR holds the first overnight, and shows the second at once


@dataclass(frozen=True)
class Shown:
    """A filing, and from when on the feed shows it."""

    filing: Filing
    accepted_at: datetime
    shown_at: datetime


@dataclass
class World:
    """Filings over some business days, on a clock that every request moves.

    Args:
        seed: decides everything that is left to chance.
        days: the business days on which filings are accepted.
        filings_a_day: how many; half of them between 16:30 and 17:30, when EDGAR is busiest.
        late_by: how long after its acceptance one filing in thirty is shown; so few that no
            page shows a poll by the others that it has something to look for.
        stale_by: how old a copy of the feed a page comes from at most.
        tick: how much time a request takes.
        released_by: how long after 6:00 what was held overnight is shown at most.
        unruly: pages are shuffled, and some of their entries repeated.
    """

    seed: int
    days: tuple[date, ...]
    filings_a_day: int = 1400
    late_by: timedelta = timedelta(seconds=75)
    stale_by: timedelta = timedelta(0)
    tick: timedelta = timedelta(seconds=1)
    released_by: timedelta = timedelta(0)
    unruly: bool = False
    now: datetime = field(init=False)
    requests: int = 0

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)  # noqa: S311 - reproducible, not secret
        self.now = eastern(self.days[0], time(6))
        shown = [self._filed(day, n) for day in self.days for n in range(self.filings_a_day)]
        self.shown = sorted(shown, key=lambda one: one.accepted_at, reverse=True)
        self._ages = [
            -one.accepted_at.timestamp() for one in self.shown for _ in one.filing.parties
        ]
        self._entries = [
            (one.shown_at, one.filing.model_copy(update={"parties": (party,)}))
            for one in self.shown
            for party in one.filing.parties
        ]

    def _filed(self, day: date, number: int) -> Shown:
        hour = eastern(day, time(16, 30)) if number % 2 else eastern(day, time(6))
        accepted_at = hour + timedelta(hours=1 if number % 2 else 16) * self.dice.random()
        form = self.dice.choice([CHOSEN, *[OTHER] * 7])
        filing = Filing(
            accession=f"0001193125-{day:%y}-{day.day * 10_000 + number:06d}",
            form=form,
            parties=tuple(
                Party(cik=number * 10 + party + 1, name=f"Party {party}", role="Filer")
                for party in range(self.dice.choice([1, 2, 2, 3]))
            ),
            found_by=FoundBy.FEED,
            accepted_at=accepted_at,
        )
        return Shown(filing, accepted_at, self._shown_at(form, accepted_at))

    def _shown_at(self, form: str, accepted_at: datetime) -> datetime:
        if form == CHOSEN and accepted_at.astimezone(EASTERN).time() > time(17, 30):
            following = business_days(accepted_at.date(), accepted_at.date() + timedelta(days=9))
            day = next(one for one in following if one > accepted_at.astimezone(EASTERN).date())
            return eastern(day, time(6)) + self._some(self.released_by)
        return accepted_at + (self.late_by if self.dice.random() < 1 / 30 else self._some(LAG))

    def _some(self, most: timedelta) -> timedelta:
        return most * self.dice.random()

    def page_at(self, start: int) -> FeedPage:
        """Answer one request, from a copy of the feed that may be old, in any disorder."""
        self.requests += 1
        self.now += self.tick
        copied_at = self.now - self._some(self.stale_by)
        accepted = islice(self._entries, bisect_left(self._ages, -copied_at.timestamp()), None)
        there = (entry for shown_at, entry in accepted if shown_at <= copied_at)
        page = list(islice(there, start, start + 100))
        is_last = next(there, None) is None
        if self.unruly:
            page += self.dice.sample(page, min(len(page), 5))
            self.dice.shuffle(page)
        return FeedPage(
            filings=merge(page), entries=len(page), is_last=is_last, updated_at=copied_at
        )

    def chosen(self, shown_until: datetime) -> set[str]:
        """Accession numbers of all chosen filings that the feed has shown by then."""
        return {
            one.filing.accession
            for one in self.shown
            if one.filing.form == CHOSEN and one.shown_at <= shown_until
        }
