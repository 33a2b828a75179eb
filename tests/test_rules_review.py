"""The rules on real filings: what they find was read by eye, and is quoted word for word."""

from pathlib import Path

import pytest
from submission_text import read

from benchmarks import rules
from benchmarks.judged_captures import Judged, is_held_back, judged_in
from benchmarks.rules import Review, Reviewed
from blocks.document_text import is_readable, text_of
from blocks.models import (
    Analysis,
    Catalyst,
    CatalystKind,
    Excerpt,
    RiskLevel,
    Submission,
)
from blocks.quotes import stands_in

REVIEW = rules.review_in(rules.REVIEW)


@pytest.fixture(scope="module")
def judged(edgar_captures: Path) -> list[Judged]:
    return list(judged_in(edgar_captures))


def test_what_the_rules_find_in_the_captures_is_what_was_read_by_eye(judged: list[Judged]) -> None:
    """Whoever changes a rule reads what it finds now, and writes it into the tables."""
    assert rules.unread(judged, REVIEW) == []
    assert rules.lost(judged, REVIEW) == []


def test_every_quote_stands_in_the_excerpt_and_in_the_filing_itself(
    judged: list[Judged], edgar_captures: Path
) -> None:
    for one in judged:
        for said in one.analysis.catalysts:
            assert said.verified
            assert stands_in(said.quote, one.excerpt.text), one.name
        file = edgar_captures / "filings" / one.name
        if one.analysis.catalysts and file.suffix in {".txt", ".nc"}:
            told = words_of(read(file))
            assert all(stands_in(said.quote, told) for said in one.analysis.catalysts), one.name


def words_of(submission: Submission) -> str:
    return "\n".join(map(text_of, filter(is_readable, submission.documents)))


def test_no_sentiment_is_on_the_other_side_than_was_read(judged: list[Judged]) -> None:
    other = {"good": "-", "bad": "+"}
    wrong = [one.name for one in judged if REVIEW.of(one.name).sign == other.get(sign(one))]
    assert wrong == []


def sign(one: Judged) -> str:
    return rules.sign_of(one.analysis)


def test_the_tables_of_what_was_read_hold_only_known_words() -> None:
    assert {row.verdict for row in REVIEW.findings} <= set(rules.VERDICTS)
    assert {row.kind for row in REVIEW.findings} <= set(CatalystKind)
    assert {kind for row in REVIEW.filings for kind in row.missed} <= set(CatalystKind)
    assert {row.sign for row in REVIEW.filings} <= {"+", "-", "0", "mixed"}
    assert all(row.reason for row in REVIEW.findings)


NAME = "8-K_made_up.txt"
QUOTE = "The Company received a notice of default from the lender of its senior notes on Monday."
FOUND = Judged(
    NAME,
    held_back=False,
    excerpt=Excerpt(text=QUOTE, parts=(), tokens=1, shortened=False),
    analysis=Analysis(
        summary="BEARISH",
        sentiment=-0.6,
        confidence=0.5,
        risk_level=RiskLevel.HIGH,
        catalysts=(Catalyst(kind=CatalystKind.DEFAULT, quote=QUOTE, verified=True),),
    ),
)
READ = Reviewed(NAME, "default", rules.opening(QUOTE), "right", "a notice")


def test_a_finding_that_nobody_has_read_is_named() -> None:
    assert any("default" in line for line in rules.unread([FOUND], Review((), ())))
    other_words = Reviewed(NAME, "default", "Other words", "right", "a notice")
    assert any(NAME in line for line in rules.unread([FOUND], Review((other_words,), ())))


def test_a_finding_that_is_made_no_more_is_named() -> None:
    assert len(rules.lost([], Review((READ,), ()))) == 1
    assert rules.lost([FOUND], Review((READ,), ())) == []


def test_the_tables_fit_a_terminal_and_count_what_was_read(judged: list[Judged]) -> None:
    tables = [str(rules.precision(judged, REVIEW)), str(rules.signs(judged, REVIEW))]
    assert max(len(line) for table in tables for line in table.splitlines()) <= 80
    one = str(rules.precision([FOUND], Review((READ,), ())))
    assert [line.split() for line in one.splitlines() if "default" in line] == [["default", "1"]]


def test_the_docs_show_the_tables_as_they_are_printed(judged: list[Judged]) -> None:
    docs = (rules.ROOT / "docs" / "rules.md").read_text("utf-8")
    assert str(rules.precision(judged, REVIEW)) in docs
    assert str(rules.signs(judged, REVIEW)) in docs


def test_a_third_of_the_names_is_held_back() -> None:
    names = [f"8-K_0000000000-25-{number:06d}.txt" for number in range(3_000)]
    assert 900 < sum(map(is_held_back, names)) < 1_100
