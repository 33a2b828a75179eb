"""How good the rule-based analyst is on real filings, as read by eye.

``python -m benchmarks.rules [folder]`` reads every filing in the folder of EDGAR
captures as a run would, and sets what the rules find against the tables in
``benchmarks/rules_review``: one of findings and one of filings. What is found and
not in them was not read by anyone: it is named, and the command ends with 1.
"""

import argparse
import csv
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.judged_captures import Judged, judged_in
from benchmarks.tables import Row, Table
from blocks.models import Analysis, Catalyst

ROOT: Final = Path(__file__).resolve().parents[1]
CAPTURES: Final = ROOT.parent / "shared" / "edgar"
REVIEW: Final = Path(__file__).parent / "rules_review"

VERDICTS: Final = ("right", "wrong", "debatable")
UNREAD: Final = "unread"
_OPENING_CHARS: Final = 60
_CLEAR_SENTIMENT: Final = 0.15
_BY_EYE: Final = {"+": "good", "-": "bad", "0": "neither", "mixed": "neither"}


@dataclass(frozen=True)
class Reviewed:
    """One row of the table of findings: the catalyst is known by file, class and opening."""

    file: str
    kind: str
    opening: str
    verdict: str
    reason: str


@dataclass(frozen=True)
class ReadFiling:
    """One row of the table of filings: ``sign`` by eye, and the classes that were missed."""

    file: str
    sign: str
    missed: tuple[str, ...]
    note: str


@dataclass(frozen=True)
class Review:
    """What was read by eye."""

    findings: Sequence[Reviewed]
    filings: Sequence[ReadFiling]

    def verdict(self, name: str, catalyst: Catalyst) -> str:
        """What was thought of a finding, ``unread`` if nobody has seen it."""
        key = name, str(catalyst.kind), opening(catalyst.quote)
        known = {(row.file, row.kind, row.opening): row.verdict for row in self.findings}
        return known.get(key, UNREAD)

    def of(self, name: str) -> ReadFiling:
        """What was read in a filing."""
        known = {row.file: row for row in self.filings}
        return known.get(name, ReadFiling(name, UNREAD, (), "not read by anyone"))


def main() -> int:
    """Print the tables; 1 if the rules find anything else than what was read."""
    captures = _arguments().captures
    if not captures.is_dir():
        print(f"There are no EDGAR captures in {captures}; give their folder as argument.")
        return 2
    judged, review = list(judged_in(captures)), review_in(REVIEW)
    for table in (precision(judged, review), signs(judged, review)):
        print(f"\n{table}")
    named = {"Not read by anyone:": unread(judged, review), "Found no more:": lost(judged, review)}
    for heading, lines in named.items():
        if lines:
            print("\n".join(["", heading, *lines]))
    return 1 if any(named.values()) else 0


def review_in(folder: Path) -> Review:
    """The two tables of what was read."""
    return Review(
        tuple(Reviewed(**row) for row in _rows(folder / "findings.csv")),
        tuple(
            ReadFiling(row["file"], row["sign"], tuple(row["missed"].split()), row["note"])
            for row in _rows(folder / "filings.csv")
        ),
    )


def _rows(file: Path) -> Iterator[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)


def opening(quote: str) -> str:
    """By which words of it a quote is known."""
    return quote[:_OPENING_CHARS].strip()


def unread(judged: Iterable[Judged], review: Review) -> list[str]:
    """The findings and filings that the tables do not know."""
    filings = {row.file for row in review.filings}
    findings = {(row.file, row.kind, row.opening) for row in review.findings}
    unknown = [f"  {one.name}" for one in judged if one.name not in filings]
    return unknown + [_named(*key) for key in _keys(judged) if key not in findings]


def lost(judged: Iterable[Judged], review: Review) -> list[str]:
    """The findings in the table that the rules do not make any more."""
    made = set(_keys(judged))
    known = [(row.file, row.kind, row.opening) for row in review.findings]
    return [_named(*key) for key in known if key not in made]


def _keys(judged: Iterable[Judged]) -> Iterator[tuple[str, str, str]]:
    for one in judged:
        for said in one.analysis.catalysts:
            yield one.name, str(said.kind), opening(said.quote)


def _named(file: str, kind: str, opening_words: str) -> str:
    return f"  {file}: {kind}\n    {opening_words}"


def precision(judged: Sequence[Judged], review: Review) -> Table:
    """Findings by class and verdict; those of the filings held back are in brackets."""
    found = _verdicts(judged, review)
    held_back = _verdicts([one for one in judged if one.held_back], review)
    missed = Counter(kind for one in judged for kind in review.of(one.name).missed)
    columns = (*VERDICTS, UNREAD)
    rows: list[Row] = []
    for kind in sorted({kind for kind, _ in found} | set(missed)):
        cells = (_cell(found[kind, verdict], held_back[kind, verdict]) for verdict in columns)
        rows.append((kind, *cells, str(missed[kind] or "")))
    totals = (_cell(_sum(found, verdict), _sum(held_back, verdict)) for verdict in columns)
    rows.append(("all", *totals, str(missed.total())))
    return Table(
        f"rules: what they find in {len(judged)} captured filings, as read by eye",
        ("class", *columns, "missed"),
        rows,
        _notes(judged, review),
    )


def _verdicts(judged: Iterable[Judged], review: Review) -> Counter[tuple[str, str]]:
    return Counter(
        (str(said.kind), review.verdict(one.name, said))
        for one in judged
        for said in one.analysis.catalysts
    )


def _sum(found: Counter[tuple[str, str]], verdict: str) -> int:
    return sum(count for (_, said), count in found.items() if said == verdict)


def _cell(count: int, held_back: int) -> str:
    return f"{count} ({held_back})" if held_back else f"{count}    " if count else ""


def _notes(judged: Sequence[Judged], review: Review) -> Row:
    held_back = sum(one.held_back for one in judged)
    silent = [one for one in judged if not one.analysis.catalysts]
    rightly = sum(not review.of(one.name).missed for one in silent)
    return (
        f"in brackets: of these in the {held_back} filings held back while rules were written",
        "(docs/rules.md tells what was changed after they were read)",
        f"abstained on {len(silent)} filings, in {rightly} of them rightly",
    )


def signs(judged: Sequence[Judged], review: Review) -> Table:
    """The sign of the rules' sentiment beside the sign that was read by eye."""
    pairs = Counter((sign_of(one.analysis), _eye(one, review)) for one in judged)
    eyes = (*dict.fromkeys(_BY_EYE.values()), UNREAD)
    rows = [
        (sign, *(str(pairs[sign, eye] or "") for eye in eyes))
        for sign in ("good", "bad", "neither")
    ]
    return Table("rules: sign of the sentiment, by eye from left to right", ("rules", *eyes), rows)


def sign_of(analysis: Analysis) -> str:
    """The side the sentiment is clearly on, if any."""
    if abs(analysis.sentiment) < _CLEAR_SENTIMENT:
        return "neither"
    return "good" if analysis.sentiment > 0 else "bad"


def _eye(one: Judged, review: Review) -> str:
    return _BY_EYE.get(review.of(one.name).sign, UNREAD)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("captures", nargs="?", type=Path, default=CAPTURES)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
