"""The word a summary opens with, and the one rule by which it follows from the sentiment. Pure."""

import re
from enum import StrEnum
from typing import Final

CLEAR_SENTIMENT: Final = 0.15
MOST_MIXED_SENTIMENT: Final = 0.5


class Label(StrEnum):
    """Which way a filing points."""

    BULLISH = "BULLISH"
    BEARISH = "BEARISH"
    NEUTRAL = "NEUTRAL"
    MIXED = "MIXED"


_WORDS = "|".join(Label)
_BEHIND = r"[*_\"']*\s*(?:[:.,;]|[\u2013\u2014-](?=\s))"
# In capitals, or with a colon or the like behind it: "Mixed shelf offering" opens with no label.
_OPENING = re.compile(
    rf"[^\w\n]*(?:({_WORDS})\b|(?i:({_WORDS}))(?={_BEHIND}))(?:{_BEHIND})?[*_]*\s*"
)


def label_of(sentiment: float, *, for_both_sides: bool = False) -> Label:
    """BULLISH from 0.15 on, BEARISH from -0.15 down, NEUTRAL between.

    MIXED where there is weighty news ``for_both_sides``, unless one side has it:
    from a sentiment of 0.5 on, up or down.
    """
    if for_both_sides and abs(sentiment) < MOST_MIXED_SENTIMENT:
        return Label.MIXED
    if abs(sentiment) < CLEAR_SENTIMENT:
        return Label.NEUTRAL
    return Label.BULLISH if sentiment > 0 else Label.BEARISH


def agrees(label: Label, sentiment: float) -> bool:
    """Whether a summary may open with this label at this sentiment."""
    return label is label_of(sentiment, for_both_sides=label is Label.MIXED)


def label_and_rest(summary: str) -> tuple[Label | None, str]:
    """The label that a summary opens with, None if with none, and what comes behind it."""
    found = _OPENING.match(summary)
    if not found:
        return None, summary
    return Label((found[1] or found[2]).upper()), summary[found.end() :]
