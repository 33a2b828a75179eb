"""Master indexes and the ticker file, captured and broken."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from blocks.edgar_index import (
    IndexRow,
    UnreadableRow,
    daily_index_path,
    quarter_of,
    quarterly_index_path,
    quarters_to_search,
    read_index,
    read_rows,
    read_tickers,
)
from blocks.errors import IndexUnreadable
from blocks.models import FoundBy, Party

HEAD = (
    "Description:           Daily Index of EDGAR Dissemination Feed\n"
    "Last Data Received:    Jan  2, 2024\n \n"
    "CIK|Company Name|Form Type|Date Filed|File Name\n" + "-" * 80 + "\n"
)
ROW = "1000275|ROYAL BANK OF CANADA|424B2|20240102|edgar/data/1000275/0001140361-24-000195.txt\n"


def index(*rows: str, head: str = HEAD) -> bytes:
    return (head + "".join(rows)).encode("latin-1")


def test_a_captured_daily_index_gives_its_distinct_filings(edgar_captures: Path) -> None:
    file = edgar_captures / "indexes" / "master.20240102.idx"
    lines = [line for line in file.read_text("latin-1").splitlines() if "|edgar/data/" in line]
    assert len(lines) == 5531
    assert len(list(read_rows(file.read_text("latin-1").splitlines()))) == 5531
    filings, unreadable = read_index(file.read_bytes())
    assert unreadable == ()
    assert len(filings) == 3591
    expected = {(line.split("|")[0], line.split("/")[-1][:20]) for line in lines}
    found = {(str(party.cik), f.accession) for f in filings for party in f.parties}
    assert found == expected
    assert sum(len(filing.parties) for filing in filings) == len(expected)
    # some are older: letters that SEC made public on that day
    assert {f"{filing.filed_on:%Y%m%d}" for filing in filings} == {
        line.split("|")[3] for line in lines
    }


def test_a_quarterly_index_is_read_though_its_header_and_dates_differ(
    edgar_captures: Path,
) -> None:
    file = edgar_captures / "indexes" / "master_1993QTR4_excerpt.idx"
    filings, _ = read_index(file.read_bytes())
    assert filings[0].accession == "9999999997-02-056978"
    assert filings[1].parties == (Party(cik=11860, name="BETHLEHEM STEEL CORP /DE/"),)
    assert filings[1].filed_on == date(1993, 11, 12)


def test_rows_of_one_accession_are_one_filing_and_repeats_collapse() -> None:
    other = ROW.replace("1000275|ROYAL BANK OF CANADA", "7|A|B CO")
    ((filing,), _) = read_index(index(ROW, other, ROW))
    assert filing.parties == (
        Party(cik=1000275, name="ROYAL BANK OF CANADA"),
        Party(cik=7, name="A|B CO"),
    )
    assert (filing.found_by, filing.accepted_at) == (FoundBy.INDEX, None)


def test_an_index_with_a_header_only_is_empty() -> None:
    assert read_index(index()) == ((), ())


def test_carriage_returns_and_blank_lines_do_not_matter() -> None:
    assert read_index(index(ROW, "\n").replace(b"\n", b"\r\n")) == read_index(index(ROW))


def test_a_row_ends_where_the_line_ends_whatever_bytes_a_name_holds() -> None:
    odd = ROW.replace("ROYAL BANK", "ROYAL\x85\x1c\x0cBANK")
    ((filing,), unreadable) = read_index(index(odd))
    assert filing.parties[0].name == "ROYAL\x85\x1c\x0cBANK OF CANADA"
    assert unreadable == ()


BROKEN_ROWS = pytest.mark.parametrize(
    "row",
    [
        "garbage\n",
        ROW.replace("20240102", "20241399"),
        ROW.replace("20240102", "soon"),
        ROW.replace("0001140361-24-000195", "x"),
        ROW.replace("1000275|", "0|", 1),
        ROW.replace("424B2", ""),
        ROW.replace("424B2", " "),
        ROW[:60] + "\n",
        ROW.replace("edgar/data/", "https://elsewhere.example/"),
    ],
)


@BROKEN_ROWS
def test_a_row_that_cannot_be_read_is_named_and_costs_no_other_row(row: str) -> None:
    other = ROW.replace("0001140361-24-000195", "0001140361-24-000196")
    filings, unreadable = read_index(index(ROW, row, other))
    assert [filing.accession[-3:] for filing in filings] == ["195", "196"]
    assert unreadable == (f"line 7: {row.rstrip()!r}",)


@BROKEN_ROWS
def test_a_file_most_of_whose_rows_cannot_be_read_is_no_index(row: str) -> None:
    with pytest.raises(IndexUnreadable, match=r"2 of 3 rows.*line 6: "):
        read_index(index(row, ROW, row))
    with pytest.raises(IndexUnreadable, match=r"1 of 1 rows"):
        list(read_rows(index(row).decode().splitlines()))
    assert len(read_index(index(row, ROW)).unreadable) == 1


def test_rows_are_read_one_at_a_time_the_unreadable_ones_among_them() -> None:
    rows = list(read_rows(index(ROW, "x" * 500, "\n", ROW).decode().splitlines()))
    assert [type(row) for row in rows] == [IndexRow, UnreadableRow, IndexRow]
    assert len(str(rows[1])) < 250


@pytest.mark.parametrize("body", [b"", b"\n\n", b"<html><title>SEC.gov | X</title>", b"\x00\xff"])
def test_what_is_no_index_is_refused_and_said(body: bytes) -> None:
    with pytest.raises(IndexUnreadable, match=r"not a master index.*What came is"):
        read_index(body)


def test_other_captured_indexes_and_error_pages_are_refused(edgar_captures: Path) -> None:
    others = [
        *edgar_captures.glob("indexes/form*.idx"),
        *edgar_captures.glob("indexes/c*.idx"),
        *edgar_captures.glob("errors/*.*ml"),
    ]
    assert len(others) > 8
    for file in others:
        with pytest.raises(IndexUnreadable):
            read_index(file.read_bytes())


@given(st.binary(max_size=200))
def test_any_bytes_are_an_index_or_a_named_error(noise: bytes) -> None:
    for body in (noise, index(ROW) + noise, index(ROW)[: len(noise)] + noise):
        try:
            read_index(body)
        except IndexUnreadable as error:
            assert "index" in str(error)  # noqa: PT017 - an index is as good an outcome


@pytest.mark.parametrize(
    ("day", "path"),
    [
        (date(2024, 1, 2), "/Archives/edgar/daily-index/2024/QTR1/master.20240102.idx"),
        (date(2024, 3, 31), "/Archives/edgar/daily-index/2024/QTR1/master.20240331.idx"),
        (date(2024, 4, 1), "/Archives/edgar/daily-index/2024/QTR2/master.20240401.idx"),
        (date(2025, 12, 31), "/Archives/edgar/daily-index/2025/QTR4/master.20251231.idx"),
    ],
)
def test_a_day_is_looked_up_in_its_quarter(day: date, path: str) -> None:
    assert daily_index_path(day) == path


def test_a_quarter_has_one_index() -> None:
    assert quarterly_index_path(2024, 3) == "/Archives/edgar/full-index/2024/QTR3/master.idx"


def test_no_quarter_of_the_future_is_asked_for() -> None:
    asked = quarters_to_search(["0001193125-25-000001"], date(2025, 5, 5))
    assert asked == ((2025, 1), (2025, 2))


def test_accession_years_reach_back_to_1993() -> None:
    asked = quarters_to_search(["0000320193-94-000001"], date(2025, 12, 12))
    assert asked == ((1994, 1), (1994, 2), (1994, 3), (1994, 4), (1995, 1))


def test_captured_tickers_keep_order_and_are_stripped(edgar_captures: Path) -> None:
    body = (edgar_captures / "tickers" / "company_tickers_2025-12.json").read_bytes()
    assert b'"DAIC "' in body
    frame = read_tickers(body)
    assert list(frame.columns) == ["cik", "ticker", "name"]
    assert len(frame) == 9905
    assert frame.cik.nunique() == 7846
    assert str(frame.cik.dtype) == "int64"
    assert "DAIC" in set(frame.ticker)
    assert (frame.ticker == frame.ticker.str.strip()).all()
    assert frame.groupby("cik").ticker.first()[1067983] == "BRK-B"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html></html>",
        b"[]",
        b'{"0": {"cik_str": 1, "ticker": "A"}}',
        b'{"0": {"cik_str": "one", "ticker": "A", "title": "A"}}',
        b'{"fields": ["cik"], "data": []}',
    ],
)
def test_what_is_no_ticker_file_is_refused_and_said(body: bytes) -> None:
    with pytest.raises(IndexUnreadable, match="not its ticker file"):
        read_tickers(body)


def test_an_empty_ticker_file_is_an_empty_frame() -> None:
    assert list(read_tickers(b"{}").dtypes.astype(str)) == ["int64", "str", "str"]


@given(st.dates())
@example(date(2025, 3, 31))
@example(date(2025, 4, 1))
@example(date(2025, 12, 31))
def test_a_quarter_is_three_months_and_a_day_is_in_one_of_its_year(day: date) -> None:
    year, quarter = quarter_of(day)
    assert year == day.year
    assert day.month in range(3 * quarter - 2, 3 * quarter + 1)
    assert f"/{year:04d}/QTR{quarter}/" in daily_index_path(day)
