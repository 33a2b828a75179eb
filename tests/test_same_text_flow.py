"""Equal texts through the whole flow: one payment, and the record says whose it was."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from installation import Installation, installed
from prefect.settings import PREFECT_API_URL
from same_text_market import (
    LETTER,
    LETTER_BY_ANOTHER,
    OTHER_RELEASE,
    RELEASE,
    RELEASE_AGAIN,
    RELEASE_ONCE_MORE,
    day_of,
)
from test_amendments_flow import announced

from blocks.errors import RunNeedsAttention
from sandbox import model_faults
from sandbox.prefect_api import PrefectApi

pytestmark = pytest.mark.usefixtures("prefect_server")

DAY = day_of(RELEASE, RELEASE_AGAIN, LETTER, LETTER_BY_ANOTHER, OTHER_RELEASE)
BETWEEN = RELEASE.accepted_at + timedelta(seconds=50)
PAIR = {RELEASE.accession, RELEASE_AGAIN.accession}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Installation]:
    with installed(DAY, tmp_path) as installation:
        yield installation


def analyses(house: Installation) -> dict[str, tuple[str | None, float]]:
    """As anybody may query the store: whose text each has, and its cost."""
    with duckdb.connect(house.folder / "store.duckdb", read_only=True) as by_hand:
        found = by_hand.execute("SELECT accession, same_text_as, cost_usd FROM analyses")
        return {accession: (same_as, cost) for accession, same_as, cost in found.fetchall()}


def shown(source: str) -> dict[str, dict[str, Any]]:
    """The rows of the latest run's table, by accession number."""
    with PrefectApi(str(PREFECT_API_URL.value())) as api:
        table = json.loads(api.get(f"/artifacts/analyses-{source}/latest")["data"])
    return {row["filing"][1:21]: row for row in table}


def test_a_release_filed_twice_is_paid_for_once_across_rss_and_batch(house: Installation) -> None:
    house.sec.now = BETWEEN
    assert house.run(source="rss").enriched == 1
    house.sec.now = DAY.ends_at
    funnel = house.run(source="batch", start_date=DAY.day)
    assert (funnel.same_text, funnel.enriched, funnel.model_calls) == (1, 3, 3)
    assert house.model.paid_calls.keys() == set(DAY.by_accession) - {RELEASE_AGAIN.accession}
    assert set(house.model.paid_calls.values()) == {1}


def test_store_table_event_and_cache_say_whose_answer_it_is(tmp_path: Path) -> None:
    """With a filing of this test's own: the server keeps the events of all tests."""
    again = RELEASE_ONCE_MORE.accession
    with installed(day_of(RELEASE, RELEASE_ONCE_MORE), tmp_path) as house:
        house.run(source="batch", accessions=[RELEASE.accession])
        funnel = house.run(source="batch", accessions=[again])
        assert (funnel.spent_usd, funnel.saved_usd) == (0, 0)
        stored = analyses(house)
        assert stored[again] == (RELEASE.accession, 0.0)
        assert stored[RELEASE.accession][0] is None
        row = shown("batch")[again]
        assert (row["same_text_as"], row["cost_usd"]) == (RELEASE.accession, 0.0)
        event, *_ = announced(again, "sec-filing.enriched")
        assert event["payload"]["same_text_as"] == RELEASE.accession
        assert {path.name for path in house.answers()} == {RELEASE.accession, again}


def test_costs_add_up_to_what_was_paid(house: Installation) -> None:
    funnel = house.run(source="batch", start_date=DAY.day)
    costs = [cost for _, cost in analyses(house).values()]
    assert len(costs) == len(DAY.filings)
    assert funnel.spent_usd > 0
    assert sum(costs) == pytest.approx(funnel.spent_usd)
    assert house.store.outcomes()["cost_usd"].sum() == pytest.approx(funnel.spent_usd)


def test_a_shared_answer_is_on_file_for_its_own_filing(house: Installation) -> None:
    first = house.run(source="batch", start_date=DAY.day)
    for file in house.folder.glob("store.duckdb*"):
        file.unlink()
    again = house.run(source="batch", start_date=DAY.day)
    assert (again.from_cache, again.same_text, again.model_calls) == (5, 0, 0)
    assert again.saved_usd == pytest.approx(first.spent_usd), "saved once"


def test_two_runs_at_once_pay_once_for_a_text(house: Installation) -> None:
    house.model.latency_s = 0.3
    with ThreadPoolExecutor(2) as pool:
        runs = [
            pool.submit(house.run, source="batch", accessions=[accession]) for accession in PAIR
        ]
        funnels = [run.result() for run in runs]
    assert house.model.paid_calls.total() == 1
    assert sorted(funnel.same_text for funnel in funnels) == [0, 1]


def test_switched_off_by_its_parameter_each_is_paid_for(house: Installation) -> None:
    funnel = house.run(source="batch", accessions=sorted(PAIR), share_same_text=False)
    assert (funnel.same_text, funnel.enriched) == (0, 2)
    assert set(house.model.paid_calls) == PAIR


def test_without_the_cache_nothing_is_shared(
    house: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEATURE_SEC_LLM_CACHE", "0")
    funnel = house.run(source="batch", accessions=sorted(PAIR))
    assert (funnel.same_text, funnel.enriched) == (0, 2)
    assert not (house.folder / "answers" / "same-text").exists()


def test_a_refresh_pays_once_again_for_a_text(house: Installation) -> None:
    house.run(source="batch", accessions=sorted(PAIR))
    again = house.run(source="batch", accessions=sorted(PAIR), refresh="all")
    assert (again.same_text, again.enriched) == (1, 1)
    assert house.model.paid_calls.total() == 2


def test_a_door_that_is_closed_ends_the_run_with_nobody_left_waiting(house: Installation) -> None:
    house.model.latency_s = 0.2
    house.model.faults.add(model_faults.bad_key(), times=None)
    with pytest.raises(RunNeedsAttention):
        house.run(source="batch", accessions=sorted(PAIR), concurrency=2)
    house.model.faults.clear()
    funnel = house.run(source="batch", accessions=sorted(PAIR))
    assert (funnel.same_text, funnel.enriched) == (1, 1)


def test_a_folder_that_cannot_be_written_any_more_stops_the_run_before_anything_is_bought(
    house: Installation,
) -> None:
    in_the_way = house.folder / "answers" / "same-text"
    in_the_way.parent.mkdir()
    in_the_way.write_text("in the way")
    with pytest.raises(RunNeedsAttention, match="Nothing was bought"):
        house.run(source="batch", accessions=sorted(PAIR))
    assert house.model.ledger.entries == ()
    in_the_way.unlink()
    funnel = house.run(source="batch", accessions=sorted(PAIR))
    assert (funnel.same_text, funnel.enriched, funnel.failed) == (1, 1, 0)


def test_what_was_paid_for_and_failed_is_shared_with_nobody(house: Installation) -> None:
    house.model.faults.add(model_faults.refusal(), match=RELEASE.accession)
    with pytest.raises(RunNeedsAttention, match="1 failed"):
        house.run(source="batch", accessions=sorted(PAIR), concurrency=1)
    assert analyses(house).keys() == {RELEASE_AGAIN.accession}
    assert house.run(source="batch", accessions=[RELEASE.accession]).same_text == 1
    assert analyses(house)[RELEASE.accession] == (RELEASE_AGAIN.accession, 0.0)
