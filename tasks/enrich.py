"""enrich: one answer per filing, paid once, through Prefect's task cache.

The cache key is ``enrich/<fingerprint>/<accession>``. Answers already on file
are read in bulk through Prefect's own result store before any task run is
made, because a cached task run costs the engine as much as a paid one.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from prefect import Task, task
from prefect.cache_policies import NO_CACHE, CachePolicy
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import TaskRunContext
from prefect.futures import PrefectFuture
from prefect.results import ResultStore
from prefect.serializers import JSONSerializer
from prefect.task_runners import ThreadPoolTaskRunner

from blocks.analyst import Analyst
from blocks.answers import AnswerFolder
from blocks.budget import Budget
from blocks.edgar import EdgarClient
from blocks.errors import (
    AnalystError,
    AnalystRejected,
    AnalystUnavailable,
    BudgetReached,
    EdgarBlocked,
    EdgarUnavailable,
    SecFilingsError,
)
from blocks.excerpt import excerpt_of
from blocks.models import Answer, Decision, Failure, Filing, Usage, utc_now
from tasks.passing import as_is

MAY_PASS: Final = (AnalystUnavailable, EdgarUnavailable)
STOPS_THE_RUN: Final = (AnalystRejected, BudgetReached, EdgarBlocked)


@dataclass
class Tally:
    """What the model was asked and what that cost, failed calls included. Thread-safe."""

    calls: int = 0
    usage: Usage = field(default_factory=Usage)
    spent_usd: float = 0.0
    unpriced_calls: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def book(self, cost_usd: float | None, calls: int = 1, usage: Usage | None = None) -> None:
        """Add calls with their tokens and dollars; ``cost_usd`` None: price unknown."""
        with self._lock:
            self.calls += calls
            self.spent_usd += cost_usd or 0.0
            self.unpriced_calls += calls if cost_usd is None else 0
            if usage is not None:
                self.usage = self.usage.plus(usage)


@dataclass
class Brake:
    """Set by the first error that every further filing would meet as well. Thread-safe."""

    reason: SecFilingsError | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def pull(self, error: SecFilingsError) -> None:
        """Stop the run for this reason, unless it is stopping for an earlier one."""
        with self._lock:
            self.reason = self.reason or error


@dataclass(frozen=True)
class Bench:
    """What every enrichment of a run shares."""

    edgar: EdgarClient
    analyst: Analyst
    budget: Budget
    excerpt_tokens: int
    run_id: str
    tally: Tally = field(default_factory=Tally)
    brake: Brake = field(default_factory=Brake)

    @property
    def fingerprint(self) -> str:
        """Hash of all that shapes an answer besides the filing."""
        return self.analyst.fingerprint(self.excerpt_tokens)


def enrich_one(filing: Filing, bench: Bench) -> Answer:
    """Read a filing's submission and ask the analyst about it.

    Raises:
        EdgarError: the submission cannot be had or read.
        AnalystError: the analyst gave no answer that can be kept.
        BudgetReached: the run's budget does not cover the call.
    """
    submission = bench.edgar.submission(filing)
    excerpt = excerpt_of(submission, budget_tokens=bench.excerpt_tokens)
    with bench.budget.reserve(bench.analyst.worst_case_cost_usd(excerpt)) as reserved:
        try:
            reply = bench.analyst.analyse(filing, excerpt, period=submission.period)
        except AnalystError as error:
            reserved.settle(error.cost_usd)
            bench.tally.book(error.cost_usd)
            raise
        reserved.settle(reply.cost_usd)
    bench.tally.book(reply.cost_usd, reply.model_calls, reply.usage)
    return Answer(
        accession=filing.accession,
        fingerprint=bench.fingerprint,
        reply=reply,
        excerpt_parts=excerpt.parts,
        excerpt_tokens=excerpt.tokens,
        accepted_at=submission.accepted_at,
        answered_at=utc_now(),
        paid_by_run=bench.run_id,
    )


def answer_key(fingerprint: str, accession: str) -> str:
    """Where Prefect keeps the answer, below the answer folder."""
    return f"enrich/{fingerprint}/{accession}"


class ByFilingAndFingerprint(CachePolicy):
    """Key an answer by accession number and fingerprint, nothing else."""

    def compute_key(
        self,
        task_ctx: TaskRunContext,  # noqa: ARG002 - Prefect's signature
        inputs: dict[str, Any],
        flow_parameters: dict[str, Any],  # noqa: ARG002
        **_: Any,  # noqa: ANN401
    ) -> str:
        """Return :func:`answer_key` of the task's inputs."""
        return answer_key(inputs["bench"].fingerprint, inputs["filing"].accession)


