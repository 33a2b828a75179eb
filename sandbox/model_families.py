"""Families of OpenAI-compatible servers: what each takes, how it says no, how it answers.

Error bodies, parameters and habits are those of llama.cpp, vLLM, Ollama, LM
Studio, OpenRouter and DeepSeek as their documentation, their sources and reports
of their users show them in 2025 and 2026. ``bare`` is any small server that
knows nothing but messages.
"""

import json

from sandbox.compatible_model import Body, Family
from sandbox.completions import error, json_response
from sandbox.loopback import Response


def _flat(status: int, message: str) -> Response:
    """An error that is a text, as LM Studio and Ollama's own API have it."""
    return json_response({"error": message}, status)


def _llama_overflow(sent: int, window: int) -> Response:
    message = (
        f"request ({sent} tokens) exceeds the available context size ({window} tokens), try"
        " increasing it"
    )
    told = {"code": 400, "message": message, "type": "exceed_context_size_error"}
    return json_response({"error": told | {"n_prompt_tokens": sent, "n_ctx": window}}, 400)


def _vllm_overflow(sent: int, window: int) -> Response:
    message = (
        f"This model's maximum context length is {window} tokens. However, you requested 4000"
        f" output tokens and your prompt contains at least {sent} input tokens."
    )
    told = {"message": message, "type": "BadRequestError", "param": "input_tokens", "code": 400}
    return json_response({"error": told}, 400)


def _lm_studio_overflow(sent: int, window: int) -> Response:
    return _flat(
        400,
        "The number of tokens to keep from the initial prompt is greater than the context length"
        f" (n_keep: {sent}>= n_ctx: {window}). Try to load the model with a larger context"
        " length, or provide a shorter input.",
    )


def _openrouter_overflow(sent: int, window: int) -> Response:
    message = (
        f"This endpoint's maximum context length is {window} tokens. However, you requested about"
        f" {sent} tokens. Please reduce the length of either one."
    )
    return json_response({"error": {"message": message, "code": 400}}, 400)


def _openai_overflow(sent: int, window: int) -> Response:
    message = (
        f"This model's maximum context length is {window} tokens. However, your messages resulted"
        f" in {sent} tokens. Please reduce the length of the messages."
    )
    return error(400, "invalid_request_error", message, "context_length_exceeded")


def _said(body: Body) -> Body:
    message: Body = body["choices"][0]["message"]
    return message


def _thinking_aloud(body: Body) -> Body:
    """The thoughts in the content, with braces in them, and no reason why it ended."""
    message = _said(body)
    thought = "<think>The schema asks for {summary, ...}. {Careful} with amounts.</think>\n\n"
    message["content"] = f"{thought}```json\n{message['content']}\n```"
    body["choices"][0]["finish_reason"] = None
    return body


def _thoughts_apart(body: Body) -> Body:
    _said(body)["reasoning_content"] = "The schema asks for {summary, ...}."
    return body


def _answer_among_thoughts(body: Body) -> Body:
    """What vLLM makes of an answer without thoughts under some reasoning parsers."""
    message = _said(body)
    message |= {"reasoning": message["content"], "content": None}
    return body


def _in_parts(body: Body) -> Body:
    message = _said(body)
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "{hm}"}]}
    message["content"] = [thought, {"type": "text", "text": message["content"]}]
    return body


def _by_hand(body: Body) -> Body:
    """Prose around it, numbers as text, no usage, and a reason of its own."""
    message = _said(body)
    said = json.loads(message["content"])
    texts = {name: str(value) for name, value in said.items() if isinstance(value, float)}
    message["content"] = f"Sure! {{Here}} it is:\n{json.dumps(said | texts)}\nAnything else?"
    body["choices"][0]["finish_reason"] = "eos"
    return {name: value for name, value in body.items() if name != "usage"}


_ALL = frozenset({"json_schema", "json_object", "text"})
_NO_FORMAT = error(
    400, "invalid_request_error", "This response_format type is unavailable now", None
)

LLAMA_CPP = Family("llama.cpp", _ALL, _NO_FORMAT, _llama_overflow, _thoughts_apart)
VLLM = Family(
    "vLLM", _ALL, _NO_FORMAT, _vllm_overflow, _answer_among_thoughts, counts_the_answer=True
)
OLLAMA = Family("Ollama", _ALL, _NO_FORMAT, None, _thinking_aloud)
LM_STUDIO = Family(
    "LM Studio",
    frozenset({"json_schema", "text"}),
    _flat(400, "'response_format.type' must be 'json_schema' or 'text'"),
    _lm_studio_overflow,
    no_path=_flat(200, "Unexpected endpoint or method. (POST /chat/completions)"),
)
OPENROUTER = Family(
    "OpenRouter",
    _ALL,
    _NO_FORMAT,
    _openrouter_overflow,
    _in_parts,
    base_path="/api/v1",
    needs_key=True,
)
DEEPSEEK = Family(
    "DeepSeek",
    frozenset({"json_object", "text"}),
    _NO_FORMAT,
    _openai_overflow,
    _thoughts_apart,
    needs_key=True,
)
BARE = Family(
    "bare",
    frozenset({"text"}),
    json_response({"detail": [{"loc": ["body", "response_format"], "msg": "Extra inputs"}]}, 422),
    _openai_overflow,
    _by_hand,
)
FAMILIES = (LLAMA_CPP, VLLM, OLLAMA, LM_STUDIO, OPENROUTER, DEEPSEEK, BARE)
