"""The sentences of an excerpt, and which of them tell something that is so, and new. Pure."""

import re
from collections.abc import Iterator
from datetime import date, timedelta

from blocks.models import Filing, accession_key, eastern_day

_MOST_CHARS = 2_000  # what is longer is a table, whose words belong to different rows
_OLD = timedelta(days=150)  # an event is told within days, a quarter's results within four months

_FIRST_YEAR = 1990  # of the years in a packed accession number

_OUR_MARKS = re.compile(r"(?m)^=== .* ===$|\[…\]")
_SENTENCE_END = re.compile(
    r"(?<=[.!?;])(?<![A-Z]\.)(?<!Inc\.)(?<!Corp\.)(?<!Ltd\.)(?<!Co\.)(?<!No\.)(?<!Mr\.)(?<!Ms\.)"
    r"(?<!Dr\.)[\"\u201d)]?\s+(?=[A-Z\u201c\"(])|\n\n+|\n(?=[●•])"
)
# Case matters: "May" is a month.
_SUPPOSITION = re.compile(
    r"\b(?:may|might|could|would|[Ss]hould|[Ii]f|[Uu]nless|whether|risks?|no assurance|cannot"
    r"|potential(?:ly)?|previously|WHEREAS|adjust(?:ed|s|ing)?|retroactive(?:ly)?"
    r"|seek(?:s|ing)? to|not been|has not|have not|not received)\b"
)
_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
_DATE = re.compile(
    rf"\b(?:({'|'.join(_MONTHS)})(?:\s+(\d{{1,2}}))?,?\s+)?((?:19|20)\d\d)\b", re.IGNORECASE
)


def sentences_of(text: str) -> list[str]:
    """The sentences, white space folded; without the marks that the excerpt set."""
    folded = (" ".join(said.split()) for said in _SENTENCE_END.split(_OUR_MARKS.sub("\n\n", text)))
    return [said for said in folded if said and len(said) <= _MOST_CHARS]


def is_said(sentence: str) -> bool:
    """Whether it says that something is so, not that it may be or was said before."""
    return not _SUPPOSITION.search(sentence)


def is_new(sentence: str, told_on: date) -> bool:
    """Whether the latest day it names, if any, is not long before it was told.

    Of a month or a year alone a day near its end counts.
    """
    days = list(_days_in(sentence))
    return not days or max(days) >= told_on - _OLD


def told_on(filing: Filing) -> date:
    """The Eastern day of a filing; where it is not known, the first of its number's year."""
    if filing.accepted_at:
        return eastern_day(filing.accepted_at)
    years = accession_key(filing.accession) // 10**16
    return filing.filed_on or date(_FIRST_YEAR + years, 1, 1)


def _days_in(sentence: str) -> Iterator[date]:
    for month_name, day, year in _DATE.findall(sentence):
        month = _MONTHS.index(month_name.lower()) + 1 if month_name else 12
        try:
            yield date(int(year), month, int(day) if day else 28)
        except ValueError:
            continue
