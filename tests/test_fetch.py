"""fetch: which filings there are."""

from collections.abc import Iterable, Sequence
from datetime import date

import pandas as pd
import pytest

from blocks.edgar_feed import FeedPage
from blocks.edgar_index import DayIndex, IndexRow, UnreadableRow
from blocks.errors import EdgarNotFound, IndexUnreadable, ParameterError
from blocks.models import Filing, FoundBy, Party
from blocks.plan import DaysPlan, FeedPlan, ListPlan
from tasks.fetch import (
    Fetched,
    ciks_of,
    read_days,
    read_feed,
    read_list,
    restrict,
)

FRIDAY = date(2025, 12, 12)
FEED_8K = FeedPlan(forms=frozenset({"8-K"}), max_pages=51)


def filing(number: int, form: str = "8-K", cik: int = 1, role: str = "Filer") -> Filing:
    return Filing(
        accession=f"0001193125-25-{number:06d}",
        form=form,
        parties=(Party(cik=cik, name=f"Company {cik}", role=role),),
        found_by=FoundBy.FEED,
    )


class Feed:
    """A feed in pages of two entries that counts what is asked of it."""

    def __init__(self, *filings: Filing, unreadable: dict[int, str] | None = None) -> None:
        self.filings = filings
        self.unreadable = unreadable or {}
        self.asked: list[int] = []

    def page_at(self, start: int) -> FeedPage:
        self.asked.append(start)
        number = start // 100 * 2
        page = self.filings[number : number + 2]
        last = number + 2 >= len(self.filings)
        told = tuple(text for at, text in self.unreadable.items() if at == start)
        return FeedPage(filings=page, entries=len(page), is_last=last, unreadable=told)


def known(*filings: Filing) -> frozenset[str]:
    return frozenset(one.accession for one in filings)


class Known:
    def __init__(self, seen: frozenset[str]) -> None:
        self.seen = seen

    def __call__(self, accessions: Sequence[str]) -> frozenset[str]:
        return self.seen & set(accessions)


def test_a_new_store_reads_the_whole_feed() -> None:
    filings = [filing(n) for n in range(7)]
    feed = Feed(*filings)
    read = read_feed(FEED_8K, feed.page_at, Known(frozenset()))
    assert list(read.filings) == filings
    assert feed.asked == [0, 100, 200, 300]
    assert read.requests == 4
    assert read.notes == ()


def test_an_idle_poll_costs_one_request() -> None:
    filings = [filing(n) for n in range(7)]
    feed = Feed(*filings)
    read = read_feed(FEED_8K, feed.page_at, Known(known(*filings)))
    assert feed.asked == [0]
    assert read.requests == 1


def test_reading_goes_on_past_a_page_on_which_one_filing_is_new() -> None:
    filings = [filing(n) for n in range(7)]
    feed = Feed(*filings)
    read_feed(FEED_8K, feed.page_at, Known(known(filings[0], *filings[2:])))
    assert feed.asked == [0, 100]


def test_a_page_without_a_chosen_form_says_nothing_about_what_is_known() -> None:
    filings = [filing(0, "4"), filing(1, "4"), filing(2), filing(3), filing(4), filing(5)]
    feed = Feed(*filings)
    read = read_feed(FEED_8K, feed.page_at, Known(frozenset()))
    assert [one.form for one in read.filings] == ["8-K"] * 4
    assert feed.asked == [0, 100, 200]


def test_forms_match_exactly() -> None:
    feed = Feed(filing(0, "8-K/A"), filing(1, "8-K12B"), filing(2, "8-K"))
    read = read_feed(FEED_8K, feed.page_at, Known(frozenset()))
    assert [one.form for one in read.filings] == ["8-K"]


def test_entries_of_one_filing_on_two_pages_become_one_filing_with_all_parties() -> None:
    feed = Feed(filing(1), filing(2, cik=10), filing(2, cik=11, role="Subject"), filing(3))
    read = read_feed(FEED_8K, feed.page_at, Known(frozenset()))
    assert [len(one.parties) for one in read.filings] == [1, 2, 1]


