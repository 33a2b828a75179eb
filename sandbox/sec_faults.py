"""Faults of the stand-in SEC: its pages, and spoilt feeds, indexes and submissions."""

import itertools
from collections.abc import Iterator
from dataclasses import replace

from sandbox import sec_pages
from sandbox.faults import Fault, retry_after
from sandbox.loopback import Response, Stream

_OTHER_SUBMISSION = (
    "<SEC-DOCUMENT>0009999999-25-999999.txt : 20251211\n"
    "<SEC-HEADER>0009999999-25-999999.hdr.sgml : 20251211\n"
    "<ACCEPTANCE-DATETIME>20251211090000\n"
    "ACCESSION NUMBER:\t\t0009999999-25-999999\n"
    "CONFORMED SUBMISSION TYPE:\t8-K\n"
    "PUBLIC DOCUMENT COUNT:\t\t1\n"
    "FILED AS OF DATE:\t\t20251211\n"
    "</SEC-HEADER>\n<DOCUMENT>\n<TYPE>8-K\n<SEQUENCE>1\n<FILENAME>other.txt\n"
    "<TEXT>\nItem 8.01 Other Events.\nThis is not the filing that was asked for.\n"
    "</TEXT>\n</DOCUMENT>\n</SEC-DOCUMENT>\n"
)
_UUENCODED_LINE = b"M" + b"0" * 60


def _page(name: str, response: Response) -> Fault:
    return Fault(name, lambda _: response, replaces=True)


def _with_pause(response: Response, retry_after_s: float | None) -> Response:
    return replace(response, headers={**response.headers, **retry_after(retry_after_s)})


def rate_limited(retry_after_s: float | None = None, code: int = 429) -> Fault:
    """The rate page, with a Retry-After header when seconds are given."""
    return _page("rate limited", _with_pause(sec_pages.rate_exceeded(code), retry_after_s))


def blocked() -> Fault:
    """403 and the page for undeclared tools, whoever asks."""
    return _page("blocked", sec_pages.undeclared_tool())


def unavailable(retry_after_s: float | None = None) -> Fault:
    """503 and the maintenance page."""
    return _page("unavailable", _with_pause(sec_pages.unavailable(), retry_after_s))


def html_instead() -> Fault:
    """200 and an HTML page, whatever was asked for."""
    return _page("html instead", sec_pages.no_matches())


def missing() -> Fault:
    """404 in the storage's XML, whatever was asked for."""
    return _page("missing", sec_pages.no_such_key("edgar/data/0/missing.txt"))


def malformed_xml() -> Fault:
    """Break the XML in its middle, under an honest Content-Length."""
    return Fault("malformed xml", lambda normal: replace(normal, body=_broken(normal.body)))


def empty_index() -> Fault:
    """Keep the head of the index, and no row."""
    return Fault("empty index", lambda normal: replace(normal, body=_head(normal.body)))


def wrong_submission(text: str = _OTHER_SUBMISSION) -> Fault:
    """200 and the submission of another accession number."""
    return _page("wrong submission", Response(text.encode(), 200))


def swollen(size_bytes: int) -> Fault:
    """Stream the submission with one more document in it, a graphic of about that size."""

    def swell(normal: Response) -> Response:
        return replace(normal, body=b"", stream=Stream(_swollen(normal.body, size_bytes)))

    return Fault("swollen", swell)


def _swollen(submission: bytes, size_bytes: int) -> Iterator[bytes]:
    documents, end, after = submission.rpartition(b"</SEC-DOCUMENT>")
    block = b"\n".join([_UUENCODED_LINE] * 1024) + b"\n"
    yield documents
    yield b"<DOCUMENT>\n<TYPE>GRAPHIC\n<SEQUENCE>99\n<FILENAME>large.jpg\n<TEXT>\nbegin 644 x\n"
    yield from itertools.repeat(block, -(-size_bytes // len(block)))
    yield b"`\nend\n</TEXT>\n</DOCUMENT>\n" + end + after


def _broken(body: bytes) -> bytes:
    middle = len(body) // 2
    return body[:middle] + b"<entry><title>cut & off" + body[middle + 64 :]


def _head(body: bytes) -> bytes:
    lines = body.splitlines(keepends=True)
    rule = next((n for n, line in enumerate(lines) if line.startswith(b"-----")), len(lines) - 1)
    return b"".join(lines[: rule + 1])
