"""The batch path over a list of accession numbers, and what its companies are."""

from datetime import date

from blocks.plan import DaysPlan, ListPlan
from flows.run import Run
from flows.stages import through_the_stages
from tasks.fetch import fetch_list, kept_or_read
from tasks.fetched import Fetched
from tasks.indexes import ciks_of
from tasks.passing import as_is


def work_through_a_list(plan: ListPlan, ciks: frozenset[int], run: Run, today: date) -> None:
    """Find the listed filings through the indexes and work on them."""
    through_the_stages(found_in_the_indexes(plan, ciks, run, today), run)


def found_in_the_indexes(plan: ListPlan, ciks: frozenset[int], run: Run, today: date) -> Fetched:
    """The listed filings; kept for a retry of the run."""
    return kept_or_read(
        fetch_list,
        run.rooms.answers,
        "list",
        run.id,
        as_is(plan),
        as_is(run.rooms.edgar),
        as_is(ciks),
        today,
    )


def ciks_asked_for(plan: DaysPlan | ListPlan, run: Run) -> frozenset[int]:
    """The companies a run is restricted to, by CIK or ticker; empty: to none.

    Raises:
        ParameterError: SEC lists no such ticker.
    """
    if not plan.tickers:
        return plan.ciks
    return plan.ciks | ciks_of(plan.tickers, run.rooms.tables.tickers.get().frame)
