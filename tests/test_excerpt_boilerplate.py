"""What nobody reads is left out and marked; what has a figure, or might be news, is kept."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.excerpt_boilerplate import OMITTED, without_boilerplate

NEWS = "We sold the mill to Acme."
MORE = "We bought it back."
WARNING = (
    "This release contains forward-looking statements that involve risks and uncertainties;"
    " actual results may differ materially from what is expected."
)
COMPANY = "Acme makes things for people who like things, and has made them for a long time. " * 2


def left_of(*paragraphs: str) -> list[str]:
    return without_boilerplate("\n\n".join(paragraphs), "\n\n").split("\n\n")


@pytest.mark.parametrize(
    "paragraph",
    [
        WARNING,
        (
            "Except for historical information, these statements are subject to risks and other"
            " uncertainties, and we assume no obligation to update any of them, now or later."
        ),
        (
            "The following factors, in addition to those in our annual report, could cause results"
            " to differ materially: competition, weather, war, and the price of what we make."
        ),
        "Indicate by check mark whether the registrant is a shell company. Yes No",
        "If this Form is filed to register additional securities, check the following box.",
        "Neither the Securities and Exchange Commission nor any state commission has approved.",
        "The registrant hereby amends this registration statement on such date as may be needed.",
        "Investing in our common stock involves a high degree of risk. See page S-5.",
        "You should rely only on the information contained in this prospectus.",
        "We are an “emerging growth company” under the rules and may disclose less.",
        "© 2024 Acme Inc. All rights reserved. Acme and its logo are trademarks of Acme.",
        (
            "We use non-GAAP measures since we believe that they are useful to investors, though"
            " they are no substitute for any that are made in accordance with those principles."
        ),
        (
            "Acme will hold a conference call today at 10:00 a.m. to discuss results. A replay may"
            " be heard for a week; dial the number below, or go to the page of our investors."
        ),
        "THIS PRESS RELEASE DOES NOT CONSTITUTE AN OFFER TO PURCHASE ANY SECURITIES.",
    ],
)
def test_boilerplate_is_left_out_and_marked(paragraph: str) -> None:
    assert left_of(NEWS, paragraph, MORE) == [NEWS, OMITTED, MORE]


@pytest.mark.parametrize(
    "paragraph",
    [
        WARNING + " We expect revenue of $30.8 million in the second quarter.",
        WARNING + " Gross margins are expected to be 35 percent.",
        "These statements are forward looking, and actual results may differ materially.",
        "Non-GAAP net income  1,746  1,602  1,675",
        "Loss in accordance with GAAP and non-GAAP loss, useful to some  (12)  (14)",
        (
            "The annual meeting will be held by webcast on Thursday, May 14; to vote on the split"
            " of our shares and on the directors, dial the number or go to www.acme.com before it."
        ),
        "We will host a webcast.",
        "The information in our archives was stolen by intruders.",
    ],
)
def test_what_states_a_figure_or_may_be_news_is_kept(paragraph: str) -> None:
    assert left_of(NEWS, paragraph, MORE) == [NEWS, paragraph, MORE]


def test_a_warning_goes_on_until_the_next_heading_or_figure() -> None:
    risks = "customer preferences; the availability of raw materials; acquisitions; and so forth. "
    assert left_of(NEWS, "Forward-Looking Statements", risks * 2, risks, "Outlook", MORE) == [
        *(NEWS, OMITTED, "Outlook", MORE)
    ]
    figure = f"{risks} We expect $5 million."
    assert left_of(NEWS, "Safe Harbor", risks, figure, MORE) == [NEWS, OMITTED, figure, MORE]


def test_what_a_company_says_about_itself_is_left_out() -> None:
    assert left_of(NEWS, "About Acme", COMPANY, MORE) == [NEWS, OMITTED, MORE]


@pytest.mark.parametrize("heading", ["About the Offering", "About this trial", "About Acme  S-4"])
def test_what_stands_below_another_heading_about_something_is_kept(heading: str) -> None:
    below = COMPANY if "Acme" not in heading else "RISK FACTORS  S-5"
    assert left_of(NEWS, heading, below) == [NEWS, heading, below]


def test_nothing_is_marked_at_the_beginning_and_at_the_end() -> None:
    assert left_of(WARNING, NEWS, WARNING, "", WARNING) == [NEWS]


def test_a_text_of_nothing_else_stays_as_it_is() -> None:
    assert left_of(WARNING) == [WARNING]


_PARAGRAPHS = st.lists(
    st.sampled_from([NEWS, MORE, WARNING, "About Acme", COMPANY, ""]) | st.text()
)


@given(_PARAGRAPHS, st.sampled_from(["\n", "\n\n"]))
def test_whatever_is_kept_stands_in_the_text_word_for_word(
    paragraphs: list[str], paragraph_end: str
) -> None:
    text = paragraph_end.join(paragraphs)
    left = without_boilerplate(text, paragraph_end).split(paragraph_end)
    there = iter(text.split(paragraph_end))
    assert all(one == OMITTED or one in there for one in left)


@pytest.mark.parametrize(
    "words", ["forward-looking ", "the information ", "webcast ", "invest in our ", "non-GAAP "]
)
def test_a_paragraph_of_any_length_costs_no_more_time(words: str) -> None:
    began = time.process_time()
    without_boilerplate(words * 30_000, "\n")
    without_boilerplate(f"{words}\n" * 30_000, "\n")
    assert time.process_time() - began < 2
