"""Which quotes stand in a text."""

import pytest

from blocks.quotes import Evidence, stands_in

TEXT = (
    "On April 10, 2025, the Board\nconcluded that the Company\u2019s \u201cstatements\u201d should"
    " no longer be relied upon \u2014 at all. We sold 500,000\xa0shares at $1.25."
)


@pytest.mark.parametrize(
    "quote",
    [
        "should no longer be relied upon - at all",
        'the Board concluded that the Company\'s "statements" should',
        "We sold 500,000 shares",
        '"We sold 500,000 shares at $1.25."',
        "the Board \u00ad\n concluded",
    ],
)
def test_a_quote_holds_whatever_its_white_space_and_typography(quote: str) -> None:
    assert stands_in(quote, TEXT)


@pytest.mark.parametrize("quote", ["We sold 600,000 shares", "sold", "", "... --", "We bought"])
def test_a_quote_that_is_not_there_or_says_nothing_does_not_hold(quote: str) -> None:
    assert not stands_in(quote, TEXT)


def test_our_own_headings_are_no_evidence_and_no_quote_reaches_over_them() -> None:
    evidence = Evidence("=== 8-K item 4.02 ===\nIt is over.\n\n=== EX-99.1 ===\nRevenue rose.")
    assert evidence.holds("Revenue rose.")
    assert not evidence.holds("8-K item 4.02")
    assert not evidence.holds("It is over. Revenue rose.")


def test_what_was_shown_with_its_tags_made_inert_is_quoted_either_way() -> None:
    text = "Holders of <b>Class A</b> shares agreed, p < 0.05."
    assert stands_in("Holders of (b>Class A(/b> shares", text)
    assert stands_in("Holders of <b>Class A</b> shares agreed, p < 0.05", text)
