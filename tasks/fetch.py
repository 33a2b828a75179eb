"""fetch: which filings there are, from the live feed, daily indexes or a list."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any, Final

import pandas as pd
from prefect import task
from prefect.cache_policies import CachePolicy
from prefect.context import TaskRunContext

from blocks.edgar import EdgarClient
from blocks.edgar_feed import FeedPage, merge
from blocks.edgar_index import DayIndex, IndexRow, UnreadableRow, filing_of, quarters_to_search
from blocks.errors import EdgarError, EdgarNotFound, IndexUnreadable, ParameterError
from blocks.forms import wanted
from blocks.models import Filing, FoundBy, Value
from blocks.plan import DaysPlan, FeedPlan, FetchPlan, ListPlan
from blocks.price_table import fold_symbols
from blocks.store import SeenStore

PAGE_ENTRIES: Final = 100  # the most EDGAR puts on a page
_NAMED = 10  # unreadable entries or rows that a note quotes


class Fetched(Value):
    """The filings a run works on, one per accession, and what reading them met.

    ``notes`` are sentences for the run's report: where paging stopped short,
    days without an index, accession numbers that no index knows, entries and
    rows that could not be read. ``unread_days`` are those whose index is there
    and is no index: they must be asked for again.
    """

    filings: tuple[Filing, ...]
    requests: int
    notes: tuple[str, ...] = ()
    unread_days: tuple[date, ...] = ()


def read_feed(
    plan: FeedPlan,
    page_at: Callable[[int], FeedPage],
    in_store: Callable[[Sequence[str]], frozenset[str]],
) -> Fetched:
    """Page back through the feed until a page whose chosen filings are all in the store.

    A page without any filing of the chosen forms says nothing about what is
    known, so reading goes on past it; so does a page with an entry that cannot
    be read, which may be new. A filing with such an entry is left to the batch
    run: without all its parties it would be decided by the wrong one's price.
    """
    read: list[Filing] = []
    unreadable: list[str] = []
    notes: list[str] = []
    for number in range(plan.max_pages):
        page = page_at(number * PAGE_ENTRIES)
        read.extend(page.filings)
        unreadable.extend(page.unreadable)
        chosen = [filing.accession for filing in wanted(page.filings, plan.forms)]
        all_known = chosen and not page.unreadable and in_store(chosen) >= set(chosen)
        if page.is_last or all_known:
            break
    else:
        notes.append(
            f"paging stopped at max_pages={plan.max_pages} before the known part of the feed; "
            "older filings are left to the nightly batch run"
        )
    if unreadable:
        notes.append(
            "unreadable entries of the feed, whose filings are left to the nightly batch run "
            f"({len(unreadable)}): {_named(unreadable)}"
        )
    filings = wanted(_without(merge(read), unreadable), plan.forms)
    return Fetched(filings=filings, requests=number + 1, notes=tuple(notes))


def _without(filings: Iterable[Filing], unreadable: Sequence[str]) -> tuple[Filing, ...]:
    """The filings that no unreadable entry names (an entry is named by its id)."""
    told = "\n".join(unreadable)
    return tuple(filing for filing in filings if filing.accession not in told)


def read_days(
    plan: DaysPlan, index_of: Callable[[date], DayIndex], ciks: frozenset[int]
) -> Fetched:
    """Read the daily index of every day of the plan.

    A day without an index is noted, and one whose index cannot be read is
    noted and named in ``unread_days``.

    Raises:
        EdgarNotFound: none of the days has an index.
        IndexUnreadable: no day's index could be read, and at least one is there.
    """
    found: list[Filing] = []
    notes: list[str] = []
    failed: dict[date, EdgarError] = {}
    for day in plan.days:
        try:
            index = index_of(day)
        except (EdgarNotFound, IndexUnreadable) as error:
            failed[day] = error
            continue
        found.extend(index.filings)
        if index.unreadable:
            notes.append(_unreadable_rows(f"the daily index of {day}", index.unreadable))
    unread = {day: why for day, why in failed.items() if isinstance(why, IndexUnreadable)}
    missing = [day for day in failed if day not in unread]
    if len(failed) == len(plan.days):
        raise next(iter(unread.values()), _no_index(missing))
    if missing:
        notes.append(f"EDGAR has no daily index (yet) for {_days(missing)}")
    notes.extend(
        f"the daily index of {day} is not read, ask for that day again: {why}"
        for day, why in unread.items()
    )
    return Fetched(
        filings=restrict(wanted(merge(found), plan.forms), ciks),
        requests=len(plan.days),
        notes=tuple(notes),
        unread_days=tuple(unread),
    )


def _no_index(days: Sequence[date]) -> EdgarNotFound:
    return EdgarNotFound(
        f"EDGAR has no daily index for {_days(days)}; it makes a day's index about "
        "22:06 Eastern. Run again later, or choose earlier days",
        subject="start_date",
    )


def read_list(
    plan: ListPlan,
    quarter_of: Callable[[int, int], Iterable[IndexRow | UnreadableRow]],
    ciks: frozenset[int],
    today: date,
) -> Fetched:
    """Find listed accession numbers in the quarterly indexes, which know their filers.

    An accession number tells the year it was given out, so that year's
    quarters are read, and the next year's first for numbers used late. Rows
    that cannot be read are noted where they may be of a listed filing.
    """
    sought = set(plan.accessions)
    rows: list[IndexRow] = []
    unreadable: list[tuple[str, UnreadableRow]] = []
    requests = 0
    for year, quarter in quarters_to_search(sought, today):
        if sought <= {row.accession for row in rows}:
            break
        requests += 1
        try:
            for row in quarter_of(year, quarter):
                if isinstance(row, UnreadableRow):
                    unreadable.append((f"{year} Q{quarter} {row}", row))
                elif row.accession in sought:
                    rows.append(row)
        except EdgarNotFound:
            continue  # a quarter that has only begun may have no index yet
    listed = (filing_of(row).model_copy(update={"found_by": FoundBy.LIST}) for row in rows)
    merged = merge(listed)
    lost = sorted(sought - {filing.accession for filing in merged})
    notes = [f"no quarterly index knows {len(lost)} of them: {', '.join(lost)}"] if lost else []
    doubtful = [told for told, row in unreadable if lost or any(one in row.text for one in sought)]
    if doubtful:
        notes.append(_unreadable_rows("the quarterly indexes", doubtful))
    return Fetched(filings=restrict(merged, ciks), requests=requests, notes=tuple(notes))


def restrict(filings: Iterable[Filing], ciks: frozenset[int]) -> tuple[Filing, ...]:
    """Keep the filings with a party among ``ciks``; all of them where that is empty."""
    return tuple(
        filing
        for filing in filings
        if not ciks or any(party.cik in ciks for party in filing.parties)
    )


def ciks_of(tickers: frozenset[str], table: pd.DataFrame) -> frozenset[int]:
    """Look tickers up in SEC's ticker table (columns ``cik``, ``ticker``), in any spelling.

    Raises:
        ParameterError: SEC's table does not have one of them.
    """
    written = pd.Series(sorted(tickers), dtype="str")
    asked, listed = fold_symbols(written), fold_symbols(table["ticker"])
    unknown = written[~asked.isin(listed)]
    if not unknown.empty:
        raise ParameterError(
            f"parameter tickers: SEC's ticker table has no {', '.join(unknown)}; "
            "write them as SEC does (BRK-B), or give the CIK in parameter ciks",
            subject="tickers",
        )
    return frozenset(int(cik) for cik in table.loc[listed.isin(asked), "cik"])


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
    return standing.done | standing.backlog


def _days(days: Sequence[date]) -> str:
    return ", ".join(day.isoformat() for day in days)


def _unreadable_rows(where: str, rows: Sequence[str]) -> str:
    return f"unreadable rows of {where}, left out ({len(rows)}): {_named(rows)}"


def _named(told: Sequence[str]) -> str:
    more = len(told) - _NAMED
    return "; ".join(told[:_NAMED]) + (f"; and {more} more" if more > 0 else "")
