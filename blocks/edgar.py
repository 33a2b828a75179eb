"""The ``EdgarClient`` block: everything that is asked of EDGAR, and nothing else.

What is read lives in the pure siblings (feed, index, submission), how it is
asked for in ``edgar_http``; this block puts the two together.
"""

import io
import re
import tempfile
from collections.abc import Iterator
from datetime import date
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar

import httpx
import pandas as pd
from prefect.blocks.core import Block
from pydantic import Field, PrivateAttr, field_validator, model_validator

from blocks.edgar_breaker import Breaker
from blocks.edgar_conditional import ConditionalSession
from blocks.edgar_feed import MAX_START, FeedPage, read_page
from blocks.edgar_http import Body, EdgarSession, Transport
from blocks.edgar_index import (
    DayIndex,
    IndexRow,
    UnreadableRow,
    daily_index_path,
    quarterly_index_path,
    read_index,
    read_rows,
    read_tickers,
)
from blocks.edgar_kept import ValidatorCache
from blocks.edgar_pace import RequestPace, default_limiter_path
from blocks.edgar_submission import SubmissionReader
from blocks.errors import ConfigurationError, EdgarError, FeedUnreadable, IndexUnreadable
from blocks.models import Filing, Submission

MEBIBYTE = 1024 * 1024
_MAX_PAGE_BYTES = 2 * MEBIBYTE  # a page of 100 entries has about 60 KB
_MAX_INDEX_BYTES = 16 * MEBIBYTE  # the largest daily master index has a few MB
_MAX_QUARTER_BYTES = 512 * MEBIBYTE  # the largest quarterly one about 50 MB

_MAX_LINE_CHARS = 4096  # a longer one comes in parts, and none of them is a row

_FEED_PATH = "/cgi-bin/browse-edgar"
_TICKERS_PATH = "/files/company_tickers.json"
_CONTACT = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_REMEDY = (
    "SEC asks every program to say who runs it and how to reach them:"
    ' set user_agent to something like "Sample Company AdminContact@sample.com".'
)


