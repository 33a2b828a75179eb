"""The batch path over days: each day a flow run of its own, with a certificate at its end.

A day can be run again alone, by its date, and at any time: what has an outcome
is not paid again. A retry of the whole run finds its complete days so.
"""

from collections.abc import Callable
from datetime import date
from typing import Any, Final, cast
from uuid import UUID

from prefect import Flow, State, flow
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.states import Cancelled, Completed

from blocks.certificate import Certificate
from blocks.edgar import EdgarClient
from blocks.edgar_index import DayIndex, quarter_of
from blocks.errors import (
    DayNotClosed,
    EdgarBlocked,
    EdgarNotFound,
    IndexUnreadable,
    RunNeedsAttention,
    SecFilingsError,
)
from blocks.plan import DaysPlan
from flows.run import Run
from flows.stages import through_the_stages
from tasks.certificate_text import not_closed, sentence
from tasks.certify import certify_day
from tasks.fetch import fetch_day
from tasks.fetched import IndexedDay
from tasks.indexes import long_quarters, read_quarter
from tasks.passing import as_is

PATIENCE_S: Final = 120.0  # for what another run is at work on while a day is certified


def day_by_day(plan: DaysPlan, ciks: frozenset[int], run: Run) -> None:
    """Work through the days, oldest first, until one meets what every other would meet."""
    work_on = _flow_of_a_day(plan, ciks, indexes_of(plan, run.rooms.edgar), run)
    show = _progress(len(plan.days))
    for number, day in enumerate(plan.days):
        _take_in(day, work_on(day, return_state=True), run)
        if run.stopped_by is not None:
            run.days_left = plan.days[number:]
            return
        show(number + 1, run)


def _flow_of_a_day(
    plan: DaysPlan, ciks: frozenset[int], index_of: Callable[[date], DayIndex], run: Run
) -> Flow[[date], State[Any]]:
    # made here, so that its one parameter is the day: a run's blocks must not become parameters

    @flow(name="sec_filings_day", flow_run_name="{day}", persist_result=False)
    def sec_filings_day(day: date) -> State[Any]:
        """Read a day's index, go through the stages with what it lists, certify the day."""
        failures_before = len(run.progress.failures)
        try:
            fetched = fetch_day(day, as_is(plan), as_is(index_of), as_is(ciks))
            run.days_read.append(day)
            through_the_stages(fetched, run)
        except EdgarNotFound as error:
            if day in run.days_read:
                raise  # it is another file that is missing
            run.no_index[day] = error
            return Completed(name="NoIndex", message=f"{error}")
        except EdgarBlocked as error:
            run.ended_by = error
            return _end_of_day(day, None, 0, run)
        certificate = _certified(plan, fetched.index, run)
        return _end_of_day(day, certificate, len(run.progress.failures) - failures_before, run)

    return sec_filings_day


def _certified(plan: DaysPlan, index: IndexedDay | None, run: Run) -> Certificate | None:
    """The day's certificate; there is none for some of its companies, nor without a store."""
    if run.rooms.store is None or index is None or not plan.is_whole:
        return None
    if run.stopped_by is not None:
        run.cut_short.add(index.day)
    # what is left of it, else the certificate would say that a run is at work on it
    run.progress.hand_back(index.accessions)
    certificate = certify_day(
        index.day,
        plan.forms,
        as_is(index.accessions),
        as_is(index.unreadable),
        as_is(run.rooms.store),
        patience_s=PATIENCE_S if run.stopped_by is None else 0.0,
    )
    run.certificates.append(certificate)
    return certificate


def _end_of_day(day: date, certificate: Certificate | None, failed: int, run: Run) -> State[Any]:
    """How a day's flow run ends: it is stopped with its run, open, failed, or complete."""
    if run.stop_name is not None:
        return Cancelled(name=run.stop_name, message=f"{run.stopped_by}")
    if certificate is not None and not certificate.closed:
        raise DayNotClosed(not_closed([certificate]))
    if failed:
        raise RunNeedsAttention(f"{failed} filings of {day} failed; the run's report names them")
    return Completed(message=sentence(certificate) if certificate else f"{day} is worked through")


def _take_in(day: date, state: State[Any], run: Run) -> None:
    """Go on after a day that failed by itself, remember what stops the run, raise a bug."""
    if not state.is_failed() and not state.is_crashed():
        return
    error = state.result(raise_on_failure=False)
    if isinstance(error, IndexUnreadable) and day not in run.days_read:
        run.unread[day] = error
    elif not isinstance(error, SecFilingsError):
        raise error
    elif not isinstance(error, RunNeedsAttention):
        run.ended_by = error


def indexes_of(plan: DaysPlan, edgar: EdgarClient) -> Callable[[date], DayIndex]:
    """Where the index of a day is taken from: its quarter's, in a long range, or its own.

    A quarter is read when its first day comes, and is dropped with its last.
    """
    long, kept = set(long_quarters(plan.days)), dict[date, DayIndex]()

    def index_of(day: date) -> DayIndex:
        quarter = quarter_of(day)
        if quarter in long:
            long.remove(quarter)
            days = [one for one in plan.days if quarter_of(one) == quarter]
            kept.update(read_quarter(quarter, days, plan.forms, edgar.quarterly_index))
        return kept.pop(day) if day in kept else edgar.daily_index(day)

    return index_of


def _progress(days: int) -> Callable[[int, Run], None]:
    """Show in the UI how many days are done; nothing for a single one."""
    if days == 1:
        return lambda _number, _run: None
    begun = create_progress_artifact(0.0, key="batch-days", description=f"0 of {days} days")
    shown = cast("UUID", begun)  # a coroutine only where an event loop runs

    def show(number: int, run: Run) -> None:
        complete = sum(certificate.closed for certificate in run.certificates)
        told = f"{number} of {days} days worked through, {complete} certified complete"
        update_progress_artifact(shown, progress=100.0 * number / days, description=told)

    return show
