"""What the doctor finds: frozen values, and how they are told in words. Pure."""

from collections.abc import Iterable
from enum import IntEnum

from blocks.models import Value


class Level(IntEnum):
    """Who is to do something about a finding."""

    NOTE = 0  # nobody: good to know
    PASSES = 1  # the flow, by itself
    MEND = 2  # the doctor, when asked
    PERSON = 3


class Finding(Value):
    """One kind of thing that was found.

    ``names`` are all of it, the most telling first. ``meaning`` says what it is and what
    it leads to, ``remedy`` what there is to do. ``mended``: the doctor does so, when
    asked.
    """

    kind: str
    level: Level
    title: str
    names: tuple[str, ...]
    meaning: str
    remedy: str
    mended: bool = False


def needs_mending(findings: Iterable[Finding]) -> bool:
    """Whether any of these needs the doctor's or a person's hand."""
    return any(one.level >= Level.MEND for one in findings)


def counted(number: int, one: str, several: str = "") -> str:
    """``1 filing``, ``3 filings``."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def is_or_are(number: int) -> str:
    """The verb that goes with so many."""
    return "is" if number == 1 else "are"


def has_or_have(number: int) -> str:
    """Likewise."""
    return "has" if number == 1 else "have"
