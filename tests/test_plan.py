"""What a run was asked to fetch: good combinations become a plan, others are refused."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from blocks.business_days import business_days
from blocks.errors import ParameterError
from blocks.forms import DEFAULT_FORMS
from blocks.plan import DaysPlan, FeedPlan, ListPlan, plan_fetch

FRIDAY = date(2025, 12, 12)
ONE, TWO = "0001193125-25-123456", "0000320193-25-000001"

NOTHING: dict[str, Any] = {
    "source": "batch",
    "today": FRIDAY,
    "forms": None,
    "max_pages": 60,
    "polls": 6,
    "poll_every_s": 9.0,
    "start_date": None,
    "end_date": None,
    "last_business_days": None,
    "accessions": (),
    "accessions_csv": None,
    "ciks": (),
    "tickers": (),
}


def plan(**given: Any) -> FeedPlan | DaysPlan | ListPlan:  # noqa: ANN401 - any parameter
    return plan_fetch(**(NOTHING | given))


def test_the_live_feed_is_read_for_the_default_forms() -> None:
    assert plan(source="rss") == FeedPlan(
        forms=frozenset(DEFAULT_FORMS), max_pages=60, polls=6, poll_every_s=9.0
    )


def test_a_family_of_forms_stands_for_its_members_and_nothing_else() -> None:
    made = plan(source="rss", forms=["424B", "8-K"])
    assert isinstance(made, FeedPlan)
    assert {"424B5", "8-K"} <= made.forms
    assert "8-K/A" not in made.forms


def test_a_single_start_date_is_one_day() -> None:
    made = plan(start_date=date(2025, 12, 11))
    assert isinstance(made, DaysPlan)
    assert made.days == (date(2025, 12, 11),)


def test_a_range_of_dates_skips_weekends_and_federal_holidays() -> None:
    made = plan(start_date=date(2025, 11, 26), end_date=date(2025, 12, 1))
    assert isinstance(made, DaysPlan)
    assert [day.day for day in made.days] == [26, 28, 1]


def test_the_last_business_days_end_today() -> None:
    made = plan(last_business_days=3, today=date(2025, 12, 15))
    assert isinstance(made, DaysPlan)
    assert [day.day for day in made.days] == [11, 12, 15]


def test_dates_given_by_hand_win_over_the_nightly_runs_count() -> None:
    made = plan(start_date=date(2025, 12, 10), last_business_days=3)
    assert isinstance(made, DaysPlan)
    assert [day.day for day in made.days] == [10]
    assert isinstance(plan(accessions=[ONE], last_business_days=3), ListPlan)


def test_edgar_works_on_good_friday_although_the_exchanges_do_not() -> None:
    assert business_days(date(2026, 4, 3), date(2026, 4, 3)) == (date(2026, 4, 3),)


def test_listed_accessions_are_taken_once_each_in_their_order() -> None:
    made = plan(accessions=[TWO, ONE, TWO])
    assert isinstance(made, ListPlan)
    assert made.accessions == (TWO, ONE)


def test_a_csv_file_adds_its_accession_column(tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text(f"\ufeffform,accession\n8-K,{ONE}\n")  # as Excel writes it
    made = plan(accessions_csv=str(file), accessions=[TWO], tickers=[" brk-b "])
    assert isinstance(made, ListPlan)
    assert made.accessions == (TWO, ONE)
    assert made.tickers == {"BRK-B"}


@pytest.mark.parametrize(
    ("given", "parameter"),
    [
        ({"source": "rss", "start_date": FRIDAY}, "start_date"),
        ({"source": "rss", "last_business_days": 2}, "last_business_days"),
        ({"source": "rss", "accessions": [ONE]}, "accessions"),
        ({"source": "rss", "ciks": [320193]}, "ciks"),
        ({"source": "rss", "tickers": ["AAPL"]}, "tickers"),
        ({}, "start_date"),
        ({"end_date": FRIDAY}, "start_date"),
        ({"end_date": FRIDAY, "last_business_days": 2}, "start_date"),
        ({"start_date": date(2025, 12, 13), "today": date(2025, 12, 14)}, "start_date"),
        ({"start_date": date(2025, 12, 15)}, "start_date"),
        ({"start_date": FRIDAY, "end_date": date(2025, 12, 10)}, "start_date"),
        ({"start_date": date(1992, 1, 1)}, "start_date"),
        ({"accessions": [ONE], "start_date": FRIDAY}, "start_date"),
        ({"accessions": [ONE], "forms": ["8-K"]}, "forms"),
        ({"accessions": ["nonsense"]}, "accessions"),
        ({"accessions_csv": "/nowhere/list.csv"}, "accessions_csv"),
        ({"start_date": FRIDAY, "forms": ["8K"]}, "8K"),
    ],
)
def test_a_bad_combination_is_refused_by_the_name_of_the_parameter(
    given: dict[str, Any], parameter: str
) -> None:
    with pytest.raises(ParameterError) as refused:
        plan(**given)
    assert refused.value.subject == parameter
    assert parameter in str(refused.value)


@pytest.mark.parametrize("text", ["", "number\n1\n", "accession\n"])
def test_a_csv_file_without_accessions_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "list.csv"
    file.write_text(text)
    with pytest.raises(ParameterError, match="accessions_csv"):
        plan(accessions_csv=str(file))
