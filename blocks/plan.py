"""What a run was asked to fetch, checked before anything is requested.

The flow's parameters are flat so that the UI's run form explains itself; which
of them go together is decided here, once.
"""

import csv
import re
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

from blocks.business_days import business_days
from blocks.errors import ParameterError
from blocks.forms import DEFAULT_FORMS, expand_forms
from blocks.models import ACCESSION_PATTERN, Value

# What of that which has an outcome is analysed again: nothing, what was enriched under another
# fingerprint than the present one, or whatever the run meets.
Refresh = Literal["none", "outdated", "all"]

_TICKER = re.compile(r"[A-Z0-9][A-Z0-9.^/-]{0,14}")
_LARGEST_CIK = 9_999_999_999
_MOST_LIST_BYTES = 64 * 1024 * 1024

FIRST_INDEX_DAY = date(1994, 1, 1)  # EDGAR's daily indexes begin with 1994's first quarter


class FeedPlan(Value):
    """Read the current-filings feed, newest first, ``polls`` times, ``poll_every_s`` apart.

    A poll reads at most ``max_pages`` pages.
    """

    forms: frozenset[str]
    max_pages: int
    polls: int = 1
    poll_every_s: float = 0.0

    @property
    def forms_key(self) -> str:
        """The form types as one text: the feed is marked as read for them and no others."""
        return ",".join(sorted(self.forms))


class DaysPlan(Value):
    """Read the indexes of ``days``; ``ciks`` and ``tickers`` restrict, if any."""

    forms: frozenset[str]
    days: tuple[date, ...]
    ciks: frozenset[int] = frozenset()
    tickers: frozenset[str] = frozenset()

    @property
    def is_whole(self) -> bool:
        """Whether the days are asked for with every company in them."""
        return not self.ciks and not self.tickers


class ListPlan(Value):
    """Find these accession numbers through the quarterly indexes."""

    accessions: tuple[str, ...]
    ciks: frozenset[int] = frozenset()
    tickers: frozenset[str] = frozenset()


AskBy = Literal["calls", "batch", "batch_then_calls"]


def see_that_batches_can_be_asked(
    ask_by: AskBy, *, source: str, keeps_answers: bool, asks_a_model: bool
) -> None:
    """Raise ParameterError where the Batch API makes no sense."""
    if ask_by == "calls":
        return
    if source == "rss":
        raise _bad("ask_by", "a batch takes up to a day, and source='rss' is live", "use calls")
    if not keeps_answers:
        raise _bad(
            "ask_by",
            "what a batch answers goes into the answer cache, which is switched off",
            "set FEATURE_SEC_LLM_CACHE=1, or use calls",
        )
    if not asks_a_model:
        raise _bad(
            "ask_by", "the rule-based analyst has no batches", "give it a key, or use calls"
        )


def see_that_a_refresh_makes_sense(refresh: Refresh, *, asks_a_model: bool) -> None:
    """Raise ParameterError where rules would replace what a model has answered."""
    if refresh == "outdated" and not asks_a_model:
        raise _bad(
            "refresh",
            "the rules would replace what a model has answered, for no model is asked now",
            "give the analyst block its key; where rules have always answered, use refresh=all",
        )


FetchPlan = FeedPlan | DaysPlan | ListPlan


def plan_fetch(  # noqa: PLR0913 - the flow's own parameters, checked together
    *,
    source: Literal["rss", "batch"],
    today: date,
    forms: Sequence[str] | None,
    max_pages: int,
    polls: int,
    poll_every_s: float,
    start_date: date | None,
    end_date: date | None,
    last_business_days: int | None,
    accessions: Sequence[str],
    accessions_csv: str | None,
    ciks: Sequence[int],
    tickers: Sequence[str],
) -> FetchPlan:
    """Turn the flow's flat parameters into one plan. ``today`` is the Eastern date.

    Raises:
        ParameterError: parameters contradict each other or one cannot be used;
            names the parameter and the remedy.
    """
    by_date: dict[str, object] = {"start_date": start_date, "end_date": end_date}
    by_list: dict[str, object] = {
        "accessions": tuple(accessions),
        "accessions_csv": accessions_csv,
    }
    narrowing: dict[str, object] = {"ciks": tuple(ciks), "tickers": tuple(tickers)}
    if source == "rss":
        _refuse(
            by_date | by_list | narrowing | {"last_business_days": last_business_days},
            "source='rss' reads the live feed",
            "remove it, or use source='batch'",
        )
        return FeedPlan(
            forms=expand_forms(forms or DEFAULT_FORMS),
            max_pages=max_pages,
            polls=polls,
            poll_every_s=poll_every_s,
        )
    narrowed = {
        "ciks": frozenset(map(_checked_cik, ciks)),
        "tickers": frozenset(map(_clean_ticker, tickers)),
    }
    if any(by_list.values()):
        _refuse(
            by_date | {"forms": forms},
            "the run was given a list of accession numbers",
            "remove it, or the list",
        )
        listed = [*accessions, *(read_accessions(Path(accessions_csv)) if accessions_csv else ())]
        return ListPlan(accessions=_checked(listed), **narrowed)
    days = _days(today, start_date, end_date, last_business_days)
    return DaysPlan(forms=expand_forms(forms or DEFAULT_FORMS), days=days, **narrowed)


