"""Findings on a terminal of 80 columns. Pure."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from tasks.findings import Finding, Level, counted, needs_mending

WIDTH: Final = 80
SHOWN: Final = 5  # names of a finding

_MARKS: Final = {Level.NOTE: "i", Level.PASSES: "~", Level.MEND: "!", Level.PERSON: "!!"}
_LEGEND: Final = "!! needs a person   ! the doctor mends it   ~ passes by itself   i good to know"


def findings_text(findings: Sequence[Finding]) -> str:
    """Every finding, the gravest first; one line where there is none."""
    if not findings:
        return "Nothing was found: store, answers and certificates agree."
    ordered = sorted(findings, key=lambda one: -one.level)
    blocks = ("\n".join(_lines(one)) for one in ordered)
    return "\n\n".join((*blocks, _LEGEND))


def verdict(findings: Sequence[Finding], *, how_to_mend: str) -> str:
    """What it comes to, and what to do next."""
    if not needs_mending(findings):
        return "Nothing needs mending."
    mended = sum(one.mended for one in findings if one.level is Level.MEND)
    persons = sum(one.level is Level.PERSON for one in findings)
    words = []
    if mended:
        words.append(f"{counted(mended, 'finding')} can be mended: {how_to_mend}.")
    if persons:
        needs = "needs" if persons == 1 else "need"
        words.append(f"{counted(persons, 'finding')} marked !! {needs} a person.")
    return _wrapped(" ".join(words))


def _lines(finding: Finding) -> Iterator[str]:
    mark = f"{_MARKS[finding.level]:<2} "
    yield _wrapped(finding.title, first=mark)
    more = len(finding.names) - SHOWN
    for name in finding.names[:SHOWN]:
        yield _wrapped(name, first="     ", rest="       ")
    if more > 0:
        yield f"     ... and {more:,} more"
    yield _wrapped(finding.meaning)
    yield _wrapped(("MEND: " if finding.mended else "To do: ") + finding.remedy)


def _wrapped(text: str, *, first: str = "   ", rest: str = "   ") -> str:
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,  # a path is to be copied
        break_on_hyphens=False,
    )


def heading(pairs: Iterable[tuple[str, str]]) -> str:
    """What was looked at, a line each."""
    return "\n".join(_wrapped(what, first=f"{name:<9}", rest=" " * 9) for name, what in pairs)
