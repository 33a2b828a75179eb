"""EDGAR's ``getcurrent`` Atom feed: bytes in, filings out. Pure.

The feed has one entry per party of a filing, and repeats entries. Title, id,
category and summary have had this form in every capture from 2016 to 2026::

    8-K - Mind Medicine (MindMed) Inc. (0001813814) (Filer)
    urn:tag:sec.gov,2008:accession-number=0001193125-25-123456
"""

import io
import re
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, NamedTuple

import feedparser
from pydantic import ValidationError

from blocks.edgar_answers import describe
from blocks.errors import FeedUnreadable
from blocks.models import ACCESSION_PATTERN, Filing, FoundBy, Party, UtcDatetime, Value

MAX_START = 5000  # the feed holds 5,100 entries; start=5100 answers 503

_ID = re.compile(rf"urn:tag:sec\.gov,2008:accession-number=({ACCESSION_PATTERN.pattern})")
_PARTY = re.compile(r"(?P<name>.*)\((?P<cik>\d{1,10})\) \((?P<role>[^()]+)\)", re.DOTALL)
_FILED = re.compile(r"Filed:\s*(\d{4}-\d{2}-\d{2})")
_ACCESSION = re.compile(rf"AccNo:\s*({ACCESSION_PATTERN.pattern})")
_SIZE = re.compile(r"Size:\s*(\d+(?:\.\d+)?)\s*([KMG]?B)\b")
_ITEM = re.compile(r"<br\s*/?>\s*Item (\d{1,2}\.\d{2}):", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
_DECLARATION = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_ENCODING = re.compile(rb"<\?xml[^<>]*?encoding\s*=\s*[\"']([^\"']*)")
_READ_ENCODINGS = {b"iso-8859-1", b"utf-8", b"us-ascii", b"windows-1252"}
_LONG_TAG = re.compile(rb"<[^<>]{4096}")  # the parser's time grows with the square of its parts
_UNITS = {"B": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3}


class FeedPage(Value):
    """One page of the feed, newest acceptance first.

    ``filings`` holds each accession once with all parties this page names;
    ``entries`` counts the raw entries, readable or not; ``is_last`` tells that
    no page follows. ``unreadable`` names the entries that could not be read: a
    filing that has one may lack a party here, or be missing. ``updated_at`` is
    EDGAR's clock when it made the page; None where the page does not tell.
    """

    filings: tuple[Filing, ...]
    entries: int
    is_last: bool
    unreadable: tuple[str, ...] = ()
    updated_at: UtcDatetime | None = None


class Entries(NamedTuple):
    """One filing with one party for each readable entry, and what is wrong with the others.

    ``updated_at``: see :class:`FeedPage`.
    """

    filings: tuple[Filing, ...]
    unreadable: tuple[str, ...]
    updated_at: datetime | None = None


def read_page(body: bytes, start: int, count: int) -> FeedPage:
    """Read the page that begins at entry ``start`` and was asked for with ``count``.

    Raises:
        FeedUnreadable: the body is not the Atom feed, or none of its entries can be read.
    """
    filings, unreadable, updated_at = read_entries(body)
    entries = len(filings) + len(unreadable)
    return FeedPage(
        filings=merge(filings),
        entries=entries,
        is_last=entries < count or start >= MAX_START,
        unreadable=unreadable,
        updated_at=updated_at,
    )


def read_entries(body: bytes) -> Entries:
    """The entries of a page in feed order, repeats included.

    Raises:
        FeedUnreadable: the body is not the Atom feed, or none of its entries can be read.
    """
    if why := _unfit_for_a_parser(body):
        raise FeedUnreadable(_not_the_feed(body, why))
    parsed = _parsed(body)
    if parsed.bozo:
        raise FeedUnreadable(_not_the_feed(body, str(parsed.bozo_exception)))
    if parsed.get("version") != "atom10":
        raise FeedUnreadable(_not_the_feed(body, "its root is not an Atom feed"))
    return _entries(parsed.entries)._replace(updated_at=_moment(parsed.feed.get("updated", "")))


def merge(filings: Iterable[Filing]) -> tuple[Filing, ...]:
    """Each accession once, in order of first appearance, with every party once.

    Other fields are those of the first appearance. Use it on several pages:
    filings that arrive while paging push entries onto the next page again.
    """
    first: dict[str, Filing] = {}
    parties: dict[str, dict[Party, None]] = {}
    for filing in filings:
        first.setdefault(filing.accession, filing)
        parties.setdefault(filing.accession, {}).update(dict.fromkeys(filing.parties))
    return tuple(
        filing.model_copy(update={"parties": tuple(parties[accession])})
        for accession, filing in first.items()
    )


def _unfit_for_a_parser(body: bytes) -> str:
    """Why the body is kept from the XML parser; empty: it is not. EDGAR's has nothing of it."""
    declared = _ENCODING.search(body)
    begins = body.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if (
        b"\0" in body
        or begins not in {b"", b"<"}
        or (declared and declared[1].lower() not in _READ_ENCODINGS)
    ):
        # in another encoding the look for declarations would see none
        return "its encoding is not one that EDGAR uses"
    if _DECLARATION.search(body):
        return "it holds a document type declaration"
    return "it holds a tag without end" if _LONG_TAG.search(body) else ""


def _parsed(body: bytes) -> Any:  # noqa: ANN401 - feedparser has no types
    # a stream, because bytes would be tried as a file name first
    stream = io.BytesIO(body)
    try:
        return feedparser.parse(stream, sanitize_html=False, resolve_relative_uris=False)
    except Exception as error:  # its guesses at an encoding let any codec's error through
        raise FeedUnreadable(_not_the_feed(body, f"{error}")) from error


def _entries(raw: list[Any]) -> Entries:
    filings: list[Filing] = []
    unreadable: list[str] = []
    for number, entry in enumerate(raw, start=1):
        try:
            filings.append(_filing(entry))
        except _UnreadableField as error:
            # by its name: its number changes with every look, and the entry is the same
            name = entry.get("id") or entry.get("title") or f"{number} of the page"
            unreadable.append(f"entry {name}: its {error}")
    if unreadable and not filings:
        raise FeedUnreadable(
            f"none of the {len(raw)} entries of EDGAR's feed page can be read, the first is"
            f" {unreadable[0]} has a form never seen before. Nothing was taken; the daily index"
            " still finds the filings."
        )
    return Entries(tuple(filings), tuple(unreadable))


class _UnreadableField(Exception):
    """Names the field of an entry that cannot be read; never leaves this module."""


def _filing(entry: Any) -> Filing:  # noqa: ANN401 - feedparser has no types
    accession = _one(_ID, entry.get("id", ""), "id")[1]
    form = entry.tags[0].term if entry.get("tags") else ""
    summary = entry.get("summary", "")
    facts = _TAG.sub(" ", summary)
    if _one(_ACCESSION, facts, "summary")[1] != accession:
        raise _UnreadableField("summary")
    try:
        return Filing(
            accession=accession,
            form=form,
            parties=(_party(form, entry.get("title", "")),),
            found_by=FoundBy.FEED,
            accepted_at=datetime.fromisoformat(entry.get("updated", "")),
            filed_on=date.fromisoformat(_one(_FILED, facts, "summary")[1]),
            items=tuple(dict.fromkeys(_ITEM.findall(summary))) if form.startswith("8-K") else (),
            size_bytes=_size_bytes(facts),
        )
    except ValidationError as error:
        raise _UnreadableField(".".join(str(part) for part in error.errors()[0]["loc"])) from error
    except (ValueError, OverflowError) as error:
        raise _UnreadableField("date") from error


def _party(form: str, title: str) -> Party:
    found = _PARTY.fullmatch(title.removeprefix(f"{form} - "))
    if found is None or not title.startswith(f"{form} - "):
        raise _UnreadableField("title")
    return Party(cik=int(found["cik"]), name=found["name"].strip(), role=found["role"])


def _size_bytes(facts: str) -> int | None:
    size = _SIZE.search(facts)
    return int(float(size[1]) * _UNITS[size[2]]) if size else None


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _one(pattern: re.Pattern[str], text: str, field: str) -> re.Match[str]:
    found = pattern.search(text)
    if found is None:
        raise _UnreadableField(field)
    return found


def _not_the_feed(body: bytes, why: str) -> str:
    return (
        f"EDGAR's answer is not the Atom feed that was asked for but {describe(body)} ({why})."
        " The next poll asks again; if it stays so, open the feed in a browser."
    )
