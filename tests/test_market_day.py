"""The fictional day: invented throughout, the same every time, and in EDGAR's shape."""

import json
import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.models import ACCESSION_PATTERN
from sandbox import dissemination, edgar_index
from sandbox.dissemination import EASTERN, disseminated_at, filed_on
from sandbox.edgar_feed import size_words
from sandbox.market_day import MarketDay, bundled_day, generated_day
from sandbox.stories import all_stories, item_titles

THURSDAY = date(2025, 12, 11)
CAPTURED_8K = "8-K_0001769628-26-000154.txt"


def eastern(hour: int, minute: int = 0, second: int = 0, day: int = 11) -> datetime:
    return datetime(2025, 12, day, hour, minute, second, tzinfo=EASTERN)


def shapes(lines: list[str]) -> set[str]:
    """Header lines without their values: label, colon, and the tabs around them."""
    return {match[0] for line in lines if (match := re.match(r"\t*[A-Z][A-Z /]+:\t*", line))}


def test_the_day_has_about_sixty_filings_of_many_forms() -> None:
    forms = Counter(filing.form for filing in bundled_day().filings)
    assert 55 <= forms.total() <= 70
    assert forms["8-K"] >= 30
    assert {"6-K", "10-Q", "424B5", "FWP", "SCHEDULE 13D", "SCHEDULE 13G", "8-K/A"} <= set(forms)
    assert {"4", "144", "D", "497K", "424B2"} <= set(forms)


def test_every_filing_has_its_own_valid_accession_number() -> None:
    day = bundled_day()
    assert len(day.by_accession) == len(day.filings)
    assert all(ACCESSION_PATTERN.fullmatch(accession) for accession in day.by_accession)


def test_every_story_is_told_at_least_once() -> None:
    assert {filing.story.key for filing in bundled_day().filings} == set(all_stories())


def test_no_text_is_told_twice_and_no_blank_is_left_unfilled() -> None:
    texts = [
        "".join(document.body for document in filing.documents) for filing in bundled_day().filings
    ]
    assert len(set(texts)) == len(texts)
    assert not [text for text in texts if re.search(r"[{}]|nan\b|None", text)]


def test_a_fifth_of_the_prices_is_above_ten_dollars_and_some_are_unknown() -> None:
    prices = dict(bundled_day().quotes())
    known = [price for price in prices.values() if price is not None]
    assert 0.15 <= sum(price > 10 for price in known) / len(known) <= 0.3
    tickers = {ticker for company in bundled_day().companies for ticker in company.tickers}
    assert prices["VLWY"] is None
    assert {"YRMT", "SLVNY"} <= tickers - set(prices)


def test_a_class_share_is_written_two_ways() -> None:
    day = bundled_day()
    company = next(company for company in day.companies if len(company.tickers) > 1)
    assert company.tickers == ("TSRB", "TSRB-B")
    assert "TSRB/B" in dict(day.quotes())


def test_one_fund_has_no_ticker_and_files_a_report_all_the_same() -> None:
    found = {f.form for f in bundled_day().filings if not f.company.tickers}
    assert "8-K" in found


def test_evening_reports_are_dated_the_next_day_and_hidden_until_then() -> None:
    held = [filing for filing in bundled_day().filings if filing.filed_on != THURSDAY]
    assert len(held) == 3
    assert {filing.filed_on for filing in held} == {date(2025, 12, 12)}
    assert {filing.disseminated_at for filing in held} == {eastern(6, day=12)}


def test_nothing_in_the_day_is_the_name_or_ticker_of_a_real_company(edgar_captures: Path) -> None:
    listed = json.loads((edgar_captures / "tickers/company_tickers_2025-12.json").read_bytes())
    real = {(row["cik_str"], row["ticker"], row["title"].lower()) for row in listed.values()}
    ciks, tickers, titles = map(set, zip(*real, strict=True))
    for company in bundled_day().companies:
        assert company.cik not in ciks
        assert not set(company.tickers) & tickers
        assert company.name.lower() not in titles