def test_stopping_at_the_page_limit_is_said() -> None:
    feed = Feed(*(filing(n) for n in range(9)))
    plan = FEED_8K.model_copy(update={"max_pages": 2})
    read = read_feed(plan, feed.page_at, Known(frozenset()))
    assert len(read.filings) == 4
    assert "max_pages=2" in read.notes[0]


def test_a_page_with_an_unreadable_entry_is_noted_and_never_counts_as_known() -> None:
    filings = [filing(n) for n in range(7)]
    feed = Feed(*filings, unreadable={0: "entry 3 of the page (urn:x): its title"})
    read = read_feed(FEED_8K, feed.page_at, Known(known(*filings)))
    assert feed.asked == [0, 100]
    assert "entry 3 of the page (urn:x)" in read.notes[0]
    assert list(read.filings) == filings[:4]


def test_a_filing_that_misses_an_unreadable_party_is_left_to_the_index_which_has_them_all() -> (
    None
):
    filings = [filing(n) for n in range(6)]
    told = f"entry 1 of the page (urn:accession-number={filings[1].accession}): its title"
    feed = Feed(*filings, unreadable={100: told})
    read = read_feed(FEED_8K, feed.page_at, Known(frozenset()))
    assert known(*read.filings) == known(filings[0], *filings[2:])


def test_a_note_on_many_unreadable_entries_stays_short() -> None:
    feed = Feed(filing(0), unreadable={})
    page = feed.page_at(0).model_copy(update={"unreadable": tuple(f"<{n}>" for n in range(100))})
    read = read_feed(FEED_8K, lambda _: page, Known(frozenset()))
    assert "(100)" in read.notes[0]
    assert "<9>" in read.notes[0]
    assert "<10>" not in read.notes[0]


def missing(day: date) -> DayIndex:
    raise EdgarNotFound(f"no index for {day}")


def spoilt(day: date) -> DayIndex:
    raise IndexUnreadable(f"no index but a web page for {day}")


TWO_DAYS = DaysPlan(forms=frozenset({"8-K"}), days=(date(2025, 12, 11), FRIDAY))


def test_a_day_without_an_index_is_noted_and_the_others_are_read() -> None:
    def indexes(day: date) -> DayIndex:
        return missing(day) if day == FRIDAY else DayIndex((filing(1), filing(2, "10-Q")), ())

    read = read_days(TWO_DAYS, indexes, frozenset())
    assert known(*read.filings) == known(filing(1))
    assert "2025-12-12" in read.notes[0]
    assert read.unread_days == ()


def test_a_day_whose_index_cannot_be_read_is_noted_and_the_others_are_read() -> None:
    def indexes(day: date) -> DayIndex:
        return spoilt(day) if day == FRIDAY else DayIndex((filing(1),), ())

    read = read_days(TWO_DAYS, indexes, frozenset())
    assert known(*read.filings) == known(filing(1))
    assert read.unread_days == (FRIDAY,)
    assert "no index but a web page for 2025-12-12" in read.notes[0]
    assert read == Fetched.model_validate(read.model_dump(mode="json"))


def test_a_run_that_could_read_no_index_fails_with_the_reason() -> None:
    def indexes(day: date) -> DayIndex:
        return spoilt(day) if day == FRIDAY else missing(day)

    for source in (spoilt, indexes):
        with pytest.raises(IndexUnreadable, match="a web page"):
            read_days(TWO_DAYS, source, frozenset())


def test_rows_of_an_index_that_cannot_be_read_are_named_with_their_day() -> None:
    def indexes(day: date) -> DayIndex:
        return DayIndex((filing(1),), ("line 7: 'garbage'",) if day == FRIDAY else ())

    read = read_days(TWO_DAYS, indexes, frozenset())
    (note,) = read.notes
    assert "2025-12-12" in note
    assert "line 7: 'garbage'" in note
    assert read.unread_days == ()


def test_a_run_none_of_whose_days_has_an_index_fails_and_says_when_one_is_made() -> None:
    plan = DaysPlan(forms=frozenset({"8-K"}), days=(FRIDAY,))
    with pytest.raises(EdgarNotFound, match=r"2025-12-12.*22:06 Eastern"):
        read_days(plan, missing, frozenset())


