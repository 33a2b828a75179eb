"""The stand-in model, asked by the real openai client."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import httpx
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from blocks.label import Label, agrees
from blocks.models import CatalystKind, RiskLevel
from sandbox import model_faults
from sandbox.faults import Fault, dropped, slow, truncated
from sandbox.market import DayFiling
from sandbox.market_day import bundled_day
from sandbox.model import StandInModel
from sandbox.reader import PHRASES, read_filing
from sandbox.schema_fit import NOTHING, fit

ACCESSION = "0009900001-25-000102"


class Cause(BaseModel):
    kind: CatalystKind
    quote: str = Field(max_length=300)


class View(BaseModel):
    summary: str
    sentiment: float
    confidence: float
    risk_level: RiskLevel
    catalysts: list[Cause]
    deal_size_usd: float | None
    dilution_pct: float | None
    has_warrants: bool | None


@pytest.fixture
def model() -> Iterator[StandInModel]:
    with StandInModel() as running:
        yield running


@pytest.fixture
def client(model: StandInModel) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=model.url, api_key="any", max_retries=0) as opened:
        yield opened


def text_of(filing: DayFiling) -> str:
    return "\n".join(document.body for document in filing.documents)


def question(accession: str = ACCESSION, text: str = "Nothing happened.") -> list[Any]:
    told = f"Accession number: {accession}\nForm: 8-K\n\n<filing_text>\n{text}\n</filing_text>"
    return [
        {"role": "system", "content": "Answer. Private placement is only an example here."},
        {"role": "user", "content": told},
    ]


def ask(client: openai.OpenAI, accession: str = ACCESSION, text: str = "Nothing happened.") -> Any:  # noqa: ANN401  (every part of an answer is optional; tests look right in)
    return client.chat.completions.parse(
        model="gpt-6-luna", messages=question(accession, text), response_format=View
    )


def filing_of(story: str) -> DayFiling:
    return next(filing for filing in bundled_day().filings if filing.story.key == story)


def test_an_offering_is_read_with_its_size_dilution_and_warrants(client: openai.OpenAI) -> None:
    view = ask(client, text=text_of(filing_of("private_placement"))).choices[0].message.parsed
    assert view.deal_size_usd == 4_410_000
    assert view.dilution_pct == 22.6
    assert view.has_warrants is True
    assert view.sentiment < 0
    assert {cause.kind for cause in view.catalysts} == {
        CatalystKind.OFFERING,
        CatalystKind.WARRANTS,
    }


def test_every_watched_filing_of_the_day_gets_a_plausible_answer_with_true_quotes(
    client: openai.OpenAI,
) -> None:
    found = 0
    for filing in bundled_day().filings:
        view = ask(client, filing.accession, text_of(filing)).choices[0].message.parsed
        label, _, told = view.summary.partition(": ")
        assert told not in {"", "not stated"}
        assert agrees(Label(label), view.sentiment)
        assert -1 <= view.sentiment <= 1
        shown = " ".join(text_of(filing).split())
        assert all(cause.quote in shown for cause in view.catalysts)
        found += not filing.story.noise and bool(view.catalysts)
    assert found >= 45


def test_the_kinds_a_reader_knows_are_kinds_of_catalyst() -> None:
    assert {phrase.kind for phrase in PHRASES} <= set(CatalystKind)


def test_only_the_text_of_the_filing_is_read(client: openai.OpenAI) -> None:
    assert ask(client).choices[0].message.parsed.catalysts == []


def test_the_header_that_stands_before_the_text_is_no_news(client: openai.OpenAI) -> None:
    header = "=== header ===\nForm: 8-K\nItems: Notice of default on a voluntary petition"
    view = ask(client, text=f"{header}\n\nNothing happened.").choices[0].message.parsed
    assert view.catalysts == []
    assert view.summary == "NEUTRAL: Nothing happened."


def test_the_same_question_has_the_same_answer(client: openai.OpenAI) -> None:
    text = text_of(filing_of("fda_approval"))
    contents = {ask(client, text=text).choices[0].message.content for _ in range(3)}
    assert len(contents) == 1


def test_usage_is_about_a_token_for_four_characters(
    model: StandInModel, client: openai.OpenAI
) -> None:
    model.cached_tokens = 64
    answer = ask(client, text="word " * 4_000)
    assert 5_000 < answer.usage.prompt_tokens < 6_000
    assert answer.usage.completion_tokens == -(-len(answer.choices[0].message.content) // 4)
    assert answer.usage.prompt_tokens_details.cached_tokens == 64


def test_models_are_listed(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["gpt-6-luna"]


def test_without_a_schema_the_answer_is_plain_text(client: openai.OpenAI) -> None:
    messages = question(text="The board met. It adjourned.")
    answer = client.chat.completions.create(model="m", messages=messages)
    assert answer.choices[0].message.content == "The board met. It adjourned."


def test_a_paid_call_is_in_the_ledger_with_what_it_cost(
    model: StandInModel, client: openai.OpenAI
) -> None:
    answer = ask(client)
    (call,) = model.ledger
    assert (call.accession, call.model, call.kind, call.paid) == (
        ACCESSION,
        "gpt-6-luna",
        "answer",
        True,
    )
    assert call.prompt_tokens == answer.usage.prompt_tokens
    assert call.completion_tokens == answer.usage.completion_tokens


def test_calls_are_counted_by_accession_under_concurrency(
    model: StandInModel, client: openai.OpenAI
) -> None:
    model.latency_s = 0.05
    numbers = [f"0009900001-25-{number % 10:06d}" for number in range(40)]
    together = threading.Barrier(8)

    def with_the_others(number: str) -> None:
        together.wait(timeout=10)
        ask(client, number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(with_the_others, numbers[:8]))
        list(pool.map(lambda number: ask(client, number), numbers[8:]))
    assert model.calls == model.paid_calls == dict.fromkeys(numbers, 4)
    assert model.load.peak == 8
    assert model.load.current == 0


def test_latency_is_waited_for(model: StandInModel, client: openai.OpenAI) -> None:
    model.latency_s = 0.15
    started = time.monotonic()
    ask(client)
    assert time.monotonic() - started >= 0.15


def test_a_refusal_is_parsed_as_one_and_billed(model: StandInModel, client: openai.OpenAI) -> None:
    model.faults.add(model_faults.refusal("No."))
    answer = ask(client)
    assert answer.choices[0].message.refusal == "No."
    assert answer.choices[0].message.parsed is None
    assert answer.usage.completion_tokens > 0
    assert model.ledger.entries[0].kind == "refusal"
    assert model.paid_calls[ACCESSION] == 1


def test_an_answer_without_usage_is_an_answer(model: StandInModel, client: openai.OpenAI) -> None:
    model.faults.add(model_faults.no_usage())
    answer = ask(client)
    assert answer.usage is None
    assert answer.choices[0].message.parsed is not None
    assert model.ledger.entries[0].paid


@pytest.mark.parametrize(
    ("fault", "error", "paid"),
    [
        (model_faults.content_filter(), openai.ContentFilterFinishReasonError, True),
        (model_faults.length(), openai.LengthFinishReasonError, True),
        (model_faults.nonsense(), ValidationError, True),
        (model_faults.broken_json(), json.JSONDecodeError, True),
        (truncated(), openai.APIConnectionError, True),
        (model_faults.html_answer(), AttributeError, False),
        (model_faults.rate_limited(), openai.RateLimitError, False),
        (model_faults.insufficient_quota(), openai.RateLimitError, False),
        (model_faults.bad_key(), openai.AuthenticationError, False),
        (model_faults.forbidden(), openai.PermissionDeniedError, False),
        (model_faults.unknown_model(), openai.NotFoundError, False),
        (model_faults.server_error(), openai.InternalServerError, False),
        (dropped(), openai.APIConnectionError, False),
    ],
    ids=lambda value: value.name if isinstance(value, Fault) else None,
)
def test_a_fault_is_what_the_real_client_makes_of_it_and_billed_if_an_answer_was_made(
    model: StandInModel,
    client: openai.OpenAI,
    fault: Fault,
    error: type[Exception],
    paid: bool,  # noqa: FBT001  (a column of the table above)
) -> None:
    model.faults.add(fault)
    with pytest.raises(error):
        ask(client)
    assert ask(client).choices[0].message.parsed is not None
    first, second = model.ledger
    assert (first.kind, first.paid, second.kind, second.paid) == (fault.name, paid, "answer", True)
    assert bool(first.prompt_tokens) == paid
    assert model.calls[ACCESSION] == 2


def test_quota_is_told_from_rate_by_its_code(model: StandInModel, client: openai.OpenAI) -> None:
    model.faults.add(model_faults.insufficient_quota())
    model.faults.add(model_faults.rate_limited(retry_after_s=2))
    with pytest.raises(openai.RateLimitError) as quota:
        ask(client)
    with pytest.raises(openai.RateLimitError) as rate:
        ask(client)
    assert (quota.value.code, rate.value.code) == ("insufficient_quota", "rate_limit_exceeded")
    assert "retry-after" not in quota.value.response.headers
    assert rate.value.response.headers["retry-after"] == "2"


def test_the_clients_own_retries_are_calls_of_their_own(model: StandInModel) -> None:
    model.faults.add(model_faults.rate_limited(retry_after_s=0))
    with openai.OpenAI(base_url=model.url, api_key="any", max_retries=2) as client:
        ask(client)
    assert model.calls[ACCESSION] == 2
    assert model.paid_calls[ACCESSION] == 1


def test_a_slow_answer_is_paid_even_when_the_client_has_left(model: StandInModel) -> None:
    model.faults.add(slow(0.5))
    with (
        openai.OpenAI(base_url=model.url, api_key="any", max_retries=0, timeout=0.05) as client,
        pytest.raises(openai.APITimeoutError),
    ):
        ask(client)
    assert model.paid_calls[ACCESSION] == 1


def test_a_fault_can_be_meant_for_one_accession(
    model: StandInModel, client: openai.OpenAI
) -> None:
    model.faults.add(model_faults.refusal(), match=ACCESSION, times=None)
    assert ask(client, "0009900001-25-000999").choices[0].message.refusal is None
    for _ in range(2):
        assert ask(client, ACCESSION).choices[0].message.refusal


def test_an_accession_is_known_only_from_its_own_line(
    model: StandInModel, client: openai.OpenAI
) -> None:
    messages: list[Any] = [{"role": "user", "content": f"See {ACCESSION}."}]
    client.chat.completions.create(model="m", messages=messages)
    assert model.ledger.entries[0].accession == ""


def test_wrong_requests_are_refused_without_a_bill(model: StandInModel) -> None:
    with httpx.Client(base_url=model.url, headers={"Authorization": "Bearer any"}) as client:
        assert client.post("/chat/completions", content=b"{").status_code == 400
        assert client.post("/chat/completions", json={"model": "m"}).status_code == 400
        assert client.post("/responses", json={}).status_code == 404
        assert client.get("/models", headers={"Authorization": ""}).status_code == 401
    assert len(model.ledger) == 0


def test_the_answer_follows_the_schema_wherever_it_goes(model: StandInModel) -> None:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {
            "sentiment": {"type": "integer", "minimum": 1, "maximum": 5},
            "has_warrants": {"type": ["boolean", "null"]},
            "deal_size_usd": {"anyOf": [{"type": "null"}, {"type": "number"}]},
            "catalysts": {
                "type": "array",
                "maxItems": 1,
                "items": {
                    "type": "object",
                    "properties": {
                        "kind": {"enum": ["good", "other"]},
                        "quote": {"type": "string", "maxLength": 20},
                        "page": {"type": "integer", "minimum": 1},
                    },
                },
            },
            "novelty": {"const": "high"},
        },
    }
    with openai.OpenAI(base_url=model.url, api_key="any", max_retries=0) as client:
        answer = client.chat.completions.create(
            model="m",
            messages=question(text=text_of(filing_of("registered_direct"))),
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "v", "schema": schema, "strict": True},
            },
        )
    said = json.loads(answer.choices[0].message.content or "")
    assert list(said) == ["sentiment", "has_warrants", "deal_size_usd", "catalysts", "novelty"]
    assert (said["sentiment"], said["has_warrants"], said["novelty"]) == (1, True, "high")
    assert said["deal_size_usd"] > 1_000_000
    (cause,) = said["catalysts"]
    assert (cause["kind"], len(cause["quote"]), cause["page"]) == ("other", 20, 1)


class Leaf(BaseModel):
    word: str = Field(min_length=2, max_length=9)
    share: float = Field(ge=0, le=1)
    count: int | None


class Tree(BaseModel):
    leaf: Leaf
    leaves: list[Leaf] = Field(min_length=1, max_length=3)
    choice: Literal["a", "b"] | None
    flag: bool
    nothing: None


json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(
            st.sampled_from(["leaf", "leaves", "choice", "flag", "nothing", "word", "count"]),
            inner,
        )
    ),
    max_leaves=12,
)


@given(json_values)
def test_whatever_is_wished_for_what_fits_a_schema_validates(wish: object) -> None:
    TypeAdapter(Tree).validate_python(fit(Tree.model_json_schema(), wish), strict=True)


def test_with_nothing_to_say_a_schema_is_still_filled() -> None:
    assert fit(Tree.model_json_schema(), NOTHING)["leaf"]["word"] == "not state"


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    view: Callable[[object], View] = View.model_validate
    assert -1 <= view(read_filing(text)).sentiment <= 1
