"""An 8-K and its amendment through the whole flow: both analysed, both shown, none lost."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from installation import Installation, installed
from prefect.settings import PREFECT_API_URL

from sandbox.market_day import generated_day
from sandbox.prefect_api import PrefectApi

pytestmark = pytest.mark.usefixtures("prefect_server")

PLAIN = generated_day(23, 4, noise=0)
ORIGINAL = next(one for one in PLAIN.filings if one.form == "8-K")
AMENDMENT = replace(
    ORIGINAL,
    accession="0009900023-25-000001",
    form="8-K/A",
    accepted_at=ORIGINAL.accepted_at + timedelta(minutes=5),
)
DAY = replace(
    PLAIN, filings=tuple(sorted((*PLAIN.filings, AMENDMENT), key=lambda one: one.accepted_at))
)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Installation]:
    with installed(DAY, tmp_path) as installation:
        yield installation


def run(house: Installation, *accessions: str) -> dict[str, dict[str, Any]]:
    """Analyse these filings; the rows of the run's table, by accession number."""
    house.run(source="batch", accessions=accessions, price_ceiling_usd=0)
    with PrefectApi(str(PREFECT_API_URL.value())) as api:
        table = json.loads(api.get("/artifacts/analyses-batch/latest")["data"])
    return {row["filing"][1:21]: row for row in table}


def marks(house: Installation) -> dict[str, tuple[str | None, str | None]]:
    """What the store says of both: status, what it amends, what supersedes it."""
    frame = house.store.outcomes([ORIGINAL.accession, AMENDMENT.accession]).set_index("accession")
    assert set(frame["status"]) == {"enriched"}
    assert frame["summary"].notna().all()
    shown = frame[["amends", "superseded_by"]].astype(object).fillna("")
    return {str(name): (row["amends"], row["superseded_by"]) for name, row in shown.iterrows()}


BOTH_MARKED = {
    ORIGINAL.accession: ("", AMENDMENT.accession),
    AMENDMENT.accession: (ORIGINAL.accession, ""),
}


def announced(accession: str, name: str) -> list[dict[str, Any]]:
    """Events on a filing, once Prefect's server has taken in at least one of them."""
    wanted = {"resource": {"id": [f"sec-filing.{accession}"]}, "event": {"name": [name]}}
    with PrefectApi(str(PREFECT_API_URL.value())) as api:
        for _ in range(100):
            found: list[dict[str, Any]] = api.post("/events/filter", {"filter": wanted})["events"]
            if found:
                return found
            time.sleep(0.1)
    return []


def test_an_amendment_marks_the_earlier_analysis_and_both_are_kept_and_shown(
    house: Installation,
) -> None:
    (first,) = run(house, ORIGINAL.accession).values()
    assert (first["amends"], first["superseded_by"]) == (None, None)
    rows = run(house, AMENDMENT.accession)
    assert marks(house) == BOTH_MARKED
    assert set(rows) == {AMENDMENT.accession}, "the original is not analysed again"
    amends = rows[AMENDMENT.accession]["amends"]
    assert amends.startswith(f"[{ORIGINAL.accession}]({house.sec.url}/Archives/edgar/data/")
    assert amends.endswith(f"/{ORIGINAL.accession}-index.htm)")
    event, *_ = announced(ORIGINAL.accession, "sec-filing.superseded")  # as in the test below
    assert event["payload"] == {"superseded_by": AMENDMENT.accession, "form": "8-K/A"}
    assert set(house.model.paid_calls.values()) == {1}


def test_a_backfill_that_meets_the_amendment_first_marks_the_original_when_it_comes(
    house: Installation,
) -> None:
    run(house, AMENDMENT.accession)
    rows = run(house, ORIGINAL.accession)
    assert marks(house) == BOTH_MARKED
    assert rows[ORIGINAL.accession]["superseded_by"].startswith(f"[{AMENDMENT.accession}](")


def test_a_run_that_meets_both_shows_both_marks(house: Installation) -> None:
    rows = run(house, ORIGINAL.accession, AMENDMENT.accession)
    assert marks(house) == BOTH_MARKED
    assert rows[ORIGINAL.accession]["superseded_by"].startswith(f"[{AMENDMENT.accession}](")
    assert rows[AMENDMENT.accession]["amends"].startswith(f"[{ORIGINAL.accession}](")


def test_without_the_store_nothing_is_linked_and_the_run_goes_through(
    house: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEEN_STORE_ENABLED", "0")
    rows = run(house, ORIGINAL.accession, AMENDMENT.accession)
    assert {row["amends"] for row in rows.values()} == {None}
