"""What every filing has and no trader reads: left out of a document's text, and marked. Pure.

Whole paragraphs are left out, never words of one. A warning that states a
figure is kept: it may be the guidance it warns of.
"""

import re
from collections.abc import Iterable, Iterator

OMITTED = "[…]"

_FIGURE = re.compile(
    r"[$€£]\s?\d|\d\s?(?:%|percent\b)|\bper\s+(?:diluted\s+)?share\b", re.IGNORECASE
)
_OPENINGS = re.compile(
    r"\W*(?:(?:the|(?:neither )?this)\s+(?:information|press\s+release|current\s+report)\b"
    r".{0,400}?(?:not\s+be\s+deemed|forward-looking\s+statements|an\s+offer\s+to\s+(?:sell|purchase))"
    r"|(?:indicate\s+by\s+check\s?mark|check\s+the\s+appropriate\s+box)\b"
    r"|if\s+(?:this\s+form\s+is|any\s+of\s+the\s+securities\s+being|the\s+only\s+securities"
    r"|an\s+emerging\s+growth\s+company)\b"
    r"|neither\s+the\s+securities\s+and\s+exchange\s+commission\b"
    r"|the\s+registrant\s+hereby\s+amends\s+this\s+registration\s+statement\b"
    r"|the\s+information\s+(?:contained\s+)?in\s+this\s+(?:preliminary\s+)?prospectus\b.{0,80}"
    r"\bis\s+not\s+complete\b"
    r"|you\s+should\s+(?:rely\s+only\s+on|not\s+assume|carefully\s+read)\b"
    r"|we\s+are\s+an?\s+[“\"](?:emerging\s+growth|smaller\s+reporting)\s+company"
    r"|(?:\S+\s+){0,4}invest(?:ing|ment)\s+in\s+(?:our|the|these)\b.{0,60}?\b(?:involves|is)\s"
    r".{0,60}?\brisk"
    r"|(?:©|copyright\b).{0,200}?\ball\s+rights\s+reserved\b)",
    re.DOTALL | re.IGNORECASE,
)
_WARNING_OPENS = re.compile(
    r".{0,250}?\bforward[- ]looking\b"
    r"|\W*(?:certain\s+(?:of\s+the\s+)?(?:statements|information)|except\s+for\s+(?:the\s+)?histor"
    r"|(?:the\s+following|important|such|these|other)\s+(?:important\s+)?(?:factors|risks)"
    r"|factors\s+that|(?:statements|matters)\s+(?:in|made|contained|set\s+forth))",
    re.DOTALL | re.IGNORECASE,
)
_WARNS = re.compile(
    r"differ\s+materially|\brisks?\b.{0,30}\buncertaint|private\s+securities\s+litigation"
    r"|section\s+27A|\bobligation\b.{0,40}\b(?:update|revise)|\bguarantees?\s+of\s+future",
    re.DOTALL | re.IGNORECASE,
)
_WARNING_HEADING = re.compile(
    r"\W*(?:[\"“]?safe[- ]harbou?r\b|(?:special\s+|cautionary\s+)?(?:notes?|statements?)\s"
    r"(?=.*forward)|disclosures?\s(?=.*forward)|forward[- ]looking\s)[^.]{0,100}$",
    re.IGNORECASE,
)
_ABOUT_HEADING = re.compile(
    r"\W*about\s+(?!(?:the|this|these|those|our|us|how|what)\b)[^.:]{2,60}$", re.IGNORECASE
)
_MEASURES = re.compile(r"\bnon[- ]?GAAP\b|\badjusted\s+EBITDA\b", re.IGNORECASE)
_EXPLAINED = re.compile(
    r"\buseful\b|\bmeaningful\b|\bsubstitute\b|\bin\s+isolation\b|\bin\s+accordance\s+with\b"
    r"|\blimitations?\b",
    re.IGNORECASE,
)
_CALL = re.compile(
    r"(?!.*\bmeeting\b).*(?:\bwebcast\b|\bconference\s+call\b|\blive\s+stream)",
    re.IGNORECASE | re.DOTALL,
)
_DIALLED = re.compile(
    r"\breplay\b|\baccess\s+code\b|\bdial\b|www\.|https?:|toll[- ]free", re.IGNORECASE
)
_HEADING_CHARS = 80
_LEAST_PROSE_CHARS = 120  # what is shorter may be the row of a table
_MOST_CALL_CHARS = 1_500


def without_boilerplate(text: str, paragraph_end: str) -> str:
    """The text without what is the same in every filing; ``[…]`` stands where it was.

    Nothing is marked at its ends. A text of which nothing would be left stays as it is.
    """
    kept = [*_marked_once(_told(text.split(paragraph_end)))]
    while kept and kept[-1].strip() in {"", OMITTED}:
        kept.pop()
    return paragraph_end.join(kept) or text


def _told(paragraphs: list[str]) -> Iterator[str]:
    """Each paragraph, or the mark in its place."""
    is_warning = is_about = False
    for paragraph, next_words in zip(paragraphs, _next_words(paragraphs), strict=True):
        words = paragraph.strip()
        if not words:
            yield paragraph
            continue
        is_warning = _is_warning_heading(words) or (is_warning and _goes_on(words))
        left_out = is_warning or is_about or _is_boilerplate(words)
        is_about = _is_about_heading(words, next_words)
        yield OMITTED if left_out or is_about else paragraph


def _next_words(paragraphs: list[str]) -> list[str]:
    """For each paragraph the next one that has words."""
    found, words = [], ""
    for paragraph in reversed(paragraphs):
        found.append(words)
        words = paragraph.strip() or words
    return found[::-1]


def _marked_once(paragraphs: Iterable[str]) -> Iterator[str]:
    """No mark at the beginning, and one for all that is left out at one place."""
    before = OMITTED
    for paragraph in paragraphs:
        if paragraph == OMITTED and before == OMITTED:
            continue
        if paragraph.strip():
            before = paragraph
        yield paragraph


def _is_warning_heading(words: str) -> bool:
    return len(words) <= 2 * _HEADING_CHARS and _WARNING_HEADING.match(words) is not None


def _is_about_heading(words: str, next_words: str) -> bool:
    is_heading = len(words) <= _HEADING_CHARS and _ABOUT_HEADING.match(words) is not None
    return is_heading and len(next_words) > _LEAST_PROSE_CHARS


def _goes_on(words: str) -> bool:
    """Whether a paragraph below such a heading still belongs to it."""
    return len(words) > _HEADING_CHARS and not _FIGURE.search(words)


def _is_boilerplate(words: str) -> bool:
    if _OPENINGS.match(words):
        return True
    if len(words) < _LEAST_PROSE_CHARS or _FIGURE.search(words):
        return False
    return bool(
        (_WARNS.search(words) and _WARNING_OPENS.match(words))
        or (_MEASURES.search(words) and _EXPLAINED.search(words))
        or (len(words) <= _MOST_CALL_CHARS and _CALL.match(words) and _DIALLED.search(words))
    )
