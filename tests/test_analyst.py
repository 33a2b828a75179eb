"""The analyst against a real server on loopback, through the real openai client."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import pytest
from pydantic import SecretStr, ValidationError

from blocks.analyst import Analyst
from blocks.errors import (
    AnalystError,
    AnalystRejected,
    AnalystUnavailable,
    AnswerInvalid,
    AnswerRefused,
    AnswerTruncated,
)
from blocks.models import Excerpt, Filing, FoundBy, Party, Reply

ACCESSION = "0001213900-25-032135"
KEY = "sk-very-secret"
FILING = Filing(
    accession=ACCESSION,
    form="8-K",
    parties=(Party(cik=1, name="Example Corp", role="Filer"),),
    found_by=FoundBy.FEED,
)
EXCERPT = Excerpt(
    text="The Company received a notice of default.", parts=("8-K",), tokens=1_000, shortened=False
)
ANSWER = {
    "catalysts": [{"kind": "default", "quote": "received a notice of default"}],
    "summary": "A lender gave notice of default.",
    "sentiment": -0.6,
    "confidence": 0.7,
    "risk_level": "high",
    "deal_size_usd": None,
    "dilution_pct": None,
    "has_warrants": None,
}
USAGE = {
    "prompt_tokens": 10_000,
    "completion_tokens": 1_000,
    "total_tokens": 11_000,
    "prompt_tokens_details": {"cached_tokens": 4_000, "cache_write_tokens": 2_000},
}
# gpt-6-luna, per million: $0.10 in, $0.01 cached, $0.125 written to the cache, $0.50 out
PRICE_USD = (4_000 * 0.10 + 4_000 * 0.01 + 2_000 * 0.125 + 1_000 * 0.50) / 1_000_000


class Answering(NamedTuple):
    """One scripted answer of the server."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    delay_s: float = 0.0


