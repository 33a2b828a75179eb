"""The body of the request that asks a model, in the words its server takes. Pure.

Compatible servers differ in three places. How an answer is held to the schema:
by strict decoding, as any JSON object (DeepSeek), or not at all (LM Studio knows
no JSON mode); in the last two the schema stands in the instructions. What the
limit on the answer is called: OpenAI's reasoning models refuse ``max_tokens``,
Ollama ignores ``max_completion_tokens``. Whether ``reasoning_effort`` is known.

Which of them is used is set, never found out by trying: the request is part of
an answer's key, and a key that changed with a server's mood would buy the same
answer twice, or keep two kinds of answer under one name.
"""

import json
import re
from typing import Any, Literal, NamedTuple

from blocks.prompt import REPLY_SCHEMA, SYSTEM_PROMPT

ResponseFormat = Literal["schema", "object", "text"]
ReasoningEffort = Literal["auto", "unset", "none", "minimal", "low", "medium", "high"]
OutputLimit = Literal["auto", "max_tokens", "max_completion_tokens"]

# OpenAI's reasoning models, under whatever gateway: they take max_completion_tokens,
# which counts their hidden reasoning too, and all of them know the effort "low".
_REASONING_MODEL = re.compile(r"(?:.*/)?(?:o\d|gpt-(?:[5-9]|\d\d))(?!.*chat)")

_FORMATS: dict[ResponseFormat, dict[str, Any]] = {
    "schema": {
        "type": "json_schema",
        "json_schema": {"name": "analysis", "strict": True, "schema": REPLY_SCHEMA},
    },
    "object": {"type": "json_object"},
}
_SCHEMA_IN_WORDS = f"""
Answer with that JSON object alone: no text before or after it, no code fence. It follows this \
JSON schema:
{json.dumps(REPLY_SCHEMA)}
"""


class Wording(NamedTuple):
    """How a server is asked, the same for every filing; ``reasoning_effort`` None: not sent."""

    model: str
    response_format: ResponseFormat
    reasoning_effort: str | None
    output_limit: str


def wording_of(
    model: str,
    *,
    at_openai: bool,
    response_format: ResponseFormat,
    reasoning_effort: ReasoningEffort,
    output_limit: OutputLimit,
) -> Wording:
    """Settle what is left to ``auto``: by the model's name, and whether OpenAI itself is asked."""
    reasons = _REASONING_MODEL.match(model) is not None
    effort = reasoning_effort if reasoning_effort not in {"auto", "unset"} else None
    if reasoning_effort == "auto" and reasons:
        effort = "low"
    limit = output_limit
    if output_limit == "auto":
        limit = "max_completion_tokens" if reasons or at_openai else "max_tokens"
    return Wording(model, response_format, effort, limit)


def request_body(message: str, wording: Wording, *, most_output_tokens: int) -> dict[str, Any]:
    """The JSON body of a chat-completions call, alone or as a line of a batch."""
    return standing_part(wording) | {
        "messages": [
            {"role": "system", "content": _instructions(wording)},
            {"role": "user", "content": message},
        ],
        wording.output_limit: most_output_tokens,
    }


def standing_part(wording: Wording) -> dict[str, Any]:
    """What of a body is the same for every filing and shapes its answer, to be hashed.

    Without the limit on the output: an answer that runs into it is none.
    """
    body: dict[str, Any] = {
        "model": wording.model,
        "messages": [{"role": "system", "content": _instructions(wording)}],
    }
    if wording.response_format in _FORMATS:
        body["response_format"] = _FORMATS[wording.response_format]
    if wording.reasoning_effort is not None:
        body["reasoning_effort"] = wording.reasoning_effort
    return body


def _instructions(wording: Wording) -> str:
    held_to_it = wording.response_format == "schema"
    return SYSTEM_PROMPT if held_to_it else SYSTEM_PROMPT + _SCHEMA_IN_WORDS
