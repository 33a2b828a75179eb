"""A small day on which the same texts are filed twice: rightly alike, and alike by accident."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from blocks.models import Filing, FoundBy, Party
from sandbox import inventing
from sandbox.dissemination import EASTERN
from sandbox.market import Company, DayFiling
from sandbox.market_day import MarketDay
from sandbox.stories import Story, all_stories

OPENING = datetime(2025, 12, 11, 9, 0, tzinfo=EASTERN).astimezone(UTC)
PARENT, SUBSIDIARY, STRANGER = (
    Company(
        cik=9_930_000 + number,
        name=name,
        tickers=(ticker,),
        prices_usd={ticker: 4.0 + number},
    )
    for number, (name, ticker) in enumerate(
        [("Quillmere Holdings", "QLMR"), ("Quillmere Water", "QLMW"), ("Oxbridge Tin", "OXTN")]
    )
)
# names nobody, as form letters do
FORM_LETTER = Story(
    key="form_letter",
    form="8-K",
    weight=1,
    title="Other Events",
    sections={
        "8.01": "The registrant has made available to its shareholders a notice of its annual "
        "meeting. The notice, the proxy card and the voting instructions may be inspected during "
        "business hours at the registered office of the registrant, and copies will be sent free "
        "of charge to any holder of record who asks for them in writing. The information in this "
        "report is furnished and shall not be deemed to be filed for the purposes of Section 18 "
        "of the Securities Exchange Act of 1934, nor shall it be incorporated by reference into "
        "any filing under the Securities Act of 1933."
    },
)
NOTE = FORM_LETTER.model_copy(
    update={"key": "note", "sections": {"8.01": "The registrant has posted a presentation."}}
)


def _filed(number: int, story: Story, company: Company) -> DayFiling:
    return inventing.invented_filing(
        accession=f"0009940001-25-{number:06d}",
        accepted_at=OPENING + timedelta(minutes=number),
        story=story,
        company=company,
        dice=random.Random(number),  # noqa: S311 - a reproducible fiction
    )


def _again(number: int, one: DayFiling, company: Company | None = None) -> DayFiling:
    """The same documents under another accession number, by others if so wanted."""
    by = one.company if company is None else company
    return replace(
        one,
        accession=f"0009940001-25-{number:06d}",
        accepted_at=OPENING + timedelta(minutes=number),
        parties=(Party(cik=by.cik, name=by.name, role="Filer"),),
    )


RELEASE = _filed(1, all_stories()["earnings_beat"], PARENT)
RELEASE_AGAIN = _again(2, RELEASE)
RELEASE_ONCE_MORE = _again(3, RELEASE)
JOINT_RELEASE = replace(
    _again(4, RELEASE),
    parties=tuple(Party(cik=one.cik, name=one.name, role="Filer") for one in (SUBSIDIARY, PARENT)),
)
RELEASE_BY_ANOTHER = _again(5, RELEASE, STRANGER)
LETTER = _filed(6, FORM_LETTER, PARENT)
LETTER_BY_ANOTHER = _filed(7, FORM_LETTER, STRANGER)
SHORT = _filed(8, NOTE, PARENT)
SHORT_AGAIN = _filed(9, NOTE, PARENT)
OTHER_RELEASE = _filed(10, all_stories()["earnings_miss"], PARENT)

FILED = (
    *(RELEASE, RELEASE_AGAIN, RELEASE_ONCE_MORE, JOINT_RELEASE, RELEASE_BY_ANOTHER),
    *(LETTER, LETTER_BY_ANOTHER, SHORT, SHORT_AGAIN, OTHER_RELEASE),
)


def day_of(*filings: DayFiling) -> MarketDay:
    return MarketDay((OPENING.date(),), (PARENT, SUBSIDIARY, STRANGER), filings)


def listed(one: DayFiling) -> Filing:
    """As an index lists it: no roles, no moment."""
    parties = tuple(party.model_copy(update={"role": ""}) for party in one.parties)
    return Filing(accession=one.accession, form=one.form, parties=parties, found_by=FoundBy.INDEX)