def test_items_carry_the_titles_that_edgar_gives_them(edgar_captures: Path) -> None:
    feed = "".join(
        page.read_text("latin-1").replace("&#39;", "'")
        for page in (edgar_captures / "feeds").glob("sweep_*/*.xml")
    )
    told = {number for filing in bundled_day().filings for number in filing.items}
    seen = [number for number in told if f"Item {number}: {item_titles()[number]}\n" in feed]
    assert set(told) - set(seen) <= {"1.03", "1.05", "4.02"}  # not in the captured sweeps


def test_submission_headers_have_the_lines_of_a_captured_one(edgar_captures: Path) -> None:
    captured = (edgar_captures / "filings" / CAPTURED_8K).read_text("latin-1").splitlines()
    filing = next(filing for filing in bundled_day().filings if filing.form == "8-K")
    ours = filing.submission.decode("latin-1").splitlines()
    ours, captured = ours[: ours.index("</SEC-HEADER>")], captured[:48]
    assert shapes(ours) <= shapes(captured)
    assert len(shapes(ours)) >= 10
    for first in range(3):
        assert re.sub(r"\d", "9", ours[first]) == re.sub(r"\d", "9", captured[first])


def test_documents_are_framed_as_in_a_captured_submission(edgar_captures: Path) -> None:
    captured = (edgar_captures / "filings" / CAPTURED_8K).read_text("latin-1")
    filing = next(filing for filing in bundled_day().filings if filing.story.release)
    frame = r"^</?(?:DOCUMENT|TYPE|SEQUENCE|FILENAME|DESCRIPTION|TEXT|XBRL|SEC-DOCUMENT)>"
    ours = re.findall(frame, filing.submission.decode("latin-1"), re.MULTILINE)
    theirs = re.findall(frame, captured, re.MULTILINE)
    assert ours[:8] == theirs[:8]
    assert ours[-3:] == theirs[-3:]


def test_an_index_has_the_head_and_rows_of_a_captured_one(edgar_captures: Path) -> None:
    captured = (edgar_captures / "indexes/master.20240102.idx").read_text("latin-1").splitlines()
    index = edgar_index.daily_master(bundled_day(), THURSDAY, eastern(22, 6))
    assert index is not None
    ours = index.body.decode("latin-1").splitlines()
    assert ours[1] == "Last Data Received:    Dec 11, 2025"
    assert [ours[0], *ours[2:7]] == [captured[0], *captured[2:7]]
    row = re.compile(r"\d+\|[^|]+\|[^|]+\|\d{8}\|edgar/data/\d+/\d{10}-\d{2}-\d{6}\.txt")
    assert all(row.fullmatch(line) for line in [*ours[7:], *captured[7:]])


def test_an_index_has_a_row_for_every_party() -> None:
    index = edgar_index.daily_master(bundled_day(), THURSDAY, eastern(22, 6))
    assert index is not None
    parties = sum(len(f.parties) for f in bundled_day().filings if f.filed_on == THURSDAY)
    assert index.body.count(b".txt\n") == parties


def test_the_quarter_holds_only_the_days_whose_index_is_out() -> None:
    day = bundled_day()
    assert edgar_index.quarterly_master(day, 2025, 4, eastern(22, 5)) is None
    first = edgar_index.quarterly_master(day, 2025, 4, eastern(22, 6))
    both = edgar_index.quarterly_master(day, 2025, 4, eastern(22, 6, day=12))
    assert first is not None
    assert both is not None
    assert b"|2025-12-12|" in both.body
    assert b"|2025-12-12|" not in first.body
    assert both.body.count(b".txt\n") == sum(len(filing.parties) for filing in day.filings)


