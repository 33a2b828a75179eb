"""The sections a trader turns to: found by their headings, not by rows that look like one."""

import time

import pytest

from blocks.excerpt_sections import head_of, sections_of

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


def named(form: str, text: str, after: int = 0) -> dict[str, str]:
    return {section.name: section.text for section in sections_of(form, text, after)}


def test_a_prospectus_has_a_cover_and_the_terms_behind_it() -> None:
    text = COVER + CONTENTS + BEHIND
    assert head_of("424B5", text) == COVER.strip()
    assert named("424B5", text) == {
        "The Offering": "THE OFFERING\n\nShares offered: 5\nUse of proceeds\nWe will pay debts.\n"
        "Shares after: 10",
        "Use of Proceeds": "USE OF PROCEEDS\n\nAbout $4 million.",
        "Dilution": "DILUTION\n\nYou lose a dollar.",
        "Recent Developments": "Recent Developments\n\nWe were sued.",
    }


@pytest.mark.parametrize("form", ["10-K", "6-K", "SC 13D"])
def test_only_a_prospectus_has_a_cover_apart(form: str) -> None:
    text = COVER + CONTENTS + BEHIND
    assert head_of(form, text) == text
    assert named(form, text) == {}


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


def test_what_the_head_shows_anyway_is_not_shown_twice() -> None:
    text = COVER + BEHIND
    assert "The Offering" not in named("424B5", text, after=text.index("RISK FACTORS"))


@pytest.mark.parametrize(
    ("form", "line"),
    [
        ("10-K", "Management's discussion and analysis\n"),
        ("424B5", "substantial doubt "),
        ("424B5", "Dilution\n\n"),
    ],
)
def test_a_heading_on_every_line_costs_no_more_time(form: str, line: str) -> None:
    began = time.process_time()
    named(form, line * 40_000)
    assert time.process_time() - began < 2
