"""The feed as a list of entries, and each way in which its pages misbehave. No HTTP here."""

from collections import Counter
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocks.edgar_feed import read_entries, read_page
from blocks.models import Filing
from sandbox.dissemination import EASTERN
from sandbox.edgar_feed import render_feed
from sandbox.market_week import generated_week
from sandbox.paging import (
    END_OF_FEED,
    Entry,
    Feed,
    PlainEntry,
    Quirks,
    plain,
    with_late_arrivals,
)

WEEK = generated_week(4, date(2025, 12, 8), business_days=3)
NOON = datetime(2025, 12, 10, 12, tzinfo=EASTERN)
MINUTE = timedelta(minutes=1)
PATIENTLY = settings(deadline=None)  # a busy machine is no failure

moments = st.integers(0, 3 * 24 * 60).map(lambda minutes: NOON - minutes * MINUTE)
quirks = st.builds(
    Quirks,
    seed=st.integers(0, 1000),
    repeated_share=st.sampled_from([0.0, 0.1, 1.0]),
    shuffled=st.booleans(),
    stale_share=st.sampled_from([0.0, 0.5, 1.0]),
    malformed=st.frozensets(st.sampled_from(sorted(WEEK.by_accession)), max_size=3),
)


def paged(feed: Feed, count: int = 100) -> list[Entry]:
    """All pages, each asked for at the moment of the feed."""
    starts = range(0, len(feed.entries) + 1, count)
    return [entry for start in starts for entry in feed.page(start, count)]


@PATIENTLY
@given(now=moments, count=st.integers(7, 100))
def test_pages_of_a_sound_feed_laid_end_to_end_are_the_feed(now: datetime, count: int) -> None:
    feed = Feed(WEEK.filings, now)
    assert paged(feed, count) == feed.entries
    assert {entry.filing.accession for entry in feed.entries} == {
        filing.accession for filing in WEEK.filings if filing.disseminated_at <= now
    }


@PATIENTLY
@given(now=moments, wrong=quirks, start=st.integers(0, 300))
def test_the_same_request_at_the_same_moment_has_the_same_answer(
    now: datetime, wrong: Quirks, start: int
) -> None:
    first, second = (Feed(WEEK.filings, now, wrong).page(start) for _ in range(2))
    assert first == second


@PATIENTLY
@given(now=moments, wrong=quirks, start=st.integers(0, 300))
def test_entries_are_read_off_a_rendered_page_as_they_are_told_in_plain(
    now: datetime, wrong: Quirks, start: int
) -> None:
    page = Feed(WEEK.filings, now, wrong).page(start, 15)
    sound = [entry for entry in page if not entry.malformed]
    if not sound:
        return  # a page with no readable entry is refused as a whole
    read = read_entries(render_feed(page, now))
    assert list(map(as_plain, read.filings)) == plain(sound)
    assert len(read.unreadable) == len(page) - len(sound)


def as_plain(filing: Filing) -> PlainEntry:
    (party,) = filing.parties
    assert filing.accepted_at is not None
    assert filing.filed_on is not None
    return PlainEntry(
        filing.accession,
        filing.form,
        party.cik,
        party.name,
        party.role,
        filing.accepted_at,
        filing.filed_on,
        malformed=False,
    )


def test_a_feed_holds_5100_entries_and_no_page_has_more_than_a_hundred() -> None:
    crowded = [replace(filing, parties=filing.parties * 30) for filing in WEEK.filings]
    feed = Feed(crowded, NOON)
    assert len(feed.entries) == END_OF_FEED
    assert len(feed.page(0, 500)) == 100
    assert len(feed.page(5_050)) == 50


def test_filings_that_arrive_between_two_requests_push_entries_onto_the_next_page() -> None:
    feed = Feed(WEEK.filings, NOON)
    later = feed.later(timedelta(hours=1))
    arrived = len(later.entries) - len(feed.entries)
    assert 0 < arrived < 40
    assert later.page(40, 40)[:arrived] == feed.page(0, 40)[-arrived:]


@pytest.mark.parametrize("hours", range(1, 4))
def test_later_is_that_much_later_even_while_the_clocks_change(hours: int) -> None:
    midnight = datetime(2025, 11, 2, 0, tzinfo=EASTERN)
    passed = Feed((), midnight).later(timedelta(hours=hours)).now
    assert passed.timestamp() - midnight.timestamp() == hours * 3600


