"""What is shown of the captured filings: tokens, dollars, and the headline facts that are left."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from genai_prices import Usage, calc_price

from benchmarks.captured import CAPTURES, NOT_HERE, Captured, captured_filings
from benchmarks.tables import Row, Table, show
from blocks.excerpt import excerpt_of, token_count
from blocks.quotes import stands_in

MODEL: Final = "gpt-6-luna"
BUDGETS: Final = (8_000, 6_000, 4_000, 3_000, 2_000, 1_000)
DEFAULT_BUDGET: Final = 4_000
_FIRST_CHARS = 500  # as much as the system that this replaces sent
_RAW, _READABLE = "whole submission, raw", "whole submission, as text"
_FIRST_RAW, _FIRST_TEXT = "first 500 characters, raw", "first 500 characters, as text"
_CHUNK_CHARS = 20_000
_LINES = re.compile(rf"(?s).{{1,{_CHUNK_CHARS}}}(?:\n|\Z)|.{{1,{_CHUNK_CHARS}}}")


@dataclass(frozen=True)
class Shown:
    """What one way of showing a filing costs, and which facts it leaves out."""

    tokens: int
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Measured:
    """A filing shown in every way."""

    filing: Captured
    shown: dict[str, Shown]

    def kept(self, way: str) -> int:
        """How many of the facts are left."""
        return len(self.filing.facts) - len(self.shown[way].missing)


def tables(folder: Path) -> Iterable[Table]:  # noqa: ARG001 - needs no folder, as others do
    """Measure every captured filing; without captures a table that says so."""
    if not CAPTURES.is_dir():
        return [Table("excerpts of captured filings", ("filings",), [], (NOT_HERE,))]
    measured = [measure(filing) for filing in captured_filings(CAPTURES)]
    return [by_way(measured), by_class(measured), by_part(measured), missing(measured)]


def measure(filing: Captured) -> Measured:
    """Show one filing in every way; the raw bytes are not searched for facts, being markup."""
    raw = filing.raw.decode("utf-8", "replace")
    shown = {
        _RAW: Shown(_tokens_of_any(raw), ()),
        _READABLE: _shown(filing, filing.readable, _tokens_of_any),
        _FIRST_TEXT: _shown(filing, filing.main_text[:_FIRST_CHARS]),
        _FIRST_RAW: _shown(filing, raw[:_FIRST_CHARS]),
    }
    for budget in BUDGETS:
        excerpt = excerpt_of(filing.submission, budget_tokens=budget)
        shown[_excerpt(budget)] = _shown(filing, excerpt.text)
    return Measured(filing, shown)


def _shown(filing: Captured, text: str, count: Callable[[str], int] = token_count) -> Shown:
    missing = tuple(fact for fact in filing.facts if not stands_in(fact, text))
    return Shown(count(text), missing)


def _tokens_of_any(text: str) -> int:
    """In pieces: encoded pictures without a blank would take the tokeniser minutes."""
    return sum(map(token_count, _LINES.findall(text)))


def _excerpt(budget: int) -> str:
    return f"excerpt of {budget:,} tokens"


def by_way(measured: Sequence[Measured]) -> Table:
    """Each way: tokens and dollars a filing, and the facts that are left."""
    ways = [_RAW, _READABLE, *map(_excerpt, BUDGETS), _FIRST_TEXT, _FIRST_RAW]
    notes = (
        f"{len(measured)} filings; tokens: o200k_base, mean a filing; $: of 1,000 filings,",
        f"shown to {MODEL} as input, without the question and the answer; raw",
        "bytes hold every fact, but cut up by markup",
    )
    header = ("what is shown", "tokens", "of raw", "$ per 1,000", "facts", "share")
    return Table("what a filing costs to show", header, [_way(measured, w) for w in ways], notes)


def _way(measured: Sequence[Measured], way: str) -> Row:
    tokens = sum(one.shown[way].tokens for one in measured) / len(measured)
    of_raw = tokens / (sum(one.shown[_RAW].tokens for one in measured) / len(measured))
    price = calc_price(Usage(input_tokens=1_000_000, output_tokens=0), MODEL, provider_id="openai")
    dollars = tokens * float(price.total_price) / 1_000
    facts = ("", "") if way == _RAW else _facts(measured, way)
    return (way, f"{tokens:,.0f}", f"{of_raw:.2%}", f"{dollars:,.2f}", *facts)


def _facts(measured: Sequence[Measured], way: str) -> tuple[str, str]:
    kept = sum(one.kept(way) for one in measured)
    listed = sum(len(one.filing.facts) for one in measured)
    return f"{kept} of {listed}", f"{kept / listed:.0%}" if listed else "-"


def by_class(measured: Sequence[Measured]) -> Table:
    """Each class of forms: mean tokens and facts, whole, as excerpt and by its beginning."""
    default = _excerpt(DEFAULT_BUDGET)
    classes = dict.fromkeys(one.filing.form_class for one in measured)
    rows = []
    for form_class in sorted(classes):
        of_class = [one for one in measured if one.filing.form_class == form_class]
        tokens = [_mean(of_class, way) for way in (_RAW, _READABLE, default)]
        facts = [_facts(of_class, way)[0] for way in (default, _FIRST_TEXT)]
        rows.append((form_class, str(len(of_class)), *tokens, *facts))
    header = ("forms", "filings", "raw", "text", "excerpt", "facts in it", "in first 500")
    notes = ("mean tokens a filing; first 500: characters of the main document's text",)
    return Table(f"by form, excerpt of {DEFAULT_BUDGET:,} tokens", header, rows, notes)


def _mean(measured: Sequence[Measured], way: str) -> str:
    return f"{sum(one.shown[way].tokens for one in measured) / len(measured):,.0f}"


def by_part(measured: Sequence[Measured]) -> Table:
    """Facts left by budget: of the filings that rules were changed on, and of the others."""
    held = [one for one in measured if one.filing.is_held_back]
    seen = [one for one in measured if not one.filing.is_held_back]
    rows = [
        (_excerpt(budget), *_facts(seen, _excerpt(budget)), *_facts(held, _excerpt(budget)))
        for budget in BUDGETS
    ]
    header = ("what is shown", "looked at", "share", "held back", "share")
    notes = (f"held back while rules were changed: {len(held)} filings, by a hash of the name",)
    return Table("facts left by budget", header, rows, notes)


def missing(measured: Sequence[Measured]) -> Table:
    """The facts that the excerpt of the default budget leaves out."""
    default = _excerpt(DEFAULT_BUDGET)
    rows = [
        (one.filing.file.stem[-20:], fact[:46])
        for one in measured
        for fact in one.shown[default].missing
    ]
    return Table(f"facts that the {default} leaves out", ("filing", "fact"), rows)


if __name__ == "__main__":
    show(tables(Path()))
