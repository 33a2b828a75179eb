"""Failures of a real endpoint on loopback: named, priced, and tried again only if unbilled."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx2
import openai
import pytest
from model_endpoint import (
    ACCESSION,
    ANSWER,
    GOOD,
    KEY,
    PRICE_USD,
    Answering,
    Endpoint,
    Make,
    ask,
    completion,
    failing,
    failure,
)

from blocks.errors import (
    AnalystError,
    AnalystRejected,
    AnalystUnavailable,
    AnswerInvalid,
    AnswerRefused,
    AnswerTruncated,
    QuestionTooLong,
)
from blocks.model_failures import failure_of, retry_in
from blocks.model_http import MOST_ANSWER_BYTES

pytest_plugins = ("model_fixtures",)


@pytest.mark.parametrize(
    ("answering", "kind", "cost_usd"),
    [
        (failing(401, "invalid_api_key", f"Incorrect key {KEY}"), AnalystRejected, 0.0),
        (failing(403, None, f"{KEY} may not"), AnalystRejected, 0.0),
        (failing(402, None, "pay first"), AnalystRejected, 0.0),
        (failing(404, "model_not_found"), AnalystRejected, 0.0),
        (failing(400, "unsupported_value"), AnalystRejected, 0.0),
        (failing(405), AnalystRejected, 0.0),
        (failing(400, "unsupported_parameter"), AnalystRejected, 0.0),
        (failing(400, "unknown_parameter"), AnalystRejected, 0.0),
        (failing(400, None, param="response_format.json_schema"), AnalystRejected, 0.0),
        (failing(400, None, param="messages[1].content"), AnswerRefused, 0.0),
        (failing(400, "context_length_exceeded", param="messages"), QuestionTooLong, 0.0),
        (failing(400, "string_above_max_length"), QuestionTooLong, 0.0),
        (failing(400, "invalid_prompt"), AnswerRefused, 0.0),
        (failing(400), AnswerRefused, 0.0),
        (failing(413), QuestionTooLong, 0.0),
        (failing(422), AnswerRefused, 0.0),
        (Answering(400, b"<html>bad request</html>"), AnswerRefused, 0.0),
        (failing(403, "403", metadata={"flagged_input": "x"}), AnswerRefused, 0.0),
        (failing(429, "insufficient_quota"), AnalystRejected, 0.0),
        (failing(307, headers={"Location": "http://127.0.0.1:9/v1"}), AnalystRejected, 0.0),
        (failing(400, "content_policy_violation"), AnswerRefused, 0.0),
        (failing(429, "rate_limit_exceeded", f"slow {KEY}"), AnalystUnavailable, 0.0),
        (failing(500), AnalystUnavailable, 0.0),
        (failing(503), AnalystUnavailable, 0.0),
        (failing(408), AnalystUnavailable, None),
        (failing(504), AnalystUnavailable, None),
        (failing(524), AnalystUnavailable, None),
        (Answering(502, b"<html>bad gateway</html>"), AnalystUnavailable, 0.0),
        (Answering(403, b"<html>blocked</html>"), AnalystUnavailable, 0.0),
        (Answering(200, b"\n<html>login</html>"), AnalystUnavailable, 0.0),
        (Answering(200, b'{"choices": [{"mess'), AnswerInvalid, None),
        (Answering(200, b'{"choices": []}'), AnswerInvalid, None),
        (Answering(200, b'{"object": "list"}'), AnswerInvalid, None),
        (Answering(200, b""), AnswerInvalid, None),
        (completion(refusal="I cannot."), AnswerRefused, PRICE_USD),
        (completion(finish_reason="content_filter"), AnswerRefused, PRICE_USD),
        (completion('{"summ', finish_reason="length"), AnswerTruncated, PRICE_USD),
        (completion("no json"), AnswerInvalid, PRICE_USD),
        (completion(None), AnswerInvalid, PRICE_USD),
        (completion(json.dumps(ANSWER | {"sentiment": 7})), AnswerInvalid, PRICE_USD),
    ],
)
def test_each_failure_has_its_name_and_its_cost(
    endpoint: Endpoint,
    make: Make,
    answering: Answering,
    kind: type[AnalystError],
    cost_usd: float | None,
) -> None:
    endpoint.script = [answering]
    assert failure(make(), kind).cost_usd == pytest.approx(cost_usd)
    assert len(endpoint.asked) == 1


@pytest.mark.parametrize(
    ("answering", "kind", "remedy"),
    [
        (failing(401), AnalystRejected, "api_key"),
        (failing(404), AnalystRejected, "model and base_url"),
        (failing(402), AnalystRejected, "credit"),
        (failing(429, "insufficient_quota"), AnalystRejected, "credit"),
        (failing(400, "context_length_exceeded"), QuestionTooLong, "excerpt budget"),
        (failing(413), QuestionTooLong, "excerpt budget"),
        (Answering(200, b"<html>"), AnalystUnavailable, "base_url"),
        (failing(400, message="no json_schema"), AnalystRejected, "response_format to object"),
        (failing(400, message="what is reasoning_effort"), AnalystRejected, "to unset"),
        (failing(400, param="max_tokens"), AnalystRejected, "output_limit"),
        (failing(400, "content_filter"), AnswerRefused, "content filter"),
        (failing(422), AnswerRefused, "EDGAR"),
        (failing(503), AnalystUnavailable, "next run"),
    ],
)
def test_a_failure_says_what_to_do(
    endpoint: Endpoint, make: Make, answering: Answering, kind: type[AnalystError], remedy: str
) -> None:
    endpoint.script = [answering]
    assert remedy in str(failure(make(), kind))


SOON = {"retry-after-ms": "10"}


@pytest.mark.parametrize("status", [409, 425, 429, 500, 502, 503, 529])
def test_what_was_surely_not_billed_is_tried_again(
    endpoint: Endpoint, make: Make, status: int
) -> None:
    endpoint.script = [failing(status, headers=SOON), failing(status, headers=SOON), GOOD]
    assert ask(make(max_retries=2)).cost_usd == pytest.approx(PRICE_USD)
    assert len(endpoint.asked) == 3


def test_no_log_of_a_repeated_try_shows_the_key(
    endpoint: Endpoint, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint.script = [failing(429, None, f"{KEY} is too fast", headers=SOON), GOOD]
    with caplog.at_level("INFO"):
        ask(make(max_retries=1))
    logged = str([vars(record) for record in caplog.records])  # stamina logs in extra fields
    assert "is too fast" in logged
    assert KEY not in logged


def test_tries_end_with_max_retries(endpoint: Endpoint, make: Make) -> None:
    endpoint.script = [failing(500, headers=SOON)]
    assert failure(make(max_retries=1), AnalystUnavailable).cost_usd == 0.0
    assert len(endpoint.asked) == 2


@pytest.mark.parametrize(
    "answering",
    [
        GOOD._replace(delay_s=0.5),
        GOOD._replace(withheld=10),
        Answering(0),
        failing(408, headers=SOON),
        failing(504, headers=SOON),
        failing(504, headers={"x-should-retry": "true"}),
        failing(520, headers=SOON),
        failing(524, headers=SOON),
    ],
    ids=["silence", "cut short", "hung up", "408", "504", "504 retry", "520", "524"],
)
def test_what_may_have_been_billed_is_never_asked_twice(
    endpoint: Endpoint, make: Make, answering: Answering
) -> None:
    endpoint.script = [answering]
    analyst = make(max_retries=2, timeout_s=0.2)
    assert failure(analyst, AnalystUnavailable).cost_usd is None
    assert len(endpoint.asked) == 1


@pytest.mark.parametrize(
    ("answering", "tries"),
    [
        (failing(429, "insufficient_quota", headers=SOON), 1),
        (failing(500, headers={"x-should-retry": "false"}), 1),
        (failing(400, headers=SOON), 1),
        (failing(400, headers=SOON | {"x-should-retry": "true"}), 2),
        (failing(429, headers={"retry-after": "121"}), 1),
        (failing(429, headers={"retry-after-ms": "120001"}), 1),
        (failing(503, headers={"retry-after": "Fri, 01 Jan 2100 00:00:00 GMT"}), 1),
        (failing(503, headers={"retry-after": "Fri, 01 Jan 2010 00:00:00 GMT"}), 2),
        (failing(503, headers={"retry-after": "0.01"}), 2),
        (failing(503, headers={"retry-after": "soon"}), 2),
    ],
)
def test_the_endpoint_says_whether_and_when_to_ask_again(
    endpoint: Endpoint, make: Make, answering: Answering, tries: int
) -> None:
    endpoint.script = [answering]
    began = time.monotonic()
    with pytest.raises(AnalystError):
        ask(make(max_retries=1))
    assert len(endpoint.asked) == tries
    assert time.monotonic() - began < 3


def test_an_endpoint_that_is_not_up_yet_is_asked_again(make: Make) -> None:
    late = Endpoint(listening=False)
    late.script = [GOOD]
    thread = threading.Thread(target=late.serve_forever, args=(0.02,))
    opening = threading.Timer(0.2, late.server_activate)
    opening.start()
    try:
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(ask, make(base_url=late.url, max_retries=2))
            opening.join()
            thread.start()
            assert asked.result().model_calls == 1
    finally:
        late.shutdown()
        thread.join()
        late.server_close()


def broken(cause: type[httpx2.RequestError]) -> openai.APIConnectionError:
    """The SDK's error for a failure of the connection."""
    error = openai.APIConnectionError(request=httpx2.Request("POST", "http://127.0.0.1/v1"))
    error.__cause__ = cause("no")
    return error


