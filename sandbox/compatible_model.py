"""A stand-in for compatible servers of other makers, asked and answering in their way."""

import json
import time
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

from sandbox.completions import error, question_in, tokens
from sandbox.ledger import Call
from sandbox.loopback import Request, Response
from sandbox.model import StandInModel

Body = dict[str, Any]
_OPENAI_PATH = "/v1/chat/completions"
_SCHEMA_STARTS = '{"type": "object"'
_NO_PATH = error(404, "not_found", "404 page not found", None)


@dataclass(frozen=True)
class Family:
    """A kind of server.

    ``formats`` are the response formats it takes, ``no_format`` what it says to
    another. ``overflow`` makes its error of the tokens that were sent and the
    window; None: it cuts the question and says nothing. ``counts_the_answer``:
    the limit on the answer has to fit the window as well.
    """

    name: str
    formats: frozenset[str]
    no_format: Response
    overflow: Callable[[int, int], Response] | None
    dress: Callable[[Body], Body] = lambda body: body
    no_path: Response = _NO_PATH
    base_path: str = "/v1"
    needs_key: bool = False
    counts_the_answer: bool = False


class CompatibleModel(StandInModel):
    """A server of some family; asked, and answering, as that family does.

    Args:
        family: Which.
        context_tokens: Its window: as many tokens as a question may have.
    """

    def __init__(self, family: Family, *, context_tokens: int = 128_000) -> None:
        super().__init__()
        self.family = family
        self.context_tokens = context_tokens

    @property
    def url(self) -> str:
        """The base URL for clients, up to and with the family's path."""
        return super().url.removesuffix("/v1") + self.family.base_path

    def answer(self, request: Request) -> Response:
        """Answer as the family does; what it refuses is in the ledger as ``refused``."""
        if request.path != f"{self.family.base_path}/chat/completions":
            return self.family.no_path
        asked = json.loads(request.body)
        refused = self._refused(request, asked)
        if refused is not None:
            return refused
        response = super().answer(self._as_openai_is_asked(request, asked))
        if response.status != 200:  # noqa: PLR2004
            return response
        return replace(
            response, body=json.dumps(self.family.dress(json.loads(response.body))).encode()
        )

    def _refused(self, request: Request, asked: Body) -> Response | None:
        question = question_in(request.body)
        sent = tokens(sum(len(text) for _, text in question.messages))
        room = asked.get("max_tokens", 0) if self.family.counts_the_answer else 0
        kind = asked.get("response_format", {}).get("type", "text")
        no: Response | None = None
        if kind not in self.family.formats:
            no = self.family.no_format
        elif self.family.overflow and sent + room > self.context_tokens:
            no = self.family.overflow(sent, self.context_tokens)
        if no is not None:
            call = Call(
                time.monotonic(),
                question.accession,
                question.model,
                sent,
                0,
                "refused",
                paid=False,
            )
            self.ledger.add(call)
        return no

    def _as_openai_is_asked(self, request: Request, asked: Body) -> Request:
        """With a key, a strict schema, and no more of the question than fits the window."""
        headers = copy(request.headers)
        if not self.family.needs_key:
            del headers["Authorization"]
            headers["Authorization"] = "Bearer any"
        system, user = asked["messages"]
        schema = asked.get("response_format", {}).get("json_schema") or {
            "schema": _schema_in(system["content"])
        }
        shown = user["content"][: 4 * self.context_tokens]
        body = asked | {
            "response_format": {"type": "json_schema", "json_schema": schema},
            "messages": [system, user | {"content": shown}],
        }
        return Request("POST", _OPENAI_PATH, headers, json.dumps(body).encode())


def _schema_in(instructions: str) -> Body | None:
    """The JSON schema that stands in the instructions, as a model would find it there."""
    start = instructions.find(_SCHEMA_STARTS)
    if start < 0:
        return None
    schema: Body = json.JSONDecoder().raw_decode(instructions, start)[0]
    return schema
