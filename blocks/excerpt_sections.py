"""The sections of a report, prospectus or schedule that a trader turns to. Pure.

A heading is a line of its own. One that stands over no sentence is a row of a
table of contents and is passed over.
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple


class Section(NamedTuple):
    """A section by its name, with its heading, and how much of it is worth showing."""

    name: str
    text: str
    most_tokens: int


class _Wanted(NamedTuple):
    """A section to look for: where it begins, and what begins the next one.

    ``is_table``: its rows may be called as chapters are ("Use of proceeds"); in
    capitals they are not.
    """

    name: str
    most_tokens: int
    heading: re.Pattern[str]
    following: re.Pattern[str]
    is_table: bool = False


_Span = tuple[int, int]


def _line(words: str) -> re.Pattern[str]:
    return re.compile(rf"(?im)^[^\w\n]*(?:{words})[^\w\n]*$")


_PROSPECTUS = re.compile(r"424B|S-[13]|F-[13]|FWP")
_PERIODIC = re.compile(r"10-[KQ]")
_TELLS_OF_DOUBT = re.compile(r"10-[KQ]|424B|S-[13]|F-[13]|FWP")

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
_WANTED = (
    (
        _PERIODIC,
        (
            _Wanted("MD&A", 10_000, _line(_MD_AND_A), _line(_NEXT_ITEM)),
            _Wanted(
                "Subsequent Events",
                500,
                _line(r"(?:(?:note\s+)?\(?\d{1,2}\W+)?subsequent\s+events?"),
                _line(f"{_NEXT_NOTE}|{_NEXT_ITEM}|{_MD_AND_A}"),
            ),
        ),
    ),
    (
        _PROSPECTUS,
        (
            _Wanted("The Offering", 1_200, _line(r"the\s+offering"), _NEXT_CHAPTER, is_table=True),
            _Wanted("Use of Proceeds", 400, _line(r"use\s+of\s+proceeds"), _NEXT_CHAPTER),
            _Wanted("Dilution", 600, _line("dilution"), _NEXT_CHAPTER),
            _Wanted("Recent Developments", 800, _line(r"recent\s+developments?"), _NEXT_CHAPTER),
        ),
    ),
    (
        re.compile(r"SC(?:HEDULE)? 13D"),
        (
            _Wanted(
                "Purpose",
                1_200,
                _line(r"item\s+4\.?\W*purpose\s+of\s+(?:the\s+)?transaction.{0,20}"),
                _line(r"item\s+5\.?\W*interest.{0,60}"),
            ),
        ),
    ),
)
# What stands between the cover of a prospectus and what it offers: rows of contents, lawyers.
_FRONT_MATTER = _line(
    r"(?:about\s+this\s+prospectus|prospectus\s+(?:supplement\s+)?summary|the\s+offering"
    r"|risk\s+factors)\b.{0,24}"
)
_LEAST_COVER_CHARS = 1_000
_SENTENCE_END = re.compile(r"[a-z][.:;](?:\s|$)")
_SENTENCE_WITHIN_CHARS = 2_000
_DOUBT = re.compile(r"(?i)substantial\s+doubt\b")
_NO_DOUBT = re.compile(r"(?i)\bwhether\b|\bno\s+substantial|\balleviat")
_DOUBT_TOKENS = 300
_MOST_HITS = 20  # of one heading or phrase: each may cost a search through the whole text


def head_of(form: str, text: str) -> str:
    """What a document begins with: of a prospectus its cover, of all others everything."""
    if not _PROSPECTUS.match(form):
        return text
    border = _FRONT_MATTER.search(text, _LEAST_COVER_CHARS)
    return text[: border.start()].strip() if border else text


def sections_of(form: str, text: str, after: int = 0) -> Iterator[Section]:
    """The sections that begin at or behind the character ``after``, none within another."""
    taken: list[_Span] = []
    for forms, sections in _WANTED:
        for wanted in sections if forms.match(form) else ():
            if span := _section(wanted, text, after, taken):
                taken.append(span)
                yield Section(wanted.name, text[slice(*span)].strip(), wanted.most_tokens)
    if _TELLS_OF_DOUBT.match(form) and (span := _passage_of_doubt(text, after, taken)):
        yield Section("Going Concern", text[slice(*span)].strip(), _DOUBT_TOKENS)


def _section(wanted: _Wanted, text: str, after: int, taken: list[_Span]) -> _Span | None:
    for heading in islice(wanted.heading.finditer(text, after), _MOST_HITS):
        span = heading.start(), _end_of(heading, wanted, text)
        tells = _SENTENCE_END.search(
            text, heading.end(), min(span[1], heading.end() + _SENTENCE_WITHIN_CHARS)
        )
        if tells and not _is_within(heading.start(), taken):
            return span
    return None


def _end_of(heading: re.Match[str], wanted: _Wanted, text: str) -> int:
    in_capitals = wanted.is_table and heading[0].isupper()
    for found in wanted.following.finditer(text, heading.end()):
        if found[0].isupper() or not in_capitals:
            return found.start()
    return len(text)


def _passage_of_doubt(text: str, after: int, taken: list[_Span]) -> _Span | None:
    """The first paragraph that says that the company may not go on, not when it would."""
    for found in islice(_DOUBT.finditer(text, after), _MOST_HITS):
        start = text.rfind("\n\n", 0, found.start()) + 1
        end = text.find("\n\n", found.end())
        span = start, end if end >= 0 else len(text)
        sentence = text[max(start, text.rfind(". ", start, found.start())) : found.end()]
        is_said = _SENTENCE_END.search(text, *span) and not _NO_DOUBT.search(sentence)
        if is_said and not _is_within(found.start(), taken):
            return span
    return None


def _is_within(position: int, spans: list[_Span]) -> bool:
    return any(start <= position < end for start, end in spans)
