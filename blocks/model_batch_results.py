"""What the lines of a batch's results come to. Pure, but for what reads an answer."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from blocks.completion import PriceList, read_completion
from blocks.errors import AnalystError, AnswerInvalid
from blocks.model_batch_lines import Result, failure_in, result_in
from blocks.model_batch_values import BatchResults
from blocks.model_failures import without
from blocks.models import Excerpt, Question, Reply

BILLED_SHARE: Final = 0.5  # of the price of an ordinary call, cached tokens included


class Asker(Protocol):
    """What of the analyst a batch needs: how it asks, and how it reads an answer."""

    def request_body(self, question: Question) -> dict[str, Any]:
        """The JSON body by which the question is asked."""
        ...

    def reply_in(self, body: bytes, question: Question, *, billed_share: float) -> Reply:
        """The reply in a completion, checked and priced."""
        ...

    def worst_case_cost_usd(self, excerpt: Excerpt) -> float | None:
        """What asking about it outside of a batch may cost at most."""
        ...


class Reading:
    """Takes in the files of results of one batch, line by line.

    Args:
        asked: The ids the batch asks about; None: its input file is gone.
        questions: Those whose answers are wanted, by id.
        asker: Reads and checks an answer to a question.
        prices: Of an ordinary call.
        secret: Not to be shown in a message.
    """

    def __init__(
        self,
        asked: frozenset[str] | None,
        questions: Mapping[str, Question],
        asker: Asker,
        prices: PriceList,
        *,
        secret: str,
    ) -> None:
        self._asked = asked
        self._questions = questions
        self._asker = asker
        self._prices = prices._replace(billed_share=BILLED_SHARE)
        self._secret = secret
        self._named: set[str] = set()
        self._ended: set[str] = set()
        self._replies: dict[str, Reply] = {}
        self._failures: dict[str, AnalystError] = {}
        self._costs_usd: list[float | None] = []
        self._odd_lines = 0

    def take(self, lines: Iterable[bytes]) -> bool:
        """Take in a file; the first line of an id is the one that counts."""
        for line in filter(bytes.strip, lines):
            result = result_in(without(self._secret, line))
            if result is None or not self._is_due(result.custom_id):
                self._odd_lines += 1
            else:
                self._named.add(result.custom_id)
                self._take_one(result)
        return True

    def results(self, lost_files: Sequence[str]) -> BatchResults:
        """What all files came to; ``lost_files`` could not be taken in."""
        costs_usd = [usd for usd in self._costs_usd if usd is not None]
        is_known = len(costs_usd) == len(self._costs_usd)
        return BatchResults(
            replies=self._replies,
            failures=self._failures,
            unanswered=frozenset(self._named if self._asked is None else self._asked)
            - self._ended,
            cost_usd=None
            if lost_files or self._odd_lines or not is_known
            else math.fsum(costs_usd),
            odd_lines=self._odd_lines,
            lost_files=tuple(lost_files),
        )

    def _is_due(self, custom_id: str) -> bool:
        return custom_id not in self._named and (self._asked is None or custom_id in self._asked)

    def _take_one(self, result: Result) -> None:
        if not result.was_reached:
            return
        self._ended.add(result.custom_id)
        if result.is_answer:
            self._costs_usd.append(self._cost_of(result))
        question = self._questions.get(result.custom_id)
        if question is None:
            return
        try:
            if not result.is_answer:
                raise failure_in(result, secret=self._secret)
            self._replies[result.custom_id] = self._asker.reply_in(
                result.body, question, billed_share=BILLED_SHARE
            )
        except AnalystError as error:
            self._failures[result.custom_id] = error

    def _cost_of(self, result: Result) -> float | None:
        try:
            completion = read_completion(result.body, accession=result.custom_id)
        except AnswerInvalid:
            return None
        return self._prices.cost_usd(completion.billed)
