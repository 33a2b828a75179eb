"""A poll of the feed: how far back it reads, and that whatever EDGAR shows is found once."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

import pytest
from examples import examples
from feed_world import CHOSEN, World
from hypothesis import given
from hypothesis import strategies as st

from blocks.business_days import business_days, eastern
from blocks.edgar_feed import FeedPage
from blocks.models import Filing, FoundBy, Party
from blocks.plan import FeedPlan
from blocks.store_values import FeedMark
from tasks.feed import (
    LATE_BY,
    SWEEPS,
    FeedRead,
    Reach,
    mark_after,
    reach_of,
    reach_within_a_run,
    read_feed,
)

FEED = "https://sec.example 8-K"
FEED_8K = FeedPlan(forms=frozenset({CHOSEN}), max_pages=60)
THURSDAY, FRIDAY, MONDAY = date(2025, 12, 11), date(2025, 12, 12), date(2025, 12, 15)
NOON = eastern(FRIDAY, time(12))
TO_THE_END = Reach(back_to=None, is_sweep=True)
ONE_PAGE = Reach(back_to=NOON, is_sweep=False)


def filing(number: int, form: str = CHOSEN, *, cik: int = 1, minutes: int | None = None) -> Filing:
    """Filing ``number``; the higher its number, the earlier it was accepted before noon."""
    ago = timedelta(minutes=number if minutes is None else minutes)
    return Filing(
        accession=f"0001193125-25-{number:06d}",
        form=form,
        parties=(Party(cik=cik, name=f"Company {cik}", role="Filer"),),
        found_by=FoundBy.FEED,
        accepted_at=NOON - ago,
    )


class Feed:
    """A feed in pages of three entries, of which the next repeats one; counts what is asked."""

    def __init__(self, *filings: Filing, unreadable: dict[int, str] | None = None) -> None:
        self.filings = filings
        self.unreadable = unreadable or {}
        self.asked: list[int] = []

    def page_at(self, start: int) -> FeedPage:
        number = start // 95
        self.asked.append(number)
        page = self.filings[number * 2 : number * 2 + 3]
        told = (self.unreadable[number],) if number in self.unreadable else ()
        return FeedPage(
            filings=page,
            entries=len(page),
            is_last=number * 2 + 3 >= len(self.filings),
            unreadable=told,
            updated_at=NOON,
        )


def known(*filings: Filing) -> frozenset[str]:
    return frozenset(one.accession for one in filings)


class Known:
    def __init__(self, *filings: Filing) -> None:
        self.seen = known(*filings)

    def __call__(self, accessions: Sequence[str]) -> frozenset[str]:
        return self.seen & set(accessions)


def read(feed: Feed, knowing: Known, reach: Reach, plan: FeedPlan = FEED_8K) -> FeedRead:
    return read_feed(plan, feed.page_at, knowing, lambda _: reach)


class TestReading:
    """Where a poll stops, and what it gives."""

    def test_a_new_store_reads_the_whole_feed(self) -> None:
        filings = [filing(n) for n in range(7)]
        feed = Feed(*filings)
        found = read(feed, Known(), TO_THE_END)
        assert list(found.filings) == filings
        assert feed.asked == [0, 1, 2]
        assert (found.complete, found.is_sweep) == (True, True)
        assert found.notes == ()

    def test_an_idle_poll_costs_one_request(self) -> None:
        filings = [filing(n) for n in range(1, 8)]
        feed = Feed(*filings)
        found = read(feed, Known(*filings), ONE_PAGE)
        assert feed.asked == [0]
        assert found.complete

    def test_a_page_on_which_one_filing_is_new_is_not_the_last(self) -> None:
        filings = [filing(n) for n in range(1, 8)]
        feed = Feed(*filings)
        read(feed, Known(filings[0], *filings[2:]), ONE_PAGE)
        assert feed.asked == [0, 1]

    def test_a_known_page_within_reach_is_not_the_last(self) -> None:
        filings = [filing(n) for n in range(1, 8)]
        feed = Feed(*filings)
        back_to = Reach(back_to=NOON - timedelta(minutes=5), is_sweep=False)
        read(feed, Known(*filings), back_to)
        assert feed.asked == [0, 1, 2]

    def test_one_odd_old_entry_on_a_page_does_not_end_a_poll(self) -> None:
        odd = filing(9, minutes=600)
        filings = [filing(1), odd, filing(2), filing(3), filing(20), filing(21), filing(22)]
        feed = Feed(*filings)
        back_to = Reach(back_to=NOON - timedelta(minutes=10), is_sweep=False)
        read(feed, Known(*filings), back_to)
        assert feed.asked == [0, 1, 2]

    def test_a_page_without_a_chosen_form_is_known_once_it_is_old_enough(self) -> None:
        """A quiet evening: ownership forms only, and still one request a poll."""
        feed = Feed(filing(1, "4"), filing(2, "4"), filing(3, "4"), filing(4))
        read(feed, Known(), ONE_PAGE)
        assert feed.asked == [0]

    def test_forms_match_exactly(self) -> None:
        feed = Feed(filing(0, "8-K/A"), filing(1, "8-K12B"), filing(2, "8-K"))
        assert [one.form for one in read(feed, Known(), TO_THE_END).filings] == ["8-K"]

    def test_entries_of_one_filing_on_two_pages_become_one_filing_with_all_parties(self) -> None:
        feed = Feed(filing(0), filing(1), filing(2, cik=10), filing(2, cik=11), filing(3))
        found = read(feed, Known(), TO_THE_END)
        assert [len(one.parties) for one in found.filings] == [1, 1, 2, 1]

    def test_stopping_at_the_page_limit_is_said_and_marks_nothing(self) -> None:
        feed = Feed(*(filing(n) for n in range(9)))
        plan = FEED_8K.model_copy(update={"max_pages": 2})
        found = read(feed, Known(), TO_THE_END, plan)
        assert len(found.filings) == 5
        assert "max_pages=2" in found.notes[0]
        assert mark_after(found, FEED, None) is None

    def test_a_full_feed_that_ends_before_the_reach_is_said_and_marked(self) -> None:
        page = Feed(filing(1), filing(2)).page_at(0).model_copy(update={"entries": 100})
        back_to = Reach(back_to=NOON - timedelta(days=1), is_sweep=True)
        found = read_feed(FEED_8K, lambda _: page, Known(), lambda _: back_to)
        assert found.complete
        assert "2025-12-11 17:00 UTC" in found.notes[0]

    def test_a_page_that_ends_too_soon_marks_nothing(self) -> None:
        """EDGAR keeps 5,100 entries: a short page is a mistake, and the next poll reads as far."""
        back_to = Reach(back_to=NOON - timedelta(days=1), is_sweep=True)
        found = read(Feed(filing(1), filing(2)), Known(), back_to)
        assert len(found.filings) == 2
        assert mark_after(found, FEED, None) is None
        assert "the feed ends before" in found.notes[0]
        empty = read(Feed(), Known(), TO_THE_END)
        assert mark_after(empty, FEED, None) is None

    def test_a_clock_ahead_of_ours_is_not_believed(self) -> None:
        ahead = datetime(2099, 1, 1, tzinfo=UTC)
        page = Feed(filing(1)).page_at(0).model_copy(update={"updated_at": ahead})
        assert read_feed(FEED_8K, lambda _: page, Known(), lambda _: TO_THE_END).read_at < ahead
        assert reach_of(NOON, marked(ahead, swept_at=ahead)) == TO_THE_END

    def test_an_unreadable_entry_is_noted_and_costs_no_further_page(self) -> None:
        """It stays unreadable for as long as it is shown: every look would read on for it."""
        filings = [filing(n) for n in range(1, 8)]
        feed = Feed(*filings, unreadable={0: "entry urn:x: its title"})
        found = read(feed, Known(*filings), ONE_PAGE)
        assert feed.asked == [0]
        assert "entry urn:x: its title" in found.notes[0]

    def test_a_filing_that_misses_an_unreadable_party_is_left_to_the_index(self) -> None:
        filings = [filing(n) for n in range(6)]
        told = f"entry urn:accession-number={filings[1].accession}: its title"
        feed = Feed(*filings, unreadable={1: told})
        found = read(feed, Known(), TO_THE_END)
        assert known(*found.filings) == known(filings[0], *filings[2:])

    def test_a_note_on_many_unreadable_entries_stays_short(self) -> None:
        told = tuple(f"<{n}>" for n in range(100))
        page = Feed(filing(0)).page_at(0).model_copy(update={"unreadable": told})
        found = read_feed(FEED_8K, lambda _: page, Known(), lambda _: TO_THE_END)
        assert "(100)" in found.notes[0]
        assert "<9>" in found.notes[0]
        assert "<10>" not in found.notes[0]

    def test_where_a_page_comes_from_an_older_copy_of_the_feed_it_steps_back(self) -> None:
        filings = [filing(n) for n in range(20)]
        feed = Feed(*filings)
        too_far_down = [feed.page_at(0), feed.page_at(3 * 95)]
        feed.asked.clear()

        def page_at(start: int) -> FeedPage:
            return too_far_down.pop(0) if too_far_down else feed.page_at(start)

        found = read_feed(FEED_8K, page_at, Known(), lambda _: TO_THE_END)
        assert list(found.filings) == filings
        assert feed.asked[:3] == [0, 1, 2], "one step back, and on from there"


class TestReach:
    """How far back a poll must read, by EDGAR's clock."""

    def test_a_new_store_reads_to_the_end(self) -> None:
        assert reach_of(NOON, None) == TO_THE_END

    def test_an_ordinary_poll_reads_back_behind_the_last_one(self) -> None:
        mark = marked(NOON - timedelta(minutes=1), swept_at=eastern(FRIDAY, time(10, 1)))
        assert reach_of(NOON, mark) == Reach(back_to=mark.read_at - LATE_BY, is_sweep=False)
        assert reach_within_a_run(NOON) == Reach(
            back_to=NOON - timedelta(minutes=2), is_sweep=False
        )

    @pytest.mark.parametrize("due", SWEEPS)
    def test_the_first_poll_after_each_sweeps_hour_goes_back_to_the_evening_before(
        self, due: time
    ) -> None:
        now = eastern(FRIDAY, due)
        a_minute_ago = now - timedelta(minutes=1)
        swept = marked(a_minute_ago, swept_at=a_minute_ago)
        assert reach_of(now, swept) == Reach(
            back_to=eastern(THURSDAY, time(17, 30)), is_sweep=True
        )
        assert not reach_of(a_minute_ago, swept).is_sweep

    def test_after_the_weekend_it_goes_back_to_friday_evening(self) -> None:
        friday_noon = eastern(FRIDAY, time(12))
        now = eastern(MONDAY, time(6))
        mark = marked(now - timedelta(minutes=1), swept_at=friday_noon)
        assert reach_of(now, mark).back_to == eastern(FRIDAY, time(17, 30))

    def test_a_federal_holiday_is_no_business_day(self) -> None:
        thanksgiving, wednesday = date(2025, 11, 27), date(2025, 11, 26)
        swept_at = eastern(wednesday, time(10))
        at_noon = eastern(thanksgiving, time(12))
        assert not reach_of(at_noon, marked(at_noon, swept_at)).is_sweep
        friday = eastern(date(2025, 11, 28), time(6))
        assert reach_of(friday, marked(friday, swept_at)).back_to == eastern(
            wednesday, time(17, 30)
        )

    def test_daylight_saving_moves_the_evening_with_it(self) -> None:
        now = datetime(2025, 11, 3, 11, 0, tzinfo=UTC)  # Monday 6:00 EST; Friday was EDT
        mark = marked(now, swept_at=eastern(date(2025, 10, 31), time(10)))
        assert reach_of(now, mark).back_to == datetime(2025, 10, 31, 21, 30, tzinfo=UTC)

    def test_the_first_poll_after_an_outage_is_a_sweep_that_covers_it(self) -> None:
        tuesday = eastern(date(2025, 12, 9), time(14))
        mark = marked(tuesday, swept_at=eastern(date(2025, 12, 9), time(10)))
        reach = reach_of(NOON, mark)
        assert reach.is_sweep
        assert reach.back_to == tuesday - LATE_BY

    def test_an_outage_of_an_afternoon_makes_the_next_poll_a_sweep(self) -> None:
        before = eastern(FRIDAY, time(13))
        mark = marked(before, swept_at=eastern(FRIDAY, time(10)))
        assert reach_of(eastern(FRIDAY, time(13, 11)), mark) == Reach(
            back_to=eastern(THURSDAY, time(17, 30)), is_sweep=True
        )

    def test_a_sweep_too_early_in_the_morning_is_not_trusted_with_that_evening(self) -> None:
        early = eastern(FRIDAY, time(6, 1))
        reach = reach_of(NOON, marked(early, swept_at=early))
        assert reach.back_to == eastern(THURSDAY, time(17, 30))

    def test_a_mark_keeps_the_last_sweep_until_the_next(self) -> None:
        before = marked(NOON - timedelta(minutes=1), swept_at=eastern(FRIDAY, time(10)))
        ordinary = read(Feed(filing(1)), Known(), ONE_PAGE)
        sweep = read(Feed(filing(1)), Known(), TO_THE_END)
        assert mark_after(ordinary, FEED, before) == marked(NOON, swept_at=before.swept_at)
        assert mark_after(sweep, FEED, before) == marked(NOON, swept_at=NOON)


