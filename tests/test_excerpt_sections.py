"""The sections a trader turns to: found by their headings, not by rows that look like one."""

import time

import pytest

from blocks.excerpt_sections import cover_of, sections_of

CONTENTS = """
About This Prospectus  S-1
Recent Developments
The Offering
Use of Proceeds
Dilution
"""
COVER = "COMMON STOCK\n\nWe offer shares.\n\n" + "More of the cover stands here.\n" * 40
BEHIND = """
ABOUT THIS PROSPECTUS

Lawyers speak.

Recent Developments

We were sued.

THE OFFERING

Shares offered: 5
Use of proceeds
We will pay debts.
Shares after: 10

RISK FACTORS

Many.

USE OF PROCEEDS

About $4 million.

DILUTION

You lose a dollar.
"""


def cover(form: str, text: str) -> str:
    return text[slice(*cover_of(form, text))].strip()


def named(form: str, text: str, after: int = 0) -> dict[str, str]:
    return {section.name: section.text for section in sections_of(form, text, after)}


def test_a_prospectus_has_a_cover_and_the_terms_behind_it() -> None:
    text = COVER + CONTENTS + BEHIND
    assert cover("424B5", text) == COVER.strip()
    assert named("424B5", text) == {
        "The Offering": "THE OFFERING\n\nShares offered: 5\nUse of proceeds\nWe will pay debts.\n"
        "Shares after: 10",
        "Use of Proceeds": "USE OF PROCEEDS\n\nAbout $4 million.",
        "Dilution": "DILUTION\n\nYou lose a dollar.",
        "Recent Developments": "Recent Developments\n\nWe were sued.",
    }


@pytest.mark.parametrize("form", ["6-K", "SC 13D", "DEF 14A"])
def test_only_a_prospectus_and_a_report_have_a_cover_apart(form: str) -> None:
    text = COVER + CONTENTS + BEHIND
    assert cover(form, text) == text.strip()
    assert named(form, text) == {}


def test_a_report_has_a_cover_before_its_first_part() -> None:
    text = "FORM 10-K\n\nFor the year 2025\n\nPART I\n\nItem 1. Business\n\nWe make things."
    assert cover("10-K", text) == "FORM 10-K\n\nFor the year 2025"


@pytest.mark.parametrize("line", ["PROSPECTUS", "Subject to completion, dated June 29, 2023"])
def test_a_registration_is_shown_from_its_prospectus_on(line: str) -> None:
    text = f"FORM S-1\n\nIvan K. Blumenthal\n\n{line}\n\n{COVER}{BEHIND}"
    assert cover("S-1", text) == f"{line}\n\n{COVER}".strip()
    assert "Blumenthal" in cover("424B5", text)


def test_an_amendment_without_a_prospectus_ends_before_its_undertakings() -> None:
    text = f"FORM S-3/A\n\n{'Only a consent is filed. ' * 50}\n\nPART II\n\nWe undertake."
    assert cover("S-3/A", text).endswith("Only a consent is filed.")


def test_a_resale_is_shown_with_who_sells_and_how_they_came_by_their_shares() -> None:
    chapters = "Private Placement\n\nWe sold.\n\nSelling Stockholders\n\nArmistice sells.\n"
    text = f"{COVER}{chapters}\nPlan of Distribution\n\nOften."
    assert named("S-3", text) == {
        "Private Placement": "Private Placement\n\nWe sold.",
        "Selling Stockholders": "Selling Stockholders\n\nArmistice sells.",
    }
    assert named("424B5", text) == {}


def test_a_statement_of_operations_is_told_from_its_row_of_contents() -> None:
    heading = "CONSOLIDATED STATEMENTS OF OPERATIONS"
    rows = "Net sales  1,945  1,530\nNet income  $233  $135"
    text = (
        f"{heading}\nNotes to them\n\nPART I\n\n{heading}\n\n{rows}\n\nBALANCE SHEETS\n\nCash  99"
    )
    assert named("10-K", text) == {"Statement of Operations": f"{heading}\n\n{rows}"}


