"""A chat-completions endpoint on loopback that answers by a script, and an analyst to ask it."""

import json
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from blocks.analyst import Analyst
from blocks.errors import AnalystError
from blocks.models import Excerpt, Filing, FoundBy, Party, Question, Reply

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
    """One scripted answer of the server. Status 0: it hangs up instead.

    ``withheld`` bytes are announced and never sent; ``drip_s`` sends a space
    each so many seconds until the client hangs up.
    """

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    delay_s: float = 0.0
    withheld: int = 0
    drip_s: float = 0.0


class Endpoint(ThreadingHTTPServer):
    """Gives its scripted answers in order, the last one for ever; keeps what it was asked."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, *, listening: bool = True) -> None:
        super().__init__(("127.0.0.1", 0), _Handler, bind_and_activate=False)
        self.server_bind()
        if listening:
            self.server_activate()
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
        if answer.status:
            self._give(answer)

    def _give(self, answer: Answering) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body) + answer.withheld))
        self.end_headers()
        self.wfile.write(answer.body)
        while answer.drip_s:
            self.wfile.write(b" ")
            time.sleep(answer.drip_s)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # as in the base
        """Keep the test output clean."""


Make = Callable[..., Analyst]


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
    status: int,
    code: str | None = None,
    message: str = "no",
    *,
    headers: Mapping[str, str] = MappingProxyType({}),
    **details: object,
) -> Answering:
    """An error in the shape the API gives it."""
    body = {"error": {"message": message, "code": code, "type": "x", "param": None} | details}
    return Answering(status, json.dumps(body).encode(), tuple(headers.items()))


def ask(analyst: Analyst) -> Reply:
    return analyst.analyse(Question(filing=FILING, excerpt=EXCERPT))


def failure(analyst: Analyst, kind: type[AnalystError]) -> AnalystError:
    with pytest.raises(kind, match=ACCESSION) as caught:
        ask(analyst)
    assert type(caught.value) is kind
    assert caught.value.subject == ACCESSION
    assert KEY not in "".join(traceback.format_exception(caught.value))
    return caught.value
