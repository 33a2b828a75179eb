"""What indexes say there is: of a day, of a long range, of a list."""

from collections.abc import Iterable
from datetime import date

import pandas as pd
import pytest

from blocks.business_days import business_days
from blocks.edgar_index import DayIndex, IndexRow, UnreadableRow
from blocks.errors import EdgarNotFound, IndexUnreadable, ParameterError
from blocks.models import Filing, FoundBy, Party
from blocks.plan import DaysPlan, ListPlan
from tasks.fetched import Fetched, IndexedDay
from tasks.indexes import (
    ciks_of,
    long_quarters,
    read_day,
    read_list,
    read_quarter,
    restrict,
    split_rows,
)

THURSDAY, FRIDAY = date(2025, 12, 11), date(2025, 12, 12)
MONDAY, TUESDAY = date(2025, 12, 15), date(2025, 12, 16)


def filing(number: int, form: str = "8-K", cik: int = 1, role: str = "Filer") -> Filing:
    return Filing(
        accession=f"0001193125-25-{number:06d}",
        form=form,
        parties=(Party(cik=cik, name=f"Company {cik}", role=role),),
        found_by=FoundBy.FEED,
    )


def known(*filings: Filing) -> frozenset[str]:
    return frozenset(one.accession for one in filings)


PLAN = DaysPlan(forms=frozenset({"8-K"}), days=(FRIDAY,))


def test_a_day_gives_the_chosen_forms_and_says_what_its_certificate_must_account_for() -> None:
    index = DayIndex((filing(1), filing(2, "10-Q"), filing(3, cik=6)), ())
    read = read_day(PLAN, FRIDAY, index, frozenset())
    assert known(*read.filings) == known(filing(1), filing(3))
    assert read.index == IndexedDay(
        day=FRIDAY, accessions=(filing(1).accession, filing(3).accession), unreadable=()
    )
    assert read == Fetched.model_validate(read.model_dump(mode="json"))


def test_rows_of_an_index_that_cannot_be_read_are_named_with_their_day() -> None:
    read = read_day(PLAN, FRIDAY, DayIndex((filing(1),), ("line 7: 'garbage'",)), frozenset())
    (note,) = read.notes
    assert "2025-12-12" in note
    assert "line 7: 'garbage'" in note
    assert read.index is not None
    assert read.index.unreadable == ("line 7: 'garbage'",)


def test_a_long_range_reads_quarters_where_it_asks_for_a_month_of_them() -> None:
    days = business_days(date(2025, 6, 24), date(2025, 10, 3))
    assert long_quarters(days) == ((2025, 3),)
    assert long_quarters(business_days(date(2025, 7, 1), date(2025, 7, 25))) == ()


def row(number: int, day: date, form: str = "8-K", *, cik: int = 1) -> IndexRow:
    return IndexRow(f"0001193125-25-{number:06d}", cik, f"Company {cik}", form, day)


AFTER = row(9, MONDAY, form="4")  # the newest day of a quarter may not be whole


def test_a_quarter_gives_each_of_its_days_what_the_days_own_index_would() -> None:
    rows = (row(1, THURSDAY), row(2, FRIDAY, cik=7), row(2, FRIDAY, cik=8), row(3, FRIDAY, "4"))
    days = split_rows((THURSDAY, FRIDAY), PLAN.forms, (*rows, AFTER))
    assert [one.accession[-1] for one in days[THURSDAY].filings] == ["1"]
    assert [[party.cik for party in one.parties] for one in days[FRIDAY].filings] == [[7, 8]]


def test_a_day_the_quarter_may_not_have_all_of_is_left_to_its_own_index() -> None:
    assert set(split_rows((THURSDAY, FRIDAY), PLAN.forms, [row(1, THURSDAY), AFTER])) == {THURSDAY}
    rows = [row(1, THURSDAY), row(2, FRIDAY)]
    assert set(split_rows((THURSDAY, FRIDAY), PLAN.forms, rows)) == {THURSDAY}, "the newest day"


def test_a_day_with_a_row_that_cannot_be_read_is_left_to_its_own_index() -> None:
    rows = [row(1, THURSDAY), row(2, FRIDAY), AFTER]
    dated = UnreadableRow(5, "x|8-K|2025-12-12|edgar/data")
    assert set(split_rows((THURSDAY, FRIDAY), PLAN.forms, [*rows, dated])) == {THURSDAY}
    assert split_rows((THURSDAY, FRIDAY), PLAN.forms, [*rows, UnreadableRow(6, "garbage")]) == {}


def test_a_filing_dated_on_no_business_day_goes_with_the_next_that_is_asked_for() -> None:
    rows = [row(1, FRIDAY), row(2, date(2025, 12, 13)), row(3, MONDAY), row(4, TUESDAY)]
    days = split_rows((FRIDAY, MONDAY), PLAN.forms, rows)
    assert [one.accession[-1] for one in days[MONDAY].filings] == ["2", "3"]


@pytest.mark.parametrize("error", [EdgarNotFound, IndexUnreadable])
def test_a_quarter_that_cannot_be_read_leaves_its_days_to_their_own_indexes(
    error: type[Exception],
) -> None:
    def rows_of(_year: int, _quarter: int) -> Iterable[IndexRow | UnreadableRow]:
        raise error("no quarter")

    assert read_quarter((2025, 4), (THURSDAY, FRIDAY), PLAN.forms, rows_of) == {}


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
