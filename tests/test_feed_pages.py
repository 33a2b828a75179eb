"""A poll reads the stand-in's own pages, as XML, in all the disorder it can produce."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta

from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from blocks.business_days import eastern
from blocks.edgar_feed import FeedPage, read_page
from blocks.forms import DEFAULT_FORMS, expand_forms
from blocks.plan import FeedPlan
from blocks.store_values import FeedMark
from sandbox.edgar_feed import render_feed
from sandbox.market import DayFiling
from sandbox.market_week import generated_week
from sandbox.paging import Feed, Quirks, with_late_arrivals
from tasks.feed import mark_after, reach_of, read_feed

FORMS = expand_forms(DEFAULT_FORMS)
PLAN = FeedPlan(forms=FORMS, max_pages=60)
WEEK = generated_week(5, date(2025, 12, 11), 2, 240, noise=0.3)
THURSDAY, FRIDAY = WEEK.days
LATE_BY = timedelta(minutes=8)
POLLED = (
    *(eastern(THURSDAY, time(16)) + timedelta(minutes=n) for n in range(0, 25, 2)),
    *(eastern(FRIDAY, hour) for hour in (time(6), time(7), time(8), time(9), time(10))),
    *(eastern(FRIDAY, time(16)) + timedelta(minutes=n) for n in range(0, 25, 2)),
)


class Reader:
    """Polls one after the other, and what is known and marked between them."""

    def __init__(self, filings: Sequence[DayFiling], quirks: Quirks, page_tick: timedelta) -> None:
        self.filings, self.quirks, self.page_tick = filings, quirks, page_tick
        self.claimed: Counter[str] = Counter()
        self.mark: FeedMark | None = None
        self.now = POLLED[0]

    def poll(self, now: datetime) -> None:
        self.now = now
        found = read_feed(
            PLAN, self._page_at, self._known, lambda clock: reach_of(clock, self.mark)
        )
        self.mark = mark_after(found, "stand-in", self.mark) or self.mark
        read = [one.accession for one in found.filings]
        assert len(read) == len(set(read))
        self.claimed.update(set(read) - self.claimed.keys())

    def _page_at(self, start: int) -> FeedPage:
        self.now += self.page_tick
        feed = Feed(self.filings, self.now, self.quirks)
        return read_page(render_feed(feed.page(start), feed.moment_of(start)), start, 100)

    def _known(self, accessions: Sequence[str]) -> frozenset[str]:
        return frozenset(self.claimed.keys() & set(accessions))


@examples(3, in_soak=60)
@given(
    seed=st.integers(0, 10**6),
    page_tick_s=st.integers(0, 30),
    late_share=st.floats(0, 0.5),
    stale_share=st.floats(0, 0.5),
    repeated_share=st.floats(0, 0.3),
    shuffled=st.booleans(),
)
def test_shifts_repeats_disorder_old_copies_and_late_arrivals_lose_nothing_and_double_nothing(  # noqa: PLR0913, PLR0917 - one example
    seed: int,
    page_tick_s: int,
    late_share: float,
    stale_share: float,
    repeated_share: float,
    shuffled: bool,  # noqa: FBT001 - hypothesis names it
) -> None:
    filings = with_late_arrivals(WEEK.filings, seed, late_share, LATE_BY)
    quirks = Quirks(
        seed=seed,
        repeated_share=repeated_share,
        shuffled=shuffled,
        stale_share=stale_share,
        stale_by=timedelta(seconds=60),
    )
    reader = Reader(filings, quirks, timedelta(seconds=page_tick_s))
    for moment in POLLED:
        reader.poll(moment)
    told = POLLED[-1] - quirks.stale_by
    shown = {one.accession for one in filings if one.disseminated_at <= told}
    chosen = {one.accession for one in filings if one.form in FORMS}
    assert set(reader.claimed) >= shown & chosen
    assert set(reader.claimed) <= chosen
    assert set(reader.claimed.values()) == {1}


def test_the_filings_of_a_malformed_entry_are_left_to_the_index_and_said() -> None:
    victim = next(one for one in WEEK.filings if one.form in FORMS)
    quirks = replace(Quirks(), malformed=frozenset({victim.accession}))
    reader = Reader(WEEK.filings, quirks, timedelta(0))
    reader.poll(eastern(THURSDAY, time(21)))
    assert victim.accession not in reader.claimed
    assert len(reader.claimed) > 50
