"""The lines of OpenAI's batch files: those that ask, and those that answer. Pure.

https://developers.openai.com/api/docs/guides/batch tells the formats. A result
stands where its ``custom_id`` says, never where it stands in the file: the order
of the output is not that of the input. The id of a question is its accession
number. A line that cannot be read touches only itself.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple, TypeVar

import httpx2
import openai
from pydantic import BaseModel, Field, ValidationError

from blocks.errors import AnalystError, AnalystUnavailable
from blocks.model_failures import failure_of, without
from blocks.model_http import MOST_ANSWER_BYTES
from blocks.models import Accession, Question

ENDPOINT: Final = "/v1/chat/completions"

# OpenAI takes 50,000 lines and 200 MB. A file of ours is smaller, for it is in memory
# whole while it is sent, one wrong line fails all of it, and the tokens an account may
# have enqueued turn files away whole.
MOST_LINES = 1_000
MOST_FILE_BYTES = 32 * 1024 * 1024

_MOST_LINE_BYTES = MOST_ANSWER_BYTES  # what an answer outside of a batch may have
_NOT_REACHED = {"batch_expired", "batch_cancelled"}
_OK = 200
_SAID_CHARS = 300

Body = dict[str, Any]
_LineT = TypeVar("_LineT", bound=BaseModel)


def input_file(questions: Iterable[Question], body_of: Callable[[Question], Body]) -> bytes:
    """The input file that asks these questions.

    Raises:
        ValueError: one is asked twice, which would fail the whole batch, or there is none.
    """
    lines: dict[str, bytes] = {}
    for question in questions:
        accession = question.filing.accession
        if accession in lines:
            raise ValueError(f"{accession} is asked about twice in one batch")
        lines[accession] = _input_line(question, body_of)
    if not lines:
        raise ValueError("a batch asks at least one question")
    return b"".join(lines.values())


def split(
    questions: Sequence[Question], body_of: Callable[[Question], Body]
) -> Iterator[tuple[Question, ...]]:
    """The questions, in their order, as so many as go into one file each."""
    portion: list[Question] = []
    room = MOST_FILE_BYTES
    for question in questions:
        size = len(_input_line(question, body_of))
        if portion and (len(portion) == MOST_LINES or size > room):
            yield tuple(portion)
            portion, room = [], MOST_FILE_BYTES
        portion.append(question)
        room -= size
    if portion:
        yield tuple(portion)


def _input_line(question: Question, body_of: Callable[[Question], Body]) -> bytes:
    line = {
        "custom_id": question.filing.accession,
        "method": "POST",
        "url": ENDPOINT,
        "body": body_of(question),
    }
    return json.dumps(line).encode() + b"\n"


def lines_in(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a file that comes in pieces; of one that is too long an unreadable part.

    No more than the longest line that is read is held, and a piece.
    """
    held, too_long = b"", False
    for chunk in chunks:
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            yield held if too_long else held + end
            held, too_long = b"", False
        if not too_long:
            held += rest
            too_long = len(held) > _MOST_LINE_BYTES
            held = held[:1] if too_long else held
    yield held


class _Asked(BaseModel):
    custom_id: Accession


def ids_in(lines: Iterable[bytes]) -> frozenset[str]:
    """The ids of an input file's questions."""
    return frozenset(asked.custom_id for line in lines if (asked := _read(line, _Asked)))


class _Response(BaseModel):
    status_code: int = Field(ge=100, le=599)
    body: Any = None


class _Error(BaseModel):
    code: str | None = None
    message: str | None = None


class _ResultLine(BaseModel):
    custom_id: Accession
    response: _Response | None = None
    error: _Error | None = None


class Result(NamedTuple):
    """What a line of an output or error file says of one question.

    ``body`` is what the endpoint answered, with ``status``; 0: it answered nothing.
    """

    custom_id: str
    status: int
    body: bytes
    code: str
    message: str

    @property
    def is_answer(self) -> bool:
        """Whether a model answered, well or not."""
        return self.status == _OK

    @property
    def was_reached(self) -> bool:
        """Whether the question was put at all before the batch ended."""
        return bool(self.status) or self.code not in _NOT_REACHED


def result_in(line: bytes) -> Result | None:
    """The result in a line of an output or error file; None where it is none."""
    read = _read(line, _ResultLine)
    if read is None or (read.response is None and read.error is None):
        return None
    response, error = read.response, read.error or _Error()
    return Result(
        custom_id=read.custom_id,
        status=response.status_code if response else 0,
        body=json.dumps(response.body).encode() if response else b"",
        code=error.code or "",
        message=error.message or "",
    )


def failure_in(result: Result, *, secret: str) -> AnalystError:
    """The error of ours that a question which failed comes to, as in a call of its own."""
    accession = result.custom_id
    if not result.status:
        said = without(secret, f"{result.code}: {result.message}".encode()).decode()[:_SAID_CHARS]
        return AnalystUnavailable(
            f"{accession}: its batch ended without an answer to it ({said}); it can be asked"
            " again",
            subject=accession,
        )
    request = httpx2.Request("POST", f"http://batch{ENDPOINT}")
    response = httpx2.Response(result.status, content=result.body, request=request)
    told = _told_in(result.body)
    error = openai.APIStatusError(
        f"Error code: {result.status} - {_message_in(told)}",  # the SDK's words for a call
        response=response,
        body=told,
    )
    return failure_of(error, accession=accession, secret=secret)


def _told_in(body: bytes) -> object:
    said = json.loads(body)
    return said.get("error", said) if isinstance(said, dict) else said


def _message_in(told: object) -> object:
    return told.get("message") if isinstance(told, dict) else told


def _read(line: bytes, kind: type[_LineT]) -> _LineT | None:
    try:
        return kind.model_validate_json(line)
    except ValidationError:
        return None
