"""The enrich stage of one run: what is on file is taken from there, the rest is asked.

What may be at a batch is looked for there before it is paid for.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from blocks.answers import AnswerFolder
from blocks.errors import AnalystUnavailable, BudgetReached, EdgarError, SecFilingsError
from blocks.models import Answer, Decision, Failure, Filing, Outcome, Question
from blocks.plan import AskBy, Refresh
from blocks.settings import Settings
from tasks.answer_cache import answers_of, answers_on_file
from tasks.ask import question_about
from tasks.at_batch import AtBatch, QuestionOf
from tasks.bench import Bench
from tasks.enrich import Enriched, enrich_all, enrich_task, failure_of, is_outage
from tasks.record import enriched

CHUNK_FILINGS: Final = 200  # outcomes are stored this often; Prefect's message queue stays short


@dataclass(frozen=True)
class Enrichment:
    """How this run enriches: its bench, its answer folder and its switches.

    ``unanswered`` are filings of which a batch made nothing, and that are not to be
    asked about otherwise.
    """

    bench: Bench
    answers: AnswerFolder
    settings: Settings
    concurrency: int
    refresh: Refresh
    at_batch: AtBatch
    ask_by: AskBy = "calls"
    unanswered: set[str] = field(default_factory=set)

    @property
    def outdated_by(self) -> str | None:
        """The present fingerprint, where answers of others are to be replaced; else None."""
        return self.bench.fingerprint if self.refresh == "outdated" else None

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
        known = self.on_file(filings)
        unknown = [one for one in filings if one.accession not in known]
        if self._look_at_batches(unknown, decisions):
            known = self.on_file(filings)
        failed = {at: error for at, error in self.at_batch.failed.items() if self._ends(error)}
        failures = [
            failure_of(one, failed[one.accession], decisions[one.accession])
            for one in unknown
            if one.accession in failed
        ]
        ended = known.keys() | failed.keys() | self.at_batch.held
        done = self._asked([one for one in unknown if one.accession not in ended], decisions)
        answers = known | done.answers
        ours = {at: one for at, one in done.answers.items() if self._is_ours(one)}
        ours |= {at: known[at] for at in known.keys() & self.at_batch.taken}
        others = {at: one for at, one in answers.items() if at not in ours}
        outcomes = (
            *enriched(filings, decisions, others, from_cache=True),
            *enriched(filings, decisions, ours, from_cache=False),
        )
        return outcomes, (*failures, *done.failures)

    def _is_ours(self, answer: Answer) -> bool:
        """Whether this run bought or shared it; another may have bought it in the meantime."""
        return answer.paid_by_run == self.bench.run_id or answer.same_text_as is not None

    def question(self, filing: Filing, decision: Decision) -> Question:
        """What the analyst is asked about a filing.

        Raises:
            EdgarError: the submission cannot be had or read.
        """
        submission = self.bench.edgar.submission(filing)
        return question_about(filing, submission, decision, self.bench.excerpt_tokens)

    def questions_of(
        self, filings: Iterable[Filing], decisions: Mapping[str, Decision]
    ) -> QuestionOf:
        """Gives the question about one of these; None where its submission cannot be read."""
        by_accession = {one.accession: one for one in filings}

        def question_of(accession: str) -> Question | None:
            try:
                return self.question(by_accession[accession], decisions[accession])
            except EdgarError:
                return None

        return question_of

    def _ends(self, error: SecFilingsError) -> bool:
        """Whether what failed at a batch has failed, and is not asked about by a call instead."""
        return self.ask_by != "batch_then_calls" or not is_outage(error)

    def _asked(self, filings: Sequence[Filing], decisions: Mapping[str, Decision]) -> Enriched:
        """Ask about these, unless this run asks in batches alone."""
        if not filings:
            return Enriched()
        if self.ask_by == "batch":
            self.unanswered.update(one.accession for one in filings)
            if self.at_batch.cut_by is not None:
                self.bench.brake.pull(self.at_batch.cut_by)
            return Enriched()
        self._see_that_they_can_be_paid()
        return enrich_all(
            filings,
            decisions,
            self.bench,
            enrich_task(
                self.answers,
                cached=self.settings.feature_sec_llm_cache,
                ttl=self.settings.answer_ttl,
                refresh=self.refresh == "all",
            ),
            concurrency=self.concurrency,
        )

    def _look_at_batches(
        self, filings: Sequence[Filing], decisions: Mapping[str, Decision]
    ) -> bool:
        """See what has come of those that may be at a batch; whether any may have been.

        While that cannot be told they are left alone: they may be paid for.
        """
        if not self.settings.feature_sec_llm_cache:
            return False
        noted = self.at_batch.noted(one.accession for one in filings)
        if not noted:
            return False
        try:
            self.at_batch.look(noted, self.questions_of(filings, decisions))
        except AnalystUnavailable:
            return True
        except SecFilingsError as error:
            self.bench.brake.pull(error)
        return True

    def _see_that_they_can_be_paid(self) -> None:
        try:
            self.bench.check_day()
        except BudgetReached as error:
            self.bench.brake.pull(error)

    def on_file(self, filings: Sequence[Filing]) -> dict[str, Answer]:
        """Kept answers for these; a refresh of all accepts only those that it paid for itself."""
        if not self.settings.feature_sec_llm_cache:
            return {}
        known = answers_on_file(
            (filing.accession for filing in filings), self.bench.fingerprint, self.answers
        )
        if self.refresh != "all":
            return known
        return {
            accession: answer
            for accession, answer in known.items()
            if answer.paid_by_run == self.bench.run_id
        }
