"""The word a summary opens with."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_endpoint import FILING

from blocks.label import Label, agrees, label_and_rest, label_of
from blocks.models import Excerpt
from blocks.rules import analysis_by_rules

_SENTIMENTS = st.floats(-1, 1)


@pytest.mark.parametrize(
    ("sentiment", "label"),
    [
        (1.0, "BULLISH"),
        (0.15, "BULLISH"),
        (0.149, "NEUTRAL"),
        (0.0, "NEUTRAL"),
        (-0.149, "NEUTRAL"),
        (-0.15, "BEARISH"),
        (-1.0, "BEARISH"),
    ],
)
def test_the_label_follows_from_the_sentiment(sentiment: float, label: str) -> None:
    assert label_of(sentiment) == label


@pytest.mark.parametrize(
    ("sentiment", "label"), [(0.49, "MIXED"), (0.0, "MIXED"), (0.5, "BULLISH"), (-0.5, "BEARISH")]
)
def test_news_for_both_sides_is_mixed_until_one_side_has_it(sentiment: float, label: str) -> None:
    assert label_of(sentiment, for_both_sides=True) == label


@given(_SENTIMENTS)
def test_of_the_labels_without_mixed_exactly_one_agrees(sentiment: float) -> None:
    agreeing = {label for label in Label if label is not Label.MIXED and agrees(label, sentiment)}
    assert agreeing == {label_of(sentiment)}
    assert agrees(Label.MIXED, sentiment) == (abs(sentiment) < 0.5)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("The board declared a cash dividend of $0.05 per share.", "NEUTRAL"),
        ("We raised our guidance for the year.", "BULLISH"),
        ("We raised our guidance for the year. We received a notice of default.", "MIXED"),
        ("We filed a voluntary petition under chapter 11.", "BEARISH"),
    ],
)
def test_the_rules_open_their_summaries_by_the_same_rule(text: str, label: str) -> None:
    told = Excerpt(text=text, parts=(), tokens=9, shortened=False)
    analysis = analysis_by_rules(FILING, told)
    said, _ = label_and_rest(analysis.summary)
    assert said == label
    assert agrees(Label(label), analysis.sentiment)


@pytest.mark.parametrize(
    ("summary", "label", "rest"),
    [
        ("BULLISH: It rose.", "BULLISH", "It rose."),
        ("Bearish - it fell.", "BEARISH", "it fell."),
        ("**MIXED:** Both.", "MIXED", "Both."),
        ('"NEUTRAL", routine.', "NEUTRAL", "routine."),
        ("BEARISH -5% in a day", "BEARISH", "-5% in a day"),
        ("BEARISH: -5% in a day", "BEARISH", "-5% in a day"),
        ("Mixed shelf offering of $5 million.", None, "Mixed shelf offering of $5 million."),
        ("Mixed-use property bought.", None, "Mixed-use property bought."),
        ("BULLISHNESS abounds.", None, "BULLISHNESS abounds."),
        ("It is BULLISH: up.", None, "It is BULLISH: up."),
    ],
)
def test_a_label_is_read_from_the_opening_and_nowhere_else(
    summary: str, label: str | None, rest: str
) -> None:
    assert label_and_rest(summary) == (label, rest)


@given(st.sampled_from(Label), st.text(st.characters(categories=["L", "N"]), min_size=1))
def test_what_we_open_with_a_label_is_read_back(label: Label, text: str) -> None:
    assert label_and_rest(f"{label}: {text}") == (label, text)
