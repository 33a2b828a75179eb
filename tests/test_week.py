"""A week on EDGAR, lived through by both deployments: every day's certificate closes.

The stand-in's clock is the only one that moves: each look at the feed takes a
simulated minute, and SEC's block lasts as long by it.
"""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from installation import Installation, installed
from prefect.client.schemas.objects import State

from blocks.business_days import business_day_before, business_days, eastern
from blocks.forms import DEFAULT_FORMS
from flows.filings import sec_filings
from sandbox.market_week import MarketWeek, generated_week
from sandbox.paging import Quirks, with_late_arrivals

MONDAY, TUESDAY, WEDNESDAY = date(2025, 11, 24), date(2025, 11, 25), date(2025, 11, 26)
FRIDAY, MONDAY_AFTER, LAST = date(2025, 11, 28), date(2025, 12, 1), date(2025, 12, 2)
LOOKS = 6
POLLED_AT = (time(5, 58), time(10, 1), time(13, 5), time(16, 20))
NIGHT = time(22, 30)

pytestmark = [
    pytest.mark.usefixtures("prefect_server"),
    pytest.mark.timeout(400),
    pytest.mark.soak,
]


@pytest.fixture
def week() -> MarketWeek:
    """Five business days around Thanksgiving, a tenth of the filings shown late."""
    plain = generated_week(3, MONDAY, 5, 20, noise=0.2)
    return MarketWeek(
        plain.days,
        plain.companies,
        with_late_arrivals(plain.filings, 3, share=0.1),
        amendments=plain.amendments,
    )


@pytest.fixture
def house(
    week: MarketWeek, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Installation]:
    with installed(week, tmp_path) as installation:
        sec = installation.sec
        sec.clock.tick = timedelta(minutes=1)
        sec.clock.page_tick = timedelta(seconds=5)
        sec.misbehave(Quirks(seed=3, repeated_share=0.05, shuffled=True, stale_share=0.2))
        monkeypatch.setattr("blocks.edgar_breaker.utc_now", lambda: sec.now)
        yield installation


def poll(house: Installation, now: datetime) -> State[Any]:
    house.sec.now = now
    return sec_filings(
        source="rss", profile=house.profile, polls=LOOKS, poll_every_s=0, return_state=True
    )


def certify(house: Installation, day: date) -> State[Any]:
    """The nightly run over the last three business days."""
    house.sec.now = eastern(day, NIGHT)
    second = business_day_before(day)
    return sec_filings(
        source="batch",
        profile=house.profile,
        start_date=business_day_before(second),
        end_date=day,
        return_state=True,
    )


def test_a_week_with_an_outage_a_block_and_a_missed_day_loses_nothing_and_every_day_closes(
    house: Installation, week: MarketWeek
) -> None:
    sec = house.sec
    sec.outage(eastern(TUESDAY, time(12)), eastern(TUESDAY, time(15)))
    for day in (MONDAY, TUESDAY, WEDNESDAY, MONDAY_AFTER, LAST):  # nothing runs on Friday
        for hour in POLLED_AT:
            state = poll(house, eastern(day, hour))
            in_outage = (day, hour) == (TUESDAY, time(13, 5))
            assert state.is_failed() == in_outage, f"{day} {hour}: {state.message}"
        if day == WEDNESDAY:
            meet_a_block(house)
        assert certify(house, day).is_completed()
    assert sec.met("outage") > 0

    days = business_days(MONDAY, LAST)
    last_word = {one.certificate.day: one.certificate for one in house.store.certificates()}
    assert {day: last_word[day].closed for day in days} == dict.fromkeys(days, True)
    expected = {one.accession for one in week.filings if one.form in DEFAULT_FORMS}
    frame = house.store.outcomes()
    assert set(frame["accession"]) == expected
    assert frame["accession"].is_unique
    enriched = set(frame.loc[frame["status"] == "enriched", "accession"])
    assert set(house.model.paid_calls) == enriched
    assert set(house.model.paid_calls.values()) == {1}

    assert sum(one.in_index for one in last_word.values()) == len(expected)
    held = [one for one in week.filings if one.form in DEFAULT_FORMS and one.filed_on == LAST]
    assert len(held) > 2, "what was held overnight is in the index of the next business day"
    by_index = [name for one in house.store.certificates() for name in one.certificate.index_only]
    assert by_index, "some a night's index knew first"
    assert last_word[FRIDAY].index_only == (), "the first poll after the missed day went back"
    assert last_word[WEDNESDAY].overnight.shown.filings > 0
    links = frame.set_index("accession")["amends"].dropna()
    analysed = [pair for pair in week.amendments if set(pair) <= enriched]
    assert analysed
    assert {amendment: links.get(amendment) for amendment, _ in analysed} == dict(analysed)


def meet_a_block(house: Installation) -> None:
    """Ten minutes in which SEC turns this address away, and longer if it is asked."""
    now = eastern(WEDNESDAY, time(20))
    house.sec.now = now
    house.sec.block_for(10)
    blocked = poll(house, now)
    assert blocked.name == "WaitingForSEC"
    still = poll(house, now + timedelta(minutes=6))
    assert still.name == "WaitingForSEC"
    assert house.sec.met("block") == 1, "after the page that said so, nobody asked"
    over = poll(house, now + timedelta(minutes=13))
    assert over.name == "Completed"
