"""The sections of a report, prospectus or schedule that a trader turns to. Pure.

A heading is a line of its own. One that stands over no sentence is a row of a
table of contents and is passed over; so is the name of a statement that has no
figures under it.
"""

import re
from itertools import islice
from typing import NamedTuple

from blocks.excerpt_passages import PASSAGES, SENTENCE_END, Span, is_within, passage_in


class Section(NamedTuple):
    """A section by its name, with its heading, how much of it is worth showing, and its share."""

    name: str
    text: str
    most_tokens: int
    weight: int


class _Wanted(NamedTuple):
    """A section to look for: where it begins, and what begins the next one.

    ``tells``: what stands soon after its heading, unless that is a row of contents.
    ``is_table``: its rows may be called as chapters are ("Use of proceeds"); in
    capitals they are not.
    """

    name: str
    most_tokens: int
    weight: int
    heading: re.Pattern[str]
    following: re.Pattern[str]
    tells: re.Pattern[str] = SENTENCE_END
    is_table: bool = False


def _line(words: str) -> re.Pattern[str]:
    return re.compile(rf"(?im)^[^\w\n]*(?:{words})[^\w\n]*$")


_PROSPECTUS = re.compile(r"424B|S-[13]|F-[13]|FWP")
_PERIODIC = re.compile(r"10-[KQ]")
_REGISTRATION = re.compile(r"[SF]-[13]")
_RESALE = re.compile(r"[SF]-[13]|424B3")  # of shares that holders have, as a rule
_HAS_PASSAGES = re.compile(r"10-[KQ]|424B|S-[13]|F-[13]|FWP")

_NEXT_ITEM = (
    r"item\s+\d{1,2}[abc]?\b\.?\W*(?:quantitative|controls|financial\s+statements|legal|risk"
    r"|unresolved|unregistered|changes).*"
)
_NEXT_NOTE = r"(?:note\s+|\()\d{1,2}\b.*"
_NEXT_CHAPTER = _line(
    r"about\s+this\s+prospectus.{0,24}|(?:prospectus\s+)?(?:supplement\s+)?summary"
    r"|recent\s+developments?|the\s+offering|risk\s+factors|use\s+of\s+proceeds"
    r"|dividend\s+policy|dilution|capitalization|legal\s+matters|experts"
    r"|plan\s+of\s+distribution|selling\s+s\w+holders?|description\s+of\s.{3,60}"
    r"|(?:our\s+)?corporate\s+(?:information|history).{0,20}|implications\s+of\s+being.{0,90}"
)
_MD_AND_A = r"(?:item\s+\d+\.?\W*)?management['\u2019]?s\s+discussion\s+and\s+analysis.{0,80}"
_STATEMENT = r"(?:unaudited\s+)?(?:condensed\s+)?(?:consolidated\s+)?statements?\s+of\s+"
_WANTED = (
    (
        _PERIODIC,
        (
            _Wanted(
                "Statement of Operations",
                600,
                3,
                _line(
                    rf"{_STATEMENT}(?:consolidated\s+)?(?:operations|income|earnings"
                    r"|comprehensive\s+(?:loss|income))\b.{0,60}"
                ),
                _line(rf"{_STATEMENT}(?!operations).*|.{{0,40}}balance\s+sheets?.*|notes\s+to.*"),
                tells=re.compile(
                    r"^[^\n]*\b(?:sales|revenues?|expenses?|income|loss|costs?)\b"
                    r"[^\n]*\d[\d,]{2}",
                    re.IGNORECASE | re.MULTILINE,
                ),
            ),
            _Wanted("MD&A", 10_000, 6, _line(_MD_AND_A), _line(_NEXT_ITEM)),
            _Wanted(
                "Subsequent Events",
                500,
                2,
                _line(r"(?:(?:note\s+)?\(?\d{1,2}\W+)?subsequent\s+events?"),
                _line(f"{_NEXT_NOTE}|{_NEXT_ITEM}|{_MD_AND_A}"),
            ),
        ),
    ),
    (
        _PROSPECTUS,
        (
            _Wanted(
                "The Offering", 1_200, 3, _line(r"the\s+offering"), _NEXT_CHAPTER, is_table=True
            ),
            _Wanted("Use of Proceeds", 400, 1, _line(r"use\s+of\s+proceeds"), _NEXT_CHAPTER),
            _Wanted("Dilution", 600, 2, _line("dilution"), _NEXT_CHAPTER),
            _Wanted(
                "Recent Developments", 800, 2, _line(r"recent\s+developments?"), _NEXT_CHAPTER
            ),
        ),
    ),
    (
        _RESALE,
        (
            _Wanted(
                "Private Placement",
                500,
                2,
                _line(r"(?:the\s+)?private\s+placements?\b.{0,60}"),
                _NEXT_CHAPTER,
            ),
            _Wanted(
                "Selling Stockholders", 1_000, 1, _line(r"selling\s+s\w+holders?"), _NEXT_CHAPTER
            ),
        ),
    ),
    (
        re.compile(r"SC(?:HEDULE)? 13D"),
        (
            _Wanted(
                "Purpose",
                1_200,
                3,
                _line(r"item\s+4\.?\W*purpose\s+of\s+(?:the\s+)?transaction.{0,20}"),
                _line(r"item\s+5\.?\W*interest.{0,60}"),
            ),
        ),
    ),
)
# What stands between the cover of a prospectus and what it offers: rows of contents, lawyers.
_FRONT_MATTER = _line(
    r"(?:about\s+this\s+prospectus|prospectus\s+(?:supplement\s+)?summary|the\s+offering"
    r"|risk\s+factors|part\s+ii|information\s+not\s+required\s+in)\b.{0,24}"
)
# Before it, a registration statement has a page for the registrar.
_PROSPECTUS_BEGINS = _line(r"(?:preliminary\s+)?prospectus|subject\s+to\s+completion.{0,40}")
_REPORT_BEGINS = _line(r"part\s+i\b.{0,40}|item\s+1\b.{0,40}")
_LEAST_COVER_CHARS = 1_000
_TELLS_WITHIN_CHARS = 2_000
_PASSAGE_WEIGHT = 2
_MOST_HITS = 20  # of one heading: each may cost a search through the whole text


