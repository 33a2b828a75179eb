"""The ``getcurrent`` Atom feed, byte for byte in EDGAR's shape."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from xml.sax.saxutils import escape

from sandbox.dissemination import EASTERN
from sandbox.market import DayFiling
from sandbox.paging import Entry
from sandbox.stories import item_titles

_SITE = "https://www.sec.gov"
_CURRENT = "/cgi-bin/browse-edgar?action=getcurrent"
_BYTES_A_KB = 1024


def render_feed(page: Iterable[Entry], now: datetime) -> bytes:
    """Write one page of the feed in ISO-8859-1."""
    moment = now.astimezone(EASTERN)
    lines = [
        '<?xml version="1.0" encoding="ISO-8859-1" ?>',
        '<feed xmlns="http://www.w3.org/2005/Atom">',
        f"<title>Latest Filings - {moment:%a, %d %b %Y %H:%M:%S %Z}</title>",
        f'<link rel="alternate" href="{_CURRENT}"/>',
        f'<link rel="self" href="{_CURRENT}"/>',
        f"<id>{_SITE}{_CURRENT}</id>",
        "<author><name>Webmaster</name><email>webmaster@sec.gov</email></author>",
        f"<updated>{moment.isoformat(timespec='seconds')}</updated>",
        *(line for entry in page for line in _entry(entry)),
        "</feed>",
    ]
    return ("\n".join(lines) + "\n").encode("latin-1", "xmlcharrefreplace")


def size_words(size_bytes: int) -> str:
    """A size as the feed gives it: whole KB, or whole MB from one on."""
    kilobytes = max(1, round(size_bytes / _BYTES_A_KB))
    return f"{kilobytes} KB" if kilobytes < _BYTES_A_KB else f"{kilobytes // _BYTES_A_KB} MB"


def _entry(entry: Entry) -> Iterator[str]:
    filing, party, malformed = entry
    form, accession = _text(filing.form), filing.accession
    folder = f"{_SITE}/Archives/edgar/data/{party.cik}/{accession.replace('-', '')}"
    yield "<entry>"
    who = "" if malformed else f" ({party.cik:010d}) ({party.role})"
    yield f"<title>{form} - {_text(party.name)}{who}</title>"
    yield f'<link rel="alternate" type="text/html" href="{folder}/{accession}-index.htm"/>'
    yield '<summary type="html">'
    yield from _summary(filing)
    yield "</summary>"
    yield f"<updated>{filing.accepted_at.astimezone(EASTERN).isoformat()}</updated>"
    yield f'<category scheme="{_SITE}/" label="form type" term="{form}"/>'
    yield f"<id>urn:tag:sec.gov,2008:accession-number={accession}</id>"
    yield "</entry>"


def _summary(filing: DayFiling) -> Iterator[str]:
    facts = [
        ("Filed", f"{filing.filed_on}"),
        ("AccNo", filing.accession),
        ("Size", size_words(len(filing.submission))),
    ]
    yield " " + " ".join(f"&lt;b&gt;{name}:&lt;/b&gt; {value}" for name, value in facts)
    for item in filing.items:
        yield f"&lt;br&gt;Item {item}: {_text(item_titles()[item])}"


def _text(words: str) -> str:
    return escape(words, {"'": "&#39;"})
