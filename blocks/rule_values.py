"""What a rule of the rule-based analyst is made of: its meaning, and what a sentence must say.

A pattern is tried on one sentence at a time, its white space folded to single spaces.
Sentiment is for present shareholders, as in ``blocks.models.Analysis``.
"""

import re
from typing import NamedTuple

from blocks.models import CatalystKind, RiskLevel

CURRENT_REPORTS = re.compile(r"[86]-K")
EIGHT_K = re.compile(r"8-K")
PROSPECTUSES = re.compile(r"424B|FWP")
NEWS_AND_PROSPECTUSES = re.compile(r"[86]-K|424B|FWP")
NEWS_AND_STAKES = re.compile(r"[86]-K|SC(?:HEDULE)? 13D")
STAKES = re.compile(r"SC(?:HEDULE)? 13[DG]")
FULL_REPORTS = re.compile(r"[86]-K|10-[KQ]|20-F|40-F|424B|[SF]-[13]")


Patterns = tuple[re.Pattern[str], ...]


class Meaning(NamedTuple):
    """What an event is, and what it means for present shareholders."""

    kind: CatalystKind
    words: str
    sentiment: float
    risk: RiskLevel


class Rule(NamedTuple):
    """A sentence that says so in one of these ways, in such a form, has this meaning.

    It has not where it also says one of ``unless``, or the whole excerpt says one of
    ``not_in_text``. ``supposes``: it says "may" or "should" of what is
    agreed or concluded. ``is_event`` False: it is a state, and no old news where its
    latest date is long past.
    """

    meaning: Meaning
    says: Patterns
    unless: Patterns = ()
    forms: re.Pattern[str] = CURRENT_REPORTS
    not_in_text: Patterns = ()
    supposes: bool = False
    is_event: bool = True


class ItemRule(NamedTuple):
    """A sentence of an 8-K's item that says so has this meaning; its first one is quoted.

    ``unless`` and ``supposes`` are as in :class:`Rule`.
    """

    meaning: Meaning
    says: Patterns
    unless: Patterns = ()
    supposes: bool = False


def patterns(*alternatives: str) -> Patterns:
    """Each of these, in whatever case. Each is needed: a test knows a sentence for it."""
    return tuple(re.compile(alternative, re.IGNORECASE) for alternative in alternatives)


def first_match(any_of: Patterns, text: str) -> re.Match[str] | None:
    """Where the first of the patterns that is in the text begins."""
    return next(filter(None, (wanted.search(text) for wanted in any_of)), None)
