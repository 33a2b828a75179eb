"""Answers on file: read in bulk before mapping, or found by one cached task run each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from prefect import flow
from prefect.results import ResultStore
from prefect.serializers import JSONSerializer

from benchmarks.tables import Table, ratio
from benchmarks.timing import medians_s
from blocks.analyst import Analyst
from blocks.answers import AnswerFolder
from blocks.budget import Budget
from blocks.edgar import EdgarClient
from blocks.models import (
    Analysis,
    Answer,
    Decision,
    Filing,
    FoundBy,
    Party,
    Reply,
    RiskLevel,
    Usage,
    Verdict,
    utc_now,
)
from tasks.answer_cache import answer_key, answers_on_file
from tasks.bench import Bench
from tasks.enrich import enrich_all, enrich_task

ANSWERS: Final = 500
AT_ONCE: Final = 10
ROUNDS: Final = 2

_BULK, _RUNS = "read in bulk before mapping", "one cached task run each"


@dataclass(frozen=True)
class OnFile:
    """Filings whose answers are kept in a folder."""

    filings: Sequence[Filing]
    bench: Bench
    folder: AnswerFolder

    def in_bulk(self) -> int:
        """How many are found as the flow finds them."""
        accessions = (filing.accession for filing in self.filings)
        return len(answers_on_file(accessions, self.bench.fingerprint, self.folder))

    def by_task_runs(self) -> int:
        """How many are found by Prefect's cache, inside task runs."""
        passed = Decision(verdict=Verdict.FILTER_OFF)
        decisions = {filing.accession: passed for filing in self.filings}
        ask = enrich_task(self.folder, cached=True, ttl=None, refresh=False)
        done = enrich_all(self.filings, decisions, self.bench, ask, concurrency=AT_ONCE)
        return len(done.answers)


def tables(folder: Path) -> Iterable[Table]:
    """Measure, and set both ways side by side."""
    return [table(measure(folder, ANSWERS, ROUNDS), ANSWERS)]


def measure(folder: Path, answers: int, rounds: int) -> dict[str, float]:
    """Median seconds of finding all answers in each way, within one flow run."""
    kept = keep(folder, answers)

    @flow(name="cached_answers", persist_result=False)
    def cached_answers() -> dict[str, float]:
        return medians_s({_BULK: kept.in_bulk, _RUNS: kept.by_task_runs}, rounds)

    return cached_answers()


def keep(folder: Path, answers: int) -> OnFile:
    """Write so many answers to an answer folder as the enrich task would."""
    bench = Bench(
        edgar=EdgarClient(
            user_agent="Make Bench bench@example.com",
            base_url="http://127.0.0.1:9",  # nothing may be asked for: all of it is on file
            limiter_path=folder / "requests.sqlite",
        ),
        analyst=Analyst(),
        budget=Budget(None),
        excerpt_tokens=4_000,
        run_id="bench",
    )
    kept = OnFile([_filing(number) for number in range(answers)], bench, _folder(folder))
    store = ResultStore(result_storage=kept.folder, serializer=JSONSerializer())
    for filing in kept.filings:
        answer = _answer(filing, bench.fingerprint)
        key = answer_key(bench.fingerprint, filing.accession)
        store.write(answer.model_dump(mode="json"), key=key)
    return kept


def _folder(folder: Path) -> AnswerFolder:
    answers = AnswerFolder(basepath=str(folder / "answers"))
    answers.save("bench-cached-answers", overwrite=True)
    return answers


def _filing(number: int) -> Filing:
    return Filing(
        accession=f"0001193125-25-{number:06d}",
        form="8-K",
        parties=(Party(cik=1 + number, name="Company", role="Filer"),),
        found_by=FoundBy.INDEX,
    )


def _answer(filing: Filing, fingerprint: str) -> Answer:
    analysis = Analysis(
        summary="An answer of the usual length. " * 10,
        sentiment=0.5,
        confidence=0.9,
        risk_level=RiskLevel.LOW,
        catalysts=(),
    )
    return Answer(
        accession=filing.accession,
        fingerprint=fingerprint,
        reply=Reply(analysis=analysis, model="a model", model_calls=1, usage=Usage(), cost_usd=0),
        excerpt_parts=("8-K item 2.02",),
        excerpt_tokens=900,
        accepted_at=utc_now(),
        answered_at=utc_now(),
        paid_by_run="an earlier run",
    )


def table(taken_s: Mapping[str, float], answers: int) -> Table:
    """Milliseconds per answer, and how many times the bulk reading that is."""
    rows = [
        (way, f"{took_s:.2f}", f"{took_s / answers * 1e3:.2f}", ratio(took_s, taken_s[_BULK]))
        for way, took_s in taken_s.items()
    ]
    return Table(
        title=f"cached answers: {answers} answers on file, nothing to pay",
        header=("way", "s", "ms per answer", "ratio"),
        rows=rows,
        notes=(f"task runs {AT_ONCE} at once; ratio to reading in bulk",),
    )
