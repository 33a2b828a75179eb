"""Filings asked about in OpenAI's batches: half the price, an answer within a day.

A batch is paid for once it exists, and the process that created it may be dead by the
next moment. So a question is noted in the answer folder before it is sent, and
every run looks for the batches behind the notes before it pays for a noted filing:
what a batch has answered is taken into the cache, what it is still at is left to it.
The endpoint is what knows its batches; a note only says that there may be one.
"""

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from pydantic import ValidationError

from blocks.answers import AnswerFolder
from blocks.errors import AnalystError, BudgetReached, SecFilingsError
from blocks.model_batch_values import Batch, BatchStatus
from blocks.model_batches import ModelBatches
from blocks.models import Answer, Question, Reply, Value
from tasks.answer_cache import keep_answer
from tasks.ask import answer_of
from tasks.bench import Bench
from tasks.same_text import as_own, same_text_keys

PATIENCE_S: Final = 600.0  # longer than a batch takes to be created, with all retries
OPEN_S: Final = 48 * 3600.0  # a batch is over within 24 h, and is taken in by then
QuestionOf = Callable[[str], Question | None]


class _Note(Value):
    """A question as it was sent, and the name of the batch that it went into."""

    batch: str
    question: Question


@dataclass
class AtBatch:
    """What of this run is, or was, asked in batches. Used by one thread at a time.

    ``held`` are filings at a batch that is not over, or that may be; ``failed``
    those that came to nothing there; ``taken`` those whose answers this run has
    taken in. ``cut_by`` is why not all of the run's questions are at a batch: a
    cap, or the endpoint that did not begin one.
    """

    bench: Bench
    folder: AnswerFolder
    ttl: timedelta | None = None
    held: set[str] = field(default_factory=set)
    failed: dict[str, SecFilingsError] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    cut_by: SecFilingsError | None = None
    _under_way: Mapping[str, str] | None = None  # other runs' batches, by what they ask about
    _asks_about: dict[str, frozenset[str]] = field(default_factory=dict)  # by a batch's id
    # the filing whose text is asked about, by the text's keys; and those that wait for its answer
    _first_of: dict[str, str] = field(default_factory=dict)
    _same: dict[str, Question] = field(default_factory=dict)

    def noted(self, accessions: Iterable[str]) -> set[str]:
        """Those that may be at a batch."""
        return {one for one in accessions if self.folder.is_taken(self._place(one))}

    def look(self, accessions: Iterable[str], question_of: QuestionOf) -> set[str]:
        """Find these at their batches; take in what is answered, and let go what is at none.

        Args:
            accessions: noted ones; of others nothing is asked.
            question_of: gives the question about one of them where its note cannot be
                read; None: not now.

        Returns:
            Those that are still at a batch.

        Raises:
            AnalystError: the endpoint cannot be asked; then all may be at a batch.
        """
        sought = self.noted(accessions)
        if not sought:
            return set()
        self.held |= sought  # until it is known better
        with self._turn(), self.bench.analyst.batches() as batches:
            notes = {accession: self._note(accession) for accession in sought}
            left = set(sought)
            for batch in batches.find(self.bench.fingerprint):  # the newest is the one that counts
                its = {one for one in left if self._is_at(batches, batch, one, notes[one])}
                left -= its
                if its and batch.status.is_over:
                    asked = {one: _question(notes[one]) or question_of(one) for one in its}
                    self._take_in(batches, batch, {at: one for at, one in asked.items() if one})
            for name in {note.batch for one in left if (note := notes[one])}:
                self.bench.budget.settle(name, 0.0)  # it never came about
            self._let_go(left)
        return self.held & sought

    def ask(self, questions: Sequence[Question]) -> set[str]:
        """Ask these in new batches, but for what is at one already; those that are at one now.

        A text that stands in two of them is asked about once, and one that was paid for
        not at all. Called again after an error, it goes on where that came.

        Raises:
            AnalystError: an endpoint that takes no batches, or not now.
            StoreError: it cannot be told which filings are still this run's.
        """
        with self.bench.analyst.batches() as batches:
            if self._under_way is None:
                self._under_way = self._asked_by_others(batches)
            self._leave_to_others(questions, self._under_way)
            leases = self.bench.leases
            leases.see_that_they_are_ours(one.filing.accession for one in questions)
            passed_over = self.held | leases.gone
            new = [one for one in questions if one.filing.accession not in passed_over]
            for portion in batches.split(self._once_a_text(new)):
                self._submit(batches, portion)
        return {one.filing.accession for one in questions} & self.held

    def share(self) -> None:
        """Give the answers of texts that were asked about once to their other filings."""
        same_text, fingerprint = self.bench.same_text, self.bench.fingerprint
        if same_text is None:
            return
        for question in self._same.values():
            paid = same_text.find(question, fingerprint)
            if paid is not None:
                self._write(as_own(question, paid), f"Its text was paid for with {paid.accession}")

    @property
    def _asked(self) -> str:
        """Where questions are noted, below the answer folder."""
        return f"asked/{self.bench.fingerprint}"

    def _place(self, accession: str) -> str:
        return f"{self._asked}/{accession}"

    def _note(self, accession: str) -> _Note | None:
        """None where it cannot be read, or is another filing's."""
        text = self.folder.noted(self._place(accession))
        if text is None:
            return None
        try:
            note = _Note.model_validate_json(text)
        except ValidationError:
            return None
        return note if note.question.filing.accession == accession else None

    def _is_at(
        self, batches: ModelBatches, batch: Batch, accession: str, note: _Note | None
    ) -> bool:
        if note is not None:
            return note.batch == batch.name
        return accession in self._holds(batches, batch)

    def _let_go(self, accessions: Iterable[str]) -> None:
        for accession in accessions:
            place = self._place(accession)
            if self.folder.is_taken(place) and self._note(accession) is None:
                self.folder.set_aside(place, "it is no note of a question")
            self.folder.forget(place)
            self.held.discard(accession)

    def _asked_by_others(self, batches: ModelBatches) -> dict[str, str]:
        """The names of batches that are not over, by what they ask about."""
        return {
            accession: batch.name
            for batch in batches.find(self.bench.fingerprint)
            if not batch.status.is_over
            for accession in self._holds(batches, batch)
        }

    def _leave_to_others(
        self, questions: Iterable[Question], under_way: Mapping[str, str]
    ) -> None:
        """Note what other runs' batches ask about: whoever asked may have lost its notes."""
        for question in questions:
            accession = question.filing.accession
            if accession in under_way and accession not in self.held:
                self._note_down(question, under_way[accession])

    def _holds(self, batches: ModelBatches, batch: Batch) -> frozenset[str]:
        if batch.id not in self._asks_about:
            self._asks_about[batch.id] = batches.holds(batch)
        return self._asks_about[batch.id]

    def _once_a_text(self, questions: Iterable[Question]) -> list[Question]:
        """The first question of each text that nobody paid for; the others wait for its answer."""
        firsts: list[Question] = []
        for question in questions:
            accession = question.filing.accession
            keys = same_text_keys(question) if self.bench.same_text else ()
            firsts_of = {self._first_of.setdefault(key, accession) for key in keys}
            if firsts_of <= {accession} and not self._was_paid(question):
                firsts.append(question)
            else:
                self._same[accession] = question
        return firsts

    def _was_paid(self, question: Question) -> bool:
        same_text = self.bench.same_text
        return same_text is not None and bool(same_text.find(question, self.bench.fingerprint))

    def _submit(self, batches: ModelBatches, questions: Sequence[Question]) -> None:
        """Create one batch of these; of fewer, where a cap does not cover them all."""
        name = _name_for(self.bench.run_id)
        try:
            self.bench.budget.reserve(
                batches.worst_case_cost_usd(questions), key=name, open_s=OPEN_S
            )
        except BudgetReached as error:
            self.cut_by = error
            if len(questions) > 1:
                self._submit(batches, questions[: len(questions) // 2])
            return
        with self._turn():  # or another process would find notes, and no batch yet
            for one in questions:
                self._note_down(one, name)
            try:
                batches.submit(questions, fingerprint=self.bench.fingerprint, name=name)
            except AnalystError as error:
                if error.cost_usd is None:  # there may be one: a look tells
                    return
                self.bench.budget.settle(name, 0.0)
                self._let_go(one.filing.accession for one in questions)
                raise

    def _note_down(self, question: Question, batch_name: str) -> None:
        accession = question.filing.accession
        note = _Note(batch=batch_name, question=question)
        try:
            self.folder.note(self._place(accession), note.model_dump_json())
        except OSError as error:
            raise self.folder.unusable(f"{error}. No batch was created") from error
        self.held.add(accession)

    def _turn(self) -> AbstractContextManager[None]:
        """The only thread and process that looks, or creates a batch, of this fingerprint."""
        return self.folder.turns([self._asked], patience_s=PATIENCE_S)

    def _take_in(
        self, batches: ModelBatches, batch: Batch, questions: Mapping[str, Question]
    ) -> None:
        """Take the answers of a batch that is over into the cache, under the key of any answer."""
        results = batches.results(batch, questions)
        self.bench.budget.settle(batch.name, results.cost_usd)
        if batch.status is BatchStatus.FAILED:
            self.cut_by = batch.why_failed()
        for accession, reply in results.replies.items():
            self._keep(questions[accession], reply, batch)
        for accession, error in results.failures.items():
            self.bench.tally.book(error.cost_usd)
            self.failed[accession] = error
        self._let_go(questions)

    def _keep(self, question: Question, reply: Reply, batch: Batch) -> None:
        told = {"batch_id": batch.id, "paid_by_run": _run_of(batch)}
        answer = answer_of(question, reply, self.bench).model_copy(update=told)
        self._write(answer, f"The answers of batch {batch.id} wait there for thirty days")
        if self.bench.same_text is not None:
            self.bench.same_text.remember(question, answer)
        self.bench.tally.book(reply.cost_usd, reply.model_calls, reply.usage)
        self._let_go([question.filing.accession])

    def _write(self, answer: Answer, or_else: str) -> None:
        try:
            keep_answer(answer, self.folder, self.ttl)
        except OSError as error:
            raise self.folder.unusable(f"{error}. {or_else}") from error
        self.taken.add(answer.accession)


def _name_for(run: str) -> str:
    """A name for a batch, and for its payment: it is used once, and tells who pays."""
    return f"{run} {uuid.uuid4().hex[:8]}"


def _run_of(batch: Batch) -> str:
    return batch.name.partition(" ")[0]


def _question(note: _Note | None) -> Question | None:
    return None if note is None else note.question
