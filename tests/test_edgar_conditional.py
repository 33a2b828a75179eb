"""Conditional requests: what has not changed is not sent again, and is the same all the same."""

import contextlib
import gzip
import io
import json
import logging
import os
import pickle
import tempfile
import tracemalloc
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from pathlib import Path

import edgar_clients
import httpx
import pytest
from edgar_clients import kept_by
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blocks.edgar import EdgarClient
from blocks.edgar_conditional import ConditionalSession
from blocks.edgar_index import UnreadableRow
from blocks.edgar_kept import ValidatorCache, conditions
from blocks.errors import (
    ConfigurationError,
    EdgarBlocked,
    EdgarError,
    EdgarNotFound,
    IndexUnreadable,
)
from blocks.models import Filing, FoundBy, Party
from sandbox import sec_pages
from sandbox.loopback import LoopbackServer, Request, Response

TICKERS = "/files/company_tickers.json"
DAY = date(2024, 1, 2)
DAILY = "/Archives/edgar/daily-index/2024/QTR1/master.20240102.idx"
QUARTERLY = "/Archives/edgar/full-index/2024/QTR1/master.idx"
FILING = Filing(
    accession="0001193125-25-000001",
    form="8-K",
    parties=(Party(cik=12345, name="Acme", role="Filer"),),
    found_by=FoundBy.FEED,
)
SUBMISSION = (
    b"<SEC-DOCUMENT>0001193125-25-000001.txt : 20250701\n<DOCUMENT>\n<TYPE>8-K\n<TEXT>\nhello\n"
    b"</TEXT>\n</DOCUMENT>\n</SEC-DOCUMENT>\n"
)
FEED = b'<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"></feed>'


def index(rows: int) -> bytes:
    row = "{0}|A CO|8-K|2024-01-02|edgar/data/7/0001140361-24-{0:06d}.txt\n"
    head = "CIK|Company Name|Form Type|Date Filed|Filename\n----------\n"
    return (head + "".join(row.format(number) for number in range(1, rows + 1))).encode()


def tickers(count: int) -> bytes:
    rows = {str(n): {"cik_str": n, "ticker": f"T{n}", "title": f"CO {n}"} for n in range(1, count)}
    return json.dumps(rows).encode()


@dataclass(frozen=True)
class File:
    """A file of the server and its validators; ``extra`` headers come with every answer."""

    body: bytes
    etag: str = '"one"'
    last_modified: str = "Tue, 02 Jan 2024 22:06:00 GMT"
    extra: dict[str, str] = field(default_factory=dict)

    def answer(self, request: Request) -> Response:
        validators = {"ETag": self.etag, "Last-Modified": self.last_modified}
        headers = {name: value for name, value in validators.items() if value} | self.extra
        same_tag = self.etag and request.headers.get("If-None-Match") == self.etag
        same_time = self.last_modified == request.headers.get("If-Modified-Since")
        same = same_tag if self.etag else self.last_modified and same_time
        return Response(b"", 304, headers) if same else Response(self.body, headers=headers)


class Sec(LoopbackServer):
    """Serves its files, compressed, and writes down what was asked and how it answered."""

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, File | Response] = {}
        self.asked: list[Request] = []
        self.statuses: list[int] = []
        self.meanwhile: Callable[[], None] = lambda: None

    def answer(self, request: Request) -> Response:
        self.asked.append(request)
        self.meanwhile()
        file = self.files.get(request.path, sec_pages.no_such_key(request.path))
        response = file.answer(request) if isinstance(file, File) else file
        self.statuses.append(response.status)
        return response


@pytest.fixture
def sec() -> Iterator[Sec]:
    with Sec() as server:
        yield server


client_of = partial(edgar_clients.client_of, max_attempts=1)


@pytest.fixture
def client(sec: Sec, tmp_path: Path) -> Iterator[EdgarClient]:
    with client_of(sec, tmp_path) as made:
        yield made


def kept_files(tmp_path: Path) -> list[Path]:
    return sorted(kept_by(tmp_path).glob("*"))