@PATIENTLY
@given(now=moments, seed=st.integers(0, 100), start=st.integers(0, 300))
def test_a_shuffled_page_holds_the_same_entries_in_another_order(
    now: datetime, seed: int, start: int
) -> None:
    sound = Feed(WEEK.filings, now)
    shuffled = Feed(WEEK.filings, now, Quirks(seed, shuffled=True))
    assert Counter(plain(shuffled.page(start))) == Counter(plain(sound.page(start)))


def test_shuffling_changes_the_order() -> None:
    assert Feed(WEEK.filings, NOON, Quirks(shuffled=True)).page(0) != (
        Feed(WEEK.filings, NOON).page(0)
    )


@pytest.mark.parametrize(
    ("share", "least", "most"), [(0.0, 0.0, 0.0), (0.2, 0.1, 0.3), (1.0, 1.0, 1.0)]
)
def test_repeated_entries_stand_twice_one_behind_the_other(
    share: float, least: float, most: float
) -> None:
    sound = Feed(WEEK.filings, NOON).entries
    repeating = Feed(WEEK.filings, NOON, Quirks(repeated_share=share)).entries
    assert least <= len(repeating) / len(sound) - 1 <= most
    twice = {n for n in range(1, len(repeating)) if repeating[n] == repeating[n - 1]}
    assert [entry for n, entry in enumerate(repeating) if n not in twice] == sound


def test_which_entries_are_repeated_does_not_change_with_time() -> None:
    def repeated(feed: Feed) -> set[PlainEntry]:
        return {entry for entry, times in Counter(plain(feed.entries)).items() if times > 1}

    feed = Feed(WEEK.filings, NOON, Quirks(repeated_share=0.2))
    assert repeated(feed) < repeated(feed.later(timedelta(hours=10)))


@PATIENTLY
@given(now=moments, seed=st.integers(0, 100), start=st.integers(0, 300))
def test_a_stale_page_is_the_page_of_an_earlier_moment(
    now: datetime, seed: int, start: int
) -> None:
    feed = Feed(WEEK.filings, now, Quirks(seed, stale_share=0.5, stale_by=timedelta(hours=1)))
    moment = feed.moment_of(start)
    assert moment in {now, now - timedelta(hours=1)}
    assert feed.page(start) == Feed(WEEK.filings, moment).page(start)


def test_a_stale_page_behind_a_fresh_one_skips_entries_at_the_border() -> None:
    def missed(seed: int) -> list[PlainEntry]:
        stale = Quirks(seed, stale_share=0.5, stale_by=timedelta(hours=1))
        read = plain(paged(Feed(WEEK.filings, NOON, stale), 20))
        newest = max(entry.accepted_at for entry in read)
        held = plain(Feed(WEEK.filings, NOON).entries)
        return [entry for entry in held if entry not in read and entry.accepted_at < newest]

    assert any(missed(seed) for seed in range(10))


def test_a_late_filing_appears_after_its_time_at_the_place_of_its_acceptance() -> None:
    late = replace(WEEK.filings[0], late_by=10 * MINUTE)
    newer = replace(WEEK.filings[1], accepted_at=late.accepted_at + MINUTE)
    due = late.accepted_at + timedelta(seconds=30)

    def shown(now: datetime) -> list[str]:
        entries = Feed((late, newer), now).entries
        return list(dict.fromkeys(entry.filing.accession for entry in entries))

    assert shown(due + 10 * MINUTE - timedelta(seconds=1)) == [newer.accession]
    assert shown(due + 10 * MINUTE) == [newer.accession, late.accession]


def test_late_arrivals_are_about_as_many_as_asked_for_and_at_most_ten_minutes_late() -> None:
    filings = with_late_arrivals(WEEK.filings, 1, 0.3)
    late = [filing.late_by for filing in filings if filing.late_by]
    assert 0.2 < len(late) / len(filings) < 0.4
    assert timedelta(minutes=5) < max(late) <= timedelta(minutes=10)
    assert with_late_arrivals(WEEK.filings, 1, 0) == WEEK.filings
    assert with_late_arrivals(WEEK.filings, 1, 0.3) == filings


def test_a_malformed_entry_is_unreadable_and_takes_no_other_with_it() -> None:
    filing = next(filing for filing in reversed(WEEK.filings) if len(filing.parties) > 1)
    feed = Feed(
        WEEK.filings, NOON + timedelta(days=1), Quirks(malformed=frozenset({filing.accession}))
    )
    start = next(n for n, entry in enumerate(feed.entries) if entry.malformed) - 3
    page = read_page(render_feed(feed.page(start, 10), NOON), start, 10)
    (unreadable,) = page.unreadable
    assert filing.accession in unreadable
    assert page.entries == 10
    assert filing.parties[1:] == next(
        found.parties for found in page.filings if found.accession == filing.accession
    )
