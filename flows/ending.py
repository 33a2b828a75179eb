"""How a run ends: complete, waiting for SEC, or in need of a person."""

from typing import Any

from prefect import State
from prefect.states import Completed

from blocks.errors import DayNotClosed, RunNeedsAttention
from flows.run import Run
from tasks.certificate_text import not_closed
from tasks.report import Funnel


def end_of(run: Run, funnel: Funnel) -> State[dict[str, Any]]:
    """The final state, once all that could be done is stored and reported.

    Raises:
        SecFilingsError: what kept the run from going on, unless SEC asks to be
            left alone; or why none of its days could be read.
        DayNotClosed: a day's index lists filings that have neither outcome nor failure.
        RunNeedsAttention: filings failed, a door was closed, a day's index is not there.
    """
    if run.ended_by is not None and run.waits_for_sec is None:
        raise run.ended_by
    see_that_a_day_was_read(run)
    if run.open_certificates:
        raise DayNotClosed(f"{not_closed(run.open_certificates)} The run: {funnel.summary}")
    if funnel.needs_attention:
        raise RunNeedsAttention(_for_a_person(funnel))
    told = funnel.summary
    if run.stop_name is not None:
        told = f"{funnel.stopped_by} {funnel.next_step}. {told}"
    return Completed(name=run.stop_name, message=told, data=funnel.model_dump(mode="json"))


def see_that_a_day_was_read(run: Run) -> None:
    """Unless the run is not about days.

    Raises:
        SecFilingsError: why the first of its days could not be read, as none could.
    """
    unread = (*run.unread.values(), *run.no_index.values())
    if unread and not run.days_read:
        raise unread[0]


def _for_a_person(funnel: Funnel) -> str:
    told = (
        funnel.summary,
        funnel.stopped_by,
        *funnel.open_days,
        f"Artifact funnel-{funnel.source} has the errors",
        "A retry of this run works on what failed alone",
    )
    return ". ".join(part.rstrip(".") for part in told if part)
