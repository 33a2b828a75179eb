"""The fictional week: business days in a row, over weekends, holidays and the change of clocks."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox import edgar_index
from sandbox.amendments import amendment_of
from sandbox.dissemination import EASTERN, disseminated_at, filed_on, next_business_day
from sandbox.edgar_feed import render_feed
from sandbox.market import DayFiling
from sandbox.market_day import bundled_day
from sandbox.market_week import MarketWeek, generated_week
from sandbox.paging import Feed

THANKSGIVING_WEEK = generated_week(1, date(2025, 11, 26))
CLOCK_CHANGE = generated_week(2, date(2025, 10, 30))  # daylight saving ends on November 2
NEW_YEAR = generated_week(3, date(2025, 12, 30), business_days=3, filings_a_day=30)
PATIENTLY = settings(deadline=None, max_examples=50)  # a busy machine is no failure


def eastern(year: int, month: int, day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=EASTERN)


def accepted_on(filing: DayFiling) -> date:
    return filing.accepted_at.astimezone(EASTERN).date()


def shown_accessions(week: MarketWeek, now: datetime) -> list[str]:
    return [entry.filing.accession for entry in Feed(week.filings, now).entries]


def listed(week: MarketWeek, day: date) -> set[bytes]:
    index = edgar_index.daily_master(week, day, week.ends_at)
    return set(re.findall(rb"(\S{20})\.txt\n", index.body)) if index else set()


def header_value(filing: DayFiling, label: str) -> str:
    found = re.search(rf"^{label}:\t+(.*)$", filing.submission.decode("latin-1"), re.MULTILINE)
    return found[1] if found else ""


def test_the_days_are_business_days_over_a_weekend_and_a_holiday() -> None:
    assert [day.isoformat() for day in THANKSGIVING_WEEK.days] == [
        "2025-11-26",
        "2025-11-28",
        "2025-12-01",
        "2025-12-02",
        "2025-12-03",
    ]
    assert {accepted_on(filing) for filing in THANKSGIVING_WEEK.filings} == set(
        THANKSGIVING_WEEK.days
    )


def test_a_week_that_would_begin_on_a_day_off_begins_on_the_next_business_day() -> None:
    labor_day = date(2026, 9, 7)
    for day_off in (labor_day, labor_day - timedelta(days=1)):
        assert generated_week(1, day_off, 1, 0).days == (date(2026, 9, 8),)


@pytest.mark.parametrize(
    ("accepted", "filed"),
    [
        (eastern(2026, 1, 9, 18), date(2026, 1, 12)),  # Friday, then Monday
        (eastern(2026, 1, 16, 18), date(2026, 1, 20)),  # Monday is Martin Luther King's
        (eastern(2025, 11, 26, 18), date(2025, 11, 28)),  # Thanksgiving
        (eastern(2025, 12, 31, 18), date(2026, 1, 2)),
        (eastern(2026, 7, 2, 18), date(2026, 7, 6)),  # July 4 is a Saturday, kept on Friday
    ],
)
def test_an_evening_filing_waits_over_weekends_and_holidays(
    accepted: datetime, filed: date
) -> None:
    assert filed_on("8-K", accepted.astimezone(UTC)) == filed
    due = datetime(filed.year, filed.month, filed.day, 6, tzinfo=EASTERN)
    assert disseminated_at("8-K", accepted.astimezone(UTC)) == due


def test_six_in_the_morning_stays_six_when_the_clocks_change() -> None:
    friday, monday = date(2025, 10, 31), date(2025, 11, 3)
    held = [f for f in CLOCK_CHANGE.filings if accepted_on(f) == friday and f.filed_on == monday]
    assert held
    assert {f.disseminated_at for f in held} == {datetime(2025, 11, 3, 11, tzinfo=UTC)}
    feed = render_feed(Feed(CLOCK_CHANGE.filings, CLOCK_CHANGE.ends_at).entries, monday_noon())
    offsets = dict(re.findall(rb"<updated>(\d{4}-\d\d-\d\d)T[\d:]{8}(-0\d)", feed))
    assert offsets[b"2025-10-31"] == b"-04"
    assert offsets[b"2025-11-03"] == b"-05"


def monday_noon() -> datetime:
    return eastern(2025, 11, 3, 12)


def test_all_days_share_their_companies_and_some_file_on_several() -> None:
    week = THANKSGIVING_WEEK
    days_of = {
        company.cik: {accepted_on(f) for f in week.filings if f.company == company}
        for company in week.companies
    }
    assert all(filing.company in week.companies for filing in week.filings)
    assert sum(len(days) > 1 for days in days_of.values()) > 20


def test_every_filing_has_an_accession_number_of_its_own() -> None:
    week = THANKSGIVING_WEEK
    assert len(week.by_accession) == len(week.filings) == 5 * 60 + len(week.amendments)


def test_filings_stand_in_order_of_acceptance_amendments_among_them() -> None:
    moments = [filing.accepted_at for filing in THANKSGIVING_WEEK.filings]
    assert moments == sorted(moments)


def test_the_feed_runs_newest_first_over_all_days() -> None:
    entries = Feed(THANKSGIVING_WEEK.filings, THANKSGIVING_WEEK.ends_at).entries
    moments = [entry.filing.accepted_at for entry in entries]
    assert moments == sorted(moments, reverse=True)
    assert {moment.astimezone(EASTERN).date() for moment in moments} == set(THANKSGIVING_WEEK.days)


def test_fridays_evening_reports_come_on_monday_among_what_friday_already_showed() -> None:
    before = shown_accessions(CLOCK_CHANGE, eastern(2025, 11, 3, 5, 59))
    after = shown_accessions(CLOCK_CHANGE, eastern(2025, 11, 3, 6))
    new = [place for place, accession in enumerate(after) if accession not in before]
    assert new
    assert {accepted_on(CLOCK_CHANGE.by_accession[after[n]]) for n in new} == {date(2025, 10, 31)}
    assert max(new) > len(new) - 1  # not all at the top: known ones stand before them


def test_every_filing_stands_in_the_index_of_its_filing_date_and_in_no_other() -> None:
    for week in (THANKSGIVING_WEEK, NEW_YEAR):
        last = next_business_day(week.days[-1])
        days = [week.days[0] + timedelta(days=n) for n in range((last - week.days[0]).days + 1)]
        found = Counter(accession for day in days for accession in listed(week, day))
        assert len(found) == len(week.filings)
        assert set(found.values()) == {1}
        assert all(listed(week, day) for day in (*week.days, last))
    assert not listed(THANKSGIVING_WEEK, date(2025, 11, 27))  # Thanksgiving has no index


def test_the_last_evening_of_a_quarter_is_filed_in_the_next_one() -> None:
    old = edgar_index.quarterly_master(NEW_YEAR, 2025, 4, NEW_YEAR.ends_at)
    new = edgar_index.quarterly_master(NEW_YEAR, 2026, 1, NEW_YEAR.ends_at)
    assert old is not None
    assert new is not None
    assert set(re.findall(rb"\|(\d{4}-\d\d)-\d\d\|", old.body)) == {b"2025-12"}
    late = [f for f in NEW_YEAR.filings if accepted_on(f).year != f.filed_on.year]
    assert late
    assert all(filing.accession.encode() in new.body for filing in late)


def test_a_daily_index_may_be_late_and_the_quarter_waits_for_it() -> None:
    day, morning_after = date(2025, 12, 1), eastern(2025, 12, 2, 9)
    late = replace(THANKSGIVING_WEEK, late_indexes={day: morning_after})
    before = morning_after - timedelta(seconds=1)
    assert edgar_index.daily_master(THANKSGIVING_WEEK, day, before) is not None
    assert edgar_index.daily_master(late, day, before) is None
    assert edgar_index.daily_master(late, day, morning_after) is not None
    for moment, expected in ((before, False), (morning_after, True)):
        quarter = edgar_index.quarterly_master(late, 2025, 4, moment)
        assert quarter is not None
        assert (b"|2025-12-01|" in quarter.body) is expected
        assert b"|2025-11-28|" in quarter.body


def test_prices_are_of_the_last_close() -> None:
    week = THANKSGIVING_WEEK
    for now, close in (
        (eastern(2025, 11, 26, 10), eastern(2025, 11, 25, 16)),  # the day before the first
        (eastern(2025, 11, 28, 15, 59), eastern(2025, 11, 26, 16)),
        (eastern(2025, 11, 30, 12), eastern(2025, 11, 28, 16)),
    ):
        assert week.last_close(now) == close


def test_most_days_amend_reports_of_earlier_ones() -> None:
    week = THANKSGIVING_WEEK
    amending = [week.by_accession[amendment] for amendment, _ in week.amendments]
    assert Counter(filing.form for filing in amending) == {"8-K/A": 4, "10-Q/A": 3}
    assert {accepted_on(filing) for filing in amending} == set(week.days[1:])


@PATIENTLY
@given(seed=st.integers(0, 500), first=st.dates(date(2024, 1, 1), date(2027, 1, 1)))
def test_an_amendment_is_paired_by_filer_and_period_with_the_one_report_it_amends(
    seed: int, first: date
) -> None:
    week = generated_week(seed, first, business_days=3, filings_a_day=15)
    for amendment, amended in week.amendments:
        new, old = week.by_accession[amendment], week.by_accession[amended]
        assert new.form == f"{old.form}/A"
        assert accepted_on(new) > accepted_on(old)
    assert set(found_by_filer_and_period(week)) == set(week.amendments)
    assert len({amended for _, amended in week.amendments}) == len(week.amendments)


def found_by_filer_and_period(week: MarketWeek) -> Iterator[tuple[str, str]]:
    """Amendment and amended, told apart by nothing but what their headers say."""
    reports = [filing for filing in week.filings if filing.form in {"8-K", "10-Q"}]
    for filing in week.filings:
        for report in reports:
            same_filer = filing.parties[0].cik == report.parties[0].cik
            if filing.form == f"{report.form}/A" and same_filer and filing.period == report.period:
                yield filing.accession, report.accession


def test_an_amendment_says_so_in_its_submission() -> None:
    old = next(filing for filing in bundled_day().filings if filing.form == "8-K")
    new = amendment_of(old, "0009900001-25-000999", old.accepted_at + timedelta(days=1))
    assert header_value(new, "CONFORMED SUBMISSION TYPE") == "8-K/A"
    assert header_value(new, "CONFORMED PERIOD OF REPORT") == "20251211"
    assert (new.items, new.parties) == (old.items, old.parties)
    text = new.submission.decode("latin-1")
    assert "<TYPE>8-K/A\n" in text
    assert "<b>FORM 8-K/A</b>" in text
    assert f"accession number {old.accession}." in text


def test_the_period_of_report_is_the_filings_own() -> None:
    filing = replace(
        next(filing for filing in bundled_day().filings if filing.form == "8-K"),
        period=date(2025, 12, 8),
    )
    assert header_value(filing, "CONFORMED PERIOD OF REPORT") == "20251208"
    assert "event reported): December 8, 2025<" in filing.submission.decode("latin-1")
    assert "<br/>December 11, 2025</p>" in filing.submission.decode("latin-1")  # signed


def test_quarterly_reports_are_of_the_quarter_before_and_current_ones_of_the_days_before() -> None:
    delays = {accepted_on(f) - f.period for f in NEW_YEAR.filings if f.form == "8-K"}
    assert delays == {timedelta(days=days) for days in range(4)}
    for filing in NEW_YEAR.filings:
        match filing.form:
            case "10-Q" if accepted_on(filing).year == 2025:
                assert filing.period == date(2025, 9, 30)
            case "10-Q":
                assert filing.period == date(2025, 12, 31)


def test_a_week_is_the_same_for_the_same_arguments_only() -> None:
    def submissions(seed: int, first: date) -> list[bytes]:
        return [filing.submission for filing in generated_week(seed, first, 2, 10).filings]

    first = date(2026, 3, 5)
    assert submissions(5, first) == submissions(5, first)
    assert not set(submissions(5, first)) & set(submissions(6, first))


def test_weeks_of_different_days_share_no_accession_number() -> None:
    this = generated_week(5, date(2026, 3, 2))
    following = generated_week(5, date(2026, 3, 9))
    assert not set(this.by_accession) & set(following.by_accession)
