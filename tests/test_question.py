"""What is told of a filing, and the price only where it holds."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from submission_text import ACCESSION as SUBMITTED
from submission_text import document, read_submission, submission

from blocks.excerpt import excerpt_of
from blocks.models import Decision, Filing, FoundBy, Party, Question, Submission, Verdict
from blocks.question import price_holds, question_of
from tasks.ask import question_about

SUBMISSION = read_submission(submission(document("<p>The Company sold shares.</p>")), SUBMITTED)
ACCEPTED = datetime(2025, 7, 1, 20, 30, tzinfo=UTC)  # as its header says


def found(**changes: object) -> Filing:
    known: dict[str, Any] = {
        "accession": SUBMITTED,
        "form": "8-K",
        "parties": (Party(cik=12345, name="ACME CORP"),),
        "found_by": FoundBy.INDEX,
    }
    return Filing.model_validate(known | changes)


def decided(price_as_of: datetime | None, price_usd: float | None = 3.5) -> Decision:
    return Decision(
        verdict=Verdict.WITHIN_RANGE, ticker="ACME", price_usd=price_usd, price_as_of=price_as_of
    )


def asked(
    decision: Decision, filing: Filing | None = None, read: Submission = SUBMISSION
) -> Question:
    return question_of(filing or found(), read, excerpt_of(read, budget_tokens=500), decision)


def test_the_header_is_told_with_the_excerpt_the_ticker_and_a_price_of_the_time() -> None:
    question = asked(decided(ACCEPTED))
    assert (question.accepted_at, question.period) == (ACCEPTED, date(2025, 6, 30))
    assert [party.name for party in question.parties] == ["Acme (Old) Corp: The"]
    assert question.item_titles == ("Other Events",)
    assert "sold shares" in question.excerpt.text
    assert (question.ticker, question.price_usd) == ("ACME", 3.5)
    assert question.price_as_of == ACCEPTED


@pytest.mark.parametrize("days", [-300, -5, 5, 5_000])
def test_a_price_of_another_time_is_not_told_and_nor_is_its_time(days: int) -> None:
    question = asked(decided(ACCEPTED + timedelta(days=days)))
    assert (question.price_usd, question.price_as_of) == (None, None)
    assert question.ticker == "ACME"


def test_a_time_without_a_price_is_not_told() -> None:
    assert asked(decided(ACCEPTED, price_usd=None)).price_as_of is None


@pytest.mark.parametrize(
    ("filed", "holds"),
    [
        (datetime(2025, 9, 2, 12, tzinfo=UTC), True),  # before the open after Labor Day
        (date(2025, 9, 2), True),
        (date(2025, 9, 3), False),
        (datetime(2025, 9, 3, 3, 59, tzinfo=UTC), True),  # a minute to midnight, Eastern
        (datetime(2025, 9, 3, 4, 1, tzinfo=UTC), False),
        (date(2025, 8, 25), True),
        (date(2025, 8, 24), False),
        (None, False),
    ],
)
def test_fridays_close_holds_over_a_long_weekend_and_no_longer(
    filed: date | datetime | None, *, holds: bool
) -> None:
    friday = datetime(2025, 8, 29, 20, 0, tzinfo=UTC)
    assert price_holds(friday, filed) is holds


def test_a_price_without_a_time_holds_for_nothing() -> None:
    assert not price_holds(None, ACCEPTED)


_MOMENTS = st.datetimes(datetime(1995, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis takes bounds without a zone


@given(_MOMENTS, st.timedeltas(timedelta(days=-10), timedelta(days=10)))
def test_a_price_holds_alike_before_and_after(price_as_of: datetime, apart: timedelta) -> None:
    filed = price_as_of + apart
    assert price_holds(price_as_of, filed) == price_holds(filed, price_as_of)
    if abs(apart) <= timedelta(days=4):
        assert price_holds(price_as_of, filed)
    if abs(apart) > timedelta(days=5, hours=1):
        assert not price_holds(price_as_of, filed)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"accepted_at": ACCEPTED}, True),
        ({"filed_on": date(2025, 7, 1)}, True),
        ({"filed_on": date(2015, 7, 1)}, False),
        ({}, False),
    ],
)
def test_without_a_header_time_the_filings_own_date_decides(
    changes: dict[str, object], *, told: bool
) -> None:
    bare = SUBMISSION.model_copy(update={"accepted_at": None})
    question = asked(decided(ACCEPTED), found(**changes), bare)
    assert (question.price_usd is not None) is told


def test_the_task_adds_nothing_of_its_own_to_the_question() -> None:
    decision = decided(ACCEPTED)
    assert question_about(found(), SUBMISSION, decision, 500) == asked(decision)