class EdgarClient(Block):
    """Asks EDGAR for feeds, indexes, submissions and tickers. Thread-safe.

    Every method may raise EdgarUnavailable (after its retries), EdgarBlocked
    (at once, never retried; until its ``until`` no process of this machine
    asks), EdgarNotFound, or EdgarError for a redirect to another host, and
    waits for its turn under the machine's request limit. Indexes and tickers
    are kept, and sent again only when they have changed, or could not be read
    to the last row.
    """

    _block_type_name: ClassVar[str | None] = "EDGAR client"
    _block_type_slug: ClassVar[str | None] = "edgar-client"
    _description: ClassVar[str | None] = (
        "Reads filings from SEC's EDGAR with a declared identity, under one request limit for all"
        " processes of the machine."
    )

    user_agent: str = Field(
        description="Who asks: your company or name and an e-mail address, which SEC requires.",
        examples=["Sample Company AdminContact@sample.com"],
    )
    base_url: str = Field(
        "https://www.sec.gov",
        description="The only host that is ever asked; redirects to others are refused.",
    )
    max_requests_per_s: Annotated[float, Field(gt=0, le=8)] = Field(
        8, description="Requests per second at most, by all processes of this machine together."
    )
    timeout_s: Annotated[float, Field(gt=0, le=600)] = Field(
        30, description="Longest silence of the server in seconds; a whole answer may take ten."
    )
    max_attempts: Annotated[int, Field(ge=1, le=20)] = Field(
        5, description="Attempts per request where EDGAR is overloaded, slow or drops the line."
    )
    block_wait_s: Annotated[float, Field(gt=0, le=86_400)] = Field(
        600,
        description="Seconds in which no process of this machine asks again once SEC has answered"
        " with its block page; SEC lifts a block after ten minutes without requests.",
    )
    limiter_path: Path | None = Field(
        None,
        description="File that keeps the request limit, and beside it whether SEC blocks this"
        " machine; by default one per user in the temporary folder. Give several users or"
        " containers the same file to share one limit.",
    )
    cache_folder: Path | None = Field(
        None,
        description="Folder that keeps indexes and tickers, so that EDGAR sends them again only"
        " when they have changed, at most 256 MiB; by default beside limiter_path.",
    )
    max_submission_bytes: Annotated[int, Field(ge=1024)] = Field(
        20 * MEBIBYTE,
        description="Of a submission at most this many bytes are downloaded, usually far fewer:"
        " reading ends where nothing more is needed.",
    )

    _session: EdgarSession = PrivateAttr()
    _conditional: ConditionalSession = PrivateAttr()

    @model_validator(mode="before")
    @classmethod
    def _says_who_asks(cls, values: Any) -> Any:  # noqa: ANN401 - pydantic hands over raw input
        if isinstance(values, dict) and not values.get("user_agent"):
            raise ConfigurationError(f"user_agent is missing. {_REMEDY}", subject="user_agent")
        return values

    @field_validator("user_agent")
    @classmethod
    def _gives_a_contact(cls, value: str) -> str:
        if not value.isascii() or not value.isprintable() or not _CONTACT.search(value):
            raise ConfigurationError(
                f"user_agent {value!r} gives no e-mail address, or holds characters that no"
                f" header may. {_REMEDY}",
                subject="user_agent",
            )
        return value.strip()

    @field_validator("base_url")
    @classmethod
    def _is_a_host(cls, value: str) -> str:
        try:
            url = httpx.URL(value)
        except httpx.InvalidURL as error:
            raise ConfigurationError(_bad_host(value), subject="base_url") from error
        bare = url.path in {"", "/"} and not url.query and not url.userinfo and not url.fragment
        if url.scheme not in {"http", "https"} or not url.host or not bare:
            raise ConfigurationError(_bad_host(value), subject="base_url")
        return value.rstrip("/")

    def model_post_init(self, context: Any, /) -> None:  # noqa: ANN401 - pydantic's signature
        """Prepare the session; nothing is opened before the first request."""
        super().model_post_init(context)
        server = httpx.URL(self.base_url).netloc.decode()
        path = self.limiter_path or default_limiter_path()
        self._session = EdgarSession(
            Transport(
                self.base_url,
                self.user_agent,
                self.timeout_s,
                self.max_attempts,
                self.block_wait_s,
            ),
            RequestPace(path, server, self.max_requests_per_s),
            Breaker(path.parent / f"{path.name}.breaker", server),
        )
        folder = self.cache_folder or path.parent / f"{path.name}.kept"
        self._conditional = ConditionalSession(self._session, ValidatorCache(folder, server))

    def feed_page(self, start: int, count: int = 100) -> FeedPage:
        """One page of the newest filings of all forms, from entry ``start`` on.

        ``count`` is at most 100; a short page is taken for the end of the feed.
        The feed holds 5,100 entries and answers 503 beyond; offsets past 5,000
        are not asked for and give an empty last page.

        Entries that cannot be read are told beside the filings of the others.

        Raises:
            FeedUnreadable: the answer is not the feed, or none of its entries can be read.
        """
        if start > MAX_START:
            return FeedPage(filings=(), entries=0, is_last=True)
        params: dict[str, str | int] = {
            "action": "getcurrent",
            "type": "",
            "owner": "include",
            "start": start,
            "count": count,
            "output": "atom",
        }
        body = self._session.read(_FEED_PATH, params, max_bytes=_MAX_PAGE_BYTES)
        return read_page(_whole(body, FeedUnreadable, "feed page"), start, count)

    def daily_index(self, day: date) -> DayIndex:
        """The distinct filings of one day's master index, all CIKs as parties.

        Rows that cannot be read are told beside them.

        Raises:
            EdgarNotFound: there is none: a weekend, a holiday, or not yet made
                (EDGAR makes it at about 22:06 Eastern).
            IndexUnreadable: not a master index, or most of its rows cannot be read.
        """
        path = daily_index_path(day)
        with self._conditional.trial(path) as trial:
            body = self._conditional.read(path, max_bytes=_MAX_INDEX_BYTES)
            index = read_index(_whole(body, IndexUnreadable, "daily index"))
            trial.is_sound = not index.unreadable
        return index

    def quarterly_index(self, year: int, quarter: int) -> Iterator[IndexRow | UnreadableRow]:
        """The rows of a quarter's master index, one party of one filing each.

        Kept in a temporary file and read line by line. Nothing is asked for,
        and nothing raised, before the first row is taken.

        Raises:
            EdgarNotFound: there is no such quarter.
            IndexUnreadable: not a master index, or (after the last row) most of its rows
                could not be read.
        """
        path = quarterly_index_path(year, quarter)
        with tempfile.TemporaryFile() as file, self._conditional.trial(path) as trial:
            if not self._conditional.save(path, into=file, max_bytes=_MAX_QUARTER_BYTES):
                raise IndexUnreadable(f"{path} is larger than any index of EDGAR; not read.")
            with io.TextIOWrapper(file, encoding="latin-1") as lines:
                for row in read_rows(iter(partial(lines.readline, _MAX_LINE_CHARS), "")):
                    if isinstance(row, UnreadableRow):
                        trial.is_sound = False
                    yield row

    def submission(self, filing: Filing) -> Submission:
        """The full submission of a filing, read while it comes in and cut where enough came.

        At most ``max_submission_bytes`` are downloaded, and never more kept in memory
        than a :class:`SubmissionReader` keeps.

        Raises:
            SubmissionUnreadable: nothing in it a reader could use.
        """
        received = self._session.stream(
            filing.submission_path,
            sink=partial(SubmissionReader, filing.accession),
            max_bytes=self.max_submission_bytes,
        )
        return received.sink.submission(complete=received.complete)

    def tickers(self) -> pd.DataFrame:
        """SEC's tickers: columns ``cik`` (int64), ``ticker`` and ``name`` (str), SEC's order.

        The first ticker of a CIK is its main one.

        Raises:
            IndexUnreadable: the answer is not SEC's ticker file.
        """
        with self._conditional.trial(_TICKERS_PATH):
            body = self._conditional.read(_TICKERS_PATH, max_bytes=_MAX_INDEX_BYTES)
            return read_tickers(_whole(body, IndexUnreadable, "ticker file"))

    @property
    def requests_sent(self) -> int:
        """How many requests have left since this client was made, or unpickled.

        Retries, redirects and those answered with 304 count; one that SEC's block
        held back, or that found no connection, does not.
        """
        return self._session.requests_sent

    def close(self) -> None:
        """Close the kept connections; the block stays usable."""
        self._session.close()


def _whole(body: Body, error: type[EdgarError], what: str) -> bytes:
    if not body.complete:
        raise error(f"EDGAR's {what} is larger than any seen; not read. Check base_url.")
    return body.data


def _bad_host(value: str) -> str:
    shown = value if "@" not in value else f"...@{value.rpartition('@')[2]}"  # no password
    return (
        f"base_url {shown!r} must be a host with http or https and nothing after it,"
        " such as https://www.sec.gov"
    )
