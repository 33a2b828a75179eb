"""What one document of a submission says, as plain text: HTML and XML rendered, tidied."""

import re
from html import unescape

from inscriptis import get_text

from blocks.document_types import is_data
from blocks.models import Document

_UUENCODED = re.compile(r"^begin \d{3} \S", re.MULTILINE)

_HTML = re.compile(r"<(?:!doctype html|html|body|div|p|font|br|span)\b", re.IGNORECASE)
_XML_HEAD = re.compile(r"\s*(?:<XML>\s*)?<\?xml\b(?!.{0,2000}<html)", re.DOTALL | re.IGNORECASE)
_XML_LEAF = re.compile(r"<(?:\w+:)?(\w+)(?:\s[^<>]*)?>([^<>]*[^<>\s][^<>]*)</")
_INLINE_XBRL_HIDDEN = re.compile(r"<ix:header\b.*?</ix:header>", re.DOTALL | re.IGNORECASE)
_SGML_TAG = re.compile(r"</?(?:PAGE|TABLE|CAPTION|S|C|FN|F\d+|TEXT|XBRL|XML)>", re.IGNORECASE)
_NOISE_LINE = re.compile(r"(?im)^(?:[-=_*. \t]{3,}|[ \t]*table of contents[ \t]*)$")
_UNBROKEN_RUN = re.compile(r"\S{240,}")  # encoded data; also what makes a tokeniser quadratic
_BOILERPLATE = re.compile(
    r"\s*(?:(?:the|(?:neither )?this) (?:information|press release|current report)\b.{0,400}?"
    r"(?:not be deemed|forward-looking statements|an offer to sell)"
    r"|indicate by check ?mark\b)",
    re.DOTALL | re.IGNORECASE,
)
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
    """A document as plain text: HTML and XML rendered, white space tidied."""
    body = document.body
    if _XML_HEAD.match(body):
        leaves = _XML_LEAF.finditer(body)
        return _tidy("\n".join(f"{leaf[1]}: {unescape(leaf[2]).strip()}" for leaf in leaves))
    if _HTML.search(body):
        return _without_boilerplate(_tidy(get_text(_INLINE_XBRL_HIDDEN.sub("", body))), "\n")
    return _without_boilerplate(_tidy(_SGML_TAG.sub("", body)), "\n\n")


def _without_boilerplate(text: str, paragraph_end: str) -> str:
    """Drop what lawyers have in every filing. Rendered HTML has a paragraph on each line."""
    paragraphs = text.split(paragraph_end)
    return _BLANK_LINES.sub(
        "\n\n", paragraph_end.join(p for p in paragraphs if not _BOILERPLATE.match(p))
    ).strip()


def _tidy(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\xa0", " ")
    text = text.replace("\u200b", "")  # without width: some agents put one into every cell
    text = _NOISE_LINE.sub("", _UNBROKEN_RUN.sub("", text))
    text = _GAP.sub("  ", text)
    text = _LONELY_CLOSER.sub("", _LONELY_CURRENCY.sub(r"\1", text))
    lines = (line.strip() for line in text.split("\n"))
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip()
