"""A batch as its endpoint describes it, and what came of it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, Field, ValidationError

from blocks.errors import AnalystError, AnalystRejected, AnalystUnavailable, AnswerInvalid
from blocks.models import Reply, UtcDatetime, Value

PRODUCT: Final = "sec-filings"
_LAST_SECOND = 253_402_300_799  # of the year 9999
_PASSING_CODES = {"token_limit_exceeded", "rate_limit_exceeded", "server_error"}
_SAID_CHARS = 300


class BatchStatus(StrEnum):
    """Where a batch stands, in the endpoint's words; one that is new to us is ``unknown``."""

    VALIDATING = "validating"
    IN_PROGRESS = "in_progress"
    FINALIZING = "finalizing"
    CANCELLING = "cancelling"
    COMPLETED = "completed"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> "BatchStatus | None":
        return cls.UNKNOWN if isinstance(value, str) else None

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes of it."""
        return self in {self.COMPLETED, self.FAILED, self.EXPIRED, self.CANCELLED}


class Batch(Value):
    """A batch of ours. ``total``, ``completed`` and ``failed`` count its questions.

    ``metadata`` is all that it was created with. ``errors`` says why a failed one
    was not begun, each as code and message.
    """

    id: str
    status: BatchStatus
    fingerprint: str
    name: str
    metadata: dict[str, str]
    created_at: UtcDatetime
    input_file_id: str
    output_file_id: str | None = None
    error_file_id: str | None = None
    total: int = 0
    completed: int = 0
    failed: int = 0
    errors: tuple[tuple[str, str], ...] = ()

    def why_failed(self) -> AnalystError:
        """The error that a batch which was not begun comes to; none of it is paid."""
        said = "; ".join(": ".join(error) for error in self.errors)[:_SAID_CHARS] or "no reason"
        told = f"{self.name}: the model endpoint did not begin batch {self.id} ({said})"
        if {code for code, _ in self.errors} & _PASSING_CODES:
            return AnalystUnavailable(
                f"{told}; try again when other batches are over, or run without batch",
                subject=self.name,
            )
        return AnalystRejected(
            f"{told}; check the analyst block's model and settings, or run without batch",
            subject=self.name,
        )


class BatchResults(NamedTuple):
    """What came of a batch that is over, by accession number; no question is in two of these.

    Attributes:
        replies: The answers to the questions that were asked for.
        failures: Why such a question has none; ``cost_usd`` is what that cost.
        unanswered: Questions of the batch, asked for or not, that were not reached or have
            no readable line.
        cost_usd: Of the whole batch, whoever takes in its answers; None: not known.
        odd_lines: How many lines could not be read, have an id that the batch did not ask
            about, or one that an earlier line has.
        lost_files: Files of results that the endpoint does not have any more.
    """

    replies: Mapping[str, Reply]
    failures: Mapping[str, AnalystError]
    unanswered: frozenset[str]
    cost_usd: float | None
    odd_lines: int
    lost_files: tuple[str, ...]


class _Counts(BaseModel):
    total: int = 0
    completed: int = 0
    failed: int = 0


class _Error(BaseModel):
    code: str | None = None
    message: str | None = None


class _Errors(BaseModel):
    data: list[_Error] | None = None


class _Body(BaseModel):
    id: str = Field(min_length=1)
    status: BatchStatus
    input_file_id: str
    created_at: int = Field(ge=0, le=_LAST_SECOND)
    metadata: dict[str, str]
    output_file_id: str | None = None
    error_file_id: str | None = None
    request_counts: _Counts | None = None
    errors: _Errors | None = None


def metadata_of(fingerprint: str, name: str, more: Mapping[str, str]) -> dict[str, str]:
    """What a batch of ours is found again by."""
    return {**more, "product": PRODUCT, "fingerprint": fingerprint, "name": name}


def batch_in(said: Mapping[str, Any]) -> Batch | None:
    """The batch that an endpoint describes; None where its metadata says it is not ours.

    Raises:
        AnswerInvalid: it is ours and cannot be read; to pass over it could be to pay twice.
    """
    metadata = said.get("metadata")
    if not isinstance(metadata, Mapping) or metadata.get("product") != PRODUCT:
        return None
    try:
        body = _Body.model_validate(said)
        fingerprint, name = body.metadata["fingerprint"], body.metadata["name"]
    except (ValidationError, KeyError) as error:
        raise AnswerInvalid(
            f"batch {said.get('id')}: the model endpoint describes it so that it cannot be read"
            f" ({error}); run without batch, or update this program",
            subject=str(said.get("id")),
        ) from error
    counts = body.request_counts or _Counts()
    return Batch(
        id=body.id,
        status=body.status,
        fingerprint=fingerprint,
        name=name,
        metadata=body.metadata,
        created_at=datetime.fromtimestamp(body.created_at, UTC),
        input_file_id=body.input_file_id,
        output_file_id=body.output_file_id,
        error_file_id=body.error_file_id,
        total=counts.total,
        completed=counts.completed,
        failed=counts.failed,
        errors=_told_by(body.errors),
    )


def _told_by(errors: _Errors | None) -> tuple[tuple[str, str], ...]:
    data = errors.data if errors else None
    return tuple((error.code or "error", error.message or "") for error in data or ())
