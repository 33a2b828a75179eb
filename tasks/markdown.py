"""Tables, names and words of others, as Prefect's UI shows them."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from blocks.plain_text import visible

_SHOWN_ROWS: Final = 50
_NAMED: Final = 10
_MESSAGE_CHARS: Final = 500
# What sets markup, and what makes a link of a bare address
_MARKUP: Final = re.compile(r"([\\`*_{}\[\]<>|@]|:(?=//)|(?<=\bwww)\.)", re.IGNORECASE)


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table, a line for each row; what comes from outside is to be ``said`` before."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def listing(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table of the first rows, and how many more there are in the store."""
    more = len(rows) - _SHOWN_ROWS
    tail = f"\n\nand {more} more; all of them are in the store" if more > 0 else ""
    return table(header, rows[:_SHOWN_ROWS]) + tail


def first(names: Sequence[str], most: int = _NAMED) -> str:
    """The first few of many on one line, and how many more there are."""
    more = len(names) - most
    return "; ".join(names[:most]) + (f"; and {more} more" if more > 0 else "")


def said(text: str) -> str:
    """Words of others on one line, cut, with no markup: no link or image of theirs in the UI.

    Nor a character that nobody sees: some of them turn the words round them.
    """
    line = _cell(visible(text))
    cut = line if len(line) <= _MESSAGE_CHARS else line[: _MESSAGE_CHARS - 1] + "…"
    return _MARKUP.sub(r"\\\1", cut)


def _cell(value: object) -> str:
    return " ".join(str(value).split())
