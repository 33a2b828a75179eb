"""The request body: one question in the words that each kind of server takes."""

import json
from typing import Any

import pytest

from blocks.model_request import (
    OutputLimit,
    ReasoningEffort,
    ResponseFormat,
    Wording,
    request_body,
    standing_part,
    wording_of,
)
from blocks.prompt import REPLY_SCHEMA, SYSTEM_PROMPT


def wording(
    model: str = "gpt-6-luna",
    *,
    at_openai: bool = False,
    response_format: ResponseFormat = "schema",
    reasoning_effort: ReasoningEffort = "auto",
    output_limit: OutputLimit = "auto",
) -> Wording:
    return wording_of(
        model,
        at_openai=at_openai,
        response_format=response_format,
        reasoning_effort=reasoning_effort,
        output_limit=output_limit,
    )


def body(how: Wording) -> dict[str, Any]:
    return request_body("What of it?", how, most_output_tokens=700)


@pytest.mark.parametrize(
    ("how", "effort", "limit"),
    [
        (wording(), "low", "max_completion_tokens"),
        (wording("openai/gpt-6-luna"), "low", "max_completion_tokens"),
        (wording("o4-mini"), "low", "max_completion_tokens"),
        (wording("gpt-4o", at_openai=True), None, "max_completion_tokens"),
        (wording("gpt-5-chat-latest"), None, "max_tokens"),
        (wording("openai/gpt-oss-20b"), None, "max_tokens"),
        (wording("qwen3:8b"), None, "max_tokens"),
        (wording("qwen3:8b", reasoning_effort="none"), "none", "max_tokens"),
        (wording(reasoning_effort="unset"), None, "max_completion_tokens"),
        (wording(reasoning_effort="high", output_limit="max_tokens"), "high", "max_tokens"),
        (wording("prod", output_limit="max_completion_tokens"), None, "max_completion_tokens"),
    ],
)
def test_effort_and_limit_follow_the_model_unless_they_are_set(
    how: Wording, effort: str | None, limit: str
) -> None:
    asked = body(how)
    assert asked.get("reasoning_effort") == effort
    assert {name: asked[name] for name in asked if name.startswith("max_")} == {limit: 700}


def test_a_server_that_keeps_to_a_schema_is_given_it_once() -> None:
    asked = body(wording())
    assert asked["response_format"]["json_schema"]["schema"] == REPLY_SCHEMA
    assert asked["response_format"]["json_schema"]["strict"] is True
    assert asked["messages"][0]["content"] == SYSTEM_PROMPT


@pytest.mark.parametrize("kind", ["object", "text"])
def test_one_that_does_not_finds_the_schema_in_the_instructions(kind: ResponseFormat) -> None:
    asked = body(wording(response_format=kind))
    assert asked.get("response_format") == ({"type": "json_object"} if kind == "object" else None)
    system = asked["messages"][0]["content"]
    assert system.startswith(SYSTEM_PROMPT)
    assert json.dumps(REPLY_SCHEMA) in system


def test_the_stable_part_stands_before_the_question() -> None:
    first, second = body(wording(response_format="text"))["messages"]
    assert (first["role"], second["role"]) == ("system", "user")
    assert second["content"] == "What of it?"


@pytest.mark.parametrize("kind", ["schema", "object", "text"])
def test_what_is_hashed_is_what_is_sent_but_for_the_question_and_the_limit(
    kind: ResponseFormat,
) -> None:
    how = wording(response_format=kind)
    sent, hashed = body(how), standing_part(how)
    assert set(sent) - set(hashed) == {"max_completion_tokens"}
    assert sent["messages"][:1] == hashed["messages"]
    assert {name: sent[name] for name in hashed if name != "messages"} == {
        name: hashed[name] for name in hashed if name != "messages"
    }
