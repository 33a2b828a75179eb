"""What is accepted of a model's answer, and how far it is trusted."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.acceptance import analysis_from
from blocks.errors import AnswerInvalid
from blocks.label import agrees, label_and_rest
from blocks.models import Analysis, Excerpt

ACCESSION = "0001213900-25-032135"
TEXT = (
    "On April 10, 2025, the Board\nconcluded that the Company\u2019s \u201cstatements\u201d should"
    " no longer be relied upon \u2014 at all. We sold 500,000\xa0shares at $1.25."
)
EXCERPT = Excerpt(text=TEXT, parts=("8-K item 4.02",), tokens=40, shortened=False)
ANSWER: dict[str, Any] = {
    "catalysts": [{"kind": "offering", "quote": "We sold 500,000 shares at $1.25."}],
    "summary": "The company sold shares.",
    "sentiment": -0.5,
    "confidence": 0.8,
    "risk_level": "high",
    "deal_size_usd": 625000,
    "dilution_pct": None,
    "has_warrants": False,
}


def read(**changes: object) -> Analysis:
    return analysis_from(json.dumps(ANSWER | changes), EXCERPT, accession=ACCESSION)


def quoting(*quotes: str) -> Analysis:
    return read(catalysts=[{"kind": "other", "quote": quote} for quote in quotes])


def test_a_good_answer_is_taken_as_it_is() -> None:
    analysis = read()
    assert analysis.sentiment == -0.5
    assert analysis.confidence == 0.8
    assert analysis.risk_level == "high"
    assert analysis.deal_size_usd == 625_000
    assert analysis.catalysts[0].verified
    assert analysis.has_warrants is False


@pytest.mark.parametrize(
    ("quotes", "confidence"),
    [
        ((), 0.4),
        (("We sold 500,000 shares",), 0.8),
        (("An invented passage",), 0.0),
        (("We sold 500,000 shares", "An invented passage"), 0.4),
        (("We sold 500,000 shares", "should no longer", "the Board", "Invented passage"), 0.4),
        (("We sold 500,000 shares", "Invented one", "Invented two", "Invented three"), 0.2),
    ],
)
def test_confidence_falls_with_quotes_that_do_not_hold(
    quotes: tuple[str, ...], confidence: float
) -> None:
    analysis = quoting(*quotes)
    assert math.isclose(analysis.confidence, confidence)
    assert len(analysis.catalysts) == len(quotes)


def test_a_catalyst_without_a_quote_is_dropped_and_counts_against_confidence() -> None:
    analysis = quoting("We sold 500,000 shares", " ")
    assert len(analysis.catalysts) == 1
    assert math.isclose(analysis.confidence, 0.4)


def test_no_catalyst_is_a_good_answer_for_routine_news_and_doubtful_for_any_other() -> None:
    assert read(catalysts=[], sentiment=0.1).confidence == 0.8
    assert read(catalysts=[], sentiment=0.15).confidence == 0.4


_HOLDS, _INVENTED = "We sold 500,000 shares", "An invented passage"
_SENTIMENTS = st.floats(-1, 1)
_CONFIDENCES = st.floats(0, 1)


@given(_SENTIMENTS, _CONFIDENCES, st.integers(1, 12), st.data())
def test_confidence_is_never_raised_and_never_higher_for_fewer_quotes_that_hold(
    sentiment: float, confidence: float, claimed: int, data: st.DataObject
) -> None:
    fewer = data.draw(st.integers(0, claimed))
    more = data.draw(st.integers(fewer, claimed))
    trusted = [
        read(
            sentiment=sentiment,
            confidence=confidence,
            catalysts=[
                {"kind": "other", "quote": _HOLDS if number < held else _INVENTED}
                for number in range(claimed)
            ],
        ).confidence
        for held in (fewer, more, claimed)
    ]
    assert trusted == sorted(trusted)
    assert math.isclose(trusted[-1], confidence)


@given(_SENTIMENTS, st.text(max_size=40) | st.sampled_from(["BULLISH: up", "bearish. Down"]))
def test_a_summary_opens_with_a_label_that_agrees_with_the_sentiment(
    sentiment: float, summary: str
) -> None:
    try:
        analysis = read(sentiment=sentiment, summary=summary)
    except AnswerInvalid:  # nothing of it is to be seen
        return
    label, _ = label_and_rest(analysis.summary)
    assert label is not None
    assert analysis.summary.startswith(label)
    assert agrees(label, sentiment)
    assert analysis.confidence <= 0.8


@pytest.mark.parametrize(
    ("said", "sentiment", "kept", "confidence"),
    [
        ("BEARISH: Sold.", -0.5, "BEARISH: Sold.", 0.8),
        ("**Bearish** \u2014 Sold.", -0.5, "BEARISH: Sold.", 0.8),
        ("Sold.", -0.5, "BEARISH: Sold.", 0.8),
        ("MIXED: Sold.", -0.4, "MIXED: Sold.", 0.8),
        ("MIXED: Sold.", -0.6, "BEARISH: Sold.", 0.4),
        ("BULLISH: Sold.", -0.5, "BEARISH: Sold.", 0.4),
        ("NEUTRAL: Sold.", -0.5, "BEARISH: Sold.", 0.4),
        ("BULLISH: Sold.", 0.0, "NEUTRAL: Sold.", 0.4),
        ("BEARISH", -0.5, "BEARISH", 0.8),
    ],
)
def test_a_missing_label_is_supplied_and_a_wrong_one_is_corrected_and_lowers_confidence(
    said: str, sentiment: float, kept: str, confidence: float
) -> None:
    analysis = read(summary=said, sentiment=sentiment)
    assert analysis.summary == kept
    assert math.isclose(analysis.confidence, confidence)


def test_what_nobody_sees_is_dropped_from_what_is_kept() -> None:
    analysis = read(
        summary="Sold\u200b \u202eshares\x07.\U000e0041",
        catalysts=[{"kind": "offering", "quote": "We\u2060 sold 500,000 shares at $1.25\ufe0f."}],
    )
    assert analysis.summary == "BEARISH: Sold shares."
    assert analysis.catalysts[0].quote == "We sold 500,000 shares at $1.25."
    assert analysis.catalysts[0].verified


@pytest.mark.parametrize("wrap", ["```json\n{}\n```", "Here you are:\n{}\nAnything else?", " {} "])
def test_text_around_the_json_object_is_forgiven(wrap: str) -> None:
    answer = wrap.replace("{}", json.dumps(ANSWER))
    assert analysis_from(answer, EXCERPT, accession=ACCESSION) == read()


def test_extra_fields_an_unknown_kind_and_capitals_are_forgiven() -> None:
    analysis = read(
        reasoning="because",
        risk_level="HIGH",
        catalysts=[
            {"kind": "Reverse Split", "quote": "We sold 500,000 shares", "page": 3},
            {"kind": "moon", "quote": "We sold 500,000 shares"},
        ],
    )
    assert [said.kind for said in analysis.catalysts] == ["reverse_split", "other"]
    assert analysis.risk_level == "high"


def test_what_is_too_long_is_cut_and_stays_evidence() -> None:
    excerpt = EXCERPT.model_copy(update={"text": "It rose. " * 300})
    answer = ANSWER | {
        "summary": "It rose. " * 300,
        "catalysts": [{"kind": "other", "quote": "It rose. " * 200}] * 20,
    }
    analysis = analysis_from(json.dumps(answer), excerpt, accession=ACCESSION)
    assert analysis.summary.startswith("BEARISH: It rose. ")
    assert analysis.summary.endswith("It rose.")
    assert len(analysis.summary) <= 1_200
    assert len(analysis.catalysts) == 12
    assert all(said.verified for said in analysis.catalysts)
    assert analysis.confidence == 0.8


@pytest.mark.parametrize(
    "changes",
    [
        {"sentiment": 1.01},
        {"sentiment": -7},
        {"sentiment": "bullish"},
        {"sentiment": True},
        {"sentiment": math.nan},
        {"confidence": 1.5},
        {"confidence": None},
        {"risk_level": "extreme"},
        {"summary": "  "},
        {"summary": "\u200b\u202e"},
        {"summary": "\ud800"},
        {"deal_size_usd": -1},
        {"deal_size_usd": math.inf},
        {"deal_size_usd": 10**400},
        {"dilution_pct": "a tenth"},
        {"has_warrants": "maybe"},
        {"catalysts": "none"},
        {"catalysts": [{"kind": 3, "quote": "We sold"}]},
        {"catalysts": [{"kind": "other"}]},
    ],
)
def test_a_field_without_a_clear_meaning_makes_the_answer_invalid(changes: dict[str, Any]) -> None:
    with pytest.raises(AnswerInvalid, match=f"{ACCESSION}.*({next(iter(changes))}|Invalid JSON)"):
        read(**changes)


@pytest.mark.parametrize(
    "missing", ["summary", "sentiment", "confidence", "risk_level", "catalysts"]
)
def test_an_answer_without_a_needed_field_is_invalid(missing: str) -> None:
    answer = json.dumps({name: value for name, value in ANSWER.items() if name != missing})
    with pytest.raises(AnswerInvalid, match=missing):
        analysis_from(answer, EXCERPT, accession=ACCESSION)


_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
_NEAR_ANSWERS = st.fixed_dictionaries(
    {
        "catalysts": _JSON
        | st.lists(
            st.fixed_dictionaries(
                {"kind": st.text(max_size=9) | _JSON, "quote": st.text() | _JSON}
            ),
            max_size=20,
        ),
        "summary": st.text(max_size=2_000) | _JSON,
        "sentiment": st.floats() | _JSON,
        "confidence": st.floats() | _JSON,
        "risk_level": st.sampled_from(["low", "HIGH"]) | _JSON,
        "deal_size_usd": st.floats() | st.integers() | _JSON,
        "dilution_pct": st.floats() | _JSON,
        "has_warrants": _JSON,
    }
)


@given(_JSON | _NEAR_ANSWERS | st.just("[" * 100_000))
def test_reading_any_json_gives_an_analysis_or_answer_invalid(value: object) -> None:
    answer = value if isinstance(value, str) else json.dumps(value)
    try:
        analysis = analysis_from(answer, EXCERPT, accession=ACCESSION)
    except AnswerInvalid:
        return
    assert Analysis.model_validate_json(analysis.model_dump_json()) == analysis


def test_nesting_without_end_is_invalid_and_nothing_worse() -> None:
    with pytest.raises(AnswerInvalid):
        analysis_from('{"a":' * 100_000 + "}" * 100_000, EXCERPT, accession=ACCESSION)