def read_accessions(path: Path) -> tuple[str, ...]:
    """Read the ``accession`` column of a CSV file with a header row.

    Raises:
        ParameterError: no such file, no such column, or no row.
    """
    try:
        found_at = path.expanduser()
        if not found_at.is_file() or found_at.stat().st_size > _MOST_LIST_BYTES:
            raise _bad("accessions_csv", f"{path} is no file of 64 MiB or less", "give a CSV file")
        with found_at.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            columns = rows.fieldnames or ()
            found = tuple((row.get("accession") or "").strip() for row in rows)
    except (OSError, ValueError, csv.Error) as error:  # ValueError: of a name, of its encoding
        raise _bad(
            "accessions_csv", f"{path} cannot be read: {error}", "give a CSV file"
        ) from error
    if "accession" not in columns:
        raise _bad(
            "accessions_csv",
            f"{path} has the columns {', '.join(columns) or '(none)'}",
            "name one of them 'accession'",
        )
    if not found:
        raise _bad("accessions_csv", f"{path} has no rows", "list at least one accession number")
    return found


def _days(today: date, start: date | None, end: date | None, last: int | None) -> tuple[date, ...]:
    """Days as asked for; ``last`` only where no date is given, as the nightly run has it."""
    if start is None and end is None and last is not None:
        return business_days(today - timedelta(days=2 * last + 10), today)[-last:]
    if start is None:
        raise _bad(
            "start_date",
            "is missing, and source='batch' must know what to read",
            "give start_date (and end_date), last_business_days, accessions or accessions_csv",
        )
    end = end or start
    if not FIRST_INDEX_DAY <= start <= end <= today:
        raise _bad(
            "start_date",
            f"{start} to {end} is not a range of days between {FIRST_INDEX_DAY} and {today}",
            "put the earlier day first, and no day in the future",
        )
    days = business_days(start, end)
    if not days:
        raise _bad(
            "start_date",
            f"{start} to {end} holds no day on which EDGAR disseminates",
            "choose a range with a business day",
        )
    return days


def _checked(accessions: Iterable[str]) -> tuple[str, ...]:
    distinct = tuple(dict.fromkeys(accessions))
    wrong = [text for text in distinct if not ACCESSION_PATTERN.fullmatch(text)]
    if wrong:
        raise _bad(
            "accessions",
            f"{wrong[0][:80]!r} is not an accession number"
            f" ({len(wrong)} of {len(distinct)} are not)",
            "write them dashed, like 0001193125-25-123456",
        )
    return distinct


def _clean_ticker(ticker: str) -> str:
    cleaned = ticker.strip().upper()
    if not _TICKER.fullmatch(cleaned):
        raise _bad(
            "tickers", f"{ticker[:80]!r} is not a ticker", "write them as SEC does, like BRK-B"
        )
    return cleaned


def _checked_cik(cik: int) -> int:
    if not 1 <= cik <= _LARGEST_CIK:
        raise _bad("ciks", "one of them is no CIK", f"give numbers from 1 to {_LARGEST_CIK}")
    return cik


def _refuse(given: dict[str, object], why: str, remedy: str) -> None:
    for name, value in given.items():
        if value:
            raise _bad(name, f"cannot be used here: {why}", remedy)


def _bad(name: str, what: str, remedy: str) -> ParameterError:
    return ParameterError(f"parameter {name}: {what}; {remedy}", subject=name)
