"""Which filing an amendment amends, and which analyses are superseded by that. Pure.

No header says what an amendment amends. It is taken to be the original with a
filer, the form and the period of report in common that was filed before it;
of several (two 8-Ks of one day) the one that shares most items, then the
latest. All amendments of one original supersede it, and later ones earlier
ones. Amendments whose original was never analysed are left alone: nobody can
tell whether two of them are of one filing.

To be superseded means that there is something newer to read, not that the old
is void: a 10-K/A may add Part III and nothing else. Schedules 13D and 13G,
prospectuses and registration statements have no period of report in their
headers, so they are never linked.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from typing import Final

from blocks.models import Accession, Cik, Outcome, UtcDatetime, Value

_AMENDMENT: Final = "/A"
_STATEMENTS: Final = frozenset({"financial statements and exhibits"})  # 8-K item 9.01
_ACQUISITION: Final = "acquisition or disposition of assets"  # in the titles of 2.01 and old 2

Subject = tuple[int, str, date]  # a filer's CIK, the form without /A, the period of report


class Analysed(Value):
    """What of an analysed filing's header decides what it amends.

    ``filed_at`` is the acceptance time, or where the header has none (as in 2001
    and before) the start of the filing date; ``items`` are titles of 8-K items in lower case.
    """

    accession: Accession
    form: str
    filer_ciks: frozenset[Cik]
    period: date
    filed_at: UtcDatetime
    items: frozenset[str] = frozenset()

    @property
    def base_form(self) -> str:
        """The form type without the mark of an amendment."""
        return self.form.removesuffix(_AMENDMENT)

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """What it must have one of in common with another to amend that or be amended by it."""
        return tuple((cik, self.base_form, self.period) for cik in self.filer_ciks)

    @property
    def is_amendment(self) -> bool:
        """Whether the form type says that the filing amends another."""
        return self.form.endswith(_AMENDMENT)

    @property
    def place(self) -> tuple[datetime, str]:
        """Its place in the order of filing, which no other filing shares."""
        return self.filed_at, self.accession


class Links(Value):
    """The accession numbers a filing is linked to: its original, and its newest amendment."""

    amends: Accession | None = None
    superseded_by: Accession | None = None

    @property
    def named(self) -> tuple[Accession, ...]:
        """Those of the two that there are."""
        return tuple(one for one in (self.amends, self.superseded_by) if one)


def analysed(outcome: Outcome) -> Analysed | None:
    """What decides about a filing; None without an analysis, a period, a filer or a date."""
    filing, answer = outcome.filing, outcome.answer
    if answer is None or answer.period is None or not answer.filer_ciks:
        return None
    filed_at = answer.accepted_at or filing.accepted_at or _start_of(filing.filed_on)
    if filed_at is None:
        return None
    return Analysed(
        accession=filing.accession,
        form=filing.form,
        filer_ciks=frozenset(answer.filer_ciks),
        period=answer.period,
        filed_at=filed_at,
        items=frozenset(title.casefold() for title in answer.item_titles),
    )


def links_among(filings: Iterable[Analysed]) -> dict[Accession, Links]:
    """Link every one of these filings to the others, in whatever order they come."""
    known = sorted(filings, key=lambda one: one.place)
    originals: dict[Subject, list[Analysed]] = defaultdict(list)
    for one in known:
        for subject in () if one.is_amendment else one.subjects:
            originals[subject].append(one)
    amends = {
        one.accession: original.accession
        for one in known
        if one.is_amendment and (original := _original_of(one, originals))
    }
    newest = {original: amendment for amendment, original in amends.items()}  # the last one stays
    return {one.accession: _links(one.accession, amends, newest) for one in known}


def _links(accession: str, amends: dict[str, str], newest: dict[str, str]) -> Links:
    original = amends.get(accession)
    latest = newest.get(original or accession)
    return Links(amends=original, superseded_by=None if latest == accession else latest)


def _original_of(
    amendment: Analysed, originals: Mapping[Subject, list[Analysed]]
) -> Analysed | None:
    candidates = (one for subject in amendment.subjects for one in originals.get(subject, ()))
    return max(
        (one for one in candidates if one.place < amendment.place),
        key=lambda one: (_shared_items(amendment, one), one.place),
        default=None,
    )


def _shared_items(amendment: Analysed, original: Analysed) -> int:
    """How many items both have; statements that come alone go with the acquisition.

    Form 8-K, item 9.01(a), lets a buyer file the statements of what was bought
    up to 71 days later, by an amendment.
    """
    brings_statements = amendment.items == _STATEMENTS
    reports_acquisition = any(_ACQUISITION in item for item in original.items)
    return len(amendment.items & original.items) + (brings_statements and reports_acquisition)


def _start_of(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time(), UTC)
