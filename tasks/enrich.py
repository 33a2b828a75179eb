"""enrich: one task run for every filing that has to be asked about."""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any, Final

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.futures import PrefectFuture
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import ValidationError

from blocks.answers import AnswerFolder
from blocks.errors import (
    AnalystError,
    AnalystRejected,
    AnalystUnavailable,
    BudgetReached,
    ClaimLost,
    ConfigurationError,
    EdgarBlocked,
    EdgarNotFound,
    EdgarUnavailable,
    StoreTooNew,
    StoreUnavailable,
    TooManyFailures,
)
from blocks.models import Answer, Decision, Failure, Filing, utc_now
from tasks.answer_cache import ByFilingAndFingerprint, answer_key
from tasks.ask import enrich_one
from tasks.bench import Bench
from tasks.passing import as_is

# a store that is gone keeps no account of what is spent, so nothing is
STOPS_THE_RUN: Final = (
    AnalystRejected,
    ConfigurationError,  # answers cannot be kept, or the files that hold EDGAR's requests back
    BudgetReached,
    EdgarBlocked,
    StoreUnavailable,
    StoreTooNew,
)
NOT_ITS_FAULT: Final = (*STOPS_THE_RUN, ClaimLost, TooManyFailures)
EDGAR_LAG: Final = timedelta(hours=1)  # until then a submission may not be there yet


def is_outage(error: object) -> bool:
    """Whether the error says nothing about the filing and surely cost nothing.

    Such a filing may be asked about again at once, and its attempt does not
    count. A call that may have been billed is neither.
    """
    if isinstance(error, AnalystUnavailable):
        return error.cost_usd == 0.0
    return isinstance(error, EdgarUnavailable)


def may_pass(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether Prefect should run the task again within this run."""
    return is_outage(state.result(raise_on_failure=False))


@task(
    name="enrich",
    task_run_name="{label}",
    cache_policy=ByFilingAndFingerprint(),
    persist_result=True,
    result_serializer="json",
    cache_result_in_memory=False,
    retries=1,
    retry_delay_seconds=5,
    retry_jitter_factor=0.5,
    retry_condition_fn=may_pass,
)
def enrich_filing(
    label: str,  # noqa: ARG001 - names the task run
    filing: Filing,
    decision: Decision,
    bench: Bench,
) -> dict[str, Any]:
    """Enrich one filing; an :class:`Answer` as plain JSON.

    Plain JSON because Prefect decodes a model whose class has moved to a dict,
    silently; the reader validates instead.
    """
    try:
        with _room_for_its_answer(filing, bench):
            return enrich_one(filing, decision, bench).model_dump(mode="json")
    except STOPS_THE_RUN as error:
        bench.brake.pull(error)
        raise


def _room_for_its_answer(filing: Filing, bench: Bench) -> AbstractContextManager[None]:
    """Disk space for the answer, before it is paid for: what cannot be kept is not bought."""
    if bench.answers is None:
        return nullcontext()
    return bench.answers.room_for(answer_key(bench.fingerprint, filing.accession))


def see_that_it_is_kept(accession: str, bench: Bench) -> None:
    """Stop buying once an answer is not kept: Prefect completes its task all the same."""
    if bench.answers is None:
        bench.unkept.add(accession)
    elif not bench.answers.has(answer_key(bench.fingerprint, accession)):
        bench.unkept.add(accession)
        bench.brake.pull(
            bench.answers.unusable(f"the answer for {accession} was bought and not kept")
        )


def enrich_task(
    folder: AnswerFolder, *, cached: bool, ttl: timedelta | None, refresh: bool
) -> Task[..., dict[str, Any]]:
    """The enrich task as this run's switches want it."""
    if not cached:
        return enrich_filing.with_options(cache_policy=NO_CACHE, persist_result=False)
    return enrich_filing.with_options(
        result_storage=folder, cache_expiration=ttl, refresh_cache=refresh
    )


@dataclass
class Enriched:
    """How the filings that were begun have fared; one in neither is left for the next run."""

    answers: dict[str, Answer] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)