def marked(read_at: datetime, swept_at: datetime) -> FeedMark:
    return FeedMark(feed=FEED, read_at=read_at, swept_at=swept_at)


class Reader:
    """What a store and the runs on it do: remember what was read, and how far."""

    def __init__(self) -> None:
        self.claimed: Counter[str] = Counter()
        self.mark: FeedMark | None = None

    def run(self, world: World, looks: int, every: timedelta) -> None:
        """One run of several looks."""
        found = self._look(world, lambda now: reach_of(now, self.mark))
        self.mark = mark_after(found, FEED, self.mark) or self.mark
        for _ in range(looks - 1):
            world.now += every
            last = found.read_at
            found = self._look(world, lambda _, last=last: reach_within_a_run(last))

    def _look(self, world: World, reach_at: object) -> FeedRead:
        found = read_feed(FEED_8K, world.page_at, self._known, reach_at)  # type: ignore[arg-type]  # a lambda
        accessions = [one.accession for one in found.filings]
        assert len(accessions) == len(set(accessions)), "a read names each filing once"
        self.claimed.update(set(accessions) - self.claimed.keys())
        return found

    def _known(self, accessions: Sequence[str]) -> frozenset[str]:
        return frozenset(self.claimed.keys() & set(accessions))


DAYS = business_days(date(2025, 12, 10), FRIDAY)  # the feed holds more than a day
POLLED = (  # from, to, how far apart; between these there is an outage, or a night
    (eastern(THURSDAY, time(16, 10)), eastern(THURSDAY, time(16, 40)), timedelta(minutes=1)),
    (eastern(THURSDAY, time(17, 20)), eastern(THURSDAY, time(17, 50)), timedelta(minutes=1)),
    (eastern(FRIDAY, time(5, 58)), eastern(FRIDAY, time(10, 5)), timedelta(minutes=3)),
)


