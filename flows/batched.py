"""Asking in batches: before the units of a run are worked through, all of them are asked about.

The run claims what each unit lists, builds the questions, sends them in as few
batches as they fill, and waits. Then the units go their ordinary way, and find the
answers on file.
"""

from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date
from functools import partial
from typing import Final

from blocks.errors import EdgarBlocked, EdgarError, EdgarNotFound, IndexUnreadable
from blocks.models import Filing, Question
from blocks.plan import DaysPlan, ListPlan
from flows.days import indexes_of
from flows.listed import found_in_the_indexes
from flows.run import Run
from flows.stages import claimed, decide_by_price
from tasks.await_batches import ask_in_a_batch, look_at_batches, wait_for_batches
from tasks.dedup import triage
from tasks.fetched import Fetched
from tasks.indexes import read_day
from tasks.passing import as_is
from tasks.record import survivors

AT_ONCE: Final = 500  # questions in memory: some 10 MB


def ask_in_batches(plan: DaysPlan | ListPlan, ciks: frozenset[int], run: Run, today: date) -> None:
    """Ask about all that the run will come to, and wait until the batches are over.

    Raises:
        SecFilingsError: EDGAR or the endpoint cannot be asked at all.
    """
    asked: list[Filing] = []
    gathered: list[Question] = []
    for fetched in _units(plan, ciks, run, today):
        to_ask = _to_ask_about(fetched, run)
        asked += to_ask
        gathered += _questions(_at_no_batch(to_ask, run), run)
        if len(gathered) >= AT_ONCE:
            _ask(gathered, run)
            gathered = []
        if run.enrichment.at_batch.cut_by is not None:
            break
    _ask(gathered, run)
    _wait(asked, run)


def _units(
    plan: DaysPlan | ListPlan, ciks: frozenset[int], run: Run, today: date
) -> Iterator[Fetched]:
    """What each unit lists. A day that has no index, or none, is told of when its turn comes."""
    if isinstance(plan, ListPlan):
        yield found_in_the_indexes(plan, ciks, run, today)
        return
    index_of = indexes_of(plan, run.rooms.edgar)
    for day in plan.days:
        with suppress(EdgarNotFound, IndexUnreadable):
            yield read_day(plan, day, index_of(day), ciks)


def _to_ask_about(fetched: Fetched, run: Run) -> list[Filing]:
    """What of a unit has to be asked about; claimed, so that its leases are kept from now on."""
    claim = claimed(fetched.filings, run)
    run.progress.prepared |= {one.filing.accession for one in claim.granted}
    fresh = triage(claim.granted, run.rooms.max_attempts).fresh
    decisions = decide_by_price(fresh, run)
    kept = survivors(fresh, decisions)
    run.decided |= {one.accession: decisions[one.accession] for one in kept}
    on_file = run.enrichment.on_file(kept)
    return [one for one in kept if one.accession not in on_file]


def _at_no_batch(filings: list[Filing], run: Run) -> list[Filing]:
    """Those that no earlier run has left at a batch; what has come of the others is taken in."""
    enrichment, at_batch = run.enrichment, run.enrichment.at_batch
    noted = at_batch.noted(one.accession for one in filings)
    if not noted:
        return filings
    look = partial(at_batch.look, noted, enrichment.questions_of(filings, run.decided))
    look_at_batches(len(noted), as_is(look))
    ended = enrichment.on_file(filings).keys() | at_batch.held | at_batch.failed.keys()
    return [one for one in filings if one.accession not in ended]


def _questions(filings: Collection[Filing], run: Run) -> list[Question]:
    """The questions about these, several submissions being read at once.

    One whose submission cannot be read has failed.
    """
    at_batch, enrichment = run.enrichment.at_batch, run.enrichment
    with ThreadPoolExecutor(enrichment.concurrency) as pool:
        read = {
            one.accession: pool.submit(enrichment.question, one, run.decided[one.accession])
            for one in filings
        }
    questions = []
    for accession, future in read.items():
        try:
            questions.append(future.result())
        except EdgarBlocked:
            raise
        except EdgarError as error:
            at_batch.failed[accession] = error
    return questions


def _ask(questions: list[Question], run: Run) -> None:
    """Send them, once it can be told what is at a batch already."""
    if not questions:
        return
    ask = partial(run.enrichment.at_batch.ask, questions)
    ask_in_a_batch(len(questions), as_is(ask))


def _wait(asked: Collection[Filing], run: Run) -> None:
    at_batch = run.enrichment.at_batch
    question_of = run.enrichment.questions_of(asked, run.decided)

    def look() -> int:
        return len(at_batch.look(tuple(at_batch.held), question_of))

    if at_batch.held:
        wait_for_batches(len(at_batch.held), as_is(look))
    at_batch.share()
