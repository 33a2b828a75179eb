"""Plain-text tables that fit an 80-column terminal."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Row = tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """What a benchmark has to show: first column left, the others right, then notes."""

    title: str
    header: Row
    rows: Sequence[Row]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [self.header, tuple("-" * width for width in self._widths()), *self.rows]
        return "\n".join((self.title, "", *map(self._line, lines), *self._closing()))

    def _widths(self) -> list[int]:
        columns = zip(self.header, *self.rows, strict=True)
        return [max(map(len, column)) for column in columns]

    def _line(self, row: Row) -> str:
        first, *others = zip(row, self._widths(), strict=True)
        cells = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
        return ("  " + "  ".join(cells)).rstrip()

    def _closing(self) -> Row:
        return ("", *(f"  {note}" for note in self.notes)) if self.notes else ()


def show(tables: Iterable[Table]) -> None:
    """Print each as soon as it is there."""
    for table in tables:
        print(f"\n{table}", flush=True)


def ratio(value: float, base: float) -> str:
    """How many times the base a value is, to two significant digits or better."""
    if not base:
        return "-"
    times = value / base
    return f"{times:.2f}" if times < 10 else f"{times:,.0f}"  # noqa: PLR2004 - digits, not a rule