@examples(10, in_soak=200)
@given(
    seed=st.integers(0, 10**6),
    late_s=st.integers(0, 8 * 60),
    stale_s=st.integers(0, 90),
    tick_ms=st.integers(100, 9_000),
    released_min=st.integers(0, 200),
    unruly=st.booleans(),
    looks=st.integers(1, 3),
)
def test_whatever_the_feed_does_between_polls_and_pages_nothing_is_lost_and_nothing_comes_twice(  # noqa: PLR0913, PLR0917 - one example
    seed: int,
    late_s: int,
    stale_s: int,
    tick_ms: int,
    released_min: int,
    unruly: bool,  # noqa: FBT001 - hypothesis names it
    looks: int,
) -> None:
    """Paging shifts, old copies of pages, late arrivals, disorder, a held evening, an outage."""
    world = World(
        seed,
        DAYS,
        late_by=timedelta(seconds=late_s),
        stale_by=timedelta(seconds=stale_s),
        tick=timedelta(milliseconds=tick_ms),
        released_by=timedelta(minutes=released_min),
        unruly=unruly,
    )
    reader = Reader()
    for begins, ends, every in POLLED:
        world.now = begins
        while world.now < ends:
            due = world.now + every
            reader.run(world, looks, timedelta(seconds=9))
            world.now = max(world.now, due)
    assert set(reader.claimed) >= world.chosen(shown_until=ends - every - world.stale_by)
    assert set(reader.claimed.values()) == {1}


def test_in_a_quiet_hour_a_look_is_a_request() -> None:
    world = World(1, (THURSDAY,))
    reader = Reader()
    world.now = eastern(THURSDAY, time(20))
    reader.run(world, 1, timedelta(0))
    asked = world.requests
    for _ in range(10):
        world.now += timedelta(seconds=30)
        reader.run(world, 6, timedelta(seconds=9))
    assert world.requests - asked == 60