class Endpoint(ThreadingHTTPServer):
    """Gives its scripted answers in order, the last one for ever; keeps what it was asked."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script: list[Answering] = []
        self.asked: list[dict[str, Any]] = []
        self.headers_seen: list[dict[str, str]] = []
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hung up is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.asked.append(asked)
            self.server.headers_seen.append({k.lower(): v for k, v in self.headers.items()})
            script = self.server.script
            answer = script.pop(0) if len(script) > 1 else script[0]
        time.sleep(answer.delay_s)
        self.send_response(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # as in the base
        """Keep the test output clean."""


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


Make = Callable[..., Analyst]


@pytest.fixture
def make(endpoint: Endpoint) -> Iterator[Make]:
    made: list[Analyst] = []

    def analyst(**changes: object) -> Analyst:
        fields = {
            "api_key": SecretStr(KEY),
            "base_url": endpoint.url,
            "price_provider": "openai",
            "max_retries": 0,
        }
        made.append(Analyst.model_validate(fields | changes))
        return made[-1]

    yield analyst
    for one in made:
        one.close()


def completion(
    content: str | None = None,
    *,
    finish_reason: str = "stop",
    refusal: str | None = None,
    usage: object = USAGE,
) -> Answering:
    message = {"role": "assistant", "content": content, "refusal": refusal}
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-6-luna",
        "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}],
        "usage": usage,
    }
    return Answering(body=json.dumps(body).encode())


GOOD = completion(json.dumps(ANSWER))


def failing(
    status: int, code: str | None = None, message: str = "no", **headers: str
) -> Answering:
    body = {"error": {"message": message, "code": code, "type": "x", "param": None}}
    return Answering(status, json.dumps(body).encode(), tuple(headers.items()))


def ask(analyst: Analyst) -> Reply:
    return analyst.analyse(FILING, EXCERPT, period=None)


def failure(analyst: Analyst, kind: type[AnalystError]) -> AnalystError:
    with pytest.raises(kind, match=ACCESSION) as caught:
        ask(analyst)
    assert type(caught.value) is kind
    assert caught.value.subject == ACCESSION
    assert KEY not in str(caught.value)
    return caught.value


def test_an_answer_comes_back_checked_and_priced(endpoint: Endpoint, make: Make) -> None:
    endpoint.script = [GOOD]
    reply = ask(make())
    assert reply.analysis.catalysts[0].verified
    assert reply.model == "gpt-6-luna"
    assert reply.model_calls == 1
    assert reply.usage.cached_input_tokens == 4_000
    assert reply.cost_usd == pytest.approx(PRICE_USD)


def test_the_question_is_asked_as_openais_reasoning_models_want_it(
    endpoint: Endpoint, make: Make
) -> None:
    endpoint.script = [GOOD]
    ask(make(max_output_tokens=999))
    (asked,) = endpoint.asked
    assert [message["role"] for message in asked["messages"]] == ["system", "user"]
    assert f"Accession number: {ACCESSION}" in asked["messages"][1]["content"]
    assert asked["response_format"]["json_schema"]["strict"] is True
    assert asked["reasoning_effort"] == "low"
    assert asked["max_completion_tokens"] == 999
    assert "max_tokens" not in asked
    assert endpoint.headers_seen[0]["authorization"] == f"Bearer {KEY}"


def test_a_compatible_server_is_asked_in_the_words_it_knows(
    endpoint: Endpoint, make: Make
) -> None:
    endpoint.script = [GOOD]
    reply = ask(make(model="qwen2.5-7b", api_key=None, price_provider=None))
    (asked,) = endpoint.asked
    assert asked["max_tokens"] == 4_000
    assert "max_completion_tokens" not in asked
    assert "reasoning_effort" not in asked
    assert endpoint.headers_seen[0]["authorization"] == "Bearer not-needed"
    assert reply.cost_usd is None


def test_the_environment_names_no_other_endpoint(
    endpoint: Endpoint, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/elsewhere")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-other")
    endpoint.script = [GOOD]
    ask(make())
    assert endpoint.headers_seen[0]["authorization"] == f"Bearer {KEY}"
    assert Analyst().name == "rules"


@pytest.mark.parametrize("usage", [None, {"prompt_tokens": 0, "completion_tokens": 0}])
def test_a_cost_that_is_not_known_is_never_zero(
    endpoint: Endpoint, make: Make, usage: object
) -> None:
    endpoint.script = [completion(json.dumps(ANSWER), usage=usage)]
    assert ask(make()).cost_usd is None


def test_a_model_without_a_price_has_an_unknown_cost(endpoint: Endpoint, make: Make) -> None:
    endpoint.script = [GOOD]
    analyst = make(model="house-model")
    assert ask(analyst).cost_usd is None
    assert analyst.worst_case_cost_usd(EXCERPT) is None


@pytest.mark.parametrize(
    ("answering", "kind", "cost_usd"),
    [
        (failing(401, "invalid_api_key", f"Incorrect key {KEY}"), AnalystRejected, 0.0),
        (failing(403, None, f"{KEY} may not"), AnalystRejected, 0.0),
        (failing(402, None, "pay first"), AnalystRejected, 0.0),
        (failing(404, "model_not_found"), AnalystRejected, 0.0),
        (failing(400, "unsupported_value"), AnalystRejected, 0.0),
        (failing(400, "context_length_exceeded"), AnalystRejected, 0.0),
        (failing(429, "insufficient_quota"), AnalystRejected, 0.0),
        (failing(307, None, Location="http://127.0.0.1:9/v1"), AnalystRejected, 0.0),
        (failing(400, "content_policy_violation"), AnswerRefused, 0.0),
        (failing(429, "rate_limit_exceeded", f"slow {KEY}"), AnalystUnavailable, 0.0),
        (failing(500), AnalystUnavailable, 0.0),
        (failing(503), AnalystUnavailable, 0.0),
        (failing(504), AnalystUnavailable, None),
        (Answering(502, b"<html>bad gateway</html>"), AnalystUnavailable, 0.0),
        (Answering(200, b"<html>login</html>"), AnswerInvalid, None),
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


def test_a_rejection_says_what_to_do(endpoint: Endpoint, make: Make) -> None:
    for answering, remedy in (
        (failing(401), "api_key"),
        (failing(404), "model and base_url"),
        (failing(429, "insufficient_quota"), "credit"),
        (failing(400, "context_length_exceeded"), "excerpt budget"),
    ):
        endpoint.script = [answering]
        assert remedy in str(failure(make(), AnalystRejected))


def test_a_passing_failure_is_tried_again_when_the_server_says(
    endpoint: Endpoint, make: Make
) -> None:
    wait = {"retry-after-ms": "10"}
    endpoint.script = [failing(429, None, **wait), failing(500, None, **wait), GOOD]
    assert ask(make(max_retries=2)).analysis.sentiment == -0.6
    assert len(endpoint.asked) == 3


def test_a_slow_answer_is_given_up_with_its_cost_unknown(endpoint: Endpoint, make: Make) -> None:
    endpoint.script = [GOOD._replace(delay_s=0.5)]
    assert failure(make(timeout_s=0.1), AnalystUnavailable).cost_usd is None


def test_an_address_where_nobody_listens_costs_nothing(endpoint: Endpoint, make: Make) -> None:
    endpoint.script = [GOOD]
    analyst = make(base_url="http://127.0.0.1:9/v1")
    assert failure(analyst, AnalystUnavailable).cost_usd == 0.0


def test_one_block_serves_many_threads_at_once(endpoint: Endpoint, make: Make) -> None:
    endpoint.script = [GOOD._replace(delay_s=0.2)]
    analyst = make(timeout_s=20)
    with ThreadPoolExecutor(40) as pool:
        replies = list(pool.map(lambda _: ask(analyst), range(80)))
    assert len(replies) == len(endpoint.asked) == 80


def test_with_neither_key_nor_address_the_rules_answer_and_say_so() -> None:
    for key in (None, SecretStr(""), SecretStr("  ")):
        analyst = Analyst(api_key=key)
        reply = ask(analyst)
        assert analyst.name == reply.model == "rules"
        assert reply.model_calls == 0
        assert reply.cost_usd == analyst.worst_case_cost_usd(EXCERPT) == 0.0
        assert reply.analysis.catalysts[0].kind == "default"


def test_no_answer_costs_more_than_the_worst_case_says(endpoint: Endpoint, make: Make) -> None:
    endpoint.script = [GOOD]
    once = make(max_output_tokens=1_000).worst_case_cost_usd(EXCERPT)
    thrice = make(max_output_tokens=1_000, max_retries=2).worst_case_cost_usd(EXCERPT)
    assert once is not None
    assert thrice == pytest.approx(3 * once)
    # the excerpt written to the cache, and a full answer, are in it
    assert once > (1_000 * 0.125 + 1_000 * 0.50) / 1_000_000


def test_the_default_model_has_a_known_price_and_costs_about_a_tenth_of_a_cent() -> None:
    analyst = Analyst(api_key=SecretStr(KEY), max_retries=0)
    worst_usd = analyst.worst_case_cost_usd(EXCERPT.model_copy(update={"tokens": 6_000}))
    analyst.close()
    assert worst_usd is not None
    assert 0.001 < worst_usd < 0.01


def test_the_fingerprint_follows_what_shapes_an_answer_and_nothing_else(make: Make) -> None:
    first = make().fingerprint(6_000)
    assert len(first) == 16
    assert int(first, 16) >= 0
    for same in (
        {"api_key": SecretStr("sk-2")},
        {"timeout_s": 5},
        {"max_retries": 3},
        {"max_output_tokens": 9_000},
        {"price_provider": None},
        {"base_url": "http://127.0.0.1:1/v1"},
    ):
        assert make(**same).fingerprint(6_000) == first
    others = {
        make().fingerprint(6_001),
        make(model="gpt-6-sol").fingerprint(6_000),
        make(base_url="http://127.0.0.2:1/v1").fingerprint(6_000),
        Analyst().fingerprint(6_000),
        Analyst().fingerprint(6_001),
    }
    assert len(others | {first}) == 6


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("base_url", "localhost:8000/v1"),
        ("base_url", "ftp://127.0.0.1/v1"),
        ("base_url", "http://user:pw@127.0.0.1/v1"),
        ("base_url", "http://127.0.0.1/v1?key=x"),
        ("price_provider", "nobody"),
        ("model", ""),
        ("timeout_s", 0),
        ("max_retries", -1),
        ("max_output_tokens", 10),
    ],
)
def test_a_bad_setting_is_refused_at_construction(field: str, value: object) -> None:
    with pytest.raises(ValidationError, match=field):
        Analyst.model_validate({field: value})


def test_the_key_is_shown_nowhere(make: Make) -> None:
    analyst = make()
    assert KEY not in repr(analyst)
    assert KEY not in analyst.model_dump_json()


def test_every_field_explains_itself() -> None:
    assert all(field.description for field in Analyst.model_fields.values())
