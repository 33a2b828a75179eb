"""The price table: one spelling of symbols, and no price that was guessed."""

import json
import math
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas import DataFrame, Series
from prefect.serializers import JSONSerializer

from blocks.errors import PriceTableUnreadable
from blocks.price_table import (
    Columns,
    PriceTable,
    fold_symbols,
    read_price_file,
    read_price_frame,
    read_prices_usd,
    read_screener,
)

NOON = datetime(2025, 12, 12, 17, tzinfo=UTC)
CLOSE_OF_DECEMBER_11 = datetime(2025, 12, 11, 21, tzinfo=UTC)
COLUMNS = Columns("symbol", "price_usd")


def read_frame(frame: DataFrame, columns: Columns = COLUMNS) -> PriceTable:
    return read_price_frame(frame, columns, as_of=NOON, source="a test")


def read_bytes(body: bytes, columns: Columns = COLUMNS) -> PriceTable:
    return read_price_file(body, columns, written_at=NOON, source="prices.csv")


def screener_answer(**data: Any) -> bytes:  # noqa: ANN401 - any JSON
    return json.dumps({"data": data, "message": None, "status": {"rCode": 200}}).encode()


def read_answer(body: bytes) -> PriceTable:
    return read_screener(body, fetched_at=NOON, source="the screener")


@pytest.fixture(scope="session")
def screener_rows(edgar_captures: Path) -> list[dict[str, str]]:
    return [
        row
        for exchange in ("amex", "nasdaq", "nyse")
        for row in json.loads(
            (edgar_captures / f"prices/{exchange}_full_tickers_2025-12-11.json").read_text()
        )
    ]


# --- symbols ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("BRK/B", "BRK-B"),
        ("BRK.B", "BRK-B"),
        ("brk-b", "BRK-B"),
        ("CTA^A", "CTA-PA"),
        ("HWM^", "HWM-P"),
        ("DAIC ", "DAIC"),
        ("ECC           ", "ECC"),
        ("AAPL", "AAPL"),
    ],
)
def test_every_spelling_of_a_share_class_becomes_that_of_sec(written: str, folded: str) -> None:
    assert fold_symbols(Series([written])).tolist() == [folded]


def test_a_missing_symbol_folds_to_nothing() -> None:
    assert fold_symbols(Series(["A", None, math.nan])).tolist() == ["A", "", ""]


@given(st.lists(st.text("AbZ^/.- ", max_size=8), min_size=1))
def test_folding_twice_is_folding_once(symbols: list[str]) -> None:
    once = fold_symbols(Series(symbols))
    assert fold_symbols(once).tolist() == once.tolist()


def test_folding_finds_the_prices_that_spelling_hid(
    edgar_captures: Path, screener_rows: list[dict[str, str]]
) -> None:
    listed = json.loads((edgar_captures / "tickers/company_tickers_2025-12.json").read_text())
    tickers = Series([row["ticker"] for row in listed.values()])
    symbols = Series([row["symbol"] for row in screener_rows])
    assert len(tickers) == 9905
    assert tickers.isin(symbols).sum() == 5896
    assert fold_symbols(tickers).isin(fold_symbols(symbols)).sum() == 6274


# --- prices -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "price_usd"),
    [
        ("$10.32", 10.32),
        ("1,234.50", 1234.5),
        ("$ 754,770.00 ", 754770.0),
        ("10", 10.0),
        (".5", 0.5),
        ("10.", 10.0),
        ("1e-05", 0.00001),
        (10, 10.0),
        (10.32, 10.32),
        (Decimal("3.10"), 3.1),
    ],
)
def test_a_price_is_read_however_it_is_written(cell: object, price_usd: float) -> None:
    assert read_prices_usd(Series([cell], dtype="object")).tolist() == [price_usd]


@pytest.mark.parametrize(
    "cell",
    [
        "",
        "-",
        "--",
        "n/a",
        "NaN",
        "-5",
        "$-5",
        "0",
        "0.00",
        "inf",
        "1e999",
        "1,5",
        "1,23.4",
        "10 USD",
        "1_000",
        "€5",
        "5%",
        "0x10",
        "١٢",
        "1.2.3",
        "$",
        True,
        None,
        math.nan,
        math.inf,
    ],
)
def test_what_is_not_clearly_a_price_is_no_price(cell: object) -> None:
    assert read_prices_usd(Series([cell], dtype="object")).isna().all()