READS: dict[str, tuple[Callable[[EdgarClient], object], bytes, bytes]] = {
    TICKERS: (lambda client: client.tickers().to_dict("records"), tickers(30), tickers(31)),
    DAILY: (lambda client: client.daily_index(DAY), index(30), index(31)),
    QUARTERLY: (lambda client: list(client.quarterly_index(2024, 1)), index(30), index(31)),
}


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize(
    "served",
    [File, partial(File, etag=""), partial(File, last_modified=""), partial(File, etag='W/"a"')],
    ids=["both", "time only", "tag only", "weak tag"],
)
def test_what_has_not_changed_is_not_sent_again_and_reads_the_same(
    sec: Sec, client: EdgarClient, path: str, served: Callable[[bytes], File]
) -> None:
    read, body, _ = READS[path]
    sec.files[path] = served(body)
    first = read(client)
    assert [read(client), read(client)] == [first, first]
    assert sec.statuses == [200, 304, 304]


@pytest.mark.parametrize("path", READS)
def test_what_has_changed_is_read_anew_and_kept_in_its_place(
    sec: Sec, tmp_path: Path, client: EdgarClient, path: str
) -> None:
    read, old, new = READS[path]
    sec.files[path] = File(old)
    was = read(client)
    sec.files[path] = File(new, etag='"two"')
    now = read(client)
    assert now != was
    assert read(client) == now
    assert sec.statuses == [200, 200, 304]
    assert len(kept_files(tmp_path)) == 1


