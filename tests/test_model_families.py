"""The real analyst and compatible servers of many families, over real HTTP."""

from typing import Any

import pytest
from bad_days import FORMATS
from model_endpoint import ACCESSION, FILING
from pydantic import SecretStr

from blocks.analyst import Analyst
from blocks.errors import AnalystError, AnalystRejected, AnswerInvalid, QuestionTooLong
from blocks.model_request import ResponseFormat
from blocks.models import Excerpt, Question, Reply
from sandbox.compatible_model import CompatibleModel, Family
from sandbox.model_families import BARE, DEEPSEEK, FAMILIES, LM_STUDIO, OLLAMA, OPENROUTER

NEWS = "On May 1 the Company received a notice of default from its senior lender. "


def by_name(families: tuple[Family, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("family", families, ids=lambda one: one.name)


def reply_of(
    server: CompatibleModel,
    *,
    tokens: int = 100,
    price_provider: str | None = None,
    **changes: Any,  # noqa: ANN401 - any field
) -> Reply:
    """What the analyst makes of an excerpt of so many tokens."""
    fields: dict[str, Any] = {
        "model": "house-model",
        "api_key": SecretStr("key") if server.family.needs_key else None,
        "base_url": server.url,
        "max_retries": 0,
        "response_format": FORMATS[server.family.name],
        "price_provider": price_provider,
    }
    text = (NEWS * (tokens // 16 + 1))[: 4 * tokens]
    excerpt = Excerpt(text=text, parts=("8-K item 2.04",), tokens=tokens, shortened=False)
    analyst = Analyst.model_validate(fields | changes)
    try:
        return analyst.analyse(Question(filing=FILING, excerpt=excerpt))
    finally:
        analyst.close()


def failure_of(kind: type[AnalystError], server: CompatibleModel, **how: Any) -> AnalystError:  # noqa: ANN401 - any field
    with pytest.raises(kind, match=ACCESSION) as caught:
        reply_of(server, **how)
    assert type(caught.value) is kind
    return caught.value


def test_the_docs_have_a_row_for_every_family_and_none_besides() -> None:
    assert list(FORMATS) == [family.name for family in FAMILIES]


@by_name(FAMILIES)
def test_every_family_is_asked_in_its_words_and_its_answer_is_checked(family: Family) -> None:
    with CompatibleModel(family) as server:
        reply = reply_of(server)
        assert reply.analysis.catalysts[0].kind == "default"
        assert reply.analysis.catalysts[0].verified
        assert reply.analysis.sentiment < 0
        assert server.paid_calls == {ACCESSION: 1}


@by_name(tuple(one for one in FAMILIES if one is not OLLAMA))
def test_every_family_is_understood_when_the_question_is_too_long(family: Family) -> None:
    with CompatibleModel(family, context_tokens=9_000) as server:
        error = failure_of(QuestionTooLong, server, tokens=12_000)
        assert error.cost_usd == 0.0
        assert server.paid_calls.total() == 0
        assert reply_of(server, tokens=2_000).analysis.catalysts


def test_a_question_that_ollama_has_cut_without_a_word_has_no_answer() -> None:
    with CompatibleModel(OLLAMA, context_tokens=2_048) as server:
        error = failure_of(AnswerInvalid, server, tokens=12_000)
        assert "OLLAMA_CONTEXT_LENGTH" in str(error)


@pytest.mark.parametrize(
    ("family", "refused"),
    [(DEEPSEEK, "schema"), (LM_STUDIO, "object"), (BARE, "schema"), (BARE, "object")],
    ids=lambda one: getattr(one, "name", one),
)
def test_a_format_that_a_family_does_not_take_stops_the_run_and_names_the_setting(
    family: Family, refused: ResponseFormat
) -> None:
    with CompatibleModel(family) as server:
        error = failure_of(AnalystRejected, server, response_format=refused)
        assert "response_format to object, or to text" in str(error)
        assert server.calls.total() == 1


@by_name((LM_STUDIO, OPENROUTER))
def test_an_address_without_its_path_stops_the_run(family: Family) -> None:
    with CompatibleModel(family) as server:
        wrong = server.url.removesuffix(family.base_path)
        assert "base_url" in str(failure_of(AnalystRejected, server, base_url=wrong))


@by_name((BARE,))
def test_what_a_server_without_usage_cost_is_unknown_even_where_its_price_is_known(
    family: Family,
) -> None:
    with CompatibleModel(family) as server:
        reply = reply_of(server, model="gpt-6-luna", price_provider="openai")
        assert reply.cost_usd is None
        assert reply.usage.input_tokens == 0


@by_name((OPENROUTER,))
def test_a_gateway_whose_prices_are_known_is_priced(family: Family) -> None:
    with CompatibleModel(family) as server:
        reply = reply_of(server, model="gpt-6-luna", price_provider="openai")
        assert reply.cost_usd is not None
        assert reply.cost_usd > 0
