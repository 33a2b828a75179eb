"""A submission of 150 MB: read in bounded memory, and downloaded only as far as it is needed."""

import contextlib
import socket
import threading
import tracemalloc
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from serving import running
from submission_text import ACCESSION, HEADER, document

from blocks.edgar import EdgarClient
from blocks.models import Filing, FoundBy, Party, Submission

MEBIBYTE = 1024 * 1024
LARGE_BYTES = 150_000_000
MOST_MEMORY_BYTES = 8 * MEBIBYTE
FILING = Filing(
    accession=ACCESSION,
    form="8-K",
    parties=(Party(cik=12345, name="Acme", role="Filer"),),
    found_by=FoundBy.FEED,
)
BEGIN = (HEADER + document("Item 2.02. Results.")).encode()
NEWS = document("Revenue rose.", "EX-99.1", "2").encode()
END = b"</SEC-DOCUMENT>\n"
UUENCODED_LINE = b"M_]C_X" + b"00``$!02D9)1@`!`0(`:0!I``#_X1V(:'1T<#HO+VYS+F%D;V)E+F" + b"\n"
XBRL_LINE = (
    b'<us-gaap:Revenues contextRef="c1" unitRef="USD" decimals="-3">1234</us-gaap:Revenues>\n'
)


@dataclass(frozen=True)
class Long:
    """A document of ``size`` bytes, all lines alike, made while it is sent."""

    kind: str
    line: bytes
    size: int = 5_000_000

    def blocks(self) -> Iterator[bytes]:
        begin = b"begin 644 x.jpg\n" if self.line is UUENCODED_LINE else b"<XBRL>\n"
        yield f"<DOCUMENT>\n<TYPE>{self.kind}\n<TEXT>\n".encode() + begin
        block = self.line * (64 * 1024 // len(self.line))
        for _ in range(self.size // len(block)):
            yield block
        yield b"end\n</TEXT>\n</DOCUMENT>\n"


@dataclass
class Served:
    """What is to be sent, and how much of it the socket took."""

    parts: list[bytes | Long] = field(default_factory=list)
    gzipped: bool = False
    sent_bytes: int = 0
    ended: threading.Event = field(default_factory=threading.Event)

    def blocks(self) -> Iterator[bytes]:
        for part in self.parts:
            yield from [part] if isinstance(part, bytes) else part.blocks()

    def coded(self) -> Iterator[bytes]:
        if not self.gzipped:
            yield from self.blocks()
            return
        squeeze = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
        yield from map(squeeze.compress, self.blocks())
        yield squeeze.flush()


class Server(HTTPServer):
    """Sends one large file to whoever asks."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.served = Served()


class Handler(BaseHTTPRequestHandler):
    """Sends until all is sent or the reader has gone."""

    server: Server

    def do_GET(self) -> None:
        served = self.server.served
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024)
        self.send_response(200)
        if served.gzipped:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        with contextlib.suppress(OSError):  # the reader has enough
            for block in served.coded():
                self.wfile.write(block)
                served.sent_bytes += len(block)
        served.ended.set()

    def log_message(self, *_: Any) -> None:  # noqa: ANN401 - the base class's signature
        """Keep the test output quiet."""


@pytest.fixture
def sec() -> Iterator[Server]:
    with running(Server()) as server:
        yield server


def read_large(sec: Server, tmp_path: Path, **changed: Any) -> tuple[Submission, int]:  # noqa: ANN401 - block fields
    """The submission, and how much memory reading it took at most."""
    client = EdgarClient(
        user_agent="Sample Company AdminContact@sample.com",
        base_url=f"http://127.0.0.1:{sec.server_address[1]}",
        limiter_path=tmp_path / "requests.sqlite",
        **changed,
    )
    with contextlib.closing(client):
        tracemalloc.start()
        try:
            found = client.submission(FILING)
            peak_bytes = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert sec.served.ended.wait(30), "the connection was left open"
    return found, peak_bytes


def test_of_150_mb_behind_the_news_hardly_any_is_downloaded(sec: Server, tmp_path: Path) -> None:
    xbrl, rendering = Long("EX-101.INS", XBRL_LINE), Long("XML", XBRL_LINE, LARGE_BYTES)
    sec.served = Served([BEGIN, NEWS, Long("GRAPHIC", UUENCODED_LINE), xbrl, rendering, END])
    found, peak_bytes = read_large(sec, tmp_path)
    assert [read.type for read in found.documents] == ["8-K", "EX-99.1", "GRAPHIC", "EX-101.INS"]
    assert found.complete
    assert sec.served.sent_bytes < LARGE_BYTES / 8
    assert peak_bytes < MOST_MEMORY_BYTES


@pytest.mark.parametrize("gzipped", [False, True])
def test_150_mb_before_the_news_are_read_through_in_bounded_memory(
    sec: Server, tmp_path: Path, *, gzipped: bool
) -> None:
    slides = [Long("GRAPHIC", UUENCODED_LINE)] * 20 + [Long("EX-101.INS", XBRL_LINE)] * 10
    sec.served = Served([BEGIN, *slides, NEWS, END], gzipped=gzipped)
    found, peak_bytes = read_large(sec, tmp_path, max_submission_bytes=2 * LARGE_BYTES)
    assert len(found.documents) == 32
    assert found.documents[-1].body.strip() == "Revenue rose."
    assert found.complete
    assert peak_bytes < MOST_MEMORY_BYTES


def test_no_more_than_the_cap_is_downloaded_and_the_cut_is_said(
    sec: Server, tmp_path: Path
) -> None:
    sec.served = Served([BEGIN, *[Long("GRAPHIC", UUENCODED_LINE)] * 30, NEWS, END])
    found, peak_bytes = read_large(sec, tmp_path, max_submission_bytes=MEBIBYTE)
    assert found.documents[0].body.strip() == "Item 2.02. Results."
    assert not found.complete
    assert sec.served.sent_bytes < LARGE_BYTES / 8
    assert peak_bytes < MOST_MEMORY_BYTES


def test_150_mb_of_words_are_kept_in_part_only(sec: Server, tmp_path: Path) -> None:
    sec.served = Served([BEGIN, Long("EX-10.1", b"We agree. " * 8, LARGE_BYTES), NEWS, END])
    found, peak_bytes = read_large(sec, tmp_path, max_submission_bytes=2 * LARGE_BYTES)
    assert found.documents[-1].body.strip() == "Revenue rose."
    assert not found.complete
    assert peak_bytes < 40 * MEBIBYTE