def test_the_answers_of_these_tests_are_compressed_on_their_way(sec: Sec) -> None:
    sec.files[TICKERS] = File(tickers(30))
    answer = httpx.get(sec.url + TICKERS, headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"


def test_a_304_that_says_it_is_compressed_is_read(sec: Sec, client: EdgarClient) -> None:
    sec.files[TICKERS] = File(tickers(30))
    first = client.tickers()
    sec.files[TICKERS] = File(tickers(30), extra={"Content-Encoding": "gzip"})
    assert client.tickers().equals(first)
    assert sec.statuses == [200, 304]


def test_the_next_process_asks_conditionally_too(sec: Sec, tmp_path: Path) -> None:
    sec.files[TICKERS] = File(tickers(30))
    with client_of(sec, tmp_path) as client:
        client.tickers()
    with client_of(sec, tmp_path) as client:
        client.tickers()
        with contextlib.closing(pickle.loads(pickle.dumps(client))) as again:  # noqa: S301 - our own
            again.tickers()
    assert sec.statuses == [200, 304, 304]


def test_another_server_has_files_of_its_own(sec: Sec, tmp_path: Path) -> None:
    sec.files[TICKERS] = File(tickers(30))
    with Sec() as other, client_of(sec, tmp_path) as one, client_of(other, tmp_path) as two:
        other.files[TICKERS] = File(tickers(31))
        assert [len(one.tickers()), len(two.tickers())] == [29, 30]
        assert [len(one.tickers()), len(two.tickers())] == [29, 30]


@pytest.mark.parametrize(
    "unkept",
    [
        File(tickers(30), etag="", last_modified=""),
        File(tickers(30), extra={"Cache-Control": "max-age=0, no-cache, no-store"}),
        File(tickers(30), etag="\x80", last_modified=""),
    ],
    ids=["no validators", "no-store", "a tag that no header may hold"],
)
def test_what_cannot_or_must_not_be_kept_is_not_kept(
    sec: Sec, tmp_path: Path, client: EdgarClient, unkept: File
) -> None:
    sec.files[TICKERS] = unkept
    client.tickers()
    client.tickers()
    assert sec.statuses == [200, 200]
    assert "If-None-Match" not in sec.asked[1].headers
    assert kept_files(tmp_path) == []


@pytest.mark.parametrize(
    "page",
    [sec_pages.no_matches(), sec_pages.no_such_key("x"), sec_pages.rate_exceeded()],
    ids=["web page", "storage error", "block page"],
)
def test_an_error_page_is_never_kept_even_with_status_200_and_a_tag(
    sec: Sec, tmp_path: Path, client: EdgarClient, page: Response
) -> None:
    sec.files[TICKERS] = replace(page, status=200, headers={"ETag": '"one"'})
    with pytest.raises(EdgarError):
        client.tickers()
    assert kept_files(tmp_path) == []


MOSTLY_SPOILT = index(1) + b"spoilt\n" * 3
ONE_ROW_SPOILT = index(15) + b"spoilt\n" + index(30)[-60:]


@pytest.mark.parametrize(
    ("path", "spoilt"),
    [
        *((TICKERS, body) for body in (b"", b"[]", tickers(30)[:-9])),
        *((path, b"") for path in (DAILY, QUARTERLY)),
        *((path, MOSTLY_SPOILT) for path in (DAILY, QUARTERLY)),
        *((path, ONE_ROW_SPOILT) for path in (DAILY, QUARTERLY)),
    ],
)
def test_a_spoilt_body_is_sent_again_even_if_the_sound_one_has_its_tag(
    sec: Sec, tmp_path: Path, client: EdgarClient, path: str, spoilt: bytes
) -> None:
    read, sound, _ = READS[path]
    sec.files[path] = File(spoilt)
    with contextlib.suppress(IndexUnreadable):
        read(client)
    assert kept_files(tmp_path) == []
    sec.files[path] = File(sound)
    first = read(client)
    assert read(client) == first
    assert sec.statuses == [200, 200, 304]


def test_a_kept_file_that_proves_spoilt_is_forgotten(
    sec: Sec, tmp_path: Path, client: EdgarClient
) -> None:
    sec.files[DAILY] = File(index(30))
    sound = client.daily_index(DAY)
    (file,) = kept_files(tmp_path)
    headers, _, _ = gzip.decompress(file.read_bytes()).partition(b"\n")
    file.write_bytes(gzip.compress(headers + b"\nno index"))
    with pytest.raises(IndexUnreadable):
        client.daily_index(DAY)
    assert client.daily_index(DAY) == sound
    assert sec.statuses == [200, 304, 200]


def test_a_quarter_left_after_a_spoilt_row_is_forgotten_and_one_left_before_is_not(
    sec: Sec, tmp_path: Path, client: EdgarClient
) -> None:
    sec.files[QUARTERLY] = File(ONE_ROW_SPOILT)
    rows = client.quarterly_index(2024, 1)
    assert isinstance(rows, Generator)
    next(rows)
    assert len(kept_files(tmp_path)) == 1
    assert any(isinstance(row, UnreadableRow) for row in rows)
    rows.close()
    assert kept_files(tmp_path) == []
    rows = client.quarterly_index(2024, 1)
    assert isinstance(rows, Generator)
    next(rows)
    rows.close()
    assert len(kept_files(tmp_path)) == 1


def test_a_spoilt_file_that_cannot_be_forgotten_is_named(
    sec: Sec, tmp_path: Path, client: EdgarClient
) -> None:
    sec.files[DAILY] = File(index(30))
    client.daily_index(DAY)
    (file,) = kept_files(tmp_path)
    file.unlink()
    file.mkdir()
    sec.files[DAILY] = File(b"no index")
    with pytest.raises(ConfigurationError, match=r"kept.*set cache_folder"):
        client.daily_index(DAY)


def test_an_error_leaves_what_is_kept_as_it_is(sec: Sec, client: EdgarClient) -> None:
    sec.files[DAILY] = File(index(30))
    first = client.daily_index(DAY)
    del sec.files[DAILY]
    with pytest.raises(EdgarNotFound):
        client.daily_index(DAY)
    sec.files[DAILY] = File(index(30))
    assert client.daily_index(DAY) == first
    assert sec.statuses == [200, 404, 304]


def test_a_304_to_a_question_without_conditions_is_no_answer(
    sec: Sec, client: EdgarClient
) -> None:
    sec.files[TICKERS] = Response(b"", 304)
    with pytest.raises(EdgarError, match="answered 304"):
        client.tickers()


def test_submissions_and_feed_pages_are_neither_kept_nor_asked_for_conditionally(
    sec: Sec, tmp_path: Path, client: EdgarClient
) -> None:
    sec.files[FILING.submission_path] = File(SUBMISSION)
    sec.files["/cgi-bin/browse-edgar"] = File(FEED)
    for _ in range(2):
        client.submission(FILING)
        client.feed_page(0)
    assert sec.statuses == [200] * 4
    assert kept_files(tmp_path) == []


def test_what_is_kept_is_not_served_while_sec_asks_to_be_left_alone(
    sec: Sec, client: EdgarClient
) -> None:
    sec.files[TICKERS] = File(tickers(30))
    client.tickers()
    client._session._breaker.trip("429", 600)
    with pytest.raises(EdgarBlocked):
        client.tickers()
    assert sec.statuses == [200]


def test_a_redirected_file_is_kept_under_the_path_that_was_asked(
    sec: Sec, client: EdgarClient
) -> None:
    sec.files[TICKERS] = Response(b"", 301, {"Location": "/there"})
    sec.files["/there"] = File(tickers(30))
    first = client.tickers()
    assert client.tickers().equals(first)
    assert sec.statuses == [301, 200, 301, 304]


def conditional(client: EdgarClient, folder: Path) -> ConditionalSession:
    return ConditionalSession(client._session, ValidatorCache(folder, "sec.example"))


def test_the_cap_holds_for_what_is_sent_and_for_what_was_kept(
    sec: Sec, tmp_path: Path, client: EdgarClient
) -> None:
    sec.files["/x"] = File(b"A" * 5000)
    session = conditional(client, tmp_path / "kept")
    cut = session.read("/x", max_bytes=4000)
    assert (cut.complete, len(cut.data)) == (False, 4000)
    assert list((tmp_path / "kept").iterdir()) == [], "half a body is not kept"
    assert session.read("/x", max_bytes=5000).complete
    cut = session.read("/x", max_bytes=4000)
    assert (cut.complete, len(cut.data)) == (False, 4000)
    assert sec.statuses == [200, 200, 304]


def test_a_large_file_is_never_held_in_memory(
    sec: Sec, tmp_path: Path, client: EdgarClient
) -> None:
    size = 24 * 1024 * 1024
    sec.files["/x"] = File(b"A" * size)
    session = conditional(client, tmp_path / "kept")
    with tempfile.TemporaryFile() as into:
        session.save("/x", into=into, max_bytes=size)
        tracemalloc.start()
        assert session.save("/x", into=into, max_bytes=size)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert into.seek(0, io.SEEK_END) == size
    assert sec.statuses == [200, 304]
    assert peak < 2 * 1024 * 1024


@settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 400), st.binary(max_size=20), st.sampled_from(["spoilt", "cut"]))
def test_whatever_is_spoilt_of_a_kept_file_the_answer_is_right(
    sec: Sec, tmp_path: Path, at: int, noise: bytes, how: str
) -> None:
    sec.files[TICKERS] = File(tickers(30))
    with client_of(sec, tmp_path) as client:
        client._session._pace.wait = lambda: None  # type: ignore[method-assign]  # many requests
        whole = client.tickers()
        (file,) = kept_files(tmp_path)
        content = bytearray(file.read_bytes())
        content[at : None if how == "cut" else at + len(noise)] = noise
        file.write_bytes(content)
        assert client.tickers().equals(whole)
        assert client.tickers().equals(whole)
    assert sec.statuses[-1] == 304, "what was damaged is kept anew"


