"""The lines of batch files, read and written without an endpoint."""

import itertools
import json

import pytest
from batch_questions import ACCESSIONS, KEY, QUESTIONS, analyst_at
from hypothesis import given
from hypothesis import strategies as st
from model_endpoint import GOOD, Endpoint

from blocks import model_batch_lines
from blocks.errors import AnalystError, AnalystRejected, AnalystUnavailable, AnswerRefused
from blocks.model_batch_lines import (
    Result,
    failure_in,
    ids_in,
    input_file,
    lines_in,
    result_in,
    split,
)
from blocks.models import Question

pytest_plugins = ("model_fixtures",)

ALL = tuple(QUESTIONS.values())
ID = ACCESSIONS[0]


def body_of(question: Question) -> dict[str, object]:
    return {"content": question.excerpt.text}


def test_a_line_asks_in_the_very_words_of_an_ordinary_call(endpoint: Endpoint) -> None:
    endpoint.script = [GOOD]
    analyst = analyst_at(endpoint.url)
    analyst.analyse(ALL[0])
    (line,) = input_file(ALL[:1], analyst.request_body).splitlines()
    analyst.close()
    assert json.loads(line) == {
        "custom_id": ID,
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": endpoint.asked[0],
    }


def test_an_input_file_tells_again_what_it_asks() -> None:
    content = input_file(ALL, body_of)
    assert content.count(b"\n") == len(ALL)
    assert ids_in(lines_in([content])) == set(ACCESSIONS)
    named = json.dumps({"custom_id": ID}).encode()
    odd = (b"{broken", b"[]", b'{"custom_id": 7}', b'{"custom_id": "../a"}')
    assert ids_in([*odd, named]) == {ID}


@pytest.mark.parametrize("questions", [(ALL[0], ALL[1], ALL[0]), ()])
def test_a_file_the_endpoint_would_fail_whole_is_not_made(
    questions: tuple[Question, ...],
) -> None:
    with pytest.raises(ValueError, match="batch"):
        input_file(questions, body_of)


@given(
    st.lists(st.integers(0, 400), max_size=12),
    st.integers(1, 5),
    st.integers(200, 900),
)
def test_questions_are_split_in_order_within_both_bounds(
    sizes: list[int], most_lines: int, most_bytes: int
) -> None:
    questions = [ALL[0].model_copy(update={"ticker": "x" * size}) for size in sizes]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model_batch_lines, "MOST_LINES", most_lines)
        patch.setattr(model_batch_lines, "MOST_FILE_BYTES", most_bytes)
        portions = list(split(questions, lambda question: {"x": question.ticker}))
    assert [question for portion in portions for question in portion] == questions
    for portion in portions:
        length = sum(
            len(input_file([question], lambda question: {"x": question.ticker}))
            for question in portion
        )
        assert 1 <= len(portion) <= most_lines
        assert length <= most_bytes or len(portion) == 1


def test_the_bounds_of_a_file_are_within_the_endpoints() -> None:
    assert model_batch_lines.MOST_LINES <= 50_000
    assert model_batch_lines.MOST_FILE_BYTES <= 200_000_000


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=6))
def test_lines_are_the_same_in_whatever_pieces_they_come(content: bytes, cuts: list[int]) -> None:
    ends = sorted({min(cut, len(content)) for cut in cuts} | {0, len(content)})
    pieces = [content[start:end] for start, end in itertools.pairwise(ends)]
    assert list(lines_in(pieces)) == content.split(b"\n")


@pytest.mark.parametrize("piece_bytes", [1, 7, 64, 5_000])
def test_a_line_that_is_too_long_touches_only_itself(
    piece_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_batch_lines, "_MOST_LINE_BYTES", 100)
    good = json.dumps({"custom_id": ID, "response": {"status_code": 200, "body": {}}}).encode()
    content = b"\n".join([good, b'{"custom_id": "b"' + b" " * 3_000, good, b""])
    pieces = [content[at : at + piece_bytes] for at in range(0, len(content), piece_bytes)]
    read = [line for line in lines_in(pieces) if line]
    assert len(read) == 3
    assert [result_in(line) is not None for line in read] == [True, False, True]
    assert max(map(len, lines_in(pieces))) < 100 + piece_bytes


@pytest.mark.parametrize(
    "line",
    [
        b"{broken",
        b"\xff\xfe",
        b"[" * 100_000,
        b"null",
        b"[]",
        b"{}",
        b'{"custom_id": "", "error": {"code": "x"}}',
        b'{"custom_id": 1, "error": {"code": "x"}}',
        b'{"custom_id": "a"}',
        b'{"custom_id": "a", "response": null, "error": null}',
        b'{"custom_id": "a", "response": {"status_code": 1e9, "body": {}}}',
        b'{"custom_id": "a", "response": {"body": {}}}',
        b'{"custom_id": "a", "response": "fine"}',
    ],
)
def test_a_line_that_is_no_result_is_none(line: bytes) -> None:
    assert result_in(line) is None


def test_a_result_is_read_as_it_stands() -> None:
    answered = {
        "id": "batch_req_1",
        "custom_id": ID,
        "response": {"status_code": 200, "request_id": "r", "body": {"choices": [1.5, "\u00fc"]}},
        "error": None,
    }
    result = result_in(json.dumps(answered).encode())
    assert result is not None
    assert (result.custom_id, result.is_answer, result.was_reached) == (ID, True, True)
    assert json.loads(result.body) == {"choices": [1.5, "\u00fc"]}


def test_a_question_that_was_not_reached_is_told_from_one_that_failed() -> None:
    reached = {}
    for code in ("batch_expired", "batch_cancelled", "server_error"):
        line = {"custom_id": ID, "response": None, "error": {"code": code, "message": "no"}}
        result = result_in(json.dumps(line).encode())
        assert result is not None
        assert not result.is_answer
        reached[code] = result.was_reached
    assert reached == {"batch_expired": False, "batch_cancelled": False, "server_error": True}


def failed(status: int, **error: object) -> Result:
    return Result(ID, status, json.dumps({"error": error}).encode(), "", "")


@pytest.mark.parametrize(
    ("result", "kind", "cost_usd"),
    [
        (failed(429, code="rate_limit_exceeded"), AnalystUnavailable, 0.0),
        (failed(429, code="insufficient_quota"), AnalystRejected, 0.0),
        (failed(500, message="oops"), AnalystUnavailable, 0.0),
        (failed(504, message="oops"), AnalystUnavailable, None),
        (failed(404, code="model_not_found"), AnalystRejected, 0.0),
        (failed(400, code="context_length_exceeded"), AnswerRefused, 0.0),
        (failed(400, message="odd"), AnswerRefused, 0.0),
        (Result(ID, 502, b'"a page"', "", ""), AnalystUnavailable, 0.0),
        (Result(ID, 0, b"", "server_error", f"{KEY} broke"), AnalystUnavailable, 0.0),
    ],
)
def test_a_failed_line_is_named_as_a_failed_call_is(
    result: Result, kind: type[AnalystError], cost_usd: float | None
) -> None:
    failure = failure_in(result, secret=KEY)
    assert isinstance(failure, kind)
    assert (failure.subject, failure.cost_usd) == (ID, cost_usd)
    assert str(failure).startswith(f"{ID}: ")
    assert KEY not in str(failure)
