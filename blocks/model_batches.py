"""OpenAI's Batch API: the same questions at half the price, answered within a day.

A batch is paid for once it exists, and it may come about although the answer
that says so is lost. So its creation is never tried again blindly: a batch
carries metadata by which it is found, and what may have come about is looked
for, not repeated. The bodies are read here and not by the SDK, as completions are.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final, Self

import openai

from blocks.completion import PriceList
from blocks.errors import AnalystError, AnalystUnavailable, AnswerInvalid
from blocks.model_batch_calls import BatchCalls, Said
from blocks.model_batch_lines import ENDPOINT, ids_in, input_file, split
from blocks.model_batch_results import BILLED_SHARE, Asker, Reading
from blocks.model_batch_values import Batch, BatchResults, batch_in, metadata_of
from blocks.models import Question, utc_now

MOST_RESULT_BYTES: Final = 1024**3  # of one file, which is never in memory whole

_LIFE: Final = timedelta(days=30)  # of files: the longest there is, so that no answer is lost
_OF_USE: Final = _LIFE + timedelta(days=1)  # results are put into files up to a day later
_SURELY_LISTED: Final = timedelta(minutes=5)  # by our own estimate: nobody promises a time
_MOST_LISTED: Final = 100


class ModelBatches:
    """The batches of one endpoint; a context manager. One instance serves many threads.

    Every method that asks the endpoint may raise AnalystUnavailable for what may
    pass, so that a later look can succeed; AnalystRejected for key, credit, a
    request no repeat helps and an endpoint without a Batch API; AnswerInvalid for
    an answer of another shape. None of them is about a single filing, and none
    cost anything, but for :meth:`submit`.
    """

    def __init__(
        self,
        asker: Asker,
        client: openai.OpenAI,
        *,
        prices: PriceList,
        max_retries: int,
        secret: str,
    ) -> None:
        self._asker = asker
        self._client = client
        self._calls = BatchCalls(client, max_retries=max_retries, secret=secret)
        self._prices = prices
        self._secret = secret

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def split(self, questions: Sequence[Question]) -> Iterator[tuple[Question, ...]]:
        """The questions, in their order, as so many as go into one batch each."""
        return split(questions, self._asker.request_body)

    def worst_case_cost_usd(self, questions: Sequence[Question]) -> float | None:
        """What a batch of these may cost at most; None where the model's price is unknown."""
        costs_usd = [self._asker.worst_case_cost_usd(question.excerpt) for question in questions]
        known = [usd for usd in costs_usd if usd is not None]
        return BILLED_SHARE * sum(known) if len(known) == len(costs_usd) else None

    def submit(
        self,
        questions: Sequence[Question],
        *,
        fingerprint: str,
        name: str,
        metadata: Mapping[str, str] | None = None,
    ) -> Batch:
        """Create one batch of these questions, once :meth:`find` showed none that holds them.

        Args:
            questions: a portion that :meth:`split` made.
            fingerprint: of the answers; the batch is found by it.
            name: tells operators what it is.
            metadata: up to 13 more pairs of short texts, to be read in ``Batch.metadata``.

        Raises:
            ValueError: a question is there twice, or there is none; nothing was sent.
            AnalystError: ``cost_usd`` 0.0: surely no batch came about. None: there may
                be one, so do not submit again: :meth:`find` tells.
        """
        content = input_file(questions, self._asker.request_body)
        file_id = self._uploaded(content, fingerprint, name)
        create = self._client.batches.with_raw_response.create
        try:
            said = self._calls.created(
                name,
                lambda: (
                    create(
                        completion_window="24h",
                        endpoint=ENDPOINT,
                        input_file_id=file_id,
                        metadata=metadata_of(fingerprint, name, metadata or {}),
                        output_expires_after={"anchor": "created_at", "seconds": _seconds(_LIFE)},
                    ).content
                ),
            )
        except AnalystError as error:
            if error.cost_usd == 0.0:
                self._delete(file_id)  # or find would wait for a batch of it
            raise
        return _ours(said, name, cost_usd=None)

    def find(self, fingerprint: str) -> tuple[Batch, ...]:
        """Every batch of this fingerprint that may have answers, newest first.

        Batches of others and of other fingerprints are passed over, and those that
        are older than the life of their results (30 days after the last hour).

        Raises:
            AnalystUnavailable: besides, where questions of this fingerprint were
                uploaded less than five minutes ago and no batch of them is listed:
                there may be one, and it must be seen before another is created.
        """
        # files first: what is uploaded after the look at batches is nothing to wait for
        uploads = self._fresh_uploads(fingerprint)
        batches = self._all(fingerprint)
        unseen = uploads.keys() - {batch.input_file_id for batch in batches}
        if unseen:
            until = max(uploads[file_id] for file_id in unseen) + _SURELY_LISTED
            raise AnalystUnavailable(
                f"{fingerprint}: questions were uploaded ({', '.join(sorted(unseen))}) and their"
                f" batch may not be listed yet; look again after {until:%H:%M:%S} UTC",
                subject=fingerprint,
            )
        return tuple(batch for batch in batches if batch.fingerprint == fingerprint)

    def state(self, batch: Batch) -> Batch:
        """The batch as it stands now."""
        retrieve = self._client.batches.with_raw_response.retrieve
        said = self._calls.said(batch.name, lambda: retrieve(batch.id).content)
        return _ours(said, batch.name, cost_usd=0.0)

    def holds(self, batch: Batch) -> frozenset[str]:
        """The accession numbers that a batch asks about, by its input file.

        Raises:
            AnalystUnavailable: besides, where that file is gone, so that nothing of
                this fingerprint should be asked before the batch is over.
        """
        ids = self._calls.file(batch.name, batch.input_file_id, ids_in)
        if ids is None:
            raise AnalystUnavailable(
                f"{batch.name}: the input file of batch {batch.id} is gone, and with it what it"
                " asks; wait until the batch is over, or cancel it",
                subject=batch.name,
            )
        return ids

    def results(self, batch: Batch, questions: Mapping[str, Question]) -> BatchResults:
        """What came of a batch that is over, be it complete, cancelled, expired or failed.

        Args:
            batch: as :meth:`find` or :meth:`state` gave it.
            questions: those whose answers are wanted, by accession number.

        Raises:
            ValueError: the batch is not over.
        """
        if not batch.status.is_over:
            raise ValueError(f"{batch.name}: batch {batch.id} is {batch.status}, and not over")
        asked = self._calls.file(batch.name, batch.input_file_id, ids_in)
        reading = Reading(asked, questions, self._asker, self._prices, secret=self._secret)
        files = [file_id for file_id in (batch.output_file_id, batch.error_file_id) if file_id]
        lost = [
            file_id
            for file_id in files
            if self._calls.file(batch.name, file_id, reading.take) is None
        ]
        return reading.results(lost)

    def _uploaded(self, content: bytes, fingerprint: str, name: str) -> str:
        create = self._client.files.with_raw_response.create
        said = self._calls.said(
            name,
            lambda: (
                create(
                    file=(_filename(fingerprint), content),
                    purpose="batch",
                    expires_after={"anchor": "created_at", "seconds": _seconds(_LIFE)},
                ).content
            ),
        )
        file_id = said.get("id")
        if not isinstance(file_id, str):
            raise _not_asked_for(name)
        return file_id

    def _delete(self, file_id: str) -> None:
        with suppress(openai.APIError):  # it expires by itself
            self._client.files.with_raw_response.delete(file_id)

    def _fresh_uploads(self, fingerprint: str) -> dict[str, datetime]:
        """Input files of which a batch may exist that is not listed yet, and their times."""
        files = self._client.files.with_raw_response
        listed = self._calls.listed(
            fingerprint,
            lambda after: (
                files.list(purpose="batch", order="desc", limit=_MOST_LISTED, after=after).content
            ),
            utc_now() - _SURELY_LISTED,
        )
        return {
            said["id"]: datetime.fromtimestamp(said["created_at"], UTC)
            for said in listed
            if said.get("filename") == _filename(fingerprint)
        }

    def _all(self, fingerprint: str) -> list[Batch]:
        batches = self._client.batches.with_raw_response
        listed = self._calls.listed(
            fingerprint,
            lambda after: batches.list(limit=_MOST_LISTED, after=after).content,
            utc_now() - _OF_USE,
        )
        return [batch for said in listed if (batch := batch_in(said))]


def _ours(said: Said, name: str, *, cost_usd: float | None) -> Batch:
    batch = batch_in(said)
    if batch is None:
        raise _not_asked_for(name, cost_usd=cost_usd)
    return batch


def _not_asked_for(name: str, *, cost_usd: float | None = 0.0) -> AnswerInvalid:
    return AnswerInvalid(
        f"{name}: the model endpoint's answer is not what was asked for; run without batch, or"
        " check the analyst block's base_url",
        subject=name,
        cost_usd=cost_usd,
    )


def _filename(fingerprint: str) -> str:
    return f"sec-filings-{fingerprint}.jsonl"


def _seconds(time: timedelta) -> int:
    return int(time.total_seconds())
