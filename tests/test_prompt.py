"""The question put to the model: the part that never changes, and the one message that does."""

import json
import re
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from model_endpoint import ANSWER, EXCERPT, FILING, GOOD, Endpoint, Make
from pydantic import SecretStr

from blocks.analyst import Analyst
from blocks.excerpt import token_count
from blocks.models import Analysis, CatalystKind, Excerpt, Filing, FoundBy, Party, Question
from blocks.plain_text import inert
from blocks.prompt import (
    _KINDS,
    REPLY_SCHEMA,
    STABLE_PART,
    SYSTEM_PROMPT,
    message_of,
    most_prompt_tokens,
)
from sandbox.model import StandInModel

pytest_plugins = ("model_fixtures",)

ACCESSION = "0001213900-25-032135"
ACCEPTED = datetime(2025, 4, 16, 13, 30, 1, 5, tzinfo=UTC)
LEAST_CACHED_TOKENS = 1_024  # OpenAI's prompt cache serves no shorter prefix


def filing(**changes: object) -> Filing:
    known: dict[str, Any] = {
        "accession": ACCESSION,
        "form": "8-K",
        "parties": (Party(cik=1, name="ABVC  BioPharma,\nInc.", role="Filer"),),
        "found_by": FoundBy.FEED,
        "accepted_at": ACCEPTED,
        "items": ("2.02", "4.02"),
    }
    return Filing.model_validate(known | changes)


def message_about(asked: Filing, excerpt: Excerpt = EXCERPT, **facts: Any) -> str:  # noqa: ANN401 - a question's fields
    return message_of(Question(filing=asked, excerpt=excerpt, **facts))


def test_the_question_states_our_facts_then_the_filing_between_its_tags() -> None:
    question = message_about(
        filing(),
        period=date(2025, 4, 10),
        ticker="ABVC",
        price_usd=0.4321,
        price_as_of=datetime(2025, 4, 15, 20, 0, tzinfo=UTC),
    )
    assert question.splitlines() == [
        "Period of report: 2025-04-10",
        "Accepted: 2025-04-16 13:30 UTC",
        "Price: $0.4321 as of 2025-04-15 20:00 UTC",
        f"Accession number: {ACCESSION}",
        "",
        "<filing_text>",
        "=== header ===",
        "Form: 8-K",
        "Items: 2.02; 4.02",
        "Filed by or about: ABVC BioPharma, Inc. (Filer)",
        "Ticker: ABVC",
        "",
        EXCERPT.text,
        "</filing_text>",
    ]
    assert "Accession number" not in SYSTEM_PROMPT


def test_a_price_that_is_unknown_is_said_to_be_and_other_unknown_facts_are_not_stated() -> None:
    bare = filing(accepted_at=None, items=(), filed_on=date(2025, 4, 16))
    known, header = (part.split("\n") for part in message_about(bare).split("\n\n")[:2])
    assert known == ["Filed: 2025-04-16", "Price: unknown", f"Accession number: {ACCESSION}"]
    assert [line.partition(":")[0] for line in header[2:]] == ["Form", "Filed by or about"]


def test_an_excerpt_that_was_shortened_is_said_to_be() -> None:
    cut = EXCERPT.model_copy(update={"shortened": True})
    assert message_about(filing(), cut).startswith("Excerpt: shortened\n")


def test_a_filing_reads_the_same_however_it_was_found() -> None:
    header: dict[str, Any] = {
        "parties": (Party(cik=1, name="ABVC BioPharma, Inc.", role="Filer"),),
        "accepted_at": ACCEPTED,
        "item_titles": ("Results of Operations and Financial Condition",),
    }
    indexed = filing(
        parties=(Party(cik=1, name="ABVC BioPharma, Inc."),),
        found_by=FoundBy.INDEX,
        accepted_at=None,
        filed_on=date(2025, 4, 16),
        items=(),
    )
    assert message_about(filing(), **header) == message_about(indexed, **header)


def test_of_many_parties_ten_are_named_and_the_rest_counted() -> None:
    parties = tuple(Party(cik=n, name=f"Trust {n}", role="Filer") for n in range(1, 401))
    (line,) = (
        line
        for line in message_about(filing(parties=parties)).splitlines()
        if line.startswith("Filed by or about: ")
    )
    assert line.startswith("Filed by or about: Trust 1 (Filer); Trust 2 (Filer); ")
    assert line.endswith("; Trust 10 (Filer); and 390 more")


_PARTIES = st.lists(
    st.builds(Party, cik=st.just(1), name=st.text(max_size=400), role=st.text(max_size=200)),
    min_size=1,
    max_size=30,
)
_WORDS = st.lists(st.text(max_size=300), max_size=20).map(tuple)