def cover_of(form: str, text: str) -> Span:
    """Where the first page stands: of a report or prospectus its cover, else everything."""
    if _PERIODIC.match(form):
        border = _REPORT_BEGINS.search(text)
        return 0, border.start() if border else len(text)
    if not _PROSPECTUS.match(form):
        return 0, len(text)
    page = _PROSPECTUS_BEGINS.search(text) if _REGISTRATION.match(form) else None
    start = page.start() if page else 0
    border = _FRONT_MATTER.search(text, start + _LEAST_COVER_CHARS)
    return start, border.start() if border else len(text)


def sections_of(form: str, text: str, after: int = 0) -> list[Section]:
    """What begins at or behind the character ``after``: first what is told in passing.

    No section stands within another; a passage may stand far back in one.
    """
    taken: list[Span] = []
    sections, passages = [], []
    for wanted in (one for forms, some in _WANTED if forms.match(form) for one in some):
        if span := _section(wanted, text, after, taken):
            taken.append(span)
            sections.append(
                Section(wanted.name, _at(span, text), wanted.most_tokens, wanted.weight)
            )
    for passage in PASSAGES if _HAS_PASSAGES.match(form) else ():
        if span := passage_in(text, passage, after, taken):
            taken.append(span)
            said = _at(span, text)
            passages.append(Section(passage.name, said, passage.most_tokens, _PASSAGE_WEIGHT))
    return passages + sections


def _at(span: Span, text: str) -> str:
    return text[slice(*span)].strip()


def _section(wanted: _Wanted, text: str, after: int, taken: list[Span]) -> Span | None:
    for heading in islice(wanted.heading.finditer(text, after), _MOST_HITS):
        span = heading.start(), _end_of(heading, wanted, text)
        tells = wanted.tells.search(
            text, heading.end(), min(span[1], heading.end() + _TELLS_WITHIN_CHARS)
        )
        if tells and not is_within(heading.start(), taken):
            return span
    return None


def _end_of(heading: re.Match[str], wanted: _Wanted, text: str) -> int:
    in_capitals = wanted.is_table and heading[0].isupper()
    for found in wanted.following.finditer(text, heading.end()):
        if found[0].isupper() or not in_capitals:
            return found.start()
    return len(text)
