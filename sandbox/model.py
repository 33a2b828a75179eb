"""A stand-in for an OpenAI-compatible endpoint over real HTTP on loopback."""

import itertools
import json
import time
from collections import Counter
from dataclasses import replace

from sandbox.batches import Batches
from sandbox.completions import (
    Question,
    completion,
    error,
    json_response,
    question_in,
)
from sandbox.faults import Fault, Faults
from sandbox.ledger import Call, Ledger
from sandbox.loopback import LoopbackServer, Request, Response
from sandbox.uploads import Uploads

DEFAULT_MODEL = "gpt-6-luna"


class StandInModel(LoopbackServer):
    """Answers chat completions from the prompt alone, the same every time; a context manager.

    Every completion asked for, alone or in a batch, is written to ``ledger`` and
    may meet one of ``faults``, whose ``match`` is looked for in the accession
    number. Requests about ``uploads`` and ``batches`` may meet one of
    ``batch_faults``, which look for it in method and path. ``clock_offset_s``
    moves the clock by which files and batches are dated.

    Args:
        latency_s: How long every request takes.
        cached_tokens: How many prompt tokens each answer reports as cached.
        models: What ``GET /v1/models`` lists; any other name is answered too.
    """

    def __init__(
        self,
        *,
        latency_s: float = 0.0,
        cached_tokens: int = 0,
        models: tuple[str, ...] = (DEFAULT_MODEL,),
    ) -> None:
        super().__init__()
        self.latency_s = latency_s
        self.cached_tokens = cached_tokens
        self.models = models
        self.ledger: Ledger[Call] = Ledger()
        self.faults = Faults()
        self.batch_faults = Faults()
        self.clock_offset_s = 0
        self.uploads = Uploads(self._now_s)
        self.batches = Batches(self.uploads, self._completed, self._now_s)
        self._numbers = itertools.count(1)

    @property
    def url(self) -> str:
        """The base URL for clients, ending in ``/v1``."""
        return f"{super().url}/v1"

    @property
    def calls(self) -> Counter[str]:
        """How often each accession number was asked about, answered or not."""
        return Counter(call.accession for call in self.ledger)

    @property
    def paid_calls(self) -> Counter[str]:
        """How often each accession number was paid for."""
        return Counter(call.accession for call in self.ledger if call.paid)

    def answer(self, request: Request) -> Response:
        """Answer one request; a completion asked for is written down."""
        response = self._routed(request)
        return replace(response, delay_s=response.delay_s + self.latency_s)

    def _routed(self, request: Request) -> Response:
        if not str(request.headers.get("Authorization", "")).startswith("Bearer "):
            return error(401, "invalid_request_error", "No API key was provided", None)
        if (request.method, request.path) == ("GET", "/v1/models"):
            return json_response(
                {"object": "list", "data": [_listed(name) for name in self.models]}
            )
        if (request.method, request.path) == ("POST", "/v1/chat/completions"):
            return self._completed(request.body)
        unknown = error(404, "invalid_request_error", f"Unknown URL {request.path}", "unknown_url")
        return self._batched(request) or unknown

    def _batched(self, request: Request) -> Response | None:
        fault = self.batch_faults.take(f"{request.method} {request.path}")
        if fault and fault.replaces:
            return fault.spoil(Response())
        response = self.uploads.answer(request) or self.batches.answer(request)
        return fault.spoil(response) if fault and response else response

    def _completed(self, body: bytes, batch_id: str = "") -> Response:
        try:
            question = question_in(body)
        except ValueError as reason:
            return error(400, "invalid_request_error", str(reason), None)
        at_s, fault = time.monotonic(), self.faults.take(question.accession)
        if fault and fault.replaces:
            self._write_down(at_s, question, fault, None, batch_id)
            return fault.spoil(Response())
        normal = completion(question, next(self._numbers), int(time.time()), self.cached_tokens)
        self._write_down(at_s, question, fault, normal, batch_id)
        return fault.spoil(normal) if fault else normal

    def _write_down(
        self,
        at_s: float,
        question: Question,
        fault: Fault | None,
        normal: Response | None,
        batch_id: str,
    ) -> None:
        usage = json.loads(normal.body)["usage"] if normal else {}
        self.ledger.add(
            Call(
                at_s=at_s,
                accession=question.accession,
                model=question.model,
                prompt_tokens=usage.get("prompt_tokens", 0),
                completion_tokens=usage.get("completion_tokens", 0),
                kind=fault.name if fault else "answer",
                paid=normal is not None,
                batch=batch_id,
            )
        )

    def _now_s(self) -> int:
        return int(time.time()) + self.clock_offset_s


def _listed(name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "sandbox"}
