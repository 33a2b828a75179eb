"""Reading a 200: the shapes compatible servers give it, and what makes it no answer."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_endpoint import ACCESSION, EXCERPT, USAGE

from blocks.completion import Completion, read_completion
from blocks.completion_checks import refuse_unfinished, refuse_unread
from blocks.errors import (
    AnalystError,
    AnalystUnavailable,
    AnswerInvalid,
    AnswerRefused,
    AnswerTruncated,
)

ANSWER = '{"summary": "said"}'


def read(message: object, **body: object) -> Completion:
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    whole: dict[str, Any] = {"choices": [choice], "usage": USAGE} | body
    return read_completion(json.dumps(whole).encode(), accession=ACCESSION)


def ended(reason: object) -> Completion:
    return read({}, choices=[{"message": {"content": ANSWER}, "finish_reason": reason}])


def passes(completion: Completion) -> bool:
    refuse_unfinished(completion, accession=ACCESSION, cost_usd=0.1, most_tokens=9)
    return True


@pytest.mark.parametrize(
    ("message", "content"),
    [
        ({"content": ANSWER}, ANSWER),
        ({"content": [{"type": "text", "text": ANSWER}]}, ANSWER),
        ({"content": [{"type": "output_text", "text": "a"}, {"text": "b"}]}, "ab"),
        (
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "hm {}"}]},
                    {"type": "text", "text": ANSWER},
                ]
            },
            ANSWER,
        ),
        ({"content": ANSWER, "reasoning_content": "{}"}, ANSWER),
        ({"content": None, "reasoning": f"\n{ANSWER} "}, ANSWER),
        ({"content": "", "reasoning_content": ANSWER}, ANSWER),
        ({"content": "", "reasoning_content": f"I think {ANSWER}"}, ""),
        ({"content": None}, ""),
        ({"content": 7}, ""),
        ({"content": ["a", {"type": "image"}]}, ""),
        ({}, ""),
    ],
)
def test_the_content_is_read_in_whatever_shape_it_comes(message: object, content: str) -> None:
    assert read(message).content == content


@pytest.mark.parametrize("reason", ["stop", "STOP", "eos", "eos_token", "end_turn", "", None, 3])
def test_an_answer_may_end_by_any_name_or_none(reason: object) -> None:
    assert passes(ended(reason))


@pytest.mark.parametrize(
    ("completion", "kind"),
    [
        (ended("length"), AnswerTruncated),
        (ended("MAX_TOKENS"), AnswerTruncated),
        (ended("content_filter"), AnswerRefused),
        (ended("SAFETY"), AnswerRefused),
        (read({"content": None, "refusal": "No."}), AnswerRefused),
        (ended("error"), AnalystUnavailable),
        (ended("insufficient_system_resource"), AnalystUnavailable),
        (read({"content": " \n"}), AnswerInvalid),
    ],
)
def test_what_is_no_answer_is_named_and_priced(
    completion: Completion, kind: type[AnalystError]
) -> None:
    with pytest.raises(kind, match=ACCESSION) as caught:
        passes(completion)
    assert caught.value.cost_usd == 0.1


@pytest.mark.parametrize(
    "usage",
    [
        None,
        "much",
        {},
        {"prompt_tokens": None, "completion_tokens": None},
        {"prompt_tokens": -1, "completion_tokens": 2},
        {"prompt_tokens": 1, "completion_tokens": 2, "prompt_tokens_details": "none"},
    ],
)
def test_a_cost_that_makes_no_sense_is_unknown_and_spoils_no_answer(usage: object) -> None:
    completion = read({"content": ANSWER}, usage=usage)
    assert completion.billed is None
    assert completion.content == ANSWER


@pytest.mark.parametrize("choices", [[], None, {}, [None], [{"index": 0}]])
def test_without_a_choice_there_is_no_completion(choices: object) -> None:
    with pytest.raises(AnswerInvalid, match="not a chat completion"):
        read({}, choices=choices)


@pytest.mark.parametrize(
    ("prompt_tokens", "cached_tokens", "whole"),
    [(1_400, 0, True), (501, 0, True), (499, 0, False), (100, 500, True), (0, 0, True)],
)
def test_a_question_of_which_half_was_dropped_has_no_answer(
    prompt_tokens: int, cached_tokens: int, *, whole: bool
) -> None:
    details = {"cached_tokens": cached_tokens}
    usage = {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": 9,
        "prompt_tokens_details": details,
    }
    completion = read({"content": ANSWER}, usage=usage)
    if whole:
        refuse_unread(completion, EXCERPT, accession=ACCESSION, cost_usd=0.1)
        return
    with pytest.raises(AnswerInvalid, match="context length") as caught:
        refuse_unread(completion, EXCERPT, accession=ACCESSION, cost_usd=0.1)
    assert caught.value.cost_usd == 0.1


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "message", "content", "text", "type", "usage"]), inner
        )
    ),
    max_leaves=12,
)


@given(json_values | st.binary())
def test_any_body_is_read_or_said_to_be_none(body: object) -> None:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    with suppress(AnswerInvalid):
        assert isinstance(read_completion(raw, accession=ACCESSION).content, str)