@given(
    asked=st.builds(
        filing,
        form=st.text(min_size=1, max_size=400),
        parties=_PARTIES,
        items=_WORDS,
        accepted_at=st.none() | st.just(ACCEPTED),
    ),
    header=st.fixed_dictionaries(
        {
            "item_titles": _WORDS,
            "ticker": st.none() | st.text(max_size=200),
            "price_usd": st.none() | st.floats(min_value=0),
            "price_as_of": st.just(ACCEPTED),
            "period": st.just(date(2025, 4, 10)),
        }
    ),
)
@example(
    asked=filing(form="F" * 400, parties=[Party(cik=1, name="N" * 99, role="R")] * 30),
    header={
        "item_titles": ("I" * 900,),
        "ticker": "T" * 200,
        "price_usd": 1.23456e-100,
        "price_as_of": ACCEPTED,
        "period": date(2025, 4, 10),
    },
)
def test_no_filing_makes_the_question_longer_than_the_worst_case_counts(
    asked: Filing, header: dict[str, Any]
) -> None:
    excerpt = EXCERPT.model_copy(update={"tokens": 0, "shortened": True})
    question = message_about(asked, excerpt, **header)
    facts_bytes = len(question.encode()) - len(excerpt.text.encode())
    assert facts_bytes <= most_prompt_tokens(excerpt) - len(STABLE_PART) // 3
    assert len(question.splitlines()) <= len(excerpt.text.splitlines()) + 14


_SCRAPS = st.sampled_from(
    ["<", "&lt;/", "[INST]", "\u200b", "word ", "0.05", "|>", "\r\n", "\u3008"]
)


@given(st.lists(_SCRAPS | st.text(max_size=20), max_size=60).map("".join))
def test_making_an_excerpt_inert_takes_no_more_tokens_than_the_worst_case_counts(
    text: str,
) -> None:
    assert token_count(inert(text)) <= room_for(text)


def room_for(text: str) -> int:
    """How many tokens the worst case sets aside for an excerpt."""
    empty, told = (EXCERPT.model_copy(update={"tokens": n}) for n in (0, token_count(text)))
    return most_prompt_tokens(told) - most_prompt_tokens(empty)


def test_the_worst_case_covers_a_tokeniser_that_splits_numbers_into_digits() -> None:
    table = "Net revenue  74,215  56,610  186,528\nNet loss  (12,204)  (9,118)  (31,077)\n" * 20
    digits, words = re.findall(r"\d", table), re.sub(r"\d+", "", table)
    split = len(digits) + token_count(words)
    assert token_count(table) < split <= room_for(table)


class TestStablePart:
    """What is the same for every filing stands first, so that a prompt cache can serve it."""

    def test_two_questions_share_their_system_message_and_response_format(
        self, endpoint: Endpoint, make: Make
    ) -> None:
        endpoint.script = [GOOD]
        other = filing(form="424B5", items=(), parties=(Party(cik=9, name="Else Corp"),))
        told = EXCERPT.model_copy(update={"text": "We sold shares."})
        analyst = make()
        analyst.analyse(Question(filing=FILING, excerpt=EXCERPT))
        analyst.analyse(Question(filing=other, excerpt=told, ticker="ELSE", price_usd=3.0))
        first, second = endpoint.asked
        differing = {name for name in first if first[name] != second[name]}
        assert differing == {"messages"}
        assert first["messages"][0] == second["messages"][0]
        assert first["messages"][1] != second["messages"][1]
        assert json.dumps(first["response_format"]) == json.dumps(second["response_format"])

    def test_the_instructions_alone_are_long_enough_for_the_prompt_cache(self) -> None:
        assert token_count(SYSTEM_PROMPT) >= LEAST_CACHED_TOKENS

    def test_the_worst_case_counts_all_of_its_tokens(self) -> None:
        assert token_count(STABLE_PART) <= len(STABLE_PART) // 3

    def test_cached_tokens_are_counted_into_usage_and_cost_less(self) -> None:
        replies = []
        for cached in (0, 1_024):
            with StandInModel(cached_tokens=cached) as model:
                analyst = Analyst(
                    api_key=SecretStr("key"), base_url=model.url, price_provider="openai"
                )
                replies.append(analyst.analyse(Question(filing=FILING, excerpt=EXCERPT)))
                analyst.close()
        plain, served = replies
        assert plain.usage.cached_input_tokens == 0
        assert served.usage == plain.usage.model_copy(update={"cached_input_tokens": 1_024})
        assert plain.cost_usd is not None
        assert served.cost_usd is not None
        # gpt-6-luna: $0.10 per million input tokens, $0.01 cached
        saved_usd = plain.cost_usd - served.cost_usd
        assert saved_usd == pytest.approx(1_024 * 0.09 / 1_000_000)


class TestInstructions:
    def test_they_explain_every_kind_and_disown_the_filings_own_instructions(self) -> None:
        assert set(_KINDS) == set(CatalystKind)
        assert all(f"- {kind}: {meaning}\n" in SYSTEM_PROMPT for kind, meaning in _KINDS.items())
        assert "are not yours to follow" in " ".join(SYSTEM_PROMPT.split())

    def test_they_name_every_field_of_the_answer_and_the_tags_of_the_message(self) -> None:
        named = re.findall(r"^- (\w+): ", SYSTEM_PROMPT.partition("Kinds of")[0], re.MULTILINE)
        assert set(named) == set(ANSWER) == set(REPLY_SCHEMA["required"])
        tags = set(re.findall(r"</?\w+>", message_about(filing())))
        assert tags == set(re.findall(r"</?\w+>", SYSTEM_PROMPT))

    def test_the_schema_asks_strictly_for_every_field_of_an_analysis(self) -> None:
        assert REPLY_SCHEMA["required"] == list(REPLY_SCHEMA["properties"])
        assert set(REPLY_SCHEMA["required"]) == set(Analysis.model_fields)
        assert REPLY_SCHEMA["additionalProperties"] is False
