"""Single calls to an endpoint's files and batches: tried again, bounded, their failures named."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import httpx2
import openai
from pydantic import BaseModel, ValidationError

from blocks.errors import (
    AnalystError,
    AnalystRejected,
    AnswerInvalid,
    AnswerRefused,
)
from blocks.model_batch_lines import lines_in
from blocks.model_failures import answered, failure_of
from blocks.model_http import AnswerTooLong

_NO_BATCH_API = {404, 405, 501}
_NOT_FOUND = 404
_MOST_PAGES = 500

_T = TypeVar("_T")
Said = Mapping[str, Any]


class _Listed(BaseModel, extra="allow"):
    id: str
    created_at: float


class _Page(BaseModel):
    data: list[_Listed]
    has_more: bool = False


class BatchCalls:
    """Makes the calls; the errors are of ours, and each names its subject.

    Raises, from every method: AnalystUnavailable for what may pass, AnalystRejected
    for what would fail again and for an endpoint without a Batch API, AnswerInvalid
    for an answer of another shape. They cost nothing (``cost_usd`` 0.0), but for
    those of :meth:`created`.
    """

    def __init__(self, client: openai.OpenAI, *, max_retries: int, secret: str) -> None:
        self._client = client
        self._max_retries = max_retries
        self._secret = secret

    def said(self, subject: str, ask: Callable[[], bytes]) -> Said:
        """The JSON object that a call is answered with; it may be made several times."""
        with _costing(0.0):
            return self._object(subject, self._answered(subject, ask))

    def created(self, subject: str, ask: Callable[[], bytes]) -> Said:
        """The same of a call that creates what is paid for: repeated only if surely in vain.

        Raises:
            AnalystError: ``cost_usd`` None tells that it may have come about all the same.
        """

        def once() -> bytes:
            try:
                return ask()
            except openai.InternalServerError as error:  # a completion would be asked for again
                if error.status_code in _NO_BATCH_API:
                    raise
                with _costing(None):
                    raise failure_of(error, accession=subject, secret=self._secret) from None

        body = self._answered(subject, once)
        with _costing(None):
            return self._object(subject, body)

    def listed(
        self, subject: str, page_after: Callable[[str | openai.Omit], bytes], since: datetime
    ) -> Iterator[Said]:
        """What a list holds that was created since then; pages are asked for as needed.

        Lists come newest first, so a page on which all is older is the last.

        Raises:
            AnswerInvalid: also a list without end.
        """
        cursor: str | openai.Omit = openai.omit
        for _ in range(_MOST_PAGES):
            page = self.said(subject, partial(page_after, cursor))
            try:
                read = _Page.model_validate(page)
            except ValidationError as error:  # read as empty, it would say that nothing is there
                raise self._of_another_shape(subject, f"{page}") from error
            fresh = [one for one in read.data if one.created_at >= since.timestamp()]
            yield from (one.model_dump() for one in fresh)
            if not fresh or not read.has_more:
                return
            cursor = read.data[-1].id
        raise AnswerInvalid(
            f"{subject}: the model endpoint's list has no end; run without batch", subject=subject
        )

    def file(self, subject: str, file_id: str, take: Callable[[Iterator[bytes]], _T]) -> _T | None:
        """What ``take`` makes of the lines of a file; None where there is no such file.

        The file is never in memory whole.
        """
        taken: list[_T] = []

        def ask() -> bytes:
            try:
                with self._client.files.with_streaming_response.content(file_id) as response:
                    taken.append(take(lines_in(_chunks(response))))
            except openai.NotFoundError:
                pass
            except AnswerTooLong as error:
                raise AnswerInvalid(
                    f"{subject}: {file_id} is no file of a batch of ours: {error}; run without"
                    " batch",
                    subject=subject,
                ) from error
            return b""

        with _costing(0.0):
            self._answered(subject, ask)
        return taken[0] if taken else None

    def _answered(self, subject: str, ask: Callable[[], bytes]) -> bytes:
        def ask_a_batch_api() -> bytes:
            try:
                return ask()
            except openai.APIStatusError as error:
                if error.status_code not in _NO_BATCH_API:
                    raise
                raise self._no_batch_api(subject, error.status_code) from None

        try:
            return answered(
                ask_a_batch_api,
                max_retries=self._max_retries,
                accession=subject,
                secret=self._secret,
            )
        except AnswerRefused as error:  # nothing here is about one filing
            raise AnalystRejected(f"{error}", subject=subject) from None

    def _object(self, subject: str, body: bytes) -> Said:
        try:
            said = json.loads(body)
        except (ValueError, RecursionError):
            said = None
        if isinstance(said, dict):
            return said
        raise self._of_another_shape(subject, body[:80].decode("utf-8", "replace"))

    def _of_another_shape(self, subject: str, told: str) -> AnswerInvalid:
        return AnswerInvalid(
            f"{subject}: the model endpoint's answer is not a Batch API's (it begins"
            f" {told[:80].strip()!r}); run without batch, or check the analyst block's base_url",
            subject=subject,
        )

    def _no_batch_api(self, subject: str, status: int) -> AnalystRejected:
        return AnalystRejected(
            f"{subject}: the model endpoint {self._client.base_url} answers {status} where a Batch"
            " API would be; run without batch, or check the analyst block's base_url",
            subject=subject,
        )


@contextmanager
def _costing(cost_usd: float | None) -> Iterator[None]:
    """What goes wrong in here cost so much."""
    try:
        yield
    except AnalystError as error:
        error.cost_usd = cost_usd
        raise


def _chunks(response: openai.APIResponse[Any]) -> Iterator[bytes]:
    """The pieces of a body, under the SDK's errors: once it streams, it wraps none itself."""
    try:
        yield from response.iter_bytes()
    except AnswerTooLong:
        raise
    except httpx2.TimeoutException as error:
        raise openai.APITimeoutError(response.http_request) from error
    except httpx2.RequestError as error:
        raise openai.APIConnectionError(request=response.http_request) from error
