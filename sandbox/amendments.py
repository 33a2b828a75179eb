"""Reports filed a second time: an 8-K/A or 10-Q/A for the same filer and period of report."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime

from sandbox import inventing
from sandbox.dissemination import EASTERN
from sandbox.market import DayFiling
from sandbox.stories import Story

AMENDED_FORMS = ("8-K", "10-Q")

_FIRST_NUMBER = 900_001  # above the numbers of a day's other filings
_NOTE = "This amendment restates the report of {name}, accession number {accession}."


def amendment_of(amended: DayFiling, accession: str, accepted_at: datetime) -> DayFiling:
    """The amendment of a report: form with ``/A``; parties, items, facts and period as amended.

    The text is the report's behind a sentence that names what it amends.
    """
    note = _NOTE.format(name=amended.company.name, accession=amended.accession)
    return replace(
        amended,
        accession=accession,
        form=f"{amended.form}/A",
        accepted_at=accepted_at,
        story=_restated(amended.story, note),
    )


def drawn_amendments(
    dice: random.Random, filings: Sequence[DayFiling], days: Sequence[date], seed: int
) -> tuple[tuple[DayFiling, DayFiling], ...]:
    """Pairs of amendment and amended: one of each amended form on every day but the first.

    A report is amended once, on a later day than its own, and only if no other
    has its filer, form and period. Where a day has no such report before it,
    nothing is amended on it.
    """
    of_period = Counter(map(_period_of_filer, filings))
    free = [filing for filing in filings if of_period[_period_of_filer(filing)] == 1]
    pairs: list[tuple[DayFiling, DayFiling]] = []
    for day in days[1:]:
        agent = inventing.filing_agent(seed, day)
        for number, form in enumerate(AMENDED_FORMS, start=_FIRST_NUMBER):
            earlier = [one for one in free if one.form == form and _accepted_on(one) < day]
            if earlier:
                amended = dice.choice(earlier)
                free.remove(amended)
                accession = inventing.accession_number(agent, day, number)
                moment = inventing.drawn_moment(dice, day)
                pairs.append((amendment_of(amended, accession, moment), amended))
    return tuple(pairs)


def _period_of_filer(filing: DayFiling) -> tuple[int, str, date]:
    return filing.company.cik, filing.form, filing.period


def _accepted_on(filing: DayFiling) -> date:
    return filing.accepted_at.astimezone(EASTERN).date()


def _restated(story: Story, note: str) -> Story:
    """The story under its amended form, with the note before its first words."""
    note = note.replace("{", "{{").replace("}", "}}")
    sections = {
        number: f"{note} {text}" if number == story.items[0] else text
        for number, text in story.sections.items()
    }
    text = (note, *story.text) if story.text else ()
    return story.model_copy(update={"form": f"{story.form}/A", "sections": sections, "text": text})
