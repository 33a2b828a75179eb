"""Sentences as the rules read them: whole, without the excerpt's marks, told as new or not."""

from datetime import UTC, date, datetime

import pytest

from blocks.models import Filing, FoundBy, Party
from blocks.rule_sentences import is_new, is_said, sentences_of, told_on


def filing(**facts: object) -> Filing:
    party = Party(cik=1, name="Example Corp")
    return Filing.model_validate(
        {
            "accession": "0001213900-25-032135",
            "form": "8-K",
            "parties": (party,),
            "found_by": FoundBy.FEED,
            **facts,
        }
    )


def test_abbreviations_end_no_sentence_and_blank_lines_do() -> None:
    text = "Example Inc. met Dr. Roe of J. Poe Corp. today. It rained\n\nand then\nit stopped."
    assert sentences_of(text) == [
        "Example Inc. met Dr. Roe of J. Poe Corp. today.",
        "It rained",
        "and then it stopped.",
    ]


def test_the_marks_of_the_excerpt_are_no_part_of_a_sentence() -> None:
    assert sentences_of("=== EX-99.1 ===\nWe won. […]\n\n=== EX-99.2 ===\nLost.") == [
        "We won.",
        "Lost.",
    ]


@pytest.mark.parametrize(
    ("sentence", "new"),
    [
        ("Nothing is dated here.", True),
        ("On May 5, 2025 the board met.", True),
        ("On January 2, 2025 the board met.", True),
        ("On December 2, 2024 the board met.", False),
        ("In November 2024 the board met.", False),
        ("In 2023 the board met.", False),
        ("The plan of 2019 ended on May 5, 2025.", True),
        ("From 2024 to 2031 there will be orders.", True),
        ("On February 30, 2025 nobody met.", True),
    ],
)
def test_news_is_what_names_no_day_long_past(sentence: str, new: bool) -> None:  # noqa: FBT001  # the table's answer
    assert is_new(sentence, date(2025, 5, 6)) is new


def test_a_filing_is_dated_by_its_acceptance_in_eastern_time_or_else_by_its_number() -> None:
    late = datetime(2025, 4, 16, 1, 30, tzinfo=UTC)
    assert told_on(filing(accepted_at=late)) == date(2025, 4, 15)
    assert told_on(filing(filed_on=date(2025, 4, 16))) == date(2025, 4, 16)
    assert told_on(filing()) == date(2025, 1, 1)


def test_what_is_supposed_or_repeated_is_not_said_and_a_month_is_no_supposition() -> None:
    assert not is_said("We may sell shares.")
    assert not is_said("As previously announced, we sell shares.")
    assert is_said("On May 5 we sold shares.")
