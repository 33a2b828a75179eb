"""Runs that meet broken state: what was paid for is kept, and what goes on pays for nothing again.

Paid calls are counted where they arrive, in the stand-in model's ledger.
"""

import json
import re
import resource
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import LiteralString

import pytest
from full_disks import bytes_below, small_disk
from installation import Installation, installed, retry
from kept_tables import record_in, rewrite
from store_backends import Backend

from blocks.errors import (
    AnswerCacheUnusable,
    ConfigurationError,
    RunNeedsAttention,
    StoreUnavailable,
)
from blocks.store_windows import Row
from flows import setup
from flows.filings import sec_filings
from sandbox import model_faults
from sandbox.faults import Fault
from sandbox.loopback import Response
from sandbox.market_day import generated_day
from tasks.report import Funnel

DAY = generated_day(7, 14, noise=0.2)

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Installation]:
    with installed(DAY, tmp_path) as installation:
        yield installation


def at_the_first_answer(house: Installation, happens: Callable[[], None]) -> None:
    """Let something happen when the first answer is made and paid for, before it arrives."""

    def spoil(normal: Response) -> Response:
        happens()
        return normal

    house.model.faults.add(Fault("trouble", spoil))


def rows(house: Installation, sql: LiteralString) -> list[Row]:
    return Backend(f"duckdb:///{house.folder / 'store.duckdb'}").rows(sql)


def let_leases_run_out(house: Installation) -> None:
    rows(
        house, "UPDATE seen SET lease_until = now() - INTERVAL '1 second' WHERE owner IS NOT NULL"
    )


def stored(house: Installation) -> set[object]:
    return {
        one for (one,) in rows(house, "SELECT accession FROM outcome WHERE status = 'enriched'")
    }


def kept(house: Installation) -> set[str]:
    return {file.name for file in house.answers()}


def check_that_all_of_it_is_paid_for_once(house: Installation) -> None:
    let_leases_run_out(house)
    house.run(source="rss")
    assert set(house.model.paid_calls.values()) == {1}
    assert stored(house) == house.model.paid_calls.keys()
    assert rows(house, "SELECT count(*) FROM outcome GROUP BY accession HAVING count(*) > 1") == []


@pytest.mark.soak
def test_a_disk_that_is_full_when_an_answer_arrives_costs_no_answer_and_no_second_payment(
    tmp_path: Path,
) -> None:
    """Store and answers on it: the answer has its room, the store has none for its outcome."""
    with small_disk(tmp_path / "disk", 24) as disk, installed(DAY, disk.path) as house:
        at_the_first_answer(house, disk.fill)
        with pytest.raises(
            (StoreUnavailable, RunNeedsAttention), match=r"has room|some space|folder writable"
        ):
            house.run(source="rss", concurrency=2)
        paid = house.model.paid_calls
        assert 1 <= paid.total() <= 2
        assert kept(house) == paid.keys()
        disk.free()
        check_that_all_of_it_is_paid_for_once(house)


@contextmanager
def limit_to_be_lifted() -> Iterator[Callable[[], None]]:
    earlier = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        # An answer is smaller, and room for one larger. Of the store's file, nothing behind its
        # headers can be written: in the middle of a block, what fails would leave it torn.
        yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (12_288, earlier[1]))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, earlier)


def test_writes_that_fail_when_an_answer_arrives_cost_no_answer_and_no_second_payment(
    house: Installation,
) -> None:
    """As on a full disk, where none of our own may be mounted."""
    with limit_to_be_lifted() as limit:
        at_the_first_answer(house, limit)
        with pytest.raises(
            (StoreUnavailable, RunNeedsAttention), match=r"has room|some space|folder writable"
        ):
            house.run(source="rss", concurrency=2)
    paid = house.model.paid_calls
    assert 1 <= paid.total() <= 2
    assert kept(house) == paid.keys()
    check_that_all_of_it_is_paid_for_once(house)


def test_a_disk_for_answers_that_fills_up_stops_the_run_before_the_next_call(
    tmp_path: Path,
) -> None:
    """The store is elsewhere: what was answered has its outcome, and no attempt is lost."""
    with small_disk(tmp_path / "answers", 2) as disk, installed(DAY, tmp_path) as house:
        at_the_first_answer(house, disk.fill)
        with pytest.raises(RunNeedsAttention, match=r" 0 failed.*free some space"):
            house.run(source="rss", concurrency=2)
        paid = house.model.paid_calls
        assert 1 <= paid.total() <= 2
        assert stored(house) == paid.keys() == kept(house)
        disk.free()
        house.run(source="rss")
        assert set(house.model.paid_calls.values()) == {1}
        assert rows(house, "SELECT max(attempts) FROM outcome") == [(1,)]