@pytest.mark.parametrize(
    "line",
    [
        *(b"", b"{", b"[]", b"7", b"{}", b"x" * 100_000),
        *(b'{"If-None-Match": 7}', b'{"If-None-Match": "a\\r\\nX: b"}', b'{"Host": "x.example"}'),
    ],
)
def test_a_kept_file_whose_first_line_is_no_condition_is_as_none(
    tmp_path: Path, line: bytes
) -> None:
    cache = ValidatorCache(tmp_path, "sec.example")
    cache.keep("/x", {"etag": '"one"'}, io.BytesIO(b"body"))
    (file,) = tmp_path.iterdir()
    file.write_bytes(gzip.compress(line + b"\nbody"))
    with cache.opened("/x") as kept:
        assert kept is None


def test_a_file_that_is_replaced_or_deleted_meanwhile_is_still_what_was_asked_about(
    sec: Sec, tmp_path: Path, client: EdgarClient
) -> None:
    sec.files[TICKERS] = File(tickers(30))
    first = client.tickers()
    (file,) = kept_files(tmp_path)
    sec.meanwhile = file.unlink
    assert client.tickers().equals(first)
    assert sec.statuses == [200, 304]


def test_readers_meet_whole_files_with_their_own_conditions_while_others_write(
    tmp_path: Path,
) -> None:
    cache = ValidatorCache(tmp_path, "sec.example")
    bodies = [os.urandom(1_000_000) for _ in range(4)]

    def keep(version: int) -> None:
        cache.keep("/x", {"etag": str(version)}, io.BytesIO(bodies[version]))

    def read(_: int) -> None:
        into = io.BytesIO()
        with cache.opened("/x") as kept:
            assert kept is not None
            assert kept.copy(into, 1_000_000)
        assert into.getvalue() == bodies[int(kept.conditions["If-None-Match"])]

    keep(1)
    with ThreadPoolExecutor(4) as pool:
        written = [pool.submit(keep, number % 4) for number in range(12)]
        for done in [*pool.map(read, range(40)), *(each.result() for each in written)]:
            assert done is None


