"""The wire format of chat completions: reading questions, writing answers and errors."""

import json
import re
from dataclasses import dataclass
from typing import Any

from sandbox.loopback import Response
from sandbox.reader import read_filing
from sandbox.schema_fit import fit

_ACCESSION = re.compile(r"^Accession number:\s*(\d{10}-\d{2}-\d{6})\s*$", re.MULTILINE)
_DELIMITED = re.compile(r"<(\w+)>\n(.*)\n</\1>", re.DOTALL)
_HEADER = re.compile(r"\A=== header ===\n.*?\n\n", re.DOTALL)
_CHARS_A_TOKEN = 4
_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Question:
    """A request for a completion, as far as the stand-in looks at it."""

    model: str
    messages: tuple[tuple[str, str], ...]
    schema: dict[str, Any] | None

    @property
    def prompt_tokens(self) -> int:
        """A rough count, the schema included."""
        schema_chars = len(json.dumps(self.schema)) if self.schema else 0
        return tokens(schema_chars + sum(len(text) for _, text in self.messages))

    @property
    def accession(self) -> str:
        """The accession number the messages name in a line of their own, or nothing."""
        found = _ACCESSION.search("\n".join(text for _, text in self.messages))
        return found[1] if found else ""

    @property
    def filing_text(self) -> str:
        """What the user shows: the delimited passage, else all that follows the accession.

        Without the lines of EDGAR's header, if they stand first: they tell no news.
        """
        shown = "\n".join(text for role, text in self.messages if role == "user")
        delimited = _DELIMITED.search(shown)
        named = _ACCESSION.search(shown)
        text = delimited[2] if delimited else shown[named.end() if named else 0 :]
        return _HEADER.sub("", text)


def tokens(chars: int) -> int:
    """Tokens in that many characters, roughly."""
    return -(-chars // _CHARS_A_TOKEN)


def question_in(body: bytes) -> Question:
    """Read a request body.

    Raises:
        ValueError: it is not a chat completion request.
    """
    try:
        asked = json.loads(body)
        schema = asked.get("response_format", {}).get("json_schema", {}).get("schema")
        messages = tuple((said["role"], _text(said["content"])) for said in asked["messages"])
        return Question(str(asked["model"]), messages, schema)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a chat completion request: {error}") from error


def answer_to(question: Question) -> str:
    """The content of the answer: JSON by the schema, or a plain summary without one.

    In JSON the summary opens with a label, as instructions for such answers ask.
    """
    said = read_filing(question.filing_text)
    if question.schema is None:
        return str(said["summary"])
    opened = said | {"summary": f"{said['label']}: {said['summary']}"}
    return json.dumps(fit(question.schema, opened))


def completion(question: Question, number: int, created_s: int, cached_tokens: int) -> Response:
    """A finished completion with its usage."""
    content = answer_to(question)
    spent, made = question.prompt_tokens, tokens(len(content))
    message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": None}
    body = {
        "id": f"chatcmpl-sandbox-{number:06d}",
        "object": "chat.completion",
        "created": created_s,
        "model": question.model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": spent,
            "completion_tokens": made,
            "total_tokens": spent + made,
            "prompt_tokens_details": {"cached_tokens": min(cached_tokens, spent)},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
    }
    return json_response(body, headers={"x-request-id": f"req-sandbox-{number:06d}"})


def json_response(
    body: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """A body as JSON."""
    return Response(json.dumps(body).encode(), status, _JSON | (headers or {}))


def error(
    status: int, kind: str, message: str, code: str | None, headers: dict[str, str] | None = None
) -> Response:
    """An error in the shape the API gives it."""
    told = {"message": message, "type": kind, "param": None, "code": code}
    return json_response({"error": told}, status, headers)


def _text(content: Any) -> str:  # noqa: ANN401  (a string, or a list of parts)
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text", "")) for part in content or [])