@pytest.mark.parametrize(
    "cause",
    [httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError],
)
def test_a_connection_that_never_came_about_is_free_and_tried_again(
    cause: type[httpx2.RequestError],
) -> None:
    assert retry_in(broken(cause)) is True
    assert failure_of(broken(cause), accession=ACCESSION, secret="").cost_usd == 0.0


@pytest.mark.parametrize(
    "cause",
    [
        httpx2.ReadTimeout,
        httpx2.WriteTimeout,
        httpx2.ReadError,
        httpx2.WriteError,
        httpx2.RemoteProtocolError,
        httpx2.DecodingError,
    ],
)
def test_a_connection_that_broke_may_be_billed_and_is_not_tried_again(
    cause: type[httpx2.RequestError],
) -> None:
    assert retry_in(broken(cause)) is False
    assert failure_of(broken(cause), accession=ACCESSION, secret="").cost_usd is None


def test_an_address_where_nobody_listens_costs_nothing(make: Make) -> None:
    analyst = make(base_url="http://127.0.0.1:9/v1")
    assert failure(analyst, AnalystUnavailable).cost_usd == 0.0


@pytest.mark.parametrize("status", [200, 500])
def test_an_answer_that_drips_in_is_given_up_at_three_times_the_timeout(
    endpoint: Endpoint, make: Make, status: int
) -> None:
    endpoint.script = [Answering(status, withheld=10_000, drip_s=0.05)]
    began = time.monotonic()
    assert failure(make(timeout_s=0.2, max_retries=2), AnalystUnavailable).cost_usd is None
    assert 0.5 < time.monotonic() - began < 3
    assert len(endpoint.asked) == 1


def test_an_answer_without_end_is_cut_off(endpoint: Endpoint, make: Make) -> None:
    endpoint.script = [Answering(200, b" " * (MOST_ANSWER_BYTES + 1))]
    error = failure(make(max_retries=2), AnswerInvalid)
    assert error.cost_usd is None
    assert "8,388,608 bytes" in str(error)
    assert len(endpoint.asked) == 1
