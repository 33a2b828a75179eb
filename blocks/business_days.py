"""The days and hours EDGAR works on, all US Eastern. Pure.

EDGAR follows the federal calendar, not the exchanges' (it is open on Good
Friday). Submissions are accepted from 6:00 to 22:00. Forms other than 3, 4, 5,
144 and Schedules 13D and 13G that are accepted after 17:30 get the next business
day's filing date and are shown on that day, in the feed at the place of their
acceptance time (seen in captures of 2025-12-11 and 12).
"""

from datetime import date, datetime, time, timedelta
from typing import Final

import pandas as pd
from pandas.tseries.holiday import USFederalHolidayCalendar
from pandas.tseries.offsets import CustomBusinessDay

from blocks.models import EASTERN as EASTERN  # noqa: PLC0414 - given on to who reads the hours here

OPENS: Final = time(6)
HELD_FROM: Final = time(17, 30)

_FEDERAL_DAYS = CustomBusinessDay(calendar=USFederalHolidayCalendar())
_LONGEST_BREAK = timedelta(days=7)  # no two business days are further apart


def business_days(start: date, end: date) -> tuple[date, ...]:
    """The business days from ``start`` to ``end``, both included."""
    return tuple(stamp.date() for stamp in pd.date_range(start, end, freq=_FEDERAL_DAYS))


def is_business_day(day: date) -> bool:
    """Whether EDGAR disseminates on this day."""
    return bool(business_days(day, day))


def business_day_before(day: date) -> date:
    """The last business day before ``day``."""
    return business_days(day - _LONGEST_BREAK, day - timedelta(days=1))[-1]


def eastern(day: date, hour: time) -> datetime:
    """A wall clock time of a day, as an aware moment."""
    return datetime.combine(day, hour, EASTERN)