@given(st.floats(min_value=0.0001, max_value=1e9))
def test_a_price_survives_being_written_with_dollar_and_commas(price_usd: float) -> None:
    assert read_prices_usd(Series([f"${price_usd:,.4f}"])).tolist() == [float(f"{price_usd:.4f}")]


@given(st.floats(min_value=1e-300, allow_nan=False, allow_infinity=False))
def test_a_number_is_read_as_exactly_itself(price_usd: float) -> None:
    assert read_prices_usd(Series([price_usd])).tolist() == [price_usd]


# --- tables -------------------------------------------------------------------

CELLS = st.sampled_from(["$10.32", "1,234.5", "n/a", "", "-1", "0.01"])


@given(st.lists(st.tuples(st.sampled_from(["A", "a", "B/C", "B-C", ""]), CELLS), max_size=12))
def test_every_row_is_kept_or_counted_and_the_first_of_a_symbol_wins(
    rows: list[tuple[str, str]],
) -> None:
    expected: dict[str, float] = {}
    for symbol, cell in rows:
        price_usd = {"$10.32": 10.32, "1,234.5": 1234.5, "0.01": 0.01}.get(cell)
        if symbol and price_usd:
            expected.setdefault(symbol.upper().replace("/", "-"), price_usd)
    frame = DataFrame(rows, columns=["symbol", "price_usd"])
    if not expected:
        with pytest.raises(PriceTableUnreadable):
            read_frame(frame)
        return
    table = read_frame(frame)
    assert table.by_symbol().to_dict() == expected
    assert len(table.frame) + table.unreadable + table.repeated == len(rows)


def test_a_table_comes_back_whole_through_prefects_json_results() -> None:
    table = read_frame(DataFrame({"symbol": ["A", "B", "B"], "price_usd": ["0.1", "1e-7", "2"]}))
    serializer = JSONSerializer()
    again = PriceTable.load(serializer.loads(serializer.dumps(table.dump())))
    pd.testing.assert_frame_equal(again.frame, table.frame)
    assert again.dump() == table.dump()
    assert (again.as_of, again.source, again.unreadable, again.repeated) == (NOON, "a test", 0, 1)


@pytest.mark.parametrize(
    "damage",
    [
        {"symbols": ["A", "A"]},
        {"symbols": ["A"]},
        {"prices_usd": ["x", "y"]},
        {"prices_usd": None},
        {"as_of": "yesterday"},
        {"as_of": 0},
    ],
)
def test_a_kept_table_that_is_damaged_is_refused(damage: dict[str, Any]) -> None:
    kept = read_frame(DataFrame({"symbol": ["A", "B"], "price_usd": [1.0, 2.0]})).dump()
    with pytest.raises(PriceTableUnreadable, match="fetches the prices again"):
        PriceTable.load(kept | damage)


def test_a_kept_table_without_a_field_is_refused() -> None:
    with pytest.raises(PriceTableUnreadable, match="symbols"):
        PriceTable.load({})


def test_a_missing_column_is_named_beside_those_that_are_there() -> None:
    with pytest.raises(PriceTableUnreadable, match=r"no column 'price_usd'; it has: Ticker, Pri"):
        read_frame(DataFrame({"Ticker": ["A"], "Price": ["1"]}), Columns("Ticker", "price_usd"))


def test_text_throughout_the_price_column_is_refused_with_a_sample() -> None:
    frame = DataFrame({"symbol": ["A", "B"], "price_usd": ["Agilent", "n/a"]})
    with pytest.raises(PriceTableUnreadable, match=r"column 'price_usd' \(the first: 'Agilent'\)"):
        read_frame(frame)


def test_symbols_missing_throughout_are_refused() -> None:
    with pytest.raises(PriceTableUnreadable, match=r"column 'symbol' \(the first: ' '\)"):
        read_frame(DataFrame({"symbol": [" "], "price_usd": [1.0]}))


