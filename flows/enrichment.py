"""The enrich stage of one run: what is on file is taken from there, the rest is asked."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from blocks.answers import AnswerFolder
from blocks.models import Answer, Decision, Failure, Filing, Outcome
from blocks.settings import Settings
from tasks.answer_cache import answer_key, answers_of, answers_on_file
from tasks.bench import Bench
from tasks.enrich import enrich_all, enrich_task
from tasks.record import enriched

CHUNK_FILINGS: Final = 200  # outcomes are stored this often; Prefect's message queue stays short


@dataclass(frozen=True)
class Enrichment:
    """How this run enriches: its bench, its answer folder and its switches."""

    bench: Bench
    answers: AnswerFolder
    settings: Settings
    concurrency: int
    refresh: bool

    def check(self) -> None:
        """See to it that answers can be kept before any is bought.

        Raises:
            AnswerCacheUnusable: they cannot.
        """
        if self.settings.feature_sec_llm_cache:
            self.answers.probe(answers_of(self.bench.fingerprint))

    def chunks(
        self, filings: Sequence[Filing], suspects: Sequence[Filing]
    ) -> Iterator[Sequence[Filing]]:
        """Cut the work into chunks, suspects last and alone; none once the run has to stop."""
        cuts = [
            *(filings[at : at + CHUNK_FILINGS] for at in range(0, len(filings), CHUNK_FILINGS)),
            *((suspect,) for suspect in suspects),
        ]
        for cut in cuts:
            if self.bench.brake.reason is not None:
                return
            yield cut

    def enrich(
        self, filings: Sequence[Filing], decisions: Mapping[str, Decision]
    ) -> tuple[tuple[Outcome, ...], tuple[Failure, ...]]:
        """Answer a chunk; outcomes and failures of what was begun."""
        known = self._on_file(filings)
        done = enrich_all(
            [filing for filing in filings if filing.accession not in known],
            decisions,
            self.bench,
            enrich_task(
                self.answers,
                cached=self.settings.feature_sec_llm_cache,
                ttl=self.settings.answer_ttl,
                refresh=self.refresh,
            ),
            concurrency=self.concurrency,
        )
        self._see_that_they_are_kept(done.answers)
        outcomes = (
            *enriched(filings, decisions, known, from_cache=True),
            *enriched(filings, decisions, done.answers, from_cache=False),
        )
        return outcomes, tuple(done.failures)

    def _see_that_they_are_kept(self, bought: Iterable[str]) -> None:
        """Stop buying once answers are not kept: Prefect completes a task all the same."""
        if not self.settings.feature_sec_llm_cache:
            return
        for accession in bought:
            if not self.answers.has(answer_key(self.bench.fingerprint, accession)):
                self.bench.brake.pull(
                    self.answers.unusable(f"the answer for {accession} was bought and not kept")
                )
                return

    def _on_file(self, filings: Sequence[Filing]) -> dict[str, Answer]:
        """Kept answers for these; a refresh accepts only those that it paid for itself."""
        if not self.settings.feature_sec_llm_cache:
            return {}
        known = answers_on_file(
            (filing.accession for filing in filings), self.bench.fingerprint, self.answers
        )
        if not self.refresh:
            return known
        return {
            accession: answer
            for accession, answer in known.items()
            if answer.paid_by_run == self.bench.run_id
        }
