"""Each rule alone: fictional sentences that it reads, and near misses that it must not."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from blocks.item_rules import FORMER_ITEM_RULES, ITEM_RULES
from blocks.models import Analysis, Excerpt, Filing, FoundBy, Party
from blocks.rule_findings import RULES, findings_of
from blocks.rule_values import ItemRule, Patterns, Rule, first_match
from blocks.rules import analysis_by_rules

CASES: dict[str, Any] = tomllib.loads(
    (Path(__file__).parent / "rule_cases.toml").read_text("utf-8")
)


def phrases(side: str) -> list[Any]:
    return [
        pytest.param(case["words"], case.get("form", "8-K"), sentence, id=sentence[:70])
        for case in CASES["phrases"]
        for sentence in case[side]
    ]


def items(side: str) -> list[Any]:
    return [
        pytest.param(case["number"], sentence, id=f"{case['number']} {sentence[:60]}")
        for case in CASES["items"]
        for sentence in case[side]
    ]


def filing(form: str) -> Filing:
    return Filing(
        accession="0001213900-25-032135",
        form=form,
        parties=(Party(cik=1, name="Example Corp", role="Filer"),),
        found_by=FoundBy.FEED,
    )


def excerpt(text: str, *parts: str) -> Excerpt:
    return Excerpt(text=text, parts=parts, tokens=1, shortened=False)


def found(text: str, form: str = "8-K", *parts: str) -> list[tuple[str, str]]:
    findings = findings_of(filing(form), excerpt(text, *parts))
    return [(finding.meaning.words, finding.quote) for finding in findings]


@pytest.mark.parametrize(("words", "form", "sentence"), phrases("said"))
def test_a_clear_sentence_is_read_and_quoted(words: str, form: str, sentence: str) -> None:
    text = f"An opening remark.\n\n{sentence}\n\nA closing remark."
    assert (words, sentence) in found(text, form)


@pytest.mark.parametrize(("words", "form", "sentence"), phrases("near"))
def test_what_is_only_near_to_it_gets_no_judgement(words: str, form: str, sentence: str) -> None:
    text = f"An opening remark.\n\n{sentence}\n\nA closing remark."
    assert found(text, form) == [], words


def test_every_rule_has_a_case_for_and_one_against() -> None:
    assert {rule.meaning.words for rule in RULES} == {case["words"] for case in CASES["phrases"]}
    assert all(case["said"] and case["near"] for case in CASES["phrases"])
    assert list(ITEM_RULES) == [case["number"] for case in CASES["items"]]
    assert list(FORMER_ITEM_RULES) == [case["number"] for case in CASES["former_items"]]


def item_text(number: str, said: str) -> str:
    title = "A Title That Tells of Bankruptcy or Non-Reliance"
    return f"=== 8-K item {number} ===\nItem {number} {title}\n\n{said}"


@pytest.mark.parametrize(("number", "said"), items("said"))
def test_an_item_is_read_where_its_text_says_what_its_number_says(number: str, said: str) -> None:
    expected = [(ITEM_RULES[number].meaning.words, said)]
    assert found(item_text(number, said), "8-K", f"8-K item {number}") == expected


@pytest.mark.parametrize(("number", "near"), items("near"))
def test_an_item_that_says_something_else_gets_no_judgement(number: str, near: str) -> None:
    assert found(item_text(number, near), "8-K", f"8-K item {number}") == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.meaning.words)
def test_each_way_of_saying_it_and_each_exception_has_a_case_of_its_own(rule: Rule) -> None:
    cases = [case for case in CASES["phrases"] if case["words"] == rule.meaning.words]
    said, near = ([line for case in cases for line in case[side]] for side in ("said", "near"))
    refused = [line for line in near if first_match(rule.says, line)]
    assert alone(rule.says, said) == set(rule.says)
    assert alone(rule.unless, refused) == set(rule.unless)


@pytest.mark.parametrize(("number", "rule"), ITEM_RULES.items(), ids=list(ITEM_RULES))
def test_each_way_and_exception_of_an_item_has_a_case_of_its_own(
    number: str, rule: ItemRule
) -> None:
    (case,) = (case for case in CASES["items"] if case["number"] == number)
    refused = [line for line in case["near"] if first_match(rule.says, line)]
    assert alone(rule.says, case["said"]) == set(rule.says)
    assert alone(rule.unless, refused) == set(rule.unless)


def alone(patterns: Patterns, lines: list[str]) -> set[re.Pattern[str]]:
    """The patterns that are the only one of theirs to match one of the lines."""
    matching = ([one for one in patterns if one.search(line)] for line in lines)
    return {ones[0] for ones in matching if len(ones) == 1}


@pytest.mark.parametrize(
    ("number", "heading", "said"),
    [(case["number"], case["heading"], case["said"]) for case in CASES["former_items"]],
)
def test_items_of_before_2004_are_known_by_their_headings(
    number: str, heading: str, said: str
) -> None:
    part = f"8-K item {number}"
    words = FORMER_ITEM_RULES[number][1].meaning.words
    before = f"=== {part} ===\nITEM {number}. {heading}\n{said}"
    assert found(before, "8-K", part) == [(words, said)]
    modern = f"=== {part} ===\nItem {number}. Ratification of the Plan\n{said}"
    assert found(modern, "8-K", part) == []


def analysis(text: str, form: str = "8-K") -> Analysis:
    return analysis_by_rules(filing(form), excerpt(text))


def test_of_one_class_and_sign_the_weightiest_is_kept() -> None:
    text = (
        "We entered into a sales agreement with Tidewell on our common stock.\n\n"
        "We are offering 330,000 shares of our common stock."
    )
    assert [words for words, _ in found(text, "424B5")] == ["new shares are sold"]


def test_good_and_bad_news_of_one_class_are_both_kept() -> None:
    text = "The FDA has removed the clinical hold.\n\nThe primary endpoint was not met."
    assert [str(said.kind) for said in analysis(text).catalysts] == ["fda_clinical"] * 2
    assert analysis(text).summary.startswith("MIXED")


def test_a_quote_too_long_begins_with_a_clause_and_ends_with_a_word() -> None:
    tail = "the Company received a notice of default from the lender and its agents."
    long = f"{'Subject to the terms of the agreement ' * 12}, {tail}"
    assert found(long) == [("a default", tail)]
    ((_, quote),) = found(f"{tail[:-1]} {'and many more of them ' * 40}.")
    assert quote.startswith("the Company received a notice of default")
    assert 380 < len(quote) <= 400
    assert quote.endswith(("and", "many", "more", "of", "them"))


def test_no_quote_holds_what_the_excerpt_added() -> None:
    text = "=== 10-K Going Concern ===\nLosses raise substantial doubt as a going concern […]"
    assert found(text, "10-K") == [
        ("substantial doubt about going on", "Losses raise substantial doubt as a going concern")
    ]


def test_rows_of_a_table_are_not_read_as_a_sentence() -> None:
    rows = "\n".join(["received a row of figures, 1,234", *["Nasdaq 1,234 delisted 55"] * 100])
    assert found(f"{rows}\nnot in compliance") == []