def test_what_was_kept_first_goes_first_where_the_folder_is_full(tmp_path: Path) -> None:
    cache = ValidatorCache(tmp_path, "sec.example", max_bytes=3500)
    (tmp_path / "of somebody else.gz").write_bytes(b"x" * 5000)
    for number in range(6):
        cache.keep(f"/{number}", {"etag": '"one"'}, io.BytesIO(os.urandom(1000)))
    left = sorted(file.name for file in tmp_path.iterdir())
    assert left == ["of somebody else.gz", *(f"sec.example_{n}.kept.gz" for n in (3, 4, 5))]


def test_a_folder_that_cannot_be_used_is_named_before_anything_is_asked(
    sec: Sec, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with (
        client_of(sec, tmp_path, cache_folder=tmp_path / "file") as client,
        pytest.raises(ConfigurationError, match=r"file.*set cache_folder") as raised,
    ):
        client.tickers()
    assert raised.value.subject == "cache_folder"
    assert sec.asked == []


def test_what_cannot_be_kept_is_answered_all_the_same_and_told(
    sec: Sec, tmp_path: Path, client: EdgarClient, caplog: pytest.LogCaptureFixture
) -> None:
    sec.files[TICKERS] = File(tickers(30))
    client.tickers()
    (file,) = kept_files(tmp_path)
    file.unlink()
    (file / "in the way").mkdir(parents=True)
    with caplog.at_level(logging.WARNING):
        assert len(client.tickers()) == 29
    assert "not kept and will be sent whole next time" in caplog.text
    assert kept_files(tmp_path) == [file], "nothing half written is left behind"


@pytest.mark.parametrize(
    ("headers", "asked_with"),
    [
        ({}, {}),
        ({"etag": ""}, {}),
        ({"etag": '"a"'}, {"If-None-Match": '"a"'}),
        ({"etag": 'W/"a"'}, {"If-None-Match": 'W/"a"'}),
        ({"etag": '"a"\n'}, {}),
        ({"etag": '"ä"', "last-modified": "t"}, {"If-Modified-Since": "t"}),
        ({"etag": '"a"', "cache-control": "no-cache"}, {"If-None-Match": '"a"'}),
        ({"etag": '"a"', "cache-control": "No-Store"}, {}),
    ],
)
def test_conditions_are_made_of_the_validators_that_a_header_may_hold(
    headers: dict[str, str], asked_with: dict[str, str]
) -> None:
    assert conditions(headers) == asked_with