def enrich_all(
    filings: Sequence[Filing],
    decisions: Mapping[str, Decision],
    bench: Bench,
    ask: Task[..., dict[str, Any]],
    *,
    concurrency: int,
) -> Enriched:
    """Enrich every filing, ``concurrency`` at a time, one task run each.

    Task runs are submitted only as places come free, so that an error which
    stops the run leaves the rest untouched instead of failing them one by one.
    """
    done = Enriched()
    runner: ThreadPoolTaskRunner[dict[str, Any]]
    with ThreadPoolTaskRunner(max_workers=concurrency) as runner:
        places = threading.BoundedSemaphore(concurrency)
        started = list(_submit(filings, decisions, bench, ask, runner, places))
        for filing, future in started:
            _sort_in(done, filing, future, decisions[filing.accession])
    if isinstance(bench.brake.reason, TooManyFailures):
        done.failures = [_excused(failure) for failure in done.failures]
    return done


def _submit(  # noqa: PLR0913, PLR0917 - what a task run is given, and where it runs
    filings: Iterable[Filing],
    decisions: Mapping[str, Decision],
    bench: Bench,
    ask: Task[..., dict[str, Any]],
    runner: ThreadPoolTaskRunner[dict[str, Any]],
    places: threading.BoundedSemaphore,
) -> Iterator[tuple[Filing, PrefectFuture[dict[str, Any]]]]:
    def ended(accession: str, future: PrefectFuture[dict[str, Any]]) -> None:
        result: object = future.result(raise_on_failure=False)
        bench.brake.note(result if isinstance(result, BaseException) else None)
        if not isinstance(result, BaseException):
            see_that_it_is_kept(accession, bench)
        places.release()

    for filing in filings:
        places.acquire()
        if bench.brake.reason is not None:
            return
        decision = decisions[filing.accession]
        arguments = {
            "label": label_of(filing, decision),
            "filing": as_is(filing),
            "decision": as_is(decision),
            "bench": as_is(bench),
        }
        future = runner.submit(ask, arguments)
        future.add_done_callback(partial(ended, filing.accession))
        yield filing, future


def label_of(filing: Filing, decision: Decision) -> str:
    """The name of a filing's task run: ticker (or CIK), form, accession number."""
    ticker = decision.ticker or f"CIK {filing.issuers[0].cik}"
    return f"{ticker} {filing.form} {filing.accession}"


def _sort_in(
    done: Enriched, filing: Filing, future: PrefectFuture[dict[str, Any]], decision: Decision
) -> None:
    result: object = future.result(raise_on_failure=False)
    if isinstance(result, NOT_ITS_FAULT):
        return
    if isinstance(result, BaseException):
        done.failures.append(failure_of(filing, result, decision))
        return
    try:
        done.answers[filing.accession] = Answer.model_validate(result)
    except ValidationError as error:
        done.failures.append(failure_of(filing, error, decision))


def failure_of(filing: Filing, error: BaseException, decision: Decision | None) -> Failure:
    """Put an error on record for the filing it befell."""
    return Failure(
        filing=filing,
        error=type(error).__name__,
        message=str(error) or repr(error),
        decision=decision,
        cost_usd=error.cost_usd if isinstance(error, AnalystError) else 0.0,
        counts=not (is_outage(error) or _is_lag(filing, error)),
    )


def _is_lag(filing: Filing, error: BaseException) -> bool:
    """Whether EDGAR may simply not serve the submission yet: the feed runs ahead of it."""
    if not isinstance(error, EdgarNotFound) or filing.accepted_at is None:
        return False
    return utc_now() - filing.accepted_at < EDGAR_LAG


def _excused(failure: Failure) -> Failure:
    """A failure in an unbroken row of them is no attempt, unless it may have been billed."""
    return failure.model_copy(update={"counts": failure.counts and failure.cost_usd != 0.0})
