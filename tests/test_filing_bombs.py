"""Small things that ask for much: a filing's HTML, a feed, an index, a price list, an answer.

Whoever files, or serves one of these, chooses their bytes. None of them may take more
memory or time than a large honest one.
"""

import gzip
import io
import json
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped]  # ships no types
import pytest
from edgar_clients import client_of
from model_endpoint import Answering, Endpoint, Make, failure
from pyarrow import parquet
from serving import running
from test_edgar_client import FILING as SUBMITTED
from test_edgar_client import TXT, Answer, Sec
from test_prices import serving, source

from blocks.document_layout import laid_out
from blocks.document_text import text_of
from blocks.edgar_feed import read_entries
from blocks.edgar_index import read_index, read_rows
from blocks.errors import (
    AnswerInvalid,
    EdgarError,
    FeedUnreadable,
    IndexUnreadable,
    PriceSourceUnavailable,
    PriceTableUnreadable,
)
from blocks.models import Document, utc_now
from blocks.price_table import Columns, read_price_file

pytest_plugins = ("model_fixtures",)
ROOT = Path(__file__).resolve().parents[1]
MEBIBYTE = 1024 * 1024
KILO = 1_000
LAYOUTS = {
    "a long cell above many rows": "<table><tr><td>"
    + "x " * 60 * KILO
    + "</td></tr>"
    + "<tr><td>a</td></tr>" * 20 * KILO
    + "</table>",
    "a high cell beside many": "<table><tr><td>"
    + "<br>x" * 20 * KILO
    + "</td>"
    + "<td>a</td>" * 20 * KILO
    + "</tr></table>",
    "tables in tables": "<table><tr><td>a<td>b" * 200 + "<br>x" * 20 * KILO,
    "margins": '<p style="margin-top:100000em">x</p>' * 2 * KILO,
    "an indent": '<div style="padding-left:100000em">x' + "<br>x" * 10 * KILO,
    "a block by its style": '<b style="display:block;padding-left:99999em">' * 200
    + "<br>x" * 10 * KILO,
    "lists in lists": "<ul>" * 250 + "<br>x" * 10 * KILO,
    "long numbers of items": f"<ol><li value={'9' * 4_000}>" + "<li>x" * 10 * KILO,
}
NO_LAYOUT = {
    "a style within styles": f'<p style="{"style:" * 3_000}">seen</p>',
    "an endless number": f'<p style="margin-top:{"9" * 400}em">seen</p>',
    "a number that is none": "<ol><li value=\u00b2>seen</ol>",
}
SLOW = {
    "hidden data without an end": "<p>" + "<ix:header " * 60 * KILO,
    "words without a closing tag": "<?xml?><a>" + "x " * 60 * KILO,
}
MEASURED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
from blocks.document_layout import laid_out
text = sys.stdin.read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
laid_out(text)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize("name", LAYOUTS)
def test_no_layout_of_a_filing_takes_the_memory_of_the_machine(name: str) -> None:
    """Each of them takes gigabytes, or hours, where nothing bounds it."""
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", MEASURED],
        input=LAYOUTS[name],
        env={"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) < 200 * 1024, "kilobytes"


@pytest.mark.parametrize("html", NO_LAYOUT.values(), ids=NO_LAYOUT)
def test_what_has_no_layout_is_read_all_the_same(html: str) -> None:
    assert "seen" in laid_out(html)


def test_an_honest_table_keeps_its_columns() -> None:
    html = "<table><tr><td>Revenue<td>12</tr><tr><td>Net income<td>3</tr></table>"
    assert laid_out(html).split() == ["Revenue", "12", "Net", "income", "3"]
    assert laid_out(html).splitlines()[0] == "Revenue     12"


@pytest.mark.parametrize("body", SLOW.values(), ids=SLOW)
def test_twice_the_text_takes_no_four_times_as_long(body: str) -> None:
    def cpu_s(text: str) -> float:
        began = time.process_time()
        text_of(Document(type="EX-99.1", body=text))
        return time.process_time() - began

    cpu_s(body[:1_000])
    # where time grows with the square, the whole takes sixty-four times an eighth
    assert cpu_s(body) < 32 * (cpu_s(body[: len(body) // 8]) + 0.01)


FEED = (
    '<?xml version="1.0" encoding="{0}"?>{1}<feed xmlns="http://www.w3.org/2005/Atom">{2}</feed>'
)
BOMB = '<!DOCTYPE feed [<!ENTITY a "' + "A" * KILO + '">]>'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32", "cp037"])
def test_an_entity_bomb_is_refused_in_whatever_encoding(encoding: str) -> None:
    page = FEED.format(encoding, BOMB, "<entry>" + "&a;" * KILO + "</entry>")
    with pytest.raises(FeedUnreadable, match=r"declaration|encoding"):
        read_entries(page.encode(encoding))


def test_a_declared_encoding_hides_no_entity_bomb() -> None:
    page = FEED.format("utf-7", BOMB.replace("<", "+ADw-").replace(">", "+AD4-"), "")
    with pytest.raises(FeedUnreadable, match="encoding"):
        read_entries(page.encode())


def test_a_tag_of_many_parts_does_not_hold_the_parser() -> None:
    parts = " ".join(f'b{number}="1"' for number in range(100 * KILO))
    with pytest.raises(FeedUnreadable, match="tag without end"):
        read_entries(FEED.format("utf-8", "", f"<a {parts}/>").encode())


INDEX_HEAD = b"CIK|Company Name|Form Type|Date Filed|File Name\n"


def test_an_index_of_nothing_but_odd_rows_is_given_up_early() -> None:
    taken = iter([INDEX_HEAD.decode(), *["x"] * 50 * KILO])
    with pytest.raises(IndexUnreadable, match="1001 of 1001 rows"):
        list(read_rows(taken))
    assert len(list(taken)) > 40 * KILO
    with pytest.raises(IndexUnreadable):
        read_index(INDEX_HEAD + b"x\n" * MEBIBYTE)


def written(table: pa.Table) -> bytes:
    file = io.BytesIO()
    parquet.write_table(table, file, compression="zstd", row_group_size=10**9)
    return file.getvalue()


def repeated(text: str, rows: int) -> pa.Table:
    at = pa.array([0]).take(pa.array([0] * rows, pa.int32()))
    symbols = pa.DictionaryArray.from_arrays(at.cast(pa.int32()), pa.array([text]))
    return pa.table({"symbol": symbols, "price_usd": pa.array([1.0]).take(at)})


PRICE_LISTS = {
    "depth": (b"[" * MEBIBYTE, "RecursionError"),
    "JSON columns": (json.dumps([{str(n): 1 for n in range(2 * KILO)}]).encode(), "2000 columns"),
    "JSON columns, row by row": (
        json.dumps([{str(n): 1} for n in range(2 * KILO)]).encode(),
        "2000 columns",
    ),
    "CSV columns": (b"," * MEBIBYTE, "1048577 columns"),
    "CSV columns over quoted lines": (b'"\n",' * 100 * KILO, "columns"),
    "CSV rows": (b"," * 900 + b"\n" * 100 * KILO, "100000 rows"),
    "CSV cell": (b'symbol,price_usd\nA,"' + b"1" * MEBIBYTE + b'"\n', "holds no price"),
    "Parquet rows": (written(repeated("A", 11_000_000)), "11000000 rows"),
    "Parquet columns": (
        written(pa.table({str(n): pa.array([1]) for n in range(2 * KILO)})),
        "2000 columns",
    ),
    "Parquet text": (written(repeated("A" * 200 * KILO, 100)), "a cell of 200000 bytes"),
    "Parquet pages": (
        written(pa.table({"symbol": ["A" * 300 * MEBIBYTE], "price_usd": [1.0]})),
        "once it is unpacked",
    ),
}


@pytest.mark.parametrize(("body", "why"), PRICE_LISTS.values(), ids=PRICE_LISTS)
def test_a_price_list_that_asks_for_more_than_it_has_is_refused(body: bytes, why: str) -> None:
    assert len(body) < 2 * MEBIBYTE
    with pytest.raises(PriceTableUnreadable, match=why):
        read_price_file(body, Columns("symbol", "price_usd"), written_at=utc_now(), source="it")


def test_a_compressed_price_list_is_counted_as_it_is_inflated() -> None:
    def answer(request: object) -> None:
        body = gzip.compress(b"symbol,price_usd\n" + b"A,1\n" * 10 * MEBIBYTE)
        request.send_response(200)  # type: ignore[attr-defined]
        request.send_header("Content-Encoding", "gzip")  # type: ignore[attr-defined]
        request.send_header("Content-Length", str(len(body)))  # type: ignore[attr-defined]
        request.end_headers()  # type: ignore[attr-defined]
        request.wfile.write(body)  # type: ignore[attr-defined]

    with serving(answer) as server, pytest.raises(PriceTableUnreadable, match="larger than"):
        source(f"{server.address}/p.csv").fetch_prices()


def test_a_price_list_compressed_in_another_way_is_not_opened() -> None:
    def answer(request: object) -> None:
        request.send_response(200)  # type: ignore[attr-defined]
        request.send_header("Content-Encoding", "gzip, gzip")  # type: ignore[attr-defined]
        request.end_headers()  # type: ignore[attr-defined]

    with serving(answer) as server, pytest.raises(PriceSourceUnavailable, match="gzip, gzip"):
        source(f"{server.address}/p.csv", attempts=1).fetch_prices()


def test_a_submission_compressed_in_another_way_is_not_opened(tmp_path: Path) -> None:
    with running(Sec()) as sec, client_of(sec, tmp_path) as client:
        sec.says(TXT, Answer(b"x", headers={"Content-Encoding": "deflate"}))
        with pytest.raises(EdgarError, match="'deflate'"):
            client.submission(SUBMITTED)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "gzip, gzip", "zstd"])
def test_a_compressed_answer_of_a_model_is_not_inflated(
    endpoint: Endpoint, make: Make, coding: str
) -> None:
    bomb = gzip.compress(bytes(64 * MEBIBYTE))
    endpoint.script = [Answering(200, bomb, (("Content-Encoding", coding),))]
    assert "compressed" in str(failure(make(), AnswerInvalid))
