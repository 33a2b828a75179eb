"""The analyst against a real server on loopback, through the real openai client."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from model_endpoint import (
    ACCESSION,
    ANSWER,
    EXCERPT,
    GOOD,
    KEY,
    PRICE_USD,
    USAGE,
    Answering,
    Endpoint,
    Make,
    ask,
    completion,
    failing,
    failure,
)
from pydantic import SecretStr, ValidationError

from blocks.analyst import Analyst
from blocks.errors import AnalystError, AnalystUnavailable, AnswerInvalid, AnswerRefused

pytest_plugins = ("model_fixtures",)


def test_an_answer_comes_back_checked_and_priced(endpoint: Endpoint, make: Make) -> None:
    endpoint.script = [GOOD]
    reply = ask(make())
    assert reply.analysis.catalysts[0].verified
    assert reply.model == "gpt-6-luna"
    assert reply.model_calls == 1
    assert reply.usage.cached_input_tokens == 4_000
    assert reply.cost_usd == pytest.approx(PRICE_USD)


def test_the_question_is_asked_as_openais_reasoning_models_want_it(
    endpoint: Endpoint, make: Make
) -> None:
    endpoint.script = [GOOD]
    ask(make(max_output_tokens=999))
    (asked,) = endpoint.asked
    assert [message["role"] for message in asked["messages"]] == ["system", "user"]
    assert f"Accession number: {ACCESSION}" in asked["messages"][1]["content"]
    assert asked["response_format"]["json_schema"]["strict"] is True
    assert asked["reasoning_effort"] == "low"
    assert asked["max_completion_tokens"] == 999
    assert "max_tokens" not in asked
    assert endpoint.headers_seen[0]["authorization"] == f"Bearer {KEY}"
    assert endpoint.headers_seen[0]["accept-encoding"] == "identity"


def test_a_compatible_server_is_asked_in_the_words_it_knows(
    endpoint: Endpoint, make: Make
) -> None:
    endpoint.script = [GOOD]
    reply = ask(make(model="qwen2.5-7b", api_key=None, price_provider=None))
    (asked,) = endpoint.asked
    assert asked["max_tokens"] == 4_000
    assert "max_completion_tokens" not in asked
    assert "reasoning_effort" not in asked
    assert endpoint.headers_seen[0]["authorization"] == "Bearer not-needed"
    assert reply.cost_usd is None


def test_the_environment_names_no_other_endpoint(
    endpoint: Endpoint, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/elsewhere")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-other")
    endpoint.script = [GOOD]
    ask(make())
    assert endpoint.headers_seen[0]["authorization"] == f"Bearer {KEY}"
    assert Analyst().name == "rules"


@pytest.mark.parametrize("usage", [None, {"prompt_tokens": 0, "completion_tokens": 0}])
def test_a_cost_that_is_not_known_is_never_zero(
    endpoint: Endpoint, make: Make, usage: object
) -> None:
    endpoint.script = [completion(json.dumps(ANSWER), usage=usage)]
    assert ask(make()).cost_usd is None


def test_a_model_without_a_price_has_an_unknown_cost(endpoint: Endpoint, make: Make) -> None:
    endpoint.script = [GOOD]
    analyst = make(model="house-model")
    assert ask(analyst).cost_usd is None
    assert analyst.worst_case_cost_usd(EXCERPT) is None
    assert analyst.usual_cost_usd(EXCERPT) is None


def test_one_block_serves_many_threads_at_once(endpoint: Endpoint, make: Make) -> None:
    endpoint.script = [GOOD._replace(delay_s=0.2)]
    analyst = make(timeout_s=20)
    with ThreadPoolExecutor(40) as pool:
        replies = list(pool.map(lambda _: ask(analyst), range(80)))
    assert len(replies) == len(endpoint.asked) == 80


def test_with_neither_key_nor_address_the_rules_answer_and_say_so() -> None:
    for key in (None, SecretStr(""), SecretStr("  ")):
        analyst = Analyst(api_key=key)
        reply = ask(analyst)
        assert analyst.name == reply.model == "rules"
        assert reply.model_calls == 0
        assert reply.cost_usd == analyst.worst_case_cost_usd(EXCERPT) == 0.0
        assert analyst.usual_cost_usd(EXCERPT) == 0.0
        assert reply.analysis.catalysts[0].kind == "default"


def test_no_answer_costs_more_than_the_worst_case_says(make: Make) -> None:
    once = make(max_output_tokens=1_000).worst_case_cost_usd(EXCERPT)
    assert once is not None
    # the excerpt written to the cache, and a full answer, are in it
    assert once > (1_000 * 0.125 + 1_000 * 0.50) / 1_000_000


def test_the_worst_case_is_one_try_since_only_unbilled_tries_are_repeated(make: Make) -> None:
    once = make(max_retries=0).worst_case_cost_usd(EXCERPT)
    assert make(max_retries=5).worst_case_cost_usd(EXCERPT) == once


def test_what_is_usual_costs_less_than_the_worst_case_and_grows_with_the_excerpt(
    make: Make,
) -> None:
    for limit in (256, 4_000):
        analyst, costs = make(max_output_tokens=limit), list[float]()
        for tokens in (200, 4_000, 50_000):
            excerpt = EXCERPT.model_copy(update={"tokens": tokens})
            usual, most = analyst.usual_cost_usd(excerpt), analyst.worst_case_cost_usd(excerpt)
            assert usual is not None
            assert most is not None
            assert 0 < usual < most
            costs.append(usual)
        assert costs == sorted(costs)


def test_the_default_model_has_a_known_price_and_costs_under_half_a_cent() -> None:
    analyst = Analyst(api_key=SecretStr(KEY))
    worst_usd = analyst.worst_case_cost_usd(EXCERPT.model_copy(update={"tokens": 6_000}))
    analyst.close()
    assert analyst.knows_its_price
    assert worst_usd is not None
    assert 0.001 < worst_usd < 0.005


def test_an_analyst_tells_beforehand_whether_its_price_is_known(make: Make) -> None:
    assert make().knows_its_price
    assert Analyst().knows_its_price
    assert not make(model="house-model").knows_its_price
    assert not make(price_provider=None).knows_its_price


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("base_url", "localhost:8000/v1"),
        ("base_url", "ftp://127.0.0.1/v1"),
        ("base_url", "http://user:pw@127.0.0.1/v1"),
        ("base_url", "http://127.0.0.1/v1?key=x"),
        ("price_provider", "nobody"),
        ("model", ""),
        ("timeout_s", 0),
        ("max_retries", -1),
        ("max_output_tokens", 10),
    ],
)
def test_a_bad_setting_is_refused_at_construction(field: str, value: object) -> None:
    with pytest.raises(ValidationError, match=field):
        Analyst.model_validate({field: value})


def test_the_key_is_shown_nowhere(make: Make) -> None:
    analyst = make()
    assert KEY not in repr(analyst)
    assert KEY not in analyst.model_dump_json()


def test_every_field_explains_itself() -> None:
    assert all(field.description for field in Analyst.model_fields.values())


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (failing(400, message="x" * 285 + " Bearer " + KEY), AnswerRefused),
        (failing(500, message="y" * 980 + KEY), AnalystUnavailable),
        (Answering(body=b'{"echo": "' + b"z" * 55 + KEY.encode() + b'"}'), AnswerInvalid),
        (completion(refusal="w" * 290 + KEY), AnswerRefused),
    ],
)
def test_no_part_of_the_key_is_shown_where_a_servers_words_are_cut(
    answer: Answering, kind: type[AnalystError], make: Make, endpoint: Endpoint
) -> None:
    endpoint.script = [answer]
    assert KEY[:5] not in str(failure(make(), kind))


@pytest.mark.parametrize("tokens", [10**18, 10**400, -1])
def test_usage_that_makes_no_sense_costs_no_answer(
    tokens: int, make: Make, endpoint: Endpoint
) -> None:
    usage = USAGE | {"prompt_tokens": tokens}
    endpoint.script = [completion(json.dumps(ANSWER), usage=usage)]
    assert ask(make()).cost_usd is None
