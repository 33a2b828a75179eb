"""fetch: which filings there are, from the live feed, daily indexes or a list."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from itertools import chain
from typing import Any, Final

import pandas as pd
from prefect import task
from prefect.cache_policies import CachePolicy
from prefect.context import TaskRunContext

from blocks.edgar import EdgarClient
from blocks.edgar_feed import FeedPage, merge
from blocks.edgar_index import IndexRow, filing_of
from blocks.errors import EdgarNotFound, ParameterError
from blocks.forms import wanted
from blocks.models import Filing, FoundBy, Value
from blocks.plan import DaysPlan, FeedPlan, FetchPlan, ListPlan
from blocks.store import SeenStore

PAGE_ENTRIES: Final = 100  # the most EDGAR puts on a page


class Fetched(Value):
    """The filings a run works on, one per accession, and what reading them met.

    ``notes`` are sentences for the run's report: where paging stopped short,
    days without an index, accession numbers that no index knows.
    """

    filings: tuple[Filing, ...]
    requests: int
    notes: tuple[str, ...] = ()


def read_feed(
    plan: FeedPlan,
    page_at: Callable[[int], FeedPage],
    in_store: Callable[[Sequence[str]], frozenset[str]],
) -> Fetched:
    """Page back through the feed until a page whose chosen filings are all in the store.

    A page without any filing of the chosen forms says nothing about what is
    known, so reading goes on past it.
    """
    read: list[Filing] = []
    note = ""
    for number in range(plan.max_pages):
        page = page_at(number * PAGE_ENTRIES)
        read.extend(page.filings)
        chosen = [filing.accession for filing in wanted(page.filings, plan.forms)]
        if page.is_last or (chosen and in_store(chosen) >= set(chosen)):
            break
    else:
        note = (
            f"paging stopped at max_pages={plan.max_pages} before the known part of the feed; "
            "older filings are left to the nightly batch run"
        )
    return Fetched(
        filings=wanted(merge(read), plan.forms),
        requests=number + 1,
        notes=(note,) if note else (),
    )


def read_days(
    plan: DaysPlan, index_of: Callable[[date], Sequence[Filing]], ciks: frozenset[int]
) -> Fetched:
    """Read the daily index of every day of the plan; a day without one is noted.

    Raises:
        EdgarNotFound: none of the days has an index.
    """
    found: list[Filing] = []
    missing: list[date] = []
    for day in plan.days:
        try:
            found.extend(index_of(day))
        except EdgarNotFound:
            missing.append(day)
    if len(missing) == len(plan.days):
        raise EdgarNotFound(
            f"EDGAR has no daily index for {_days(missing)}; it makes a day's index about "
            "22:06 Eastern. Run again later, or choose earlier days",
            subject="start_date",
        )
    notes = (f"EDGAR has no daily index (yet) for {_days(missing)}",) if missing else ()
    filings = restrict(wanted(merge(found), plan.forms), ciks)
    return Fetched(filings=filings, requests=len(plan.days), notes=notes)


def read_list(
    plan: ListPlan,
    quarter_of: Callable[[int, int], Iterable[IndexRow]],
    ciks: frozenset[int],
    today: date,
) -> Fetched:
    """Find listed accession numbers in the quarterly indexes, which know their filers.

    An accession number tells the year it was given out, so that year's
    quarters are read, and the next year's first for numbers used late.
    """
    sought = set(plan.accessions)
    rows: list[IndexRow] = []
    requests = 0
    for year, quarter in quarters_to_search(sought, today):
        if sought <= {row.accession for row in rows}:
            break
        requests += 1
        try:
            rows.extend(row for row in quarter_of(year, quarter) if row.accession in sought)
        except EdgarNotFound:
            continue  # a quarter that has only begun may have no index yet
    listed = (filing_of(row).model_copy(update={"found_by": FoundBy.LIST}) for row in rows)
    merged = merge(listed)
    lost = sorted(sought - {filing.accession for filing in merged})
    notes = (f"no quarterly index knows {len(lost)} of them: {', '.join(lost)}",) if lost else ()
    return Fetched(filings=restrict(merged, ciks), requests=requests, notes=notes)


def quarters_to_search(accessions: Iterable[str], today: date) -> tuple[tuple[int, int], ...]:
    """(year, quarter) pairs that may list these accession numbers, none in the future."""
    years = {_year_of(accession) for accession in accessions}
    pairs = chain(
        ((year, quarter) for year in sorted(years) for quarter in (1, 2, 3, 4)),
        ((year + 1, 1) for year in sorted(years)),
    )
    last = (today.year, (today.month + 2) // 3)
    return tuple(dict.fromkeys(pair for pair in pairs if pair <= last))


def restrict(filings: Iterable[Filing], ciks: frozenset[int]) -> tuple[Filing, ...]:
    """Keep the filings with a party among ``ciks``; all of them where that is empty."""
    return tuple(
        filing
        for filing in filings
        if not ciks or any(party.cik in ciks for party in filing.parties)
    )


def ciks_of(tickers: frozenset[str], table: pd.DataFrame) -> frozenset[int]:
    """Look tickers up in SEC's ticker table (columns ``cik``, ``ticker``).

    Raises:
        ParameterError: SEC's table does not have one of them.
    """
    unknown = tickers - set(table["ticker"])
    if unknown:
        raise ParameterError(
            f"parameter tickers: SEC's ticker table has no {', '.join(sorted(unknown))}; "
            "write them as SEC does (BRK-B), or give the CIK in parameter ciks",
            subject="tickers",
        )
    return frozenset(int(cik) for cik in table.loc[table["ticker"].isin(tickers), "cik"])


class OncePerRun(CachePolicy):
    """Key a result by the flow run, so that a retry of the run finds it again."""

    def compute_key(
        self,
        task_ctx: TaskRunContext,
        inputs: dict[str, Any],  # noqa: ARG002 - Prefect's signature
        flow_parameters: dict[str, Any],  # noqa: ARG002
        **_: Any,  # noqa: ANN401
    ) -> str:
        """Return ``runs/<flow run id>/<task name>``."""
        return f"runs/{task_ctx.task_run.flow_run_id}/{task_ctx.task.name}"


@task(
    name="fetch",
    cache_policy=OncePerRun(),
    persist_result=True,
    result_serializer="json",
    cache_result_in_memory=False,
)
def fetch_filings(
    plan: FetchPlan, edgar: EdgarClient, store: SeenStore | None, today: date
) -> dict[str, Any]:
    """Fetch what the plan asks for; a :class:`Fetched` as plain JSON.

    Kept per flow run: a retry must work on the list it failed on, not on the
    feed as it is by then.
    """
    return fetched(plan, edgar, store, today).model_dump(mode="json")


def fetched(plan: FetchPlan, edgar: EdgarClient, store: SeenStore | None, today: date) -> Fetched:
    """Fetch what the plan asks for. Without a store nothing is known."""
    if isinstance(plan, FeedPlan):
        return read_feed(plan, edgar.feed_page, lambda asked: _in_store(store, asked))
    ciks = plan.ciks
    if plan.tickers:
        ciks |= ciks_of(plan.tickers, edgar.tickers())
    if isinstance(plan, DaysPlan):
        return read_days(plan, edgar.daily_index, ciks)
    return read_list(plan, edgar.quarterly_index, ciks, today)


def _in_store(store: SeenStore | None, accessions: Sequence[str]) -> frozenset[str]:
    if store is None:
        return frozenset()
    standing = store.lookup(accessions)
    return standing.done | standing.open


def _year_of(accession: str) -> int:
    two_digits = int(accession[11:13])
    return 1900 + two_digits if two_digits >= 90 else 2000 + two_digits  # noqa: PLR2004 - EDGAR began in 1993


def _days(days: Sequence[date]) -> str:
    return ", ".join(day.isoformat() for day in days)