@pytest.mark.parametrize(
    ("form", "accepted", "filed", "shown"),
    [
        ("8-K", eastern(17, 30), THURSDAY, eastern(17, 30, 30)),
        ("8-K", eastern(17, 30, 1), date(2025, 12, 12), eastern(6, day=12)),
        ("4", eastern(21, 59), THURSDAY, eastern(21, 59, 30)),
        ("4/A", eastern(21, 59), THURSDAY, eastern(21, 59, 30)),
        ("SCHEDULE 13D/A", eastern(20), THURSDAY, eastern(20, 0, 30)),
        ("424B5", eastern(18, day=12), date(2025, 12, 15), eastern(6, day=15)),
    ],
)
def test_evening_filings_wait_for_the_next_business_day_except_ownership_forms(
    form: str, accepted: datetime, filed: date, shown: datetime
) -> None:
    assert filed_on(form, accepted.astimezone(UTC)) == filed
    assert disseminated_at(form, accepted.astimezone(UTC)) == shown


def test_the_evening_rule_agrees_with_every_captured_entry(edgar_captures: Path) -> None:
    pattern = re.compile(
        r"Filed:&lt;/b&gt; (\S+) .*?<updated>(\S+)</updated>.*?term=\"([^\"]+)", re.DOTALL
    )
    wrong, total = 0, 0
    for page in (edgar_captures / "feeds/sweep_20251212T180234_all").glob("*.xml"):
        for filed, updated, form in pattern.findall(page.read_text("latin-1")):
            if form == "EFFECT":
                continue  # dated by when it takes effect
            total += 1
            wrong += str(filed_on(form, datetime.fromisoformat(updated))) != filed
    assert total > 5_000
    assert wrong / total < 0.02  # uploads begun before 17:30, and the rare late correction


@given(
    st.sampled_from(["8-K", "4"]),
    st.datetimes(datetime(1993, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  (hypothesis adds it)
)
def test_nothing_is_shown_before_it_is_accepted_or_on_a_weekend(
    form: str, accepted: datetime
) -> None:
    shown = disseminated_at(form, accepted)
    assert shown > accepted
    if dissemination.is_held_overnight(form, accepted):
        assert shown.isoweekday() <= 5


@pytest.mark.parametrize(
    ("size_bytes", "words"),
    [
        (0, "1 KB"),
        (5_120, "5 KB"),
        (1_000_000, "977 KB"),
        (1_048_576, "1 MB"),
        (3_500_000, "3 MB"),
    ],
)
def test_sizes_are_told_as_the_feed_tells_them(size_bytes: int, words: str) -> None:
    assert size_words(size_bytes) == words


@given(seed=st.integers(0, 10_000), filings=st.integers(0, 30), noise=st.floats(0, 1))
def test_a_generated_day_is_complete_whatever_it_is_made_from(
    seed: int, filings: int, noise: float
) -> None:
    day = generated_day(seed, filings, noise=noise)
    assert len(day.by_accession) == filings
    assert all(b"</SEC-DOCUMENT>\n" in filing.submission for filing in day.filings)
    assert [f.accepted_at for f in day.filings] == sorted(f.accepted_at for f in day.filings)
    assert all(filing.accepted_at.astimezone(EASTERN).date() == day.day for filing in day.filings)


def test_a_generated_day_is_the_same_for_the_same_arguments_only() -> None:
    def submissions(day: MarketDay) -> list[bytes]:
        return [filing.submission for filing in day.filings]

    assert submissions(generated_day(3, 20)) == submissions(generated_day(3, 20))
    other_day = generated_day(3, 20, day=THURSDAY + timedelta(days=1))
    for other in (generated_day(4, 20), other_day):
        assert not set(other.by_accession) & set(generated_day(3, 20).by_accession)


def test_noise_is_the_share_of_forms_nobody_watches() -> None:
    assert not any(f.story.noise for f in generated_day(1, 50, noise=0).filings)
    assert all(f.story.noise for f in generated_day(1, 50, noise=1).filings)
