"""Facts that filers tell in passing, wherever it suits them, found by their words. Pure.

A company's doubt that it can go on, and what its exchange wrote to it.
"""

import re
from itertools import islice
from typing import NamedTuple

Span = tuple[int, int]


class Passage(NamedTuple):
    """Paragraphs to look for: what is said, and what in that sentence would unsay it.

    ``paragraphs``: how many are shown, from the one where it is said.
    """

    name: str
    most_tokens: int
    says: re.Pattern[str]
    unsays: re.Pattern[str]
    paragraphs: int = 1


PASSAGES = (
    Passage(
        "Going Concern",
        300,
        re.compile(r"substantial\s+doubt\b", re.IGNORECASE),
        re.compile(r"\bwhether\b|\bno\s+substantial|\balleviat", re.IGNORECASE),
    ),
    Passage(
        "Listing Notice",
        400,
        re.compile(
            r"\b(?:received|notified)\b[^.]{0,120}\b(?:Nasdaq|NYSE|New\s+York\s+Stock\s+Exchange)\b"
            r"(?=[^.]{0,240}\b(?:complian|deficien|delist|suitable))"
        ),
        re.compile(r"\b(?:[Ii]f|may|could|might)\b"),  # the month of May unsays nothing
        paragraphs=2,
    ),
)
SENTENCE_END = re.compile(r"[a-z][.:;](?:\s|$)")
_AUDITOR = re.compile(
    r"\baccounting\s+firm\b|\bauditors?\b|\bexplanatory\s+paragraph\b|\bas\s+discussed\s+in\s+note\b",
    re.IGNORECASE,
)
_MOST_HITS = 20  # of one phrase: each may cost a search through the whole text
_MOST_BEFORE_CHARS = 800
_SURELY_SHOWN_CHARS = 1_200  # of a section: what stands further back may be cut off


def passage_in(text: str, passage: Passage, after: int, taken: list[Span]) -> Span | None:
    """The first place behind ``after`` where it is said, not weighed, and not shown anyway.

    ``taken``: the sections that are shown, from their beginnings on. The company's
    own words go before its auditor's, which may be a year old.
    """
    found = islice(passage.says.finditer(text, after), _MOST_HITS)
    said = [(_sentence(text, hit), _span(text, hit, passage.paragraphs)) for hit in found]
    told = [
        (sentence, span)
        for sentence, span in said
        if not passage.unsays.search(sentence)
        and SENTENCE_END.search(text, *span)
        and not _is_shown(text, span, taken)
    ]
    own_words = (span for sentence, span in told if not _AUDITOR.search(sentence))
    return next(own_words, told[0][1] if told else None)


def is_within(position: int, spans: list[Span]) -> bool:
    """Whether a place in the text lies in one of the spans."""
    return any(start <= position < end for start, end in spans)


def _sentence(text: str, hit: re.Match[str]) -> str:
    """The sentence as far as the hit: what follows does not unsay it."""
    start = text.rfind("\n\n", 0, hit.start()) + 1
    return text[max(start, text.rfind(". ", start, hit.start())) : hit.end()]


def _span(text: str, hit: re.Match[str], paragraphs: int) -> Span:
    start = text.rfind("\n\n", 0, hit.start()) + 1
    if hit.start() - start > _MOST_BEFORE_CHARS:
        start = text.rfind(". ", start, hit.start()) + 1 or start
    end = hit.end()
    for _ in range(paragraphs):
        found = text.find("\n\n", end + 1)
        end = found if found >= 0 else len(text)
    return start, end


def _is_shown(text: str, span: Span, taken: list[Span]) -> bool:
    """Whether it stands where a section begins; filers repeat themselves word for word."""
    heads = [(start, min(end, start + _SURELY_SHOWN_CHARS)) for start, end in taken]
    said = text[slice(*span)].strip()
    return is_within(span[0], heads) or any(said in text[slice(*head)] for head in heads)