def test_an_index_can_be_restricted_to_ciks() -> None:
    filings = (filing(1, cik=5), filing(2, cik=6))
    assert restrict(filings, frozenset({6})) == filings[1:]
    assert restrict(filings, frozenset()) == filings


ROWS = {
    (2025, 1): [("0001193125-25-000001", 7, "8-K")],
    (2025, 4): [("0001193125-25-000002", 8, "8-K"), ("0001193125-25-000002", 9, "8-K")],
    (2026, 1): [("0001193125-25-000003", 9, "10-Q")],
}


class Quarters:
    def __init__(self, *unreadable: UnreadableRow) -> None:
        self.unreadable = unreadable
        self.asked: list[tuple[int, int]] = []

    def rows(self, year: int, quarter: int) -> Iterable[IndexRow | UnreadableRow]:
        self.asked.append((year, quarter))
        if (year, quarter) == (2025, 3):
            raise EdgarNotFound("no such quarter")
        for accession, cik, form in ROWS.get((year, quarter), []):
            yield IndexRow(accession, cik, f"Company {cik}", form, FRIDAY)
        if (year, quarter) == (2025, 4):
            yield from self.unreadable


def read_listed(
    *accessions: str, today: date, unreadable: tuple[UnreadableRow, ...] = ()
) -> tuple[list[Filing], tuple[str, ...], Quarters]:
    quarters = Quarters(*unreadable)
    plan = ListPlan(accessions=accessions)
    read = read_list(plan, quarters.rows, frozenset(), today)
    return list(read.filings), read.notes, quarters


def test_a_listed_filing_is_found_with_all_its_parties_in_the_quarterly_indexes() -> None:
    found, notes, quarters = read_listed("0001193125-25-000002", today=date(2026, 6, 1))
    assert [party.cik for party in found[0].parties] == [8, 9]
    assert found[0].found_by is FoundBy.LIST
    assert notes == ()
    assert quarters.asked == [(2025, 1), (2025, 2), (2025, 3), (2025, 4)]


def test_a_number_given_out_late_in_a_year_is_found_in_the_next_years_first_quarter() -> None:
    found, _, quarters = read_listed("0001193125-25-000003", today=date(2026, 6, 1))
    assert [one.form for one in found] == ["10-Q"]
    assert quarters.asked[-1] == (2026, 1)


def test_a_listed_number_that_no_index_knows_is_named() -> None:
    found, notes, _ = read_listed("0001193125-25-000009", today=FRIDAY)
    assert found == []
    assert "0001193125-25-000009" in notes[0]


def test_an_unreadable_row_of_a_listed_filing_is_named() -> None:
    row = UnreadableRow(9, f"9|{'A long name ' * 20}|edgar/data/9/0001193125-25-000002.txt|")
    found, notes, _ = read_listed("0001193125-25-000002", today=FRIDAY, unreadable=(row,))
    assert len(found) == 1
    assert "2025 Q4 line 9" in notes[0]


def test_an_unreadable_row_matters_to_a_list_only_where_a_number_is_not_found() -> None:
    row = UnreadableRow(9, "garbage")
    _, notes, _ = read_listed("0001193125-25-000002", today=FRIDAY, unreadable=(row,))
    assert notes == ()
    _, notes, _ = read_listed("0001193125-25-000009", today=FRIDAY, unreadable=(row, row))
    assert "0001193125-25-000009" in notes[0]
    assert "rows of the quarterly indexes, left out (2)" in notes[1]


@pytest.mark.parametrize("asked", ["BRK-B", "BRK/B", "BRK.B", "CTA^B"])
def test_tickers_are_found_however_the_market_writes_them(asked: str) -> None:
    table = pd.DataFrame({"cik": [1, 1, 2, 2], "ticker": ["AA", "AA-P", "BRK-B", "CTA-PB"]})
    assert ciks_of(frozenset({"AA", asked}), table) == {1, 2}
    assert ciks_of(frozenset({asked}), table) == {2}


def test_a_ticker_that_sec_does_not_list_is_refused_as_it_was_written() -> None:
    table = pd.DataFrame({"cik": [2], "ticker": ["BRK-B"]})
    with pytest.raises(ParameterError, match=r"has no BRK/C, BRKB;"):
        ciks_of(frozenset({"BRK/C", "BRKB", "BRK.B"}), table)
