"""When EDGAR shows what was accepted: pure rules of dates and times, all US Eastern.

Drawn from captures of 2025-12-11 and 12. Of what was accepted after 17:30 the
feed showed only forms 3, 4, 5, 144 and Schedules 13D/G that evening; the rest
stood in the next business day's feed, at the place of its acceptance time. The
newest entry was 24 to 71 seconds old; daily indexes were made at about 22:06.
Business days follow the federal calendar, as EDGAR's do; days that an executive
order closes are not known here.
"""

from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import pandas as pd
from pandas.tseries.holiday import USFederalHolidayCalendar
from pandas.tseries.offsets import CustomBusinessDay

EASTERN = ZoneInfo("America/New_York")
ACCEPTED_FROM = time(6, 0)
EVENING_FROM = time(17, 30)
ACCEPTED_UNTIL = time(22, 0)
INDEX_MADE_AT = time(22, 6)
FEED_LAG = timedelta(seconds=30)

_FEDERAL_DAY = CustomBusinessDay(calendar=USFederalHolidayCalendar())
_SAME_EVENING_FORMS = frozenset(
    {"3", "4", "5", "144", "SCHEDULE 13D", "SCHEDULE 13G", "SC 13D", "SC 13G"}
)


def is_same_evening_form(form: str) -> bool:
    """Whether the form, or what it amends, is disseminated until 22:00."""
    return form.removesuffix("/A") in _SAME_EVENING_FORMS


@lru_cache(maxsize=1024)
def next_business_day(day: date) -> date:
    """The first day after ``day`` that is neither a weekend nor a federal holiday."""
    return (pd.Timestamp(day) + _FEDERAL_DAY).date()


@lru_cache(maxsize=1024)
def previous_business_day(day: date) -> date:
    """The last day before ``day`` that is neither a weekend nor a federal holiday."""
    return (pd.Timestamp(day) - _FEDERAL_DAY).date()


def business_days(first: date, count: int) -> tuple[date, ...]:
    """The first ``count`` business days from ``first`` on, itself included if it is one."""
    return tuple(day.date() for day in pd.date_range(first, periods=count, freq=_FEDERAL_DAY))


def is_held_overnight(form: str, accepted_at: datetime) -> bool:
    """Whether the filing waits for the next business day."""
    evening = accepted_at.astimezone(EASTERN).time() > EVENING_FROM
    return evening and not is_same_evening_form(form)


def filed_on(form: str, accepted_at: datetime) -> date:
    """The filing date EDGAR gives: the next business day for what is held overnight."""
    day = accepted_at.astimezone(EASTERN).date()
    return next_business_day(day) if is_held_overnight(form, accepted_at) else day


def disseminated_at(form: str, accepted_at: datetime) -> datetime:
    """When the filing can first be seen in the feed and fetched."""
    if is_held_overnight(form, accepted_at):
        return datetime.combine(filed_on(form, accepted_at), ACCEPTED_FROM, EASTERN)
    return accepted_at + FEED_LAG


def index_published_at(day: date) -> datetime:
    """When the daily index of ``day`` appears."""
    return datetime.combine(day, INDEX_MADE_AT, EASTERN)


def quarter_of(day: date) -> int:
    """The quarter, 1 to 4, whose folder an index stands in."""
    return (day.month - 1) // 3 + 1