def test_a_table_without_rows_is_refused() -> None:
    with pytest.raises(PriceTableUnreadable, match="no rows"):
        read_frame(DataFrame(columns=["symbol", "price_usd"]))


# --- the time of the prices ---------------------------------------------------


@pytest.mark.parametrize(
    ("moments", "as_of"),
    [
        (["2025-12-10", "2025-12-11"], CLOSE_OF_DECEMBER_11),
        (["2025-07-11", ""], datetime(2025, 7, 11, 20, tzinfo=UTC)),  # summer time
        (["2025-12-11T15:30:00-05:00", "n/a"], datetime(2025, 12, 11, 20, 30, tzinfo=UTC)),
        (["2025-12-11 15:30:00", "2025-12-11 15:29"], datetime(2025, 12, 11, 15, 30, tzinfo=UTC)),
    ],
)
def test_the_latest_moment_of_a_column_dates_the_table(
    moments: list[str], as_of: datetime
) -> None:
    frame = DataFrame({"symbol": ["A", "B"], "price_usd": [1.0, 2.0], "day": moments})
    assert read_frame(frame, Columns("symbol", "price_usd", "day")).as_of == as_of


def test_dates_of_a_typed_column_date_the_table() -> None:
    frame = DataFrame({"symbol": ["A"], "price_usd": [1.0], "day": [pd.Timestamp("2025-12-11")]})
    assert read_frame(frame, Columns("symbol", "price_usd", "day")).as_of == CLOSE_OF_DECEMBER_11


def test_a_column_without_any_moment_is_refused_with_a_sample() -> None:
    frame = DataFrame({"symbol": ["A"], "price_usd": [1.0], "day": ["Thursday"]})
    with pytest.raises(PriceTableUnreadable, match=r"column 'day'; the first is 'Thursday'"):
        read_frame(frame, Columns("symbol", "price_usd", "day"))


# --- files --------------------------------------------------------------------


def test_symbols_that_look_like_missing_values_stay_symbols() -> None:
    table = read_bytes(b"symbol,price_usd\nNA,5.68\nNAN,10.93\nTRUE,2.17\nNULL,3\n")
    assert table.by_symbol().to_dict() == {"NA": 5.68, "NAN": 10.93, "TRUE": 2.17, "NULL": 3.0}


TWO = DataFrame({"symbol": ["BRK/B", "A"], "price_usd": [490.5, 142.87]})


def parquet(frame: DataFrame) -> bytes:
    file = BytesIO()
    frame.to_parquet(file)
    return file.getvalue()


@pytest.mark.parametrize(
    "body",
    [
        parquet(TWO),
        parquet(TWO.astype({"symbol": "category", "price_usd": "float32"})),
        parquet(TWO.set_index("symbol")),
        b'symbol,price_usd\r\n"BRK/B","$490.50"\r\nA,142.87\r\n',
        b"\xef\xbb\xbfsymbol,price_usd\nBRK.B,490.5\nA,142.87\n",
        b'\n [{"symbol": "BRK-B", "price_usd": 490.5}, {"symbol": "A", "price_usd": "142.87"}]',
        b'\xef\xbb\xbf[{"symbol":"BRK-B","price_usd":490.5},{"symbol":"A","price_usd":142.87}]',
    ],
    ids=[
        "parquet",
        "float32 parquet",
        "indexed parquet",
        "csv",
        "csv with BOM",
        "json",
        "json with BOM",
    ],
)
def test_one_table_reads_alike_from_every_kind_of_file(body: bytes) -> None:
    table = read_bytes(body)
    assert table.by_symbol().to_dict() == {"BRK-B": 490.5, "A": 142.87}
    assert (table.as_of, table.source) == (NOON, "prices.csv")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x89PNG\r\n\x1a\n\x00\xff\xfe",
        parquet(TWO)[:-20],
        parquet(TWO)[:-8] + bytes(8),
        parquet(TWO)[:-1000] + b"\xff" * 992 + parquet(TWO)[-8:],
        b"PAR1",
        b"[1, 2]",
        b'{"symbol": "A"}',
        b"[{",
        b"a,b\n1,2,3\n4,5,6,7\n",
    ],
    ids=[
        "empty",
        "image",
        "cut parquet",
        "no footer",
        "spoilt footer",
        "magic",
        "numbers",
        "object",
        "cut json",
        "ragged",
    ],
)
def test_a_file_that_is_no_price_list_is_refused_by_name(body: bytes) -> None:
    with pytest.raises(PriceTableUnreadable, match=r"prices\.csv is neither a CSV"):
        read_bytes(body)


