"""Every row of docs/bad-days.md, played against the stand-in model.

One filing through the real analyst for each row; all rows that let a run go on
in one run of the flow; and each row that stops it in a run over a hundred filings.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from bad_days import FORMATS, SCENARIOS, Row, bad_days
from installation import Installation, installed
from pydantic import SecretStr

from blocks.analyst import Analyst
from blocks.budget import Budget
from blocks.edgar import EdgarClient
from blocks.errors import AnalystError, QuestionTooLong, RunNeedsAttention
from blocks.models import Answer, Decision, Filing, FoundBy, Verdict
from sandbox.compatible_model import CompatibleModel, Family
from sandbox.market import DayFiling
from sandbox.market_day import generated_day
from sandbox.model import StandInModel
from sandbox.model_families import FAMILIES, OLLAMA
from sandbox.sec import StandInSec
from tasks.ask import enrich_one
from tasks.bench import Bench
from tasks.enrich import STOPS_THE_RUN, enrich_filing, failure_of, is_outage

DAY: Final = generated_day(11, 150, noise=0.0)
UNKNOWN: Final = Decision(verdict=Verdict.UNKNOWN_PRICE_KEPT)
EXCERPT_TOKENS: Final = 4_000
CONCURRENCY: Final = 8
LONGEST_FIRST: Final = sorted(
    DAY.filings, key=lambda one: -sum(len(document.body) for document in one.documents)
)
MOST_OUTPUT: Final = 500
ROWS: Final = bad_days()
TELLING: Final = ("bad key", "no such path, 200")  # of an HTTP error and of an answer


def each(rows: list[Row]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("row", rows, ids=lambda row: row.name)


each_stopping_row = pytest.mark.parametrize(
    "row",  # to the run they are one error, whichever way a model's client came to it
    [
        pytest.param(row, id=row.name, marks=[] if row.name in TELLING else [pytest.mark.soak])
        for row in ROWS
        if row.stops
    ],
)


def filing_of(one: DayFiling) -> Filing:
    return Filing(
        accession=one.accession, form=one.form, parties=one.parties, found_by=FoundBy.INDEX
    )


def test_every_row_has_a_scenario_and_every_scenario_a_row() -> None:
    names = [row.name for row in ROWS]
    assert len(set(names)) == len(names)
    assert set(names) == set(SCENARIOS)


def test_the_table_uses_no_words_of_its_own() -> None:
    assert {row.billed for row in ROWS} == {"no", "yes", "unknown"}
    assert {row.run for row in ROWS} == {"goes on", "stops"}
    assert {row.attempt for row in ROWS if row.fails} == {"yes", "no"}
    assert {row.attempt for row in ROWS if not row.fails} == {"-"}


@pytest.fixture(scope="module")
def edgar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EdgarClient]:
    with StandInSec(DAY) as sec:
        client = EdgarClient(
            user_agent="Tests tests@example.com",
            base_url=sec.url,
            limiter_path=tmp_path_factory.mktemp("edgar") / "requests.sqlite",
        )
        yield client
        client.close()


@pytest.fixture
def model() -> Iterator[StandInModel]:
    with StandInModel() as running:
        yield running


def bench_with(edgar: EdgarClient, **analyst: Any) -> Bench:  # noqa: ANN401 - any field
    """A bench with an analyst of these settings, which tries again without much waiting."""
    fields = {"model": "gpt-6-luna", "price_provider": "openai", "api_key": SecretStr("key")}
    return Bench(
        edgar,
        Analyst.model_validate(fields | analyst),
        Budget(None),
        EXCERPT_TOKENS,
        run_id="run",
    )


def asked_about(bench: Bench) -> Answer | AnalystError:
    """What comes of one filing."""
    try:
        return enrich_one(filing_of(LONGEST_FIRST[0]), UNKNOWN, bench)
    except AnalystError as error:
        return error
    finally:
        bench.analyst.close()


class TestOneFiling:
    """Tries, ending, bill and attempt, as the table says."""

    @each(ROWS)
    def test_it_ends_as_the_table_says(
        self,
        row: Row,
        edgar: EdgarClient,
        model: StandInModel,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        monkeypatch.setattr("blocks.model_failures._BACK_OFF_S", 0.01)
        scenario = SCENARIOS[row.name]
        model.faults.add(scenario.fault, times=scenario.times)
        bench = bench_with(edgar, **{"base_url": model.url, **scenario.analyst})
        ended = asked_about(bench)
        asked = len(model.ledger) or 1 + sum(one.name == "stamina" for one in caplog.records)
        assert row.ends_as == ("answer" if isinstance(ended, Answer) else type(ended).__name__)
        assert row.tries == (f"{asked}+{asked}" if is_outage(ended) else str(asked))
        assert row.billed == billed(ended, bench, model)
        if isinstance(ended, AnalystError):
            counts = failure_of(filing_of(LONGEST_FIRST[0]), ended, None).counts
            stops = isinstance(ended, STOPS_THE_RUN)
            assert row.attempt == ("yes" if counts and not stops else "no")
            assert row.stops == stops


def billed(ended: Answer | AnalystError, bench: Bench, model: StandInModel) -> str:
    """What was booked, in the table's words; what is said to be free was not paid for."""
    cost_usd = ended.reply.cost_usd if isinstance(ended, Answer) else ended.cost_usd
    assert bench.tally.spent_usd == pytest.approx(cost_usd or 0.0)
    assert bench.tally.unpriced_calls == (cost_usd is None)
    if cost_usd == 0.0:
        assert model.paid_calls.total() == 0
        return "no"
    assert model.paid_calls.total() <= 1
    return "unknown" if cost_usd is None else "yes"


