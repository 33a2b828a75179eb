"""fetch: which filings there are."""

from collections.abc import Iterable, Sequence
from datetime import date

import pandas as pd
import pytest

from blocks.edgar_feed import FeedPage
from blocks.edgar_index import IndexRow
from blocks.errors import EdgarNotFound, ParameterError
from blocks.models import Filing, FoundBy, Party
from blocks.plan import DaysPlan, FeedPlan, ListPlan
from tasks.fetch import ciks_of, quarters_to_search, read_days, read_feed, read_list, restrict

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

    def __init__(self, *filings: Filing) -> None:
        self.filings = filings
        self.asked: list[int] = []

    def page_at(self, start: int) -> FeedPage:
        self.asked.append(start)
        number = start // 100 * 2
        page = self.filings[number : number + 2]
        last = number + 2 >= len(self.filings)
        return FeedPage(filings=page, entries=len(page), is_last=last)


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


def missing(day: date) -> Sequence[Filing]:
    raise EdgarNotFound(f"no index for {day}")


def test_a_day_without_an_index_is_noted_and_the_others_are_read() -> None:
    def indexes(day: date) -> Sequence[Filing]:
        return missing(day) if day == FRIDAY else [filing(1), filing(2, "10-Q")]

    plan = DaysPlan(forms=frozenset({"8-K"}), days=(date(2025, 12, 11), FRIDAY))
    read = read_days(plan, indexes, frozenset())
    assert known(*read.filings) == known(filing(1))
    assert "2025-12-12" in read.notes[0]


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
    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []

    def rows(self, year: int, quarter: int) -> Iterable[IndexRow]:
        self.asked.append((year, quarter))
        if (year, quarter) == (2025, 3):
            raise EdgarNotFound("no such quarter")
        for accession, cik, form in ROWS.get((year, quarter), []):
            yield IndexRow(accession, cik, f"Company {cik}", form, FRIDAY)


def read_listed(*accessions: str, today: date) -> tuple[list[Filing], tuple[str, ...], Quarters]:
    quarters = Quarters()
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


def test_no_quarter_of_the_future_is_asked_for() -> None:
    asked = quarters_to_search(["0001193125-25-000001"], date(2025, 5, 5))
    assert asked == ((2025, 1), (2025, 2))


def test_accession_years_reach_back_to_1993() -> None:
    asked = quarters_to_search(["0000320193-94-000001"], FRIDAY)
    assert asked == ((1994, 1), (1994, 2), (1994, 3), (1994, 4), (1995, 1))


def test_tickers_are_looked_up_as_sec_writes_them() -> None:
    table = pd.DataFrame({"cik": [1, 1, 2], "ticker": ["AA", "AA-P", "BRK-B"], "name": "x"})
    assert ciks_of(frozenset({"AA", "BRK-B"}), table) == {1, 2}
    with pytest.raises(ParameterError, match="BRK/B"):
        ciks_of(frozenset({"BRK/B"}), table)