def test_a_page_for_people_in_place_of_the_list_is_refused() -> None:
    with pytest.raises(PriceTableUnreadable, match="no column 'symbol'; it has: <!DOCTYPE html>"):
        read_bytes(b"<!DOCTYPE html>\n<p>Please wait</p>\n")


def test_a_finviz_export_is_read_with_its_own_column_names(edgar_captures: Path) -> None:
    body = (edgar_captures / "prices/finviz_screener_2025-08-29.csv").read_bytes()
    table = read_bytes(body, Columns("Ticker", "Price"))
    assert (len(table.frame), table.unreadable, table.repeated) == (10357, 14, 0)
    prices_usd = table.by_symbol()
    assert (prices_usd["A"], prices_usd["NA"], prices_usd["BRK-B"]) == (124.96, 5.68, 499.86)


def test_rows_of_one_symbol_are_counted_when_left_out(edgar_captures: Path) -> None:
    body = (edgar_captures / "labels/filings_20251211-12_price_moves.csv").read_bytes()
    table = read_bytes(body, Columns("ticker", "close_after", "close_after_day"))
    assert len(table.frame) + table.repeated == 459
    assert table.by_symbol()["FLUX"] == 1.36
    assert table.as_of == datetime(2025, 12, 15, 21, tzinfo=UTC)


# --- the screener -------------------------------------------------------------


def test_a_downloaded_screener_is_dated_by_its_fetch_and_says_so(
    screener_rows: list[dict[str, str]],
) -> None:
    table = read_answer(screener_answer(asOf=None, headers={}, rows=screener_rows))
    assert (len(table.frame), table.unreadable, table.repeated) == (7068, 0, 0)
    prices_usd = table.by_symbol()
    assert (prices_usd["AACB"], prices_usd["ACCS"], prices_usd["ECC"]) == (10.32, 8.945, 5.65)
    assert prices_usd["BRK-A"] > 700_000
    assert (table.as_of, table.source) == (NOON, "the screener, dated by its fetch")


def test_a_tabled_screener_is_dated_by_the_close_it_names(
    screener_rows: list[dict[str, str]],
) -> None:
    table = read_answer(
        screener_answer(
            filters=None,
            table={"headers": {}, "rows": screener_rows},
            totalrecords=7068,
            asof="Last price as of Dec 11, 2025",
        )
    )
    assert (len(table.frame), table.as_of) == (7068, CLOSE_OF_DECEMBER_11)
    assert table.source == "the screener"


def test_prices_of_a_running_session_are_not_dated_into_the_future() -> None:
    rows = [{"symbol": "A", "lastsale": "$1.00"}]
    assert read_answer(screener_answer(asOf="Dec 12, 2025", rows=rows)).as_of == NOON


def test_a_page_of_the_screener_is_not_taken_for_the_market() -> None:
    table = {"rows": [{"symbol": "A", "lastsale": "$1.00"}]}
    with pytest.raises(PriceTableUnreadable, match="sent 1 of 7786 stocks"):
        read_answer(screener_answer(table=table, totalrecords=7786))


@pytest.mark.parametrize(
    "body",
    [
        b"<html>Access Denied</html>",
        b"",
        b"[]",
        b'{"data": null, "status": {"rCode": 400, "bCodeMessage": [{"code": 1001}]}}',
        screener_answer(rows=None),
        screener_answer(rows=["A", "B"]),
        screener_answer(table=None),
        screener_answer(rows=[], totalrecords="many"),
    ],
)
def test_an_answer_that_is_no_stock_list_is_refused_with_its_beginning(body: bytes) -> None:
    with pytest.raises(PriceTableUnreadable, match="the screener answered with something other"):
        read_answer(body)


def test_an_empty_stock_list_is_refused() -> None:
    with pytest.raises(PriceTableUnreadable, match="no rows"):
        read_answer(screener_answer(rows=[]))