@pytest.mark.parametrize(
    "family", [one for one in FAMILIES if one is not OLLAMA], ids=lambda one: one.name
)
def test_a_question_too_long_for_a_server_of_any_family_is_shortened_once(
    family: Family, edgar: EdgarClient
) -> None:
    never, sent = asked_at(family, edgar, context_tokens=1)
    assert isinstance(never, QuestionTooLong)
    whole, half = sent
    room = MOST_OUTPUT if family.counts_the_answer else 0
    shorter, sent = asked_at(family, edgar, context_tokens=(whole + half) // 2 + room)
    assert isinstance(shorter, Answer)
    assert len(sent) == 2
    full, _ = asked_at(family, edgar, context_tokens=100_000)
    assert isinstance(full, Answer)
    assert full.excerpt_tokens / 4 < shorter.excerpt_tokens <= full.excerpt_tokens / 2


def asked_at(
    family: Family, edgar: EdgarClient, *, context_tokens: int
) -> tuple[Answer | AnalystError, list[int]]:
    """What comes of one filing at such a server, and the tokens of each question."""
    with CompatibleModel(family, context_tokens=context_tokens) as server:
        ended = asked_about(
            bench_with(
                edgar,
                model="house-model",
                price_provider=None,
                base_url=server.url,
                max_output_tokens=MOST_OUTPUT,
                response_format=FORMATS[family.name],
            )
        )
        return ended, [call.prompt_tokens for call in server.ledger]


@pytest.fixture(scope="module")
def house(
    prefect_server: None,  # noqa: ARG001 - has to run
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Installation]:
    with installed(DAY, tmp_path_factory.mktemp("house")) as installation:
        yield installation


def attempts_of(house: Installation) -> dict[str, int]:
    """How many attempts each filing without an outcome has behind it."""
    store = house.store
    everything = [filing_of(one) for one in DAY.filings]
    granted = store.claim(everything, owner="looking", lease_s=60).granted
    store.release([one.filing.accession for one in granted], owner="looking")
    return {one.filing.accession: one.attempts - 1 for one in granted}


class TestTheRun:
    """What each of them means for the other filings."""

    @each_stopping_row
    def test_a_door_closed_to_all_is_tried_once_by_each_call_in_flight_and_costs_no_attempt(
        self, row: Row, house: Installation
    ) -> None:
        house.model.ledger.clear()
        house.model.faults.add(SCENARIOS[row.name].fault, times=None)
        with pytest.raises(
            RunNeedsAttention, match=r"1\d\d fetched.* Every filing would fail alike"
        ):
            house.run(
                source="batch", start_date=DAY.day, price_ceiling_usd=0, concurrency=CONCURRENCY
            )
        house.model.faults.clear()
        assert 1 <= len(house.model.ledger) <= CONCURRENCY
        untouched = attempts_of(house)
        assert len(untouched) >= 100
        assert set(untouched.values()) == {0}

    def test_what_is_one_filings_own_costs_the_others_nothing(
        self,
        prefect_server: None,  # noqa: ARG002 - has to run
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        rows = [row for row in ROWS if not row.stops and row.name != "connection refused"]
        rows.sort(key=lambda row: row.tries != "2")  # only what is long can be shortened
        victims = dict(zip(rows, LONGEST_FIRST, strict=False))
        others = LONGEST_FIRST[len(rows) : len(rows) + 5]
        monkeypatch.setattr(enrich_filing, "retry_delay_seconds", 0)
        monkeypatch.setattr("tasks.bench.STREAK", 1_000)  # so many bad days in a row are rare
        with installed(DAY, tmp_path) as house:
            set_timeout(house, timeout_s=2.0)
            for row, victim in victims.items():
                scenario = SCENARIOS[row.name]
                house.model.faults.add(
                    scenario.fault, match=victim.accession, times=scenario.times
                )
            chosen = [one.accession for one in (*victims.values(), *others)]
            with pytest.raises(RunNeedsAttention):
                house.run(source="batch", accessions=chosen, price_ceiling_usd=0)
            behind, done = attempts_of(house), house.store.lookup(chosen).done
        for row, victim in victims.items():
            assert (victim.accession in done) != row.fails, row.name
            if row.fails:
                assert behind[victim.accession] == (row.attempt == "yes"), row.name
        assert {one.accession for one in others} <= done


def set_timeout(house: Installation, *, timeout_s: float) -> None:
    analyst = Analyst(
        api_key=SecretStr("key"),
        base_url=house.model.url,
        price_provider="openai",
        max_retries=0,
        timeout_s=timeout_s,
    )
    analyst.save(house.profile, overwrite=True)
    analyst.close()