@pytest.mark.soak
def test_a_disk_that_may_not_be_written_is_named_before_anything_is_paid_for(
    tmp_path: Path,
) -> None:
    with small_disk(tmp_path / "disk", 24) as disk, installed(DAY, disk.path) as house:
        house.run(source="batch", start_date=DAY.day, budget_usd=0.0026)
        paid, before = house.model.paid_calls, bytes_below(disk.path)
        disk.read_only()
        try:
            with pytest.raises((AnswerCacheUnusable, ConfigurationError), match="writable"):
                house.run(source="rss")
        finally:
            disk.read_only(is_so=False)
        assert house.model.paid_calls == paid
        assert bytes_below(disk.path) == before
        house.run(source="rss")
        assert set(house.model.paid_calls.values()) == {1}


def test_paid_answers_that_nothing_can_keep_are_counted_and_named(
    house: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one way left to lose them: without a cache, when the store goes meanwhile."""
    monkeypatch.setenv("FEATURE_SEC_LLM_CACHE", "0")
    store = house.folder / "store.duckdb"
    at_the_first_answer(house, lambda: void(store.write_bytes(b"damaged")))
    with pytest.raises(StoreUnavailable, match="paid answers are lost") as lost:
        house.run(source="rss", concurrency=2)
    paid = house.model.paid_calls
    assert 1 <= paid.total() <= 2
    named = re.findall(r"\d{10}-\d\d-\d{6}", str(lost.value))
    assert sorted(named) == sorted(paid)
    assert f" {len(paid)} paid answers" in str(lost.value)


def void(_: object) -> None:
    """For lambdas that give something."""


def test_a_request_limit_that_cannot_be_kept_stops_the_run_and_costs_no_filing_an_attempt(
    house: Installation,
) -> None:
    """Every filing would meet it, and after three such runs all were parked."""
    requests = house.folder / "requests.sqlite"
    at_the_first_answer(house, lambda: void(requests.write_bytes(b"damaged" * 1000)))
    with pytest.raises(RunNeedsAttention, match=r" 0 failed.*delete the file if it is damaged"):
        house.run(source="rss", concurrency=1)
    requests.unlink()
    house.run(source="rss")
    assert set(house.model.paid_calls.values()) == {1}
    assert rows(house, "SELECT max(attempts) FROM outcome") == [(1,)]


def garbage(file: Path) -> None:
    file.write_bytes(b"\0garbage")


def of_another_shape(file: Path) -> None:
    rewrite(file, record_in(file) | {"result": json.dumps({"films": []})})


@pytest.mark.parametrize(
    "breakage", [pytest.param(garbage, marks=pytest.mark.soak), of_another_shape]
)
def test_a_fetched_list_that_is_none_is_set_aside_and_fetched_again_by_the_retry(
    house: Installation, breakage: Callable[[Path], None]
) -> None:
    house.model.faults.add(model_faults.nonsense())
    state = sec_filings(
        profile=house.profile,
        source="batch",
        accessions=[one.accession for one in DAY.filings[:6]],
        return_state=True,
    )
    assert state.is_failed()
    (run,) = (house.folder / "answers" / "runs").iterdir()
    breakage(run / "list")
    assert retry(state).is_completed()
    assert sorted(one.name for one in run.iterdir()) == ["list", "list.unreadable"]


@pytest.mark.soak
def test_a_lost_database_of_prefect_costs_no_payment(
    house: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Set-up makes the documents anew, and store and answers lie below the state folder."""
    environment = {
        "SEC_STATE": str(house.folder),
        "SEC_USER_AGENT": "Tests tests@example.com",
        "SEC_BASE_URL": house.sec.url,
        "SEC_PRICES": f"{house.sec.url}/prices.csv",
        "OPENAI_API_KEY": "key",
        "OPENAI_BASE_URL": house.model.url,
        "SEC_LLM_PRICES_OF": "openai",
    }

    def set_up_anew() -> str:
        name = f"anew-{uuid.uuid4().hex[:8]}"
        monkeypatch.setattr(setup, "PROFILE", name)
        monkeypatch.setattr(setup, "STORE_CONNECTOR", f"{name}-store")
        setup.put_blocks(environment)
        return name

    def run() -> dict[str, int]:
        told = sec_filings(profile=set_up_anew(), source="batch", start_date=DAY.day)
        return Funnel.model_validate(told).model_dump(
            include={"enriched", "from_cache", "model_calls"}
        )

    first = run()
    assert first["enriched"] == first["model_calls"] == house.model.paid_calls.total() > 0
    assert run() == {"enriched": 0, "from_cache": 0, "model_calls": 0}
    for file in house.folder.glob("store.duckdb*"):
        file.unlink()
    assert run()["from_cache"] == first["enriched"], "the store lost as well: the answers serve"
    assert house.model.paid_calls.total() == first["enriched"]
