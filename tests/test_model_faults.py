"""What the complaints of many kinds of servers come to, in the words they are known to use."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.model_complaints import Complaint, complaint_in
from blocks.model_faults import Fault, fault_of, may_be_billed, remedy_of


def told(
    message: str, *, code: object = None, kind: str = "x", **more: object
) -> dict[str, object]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code} | more}


def complaint(status: int, body: object) -> Complaint:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    found = complaint_in(status, raw)
    assert found is not None
    return found


OVERFLOWS: list[tuple[str, int, object]] = [
    ("openai", 400, told("too long", code="context_length_exceeded")),
    ("openai string", 400, told("Invalid", code="string_above_max_length")),
    (
        "openai rate",
        429,
        told(
            "Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 31538."
            " The input or output tokens must be reduced in order to run successfully.",
            code="rate_limit_exceeded",
        ),
    ),
    (
        "vllm",
        400,
        told(
            "This model's maximum context length is 16384 tokens. However, you requested 8192"
            " output tokens and your prompt contains at least 8193 input tokens, for a total of at"
            " least 16385 tokens.",
            code=400,
        ),
    ),
    (
        "vllm with its limit",
        400,
        told(
            "'max_tokens' or 'max_completion_tokens' is too large: 8000. This model's maximum"
            " context length is 4096 tokens and your request has 2778 input tokens",
            code=400,
        ),
    ),
    (
        "older vllm",
        400,
        {"object": "error", "message": "max_tokens must be at least 1, got -186.", "code": 400},
    ),
    (
        "llama.cpp",
        400,
        told(
            "request (9412 tokens) exceeds the available context size (8192 tokens), try"
            " increasing it",
            code=400,
            kind="exceed_context_size_error",
            n_ctx=8192,
        ),
    ),
    ("older llama.cpp", 500, told("the request exceeds the available context size", code=500)),
    ("llama.cpp midway", 500, told("Context size has been exceeded.", kind="server_error")),
    ("ollama", 400, {"error": "the input length exceeds the context length"}),
    (
        "lm studio",
        400,
        {
            "error": "The number of tokens to keep from the initial prompt is greater than the"
            " context length (n_keep: 13055>= n_ctx: 4096)."
        },
    ),
    (
        "older lm studio",
        400,
        {"error": "Trying to keep the first 9 tokens when context the overflows"},
    ),
    (
        "openrouter",
        400,
        told("This endpoint's maximum context length is 131072 tokens. However, ...", code=400),
    ),
    (
        "openrouter's provider",
        502,
        told(
            "Provider returned error",
            code=502,
            metadata={"raw": '{"error": {"code": "context_length_exceeded"}}'},
        ),
    ),
    ("sglang", 400, told("The input (9 tokens) is longer than the model's context length (8).")),
    ("mistral", 400, told("Prompt contains 4 tokens, too large for model with 3 maximum context")),
    ("tgi", 422, {"error": "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 9"}),
    ("gemini", 400, told("The input token count (12) exceeds the maximum number of tokens (10)")),
    ("groq", 413, told("Request too large for model on tokens per minute", code="rate_limit")),
    ("groq's context", 400, told("Please reduce the length of the messages or completion.")),
    ("anthropic", 400, told("prompt is too long: 210000 tokens > 200000 maximum")),
    ("xai", 400, told("This model's maximum prompt length is 131072 but 537812 were sent")),
    ("z.ai", 400, told("no", code="model_context_window_exceeded")),
    ("openrouter string", 400, told("no", code="string_too_long")),
    ("nginx", 413, b"<html><h1>413 Request Entity Too Large</h1></html>"),
    ("inside a 200", 200, told("Context size has been exceeded")),
]
EVERYONES: list[tuple[str, int, object, str]] = [
    ("deepseek", 400, told("This response_format type is unavailable now"), "response_format"),
    (
        "older deepseek",
        422,
        b"Failed to deserialize: response_format.type `json_schema` is unavailable now",
        "response_format",
    ),
    (
        "lm studio",
        400,
        {"error": "'response_format.type' must be 'json_schema' or 'text'"},
        "response_format",
    ),
    ("llama.cpp", 400, told("failed to parse grammar", code=400), "response_format"),
    (
        "fastapi",
        422,
        {"detail": [{"loc": ["body", "response_format"], "msg": "no such", "input": "{}"}]},
        "response_format",
    ),
    (
        "openai effort",
        400,
        told("Unrecognized request argument supplied: reasoning_effort"),
        "reasoning_effort to unset",
    ),
    (
        "openai limit",
        400,
        told("Unsupported parameter: 'max_tokens'", code="unsupported_parameter"),
        "output_limit",
    ),
    (
        "openai's most output",
        400,
        told("max_tokens is too large: 100000. This model supports at most 16384"),
        "output_limit",
    ),
    ("lm studio path", 200, {"error": "Unexpected endpoint or method. (POST /x)"}, "base_url"),
    ("ollama model", 404, told('model "x" not found, try pulling it first'), "model"),
    ("deepseek credit", 402, told("Insufficient Balance"), "credit"),
    ("openrouter credit in a 200", 200, told("no credits", code=402), "credit"),
    ("openai credit", 429, told("quota", code="insufficient_quota"), "credit"),
    ("key", 401, told("no", code="invalid_api_key"), "api_key"),
    ("proxy", 407, b"<html>sign in</html>", "base_url"),
    ("redirect", 308, b"", "base_url"),
]
OTHERS: list[tuple[str, int, object, Fault, bool]] = [
    ("rate", 429, told("Rate limit reached: Limit 10, Used 8, Requested 3"), Fault.PASSES, False),
    ("llama.cpp loads", 503, told("Loading model", code=503), Fault.PASSES, False),
    ("bad gateway", 502, b"<html>bad gateway</html>", Fault.PASSES, False),
    ("rate in a 200", 200, told("slow down", code=429), Fault.PASSES, False),
    ("gateway timeout", 504, b"<html>timeout</html>", Fault.PERHAPS_BILLED, True),
    ("provider died in a 200", 200, told("upstream", code=502), Fault.PERHAPS_BILLED, True),
    ("nobody knows in a 200", 200, {"error": "oops"}, Fault.PERHAPS_BILLED, True),
    ("sign-in page", 200, b"\xef\xbb\xbf\n<!DOCTYPE html>", Fault.NO_API, False),
    ("firewall", 403, b"<html>blocked</html>", Fault.NO_API, False),
    (
        "flagged",
        403,
        told("no", code=403, metadata={"flagged_input": "x"}),
        Fault.THIS_FILINGS,
        False,
    ),
    ("filtered", 400, told("no", code="content_filter"), Fault.THIS_FILINGS, False),
    ("invalid", 400, told("invalid", param="messages[1].content"), Fault.THIS_FILINGS, False),
    (
        "fastapi that repeats the question",
        422,
        {"detail": [{"loc": ["body"], "msg": "bad", "input": "response_format"}]},
        Fault.THIS_FILINGS,
        False,
    ),
]


@pytest.mark.parametrize(
    ("status", "body"), [one[1:] for one in OVERFLOWS], ids=[o[0] for o in OVERFLOWS]
)
def test_a_question_that_is_too_long_is_known_whoever_says_so(status: int, body: object) -> None:
    assert fault_of(complaint(status, body)) is Fault.TOO_LONG


@pytest.mark.parametrize(
    ("status", "body", "remedy"), [one[1:] for one in EVERYONES], ids=[e[0] for e in EVERYONES]
)
def test_what_every_filing_would_meet_names_the_setting(
    status: int, body: object, remedy: str
) -> None:
    found = complaint(status, body)
    assert fault_of(found) is Fault.EVERYONES
    assert remedy in remedy_of(found)
    assert not may_be_billed(found)


@pytest.mark.parametrize(
    ("status", "body", "fault", "billed"), [one[1:] for one in OTHERS], ids=[o[0] for o in OTHERS]
)
def test_everything_else_passes_or_is_the_filings_own(
    status: int, body: object, fault: Fault, *, billed: bool
) -> None:
    found = complaint(status, body)
    assert (fault_of(found), may_be_billed(found)) == (fault, billed)


@pytest.mark.parametrize(
    "body",
    [
        {"choices": [{}], "error": None},
        {"choices": [{}], "error": {"message": "a warning"}},
        {"object": "list"},
        {},
        [],
        b"not json",
        b"",
    ],
)
def test_a_200_that_says_nothing_of_an_error_is_no_complaint(body: object) -> None:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    assert complaint_in(200, raw) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "message", "code", "param", "metadata", "detail", "type"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@given(st.integers(300, 599) | st.just(200), json_values | st.binary())
def test_any_body_can_be_judged(status: int, body: object) -> None:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    found = complaint_in(status, raw)
    assert found is not None or status == 200
    if found is not None:
        fault_of(found)
        remedy_of(found)
