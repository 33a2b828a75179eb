"""Money at the stand-in model's own ledger, priced there, against what was booked."""

from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from asking_children import analyst_at, ask_about, bench_of, question
from children import child
from genai_prices import Usage, calc_price
from store_backends import Backend

from blocks.budget import Budget
from blocks.errors import AnalystError, StoreUnavailable
from blocks.spending import NANO
from sandbox import faults, model_faults
from sandbox.loopback import Response
from sandbox.model import StandInModel
from tasks.ask import _asked
from tasks.bench import Bench

pytest_plugins = ["store_fixtures"]

CAP_USD = 0.006
FIFTY_USD = 0.012  # covers the worst case of some twenty calls, and what eighty cost
NEAR_USD = 1e-6  # every booking is rounded up to a whole nano-dollar


@pytest.fixture
def model() -> Iterator[StandInModel]:
    with StandInModel() as endpoint:
        yield endpoint


@pytest.fixture
def bench(duckdb_backend: Backend, model: StandInModel) -> Iterator[Bench]:
    ledger = duckdb_backend.store().spending
    laid_out = bench_of(analyst_at(model.url), Budget(None, CAP_USD, ledger=ledger, run="run"))
    yield laid_out
    laid_out.edgar.close()
    laid_out.analyst.close()


def billed_usd(model: StandInModel) -> float:
    """What the endpoint would put on its bill."""
    usages = [
        Usage(input_tokens=call.prompt_tokens, output_tokens=call.completion_tokens)
        for call in model.ledger
        if call.paid
    ]
    prices = (calc_price(usage, "gpt-6-luna", provider_id="openai") for usage in usages)
    return float(sum(price.total_price for price in prices))


def booked_usd(backend: Backend) -> float:
    """What is settled in the store."""
    [(nano,)] = backend.rows("SELECT coalesce(sum(actual_nano), 0)::bigint FROM spending")
    return int(nano) / NANO


def test_fifty_threads_of_two_processes_stay_within_a_cap_to_the_cent(
    duckdb_backend: Backend, model: StandInModel
) -> None:
    model.latency_s = 0.3  # so that many are in flight although they are booked one by one
    for spoilt in (model_faults.refusal, model_faults.length, model_faults.nonsense):
        model.faults.add(spoilt(), times=4)
    model.faults.add(model_faults.server_error(), times=4)
    spans = ((1, 56), (101, 156))
    asking = [
        child(
            "ask_when_told",
            duckdb_backend.url,
            model.url,
            *span,
            FIFTY_USD,
            module="asking_children",
        )
        for span in spans
    ]
    for process in asking:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    refused_usd = min(float(process.communicate(timeout=90)[0]) for process in asking)
    assert billed_usd(model) <= FIFTY_USD
    assert billed_usd(model) + refused_usd > FIFTY_USD, "no call is left out that fits"
    assert booked_usd(duckdb_backend) == pytest.approx(billed_usd(model), abs=NEAR_USD)
    assert duckdb_backend.rows("SELECT count(*) FROM spending WHERE settled_at IS NULL") == [(0,)]


@pytest.mark.parametrize("at_once", [1, 50])
def test_a_cap_covers_as_many_calls_at_once_as_one_at_a_time(
    model: StandInModel, bench: Bench, at_once: int
) -> None:
    refused_usd = min(ask_about(range(1, 80), bench, at_once=at_once))
    assert CAP_USD - refused_usd < billed_usd(model) <= CAP_USD


@pytest.mark.parametrize(
    "fault",
    [
        model_faults.refusal,
        model_faults.content_filter,
        model_faults.length,
        model_faults.nonsense,
    ],
)
def test_an_answer_that_is_none_is_booked_at_what_it_was_billed(
    duckdb_backend: Backend, model: StandInModel, bench: Bench, fault: Callable[[], faults.Fault]
) -> None:
    model.faults.add(fault())
    with pytest.raises(AnalystError):
        _asked(question(1), bench)
    assert booked_usd(duckdb_backend) == pytest.approx(billed_usd(model), abs=NEAR_USD)
    assert billed_usd(model) > 0


@pytest.mark.parametrize("fault", [model_faults.no_usage, model_faults.broken_json])
def test_a_call_of_unknown_cost_is_booked_at_its_worst_case(
    duckdb_backend: Backend, model: StandInModel, bench: Bench, fault: Callable[[], faults.Fault]
) -> None:
    model.faults.add(fault())
    with suppress(AnalystError):
        _asked(question(1), bench)
    worst_usd = bench.analyst.worst_case_cost_usd(question(1).excerpt)
    assert booked_usd(duckdb_backend) == pytest.approx(worst_usd, abs=NEAR_USD)
    assert bench.tally.unpriced_calls == 1


@pytest.mark.parametrize("fault", [model_faults.rate_limited, model_faults.bad_key])
def test_what_was_not_billed_is_booked_as_nothing(
    duckdb_backend: Backend, model: StandInModel, bench: Bench, fault: Callable[[], faults.Fault]
) -> None:
    model.faults.add(fault())
    with pytest.raises(AnalystError):
        _asked(question(1), bench)
    assert booked_usd(duckdb_backend) == billed_usd(model) == 0.0
    assert duckdb_backend.rows("SELECT calls, open_worst_usd FROM spent_by_day") == [(0, 0.0)]


def test_a_store_that_fails_before_the_call_lets_no_call_out(
    duckdb_backend: Backend, model: StandInModel, bench: Bench
) -> None:
    _asked(question(1), bench)
    duckdb_backend.path.write_bytes(b"damaged")
    with pytest.raises(StoreUnavailable):
        _asked(question(2), bench)
    assert len(model.ledger) == 1


def test_a_store_that_fails_during_the_call_does_not_cost_the_answer(
    duckdb_backend: Backend, model: StandInModel, bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    def damage(normal: Response) -> Response:
        duckdb_backend.path.write_bytes(b"damaged")
        return normal

    model.faults.add(faults.Fault("the disk fails", damage))
    reply = _asked(question(1), bench)
    assert reply.cost_usd == pytest.approx(billed_usd(model))
    assert "stays booked at its worst case" in caplog.text
