"""What the analyst is shown of a submission: the parts that matter, within a token budget.

An 8-K is read by its items, then its press releases (EX-99, and EX-20 as they
were filed before 2000), then the heads of its contracts and letters. Every
other form is read by the head of its main document and the sections a trader
turns to (of a 10-K also those of an annual report beside it), then the press
releases. Nothing here asks anyone anything.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from blocks.document_text import is_readable, text_of
from blocks.errors import ConfigurationError, SubmissionUnreadable
from blocks.excerpt_boilerplate import OMITTED
from blocks.excerpt_fit import allot, bounded, cut, token_count
from blocks.excerpt_sections import Section, cover_of, sections_of
from blocks.models import Document, Excerpt, Submission

__all__ = ["MIN_BUDGET_TOKENS", "excerpt_of", "token_count"]

MIN_BUDGET_TOKENS = 100

_EXHIBIT_HEAD_TOKENS = 400
_REPORT_COVER_TOKENS = 300
_MOST_EXHIBIT_HEADS = 4
_MOST_PARTS = 60  # an 8-K knows some thirty items; what is beyond would only cost time
_CROWDED_OUT_TOKENS = 60  # an allotment below this is a heading with nothing under it

_PRESS_RELEASE = re.compile(r"EX-(?:99|20)\b")
_SIX_K_NEWS = re.compile(r"EX-\d{1,2}\b")  # foreign issuers number their releases freely
_PERIODIC = re.compile(r"10-[KQ]")
_ANNUAL_REPORT = re.compile(r"EX-13\b")  # to shareholders: item 7 of a 10-K may refer to it
_CONTRACT_OR_LETTER = re.compile(r"EX-(?:1|2|3|4|10|16|17)\b")
_REGISTRATION = re.compile(r"[SF]-[13]")
_CONSENT = re.compile(r"EX-23\b")  # of the auditor, who repeats a doubt that he has told of
_ITEM_HEADING = re.compile(
    r"(?im)^[^\w\n]{0,4}items?\s+(\d{1,2}(?:\.\d{2})?)(?!\.?\d)(?!\s*,|\s+(?:of|above|below|to|is)\b)"
)
_EXHIBIT_LIST_ITEMS = {"9.01", "7"}  # since August 2004, and before
_MARKS_AT_END = re.compile(rf"(?:\s*{re.escape(OMITTED)})+\s*$")
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


def excerpt_of(submission: Submission, *, budget_tokens: int) -> Excerpt:
    """Choose and shorten what the analyst is shown.

    Parts are cut behind a sentence or a table row; ``[…]`` stands where something is
    left out. Nothing is reworded: quotes are checked against what is shown.

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
    if _REGISTRATION.match(form):
        for document in exhibits:
            if _CONSENT.match(document.type):
                yield from _section_parts(document.type, sections_of(form, text_of(document)))
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
            yield from _section_parts(document.type, sections_of("10-K", text_of(document)))
    reports = [document for document in exhibits if _PRESS_RELEASE.match(document.type)]
    for document in reports[:_MOST_EXHIBIT_HEADS]:
        yield _Part(document.type, text_of(document), 1, _EXHIBIT_HEAD_TOKENS)


def _main_parts(form: str, text: str, budget_tokens: int) -> Iterator[_Part]:
    items = list(_items(form, text, budget_tokens)) if form.startswith("8-K") else []
    if items:
        yield from items
        return
    start, end = cover_of(form, text)
    sections = sections_of(form, text, after=start + min(end - start, budget_tokens))
    if sections:
        if _PERIODIC.match(form):
            yield _Part(form, text[start:end].strip(), 1, _REPORT_COVER_TOKENS)
        else:
            yield _Part(form, text[start:end].strip(), 6, budget_tokens)
        yield from _section_parts(form, sections)
    else:
        shown = text[start:end] if _REGISTRATION.match(form) else text[start:]
        yield _Part(form, _before_signatures(shown), 3, budget_tokens)


def _before_signatures(text: str) -> str:
    signatures = _SIGNATURES.search(text, len(text) // 2)
    return text[: signatures.start()].strip() if signatures else text


def _section_parts(source: str, sections: list[Section]) -> Iterator[_Part]:
    for section in sections:
        yield _Part(f"{source} {section.name}", section.text, section.weight, section.most_tokens)


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
    headed = [
        part._replace(text=f"=== {part.name} ===\n{_MARKS_AT_END.sub('', part.text)}")
        for part in parts
    ]
    heads = [part._replace(text=bounded(part.text, budget_tokens)) for part in headed]
    allotted = _affordable(heads[:_MOST_PARTS], budget_tokens)
    cuts = [cut(part.text, tokens) for part, tokens in allotted]
    text = cut("\n\n".join(filter(None, cuts)), budget_tokens)
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
        allotted = allot(wanted[:kept], [part.weight for part in parts[:kept]], budget_tokens)
        if all(
            got >= min(want, _CROWDED_OUT_TOKENS)
            for got, want in zip(allotted, wanted[:kept], strict=True)
        ):
            return list(zip(parts[:kept], allotted, strict=True))
    return [(parts[0], budget_tokens)]
