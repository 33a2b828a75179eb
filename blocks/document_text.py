"""What one document of a submission says, as plain text: HTML and XML rendered, tidied."""

import re
from html import unescape

from blocks.document_layout import laid_out
from blocks.document_types import is_data
from blocks.excerpt_boilerplate import without_boilerplate
from blocks.models import Document

_UUENCODED = re.compile(r"^begin \d{3} \S", re.MULTILINE)

_HTML = re.compile(r"<(?:!doctype html|html|body|div|p|font|br|span)\b", re.IGNORECASE)
_XML_HEAD = re.compile(r"\s*(?:<XML>\s*)?<\?xml\b(?!.{0,2000}<html)", re.DOTALL | re.IGNORECASE)
# In ownership forms every datum is a <value> within the element that names it.
_XML_LEAF = re.compile(r"<(?:\w+:)?(\w+)(?:\s[^<>]*)?>(?:\s*<value>)?(\s*[^<>\s][^<>]*)</")
_HIDDEN_BEGINS = re.compile(r"<ix:header\b", re.IGNORECASE)
_HIDDEN_ENDS = re.compile(r"</ix:header>", re.IGNORECASE)
_SGML_TAG = re.compile(r"</?(?:PAGE|TABLE|CAPTION|S|C|FN|F\d+|TEXT|XBRL|XML)>", re.IGNORECASE)
_NOISE_LINE = re.compile(
    r"(?im)^(?:[-=_*. \t]{3,}|[ \t]*(?:table of contents|(?:PS|S|F|A)-\d{1,3})[ \t]*)$"
)
_UNBROKEN_RUN = re.compile(r"\S{240,}")  # encoded data; also what makes a tokeniser quadratic
_DOT_LEADERS = re.compile(r"(?:\.[^\S\n]?){5,}")
_WIDE = re.compile(r"[^\S\n]{2,}")
_GAP = re.compile(r"[^\S\n]{3,}")
_BLANK_LINES = re.compile(r"\n(?:[^\S\n]*\n)+")
_LONELY_CURRENCY = re.compile(r"([$€£(])[^\S\n]+(?=\d)")
_LONELY_CLOSER = re.compile(r"(?<=\d)[^\S\n]+(?=[%)])")


def is_readable(document: Document) -> bool:
    """Whether it is words: not a picture, archive, workbook, PDF or XBRL file."""
    if is_data(document.type):
        return False
    head = document.body[:2_000]
    return bool(head.strip()) and "<PDF>" not in head and not _UUENCODED.search(head)


def text_of(document: Document) -> str:
    """A document as plain text: white space tidied, boilerplate left out and marked."""
    text = _tidy(rendered(document))
    paragraph_end = "\n" if _HTML.search(document.body) else "\n\n"
    if not _XML_HEAD.match(document.body):
        text = without_boilerplate(text, paragraph_end)
    return _BLANK_LINES.sub("\n\n", text).strip()


def rendered(document: Document) -> str:
    """All that a document says: HTML with its tables laid out, XML as names and values."""
    body = document.body
    if _XML_HEAD.match(body):
        leaves = _XML_LEAF.finditer(body)
        return "\n".join(f"{leaf[1]}: {unescape(leaf[2]).strip()}" for leaf in leaves)
    if _HTML.search(body):
        return laid_out(_without_hidden(body))
    return _SGML_TAG.sub("", body)


def _without_hidden(html: str) -> str:
    """Without the data of inline XBRL that no reader sees."""
    # by hand: as one expression it would look for an end again and again where there is none
    shown, at = [], 0
    while begins := _HIDDEN_BEGINS.search(html, at):
        ends = _HIDDEN_ENDS.search(html, begins.end())
        if ends is None:
            break
        shown.append(html[at : begins.start()])
        at = ends.end()
    return "".join([*shown, html[at:]])


def _tidy(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\xa0", " ")
    text = text.replace("\u200b", "")  # without width: some agents put one into every cell
    text = _NOISE_LINE.sub("", _UNBROKEN_RUN.sub("", text))
    text = _GAP.sub("  ", _DOT_LEADERS.sub("  ", text))
    text = _LONELY_CLOSER.sub("", _LONELY_CURRENCY.sub(r"\1", text))
    lines = (_one_spaced(line.strip()) for line in text.split("\n"))
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip()


def _one_spaced(line: str) -> str:
    """A line of prose that was set flush right; a row of a table keeps its gaps."""
    cells = _WIDE.split(line)
    is_prose = sum(cell[0].islower() for cell in cells[1:]) * 2 > len(cells)
    return " ".join(cells) if is_prose else line