def may_pass(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether Prefect should run the task again: only for errors that may pass."""
    return isinstance(state.result(raise_on_failure=False), MAY_PASS)


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
def enrich_filing(label: str, filing: Filing, bench: Bench) -> dict[str, Any]:  # noqa: ARG001 - the label names the run
    """Enrich one filing; an :class:`Answer` as plain JSON.

    Plain JSON because Prefect decodes a model whose class has moved to a dict,
    silently; the reader validates instead.
    """
    try:
        return enrich_one(filing, bench).model_dump(mode="json")
    except STOPS_THE_RUN as error:
        bench.brake.pull(error)
        raise


def enrich_task(
    folder: AnswerFolder, *, cached: bool, ttl: timedelta | None, refresh: bool
) -> Task[..., dict[str, Any]]:
    """The enrich task as this run's switches want it."""
    if not cached:
        return enrich_filing.with_options(cache_policy=NO_CACHE, persist_result=False)
    return enrich_filing.with_options(
        result_storage=folder, cache_expiration=ttl, refresh_cache=refresh
    )


def answers_on_file(
    accessions: Iterable[str], fingerprint: str, folder: AnswerFolder
) -> dict[str, Answer]:
    """Read the kept answers among these, in bulk and without task runs.

    A file that is missing, expired, half written or of another shape is no
    answer: the filing is then asked about as if it were new.
    """
    store = ResultStore(
        result_storage=folder, serializer=JSONSerializer(), cache_result_in_memory=False
    )
    found: dict[str, Answer] = {}
    for accession in accessions:
        key = answer_key(fingerprint, accession)
        if store.exists(key):
            answer = _read_answer(store, key)
            if answer is not None and answer.accession == accession:
                found[accession] = answer
    return found


def _read_answer(store: ResultStore, key: str) -> Answer | None:
    try:
        return Answer.model_validate(store.read(key).result)
    except (ValueError, OSError):  # pydantic's ValidationError and Prefect's read errors
        return None


@dataclass
class Enriched:
    """How a run's filings fared: each is in exactly one of the three."""

    answers: dict[str, Answer] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    untouched: list[Filing] = field(default_factory=list)


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
        started = list(_submit(_labelled(filings, decisions), bench, ask, runner, places))
        for filing, future in started:
            _sort_in(done, filing, future, decisions)
    begun = {filing.accession for filing, _ in started}
    done.untouched += [filing for filing in filings if filing.accession not in begun]
    return done


def _submit(
    labelled: Iterable[tuple[str, Filing]],
    bench: Bench,
    ask: Task[..., dict[str, Any]],
    runner: ThreadPoolTaskRunner[dict[str, Any]],
    places: threading.BoundedSemaphore,
) -> Iterator[tuple[Filing, PrefectFuture[dict[str, Any]]]]:
    for label, filing in labelled:
        places.acquire()
        if bench.brake.reason is not None:
            return
        arguments = {"label": label, "filing": as_is(filing), "bench": as_is(bench)}
        future = runner.submit(ask, arguments)
        future.add_done_callback(lambda _: places.release())
        yield filing, future


def _labelled(
    filings: Iterable[Filing], decisions: Mapping[str, Decision]
) -> Iterator[tuple[str, Filing]]:
    """Each filing with the name of its task run: ticker (or CIK), form, accession number."""
    for filing in filings:
        ticker = decisions[filing.accession].ticker or f"CIK {filing.issuers[0].cik}"
        yield f"{ticker} {filing.form} {filing.accession}", filing


def _sort_in(
    done: Enriched,
    filing: Filing,
    future: PrefectFuture[Any],
    decisions: Mapping[str, Decision],
) -> None:
    result = future.result(raise_on_failure=False)
    if isinstance(result, STOPS_THE_RUN):
        done.untouched.append(filing)  # not the filing's fault, so not one of its attempts
    elif isinstance(result, BaseException):
        done.failures.append(failure_of(filing, result, decisions.get(filing.accession)))
    else:
        done.answers[filing.accession] = Answer.model_validate(result)


def failure_of(filing: Filing, error: BaseException, decision: Decision | None) -> Failure:
    """Put an error on record for the filing it befell."""
    return Failure(
        filing=filing,
        error=type(error).__name__,
        message=str(error) or repr(error),
        decision=decision,
        cost_usd=error.cost_usd if isinstance(error, AnalystError) else 0.0,
        counts=not _is_outage(error),
    )


def _is_outage(error: BaseException) -> bool:
    """Whether the error says nothing about the filing and cost nothing.

    An outage must not use up a filing's attempts; a call that timed out may
    have been billed, so it counts.
    """
    if isinstance(error, AnalystUnavailable):
        return error.cost_usd == 0.0
    return isinstance(error, EdgarUnavailable)