def test_a_discussion_begins_at_its_heading_and_ends_with_the_next_item() -> None:
    heading = "Item 7. Management\u2019s Discussion and Analysis of Financial Condition"
    text = (
        f"{heading}  41\nItem 7A. Quantitative and Qualitative Disclosures  60\n\n"
        "PART I\n\nWe make things.\n\n"
        f"{heading}\n\nSales rose.\n\nItem 8. Financial Statements\n\nTables."
    )
    assert named("10-K", text) == {"MD&A": f"{heading}\n\nSales rose."}


@pytest.mark.parametrize("number", ["", "NOTE 12 - ", "12. ", "(12) "])
def test_a_note_on_later_events_ends_with_the_next_note(number: str) -> None:
    text = f"{number}Subsequent Events\n\nWe merged.\n\nNote 13 Leases\n\nWe rent."
    assert named("10-Q", text) == {
        "Subsequent Events": f"{number}Subsequent Events\n\nWe merged.".strip()
    }


@pytest.mark.parametrize(
    ("said", "is_told"),
    [
        ("These raise substantial doubt about our ability to continue as a going concern.", True),
        ("We assess whether there is substantial doubt about a going concern.", False),
        ("Management's plans alleviate the substantial doubt.", False),
        ("Substantial Doubt About Going Concern", False),
    ],
)
def test_a_doubt_is_told_where_it_is_said_and_not_where_it_is_weighed(
    said: str, *, is_told: bool
) -> None:
    text = f"Cash is short.\n\nLosses go on. {said}\n\nMore."
    if said[-1] != ".":
        text = f"Cash is short.\n\n{said}\n\nMore"
    told = named("10-K", text).get("Going Concern")
    assert told == (f"Losses go on. {said}" if is_told else None)


def test_a_company_s_own_doubt_goes_before_its_auditor_s() -> None:
    auditor = "As discussed in Note 6, losses raise substantial doubt about going on."
    own = "Cash of $23,505 is not enough. This raises substantial doubt about us."
    assert named("10-K", f"A.\n\n{auditor}\n\n{own}\n\nZ.")["Going Concern"] == own
    assert named("10-K", f"A.\n\n{auditor}\n\nZ.")["Going Concern"] == auditor


def test_a_notice_of_the_exchange_is_shown_with_what_came_of_it() -> None:
    notice = "On May 20 we were notified by Nasdaq that we were not in compliance with its rule."
    answer = "The Panel granted an extension to February 18, 2025."
    text = f"A.\n\n{notice}\n\n{answer}\n\nOther risks."
    assert named("424B4", text) == {"Listing Notice": f"{notice}\n\n{answer}"}


def test_a_notice_that_may_come_is_none() -> None:
    text = "A.\n\nIf we are notified by Nasdaq of a deficiency, we may be delisted.\n\nB."
    assert named("424B4", text) == {}


def test_what_is_told_in_passing_comes_first_even_from_far_back_in_a_section() -> None:
    doubt = "This raises substantial doubt about us."
    text = f"Recent Developments\n\n{'We grew a lot. ' * 100}\n\n{doubt}\n\nEXPERTS\n\nX."
    assert list(named("424B5", text)) == ["Going Concern", "Recent Developments"]


def test_what_a_section_shows_anyway_is_not_repeated() -> None:
    doubt = "This raises substantial doubt about us."
    text = f"A.\n\nRecent Developments\n\n{doubt}\n\nEXPERTS\n\n{doubt}\n\nX."
    assert list(named("424B5", text)) == ["Recent Developments"]


def test_what_the_head_shows_anyway_is_not_shown_twice() -> None:
    text = COVER + BEHIND
    assert "The Offering" not in named("424B5", text, after=text.index("RISK FACTORS"))


@pytest.mark.parametrize(
    ("form", "line"),
    [
        ("10-K", "Management's discussion and analysis\n"),
        ("424B5", "substantial doubt "),
        ("424B5", "we were notified by Nasdaq "),
        ("10-K", "CONSOLIDATED STATEMENTS OF OPERATIONS\n"),
        ("424B5", "Dilution\n\n"),
    ],
)
def test_a_heading_on_every_line_costs_no_more_time(form: str, line: str) -> None:
    began = time.process_time()
    named(form, line * 40_000)
    assert time.process_time() - began < 2
