"""The real feed of 2025-12-12, served as captured: nothing missed, nothing twice."""

import html
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from installation import Installation, installed

from blocks.forms import DEFAULT_FORMS
from blocks.prices import PriceSource
from sandbox.captures import CapturedFolder

FIRST = "sweep_20251212T180234_all"
LATER = ("sweep_20251212T180331_all", "sweep_20251212T180344_all", "sweep_20251212T180427_all")

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture
def house(edgar_captures: Path, tmp_path: Path) -> Iterator[Installation]:
    prices = tmp_path / "prices.csv"
    prices.write_text("symbol,price_usd\nNONE,1\n")
    with installed(CapturedFolder(edgar_captures), tmp_path) as installation:
        PriceSource(kind="file", location=str(prices)).save(installation.profile, overwrite=True)
        yield installation


def chosen_in(captures: Path, sweep: str) -> set[str]:
    """Accessions of the default forms, read off the captured bytes by a plain pattern."""
    pages = (captures / "feeds" / sweep).glob("*.xml")
    entries = re.findall(r'term="([^"]+)".*?accession-number=([0-9-]+)', _all(pages), re.DOTALL)
    return {accession for form, accession in entries if form in DEFAULT_FORMS}


def reject_all(house: Installation) -> set[str]:
    """Poll with no price known, so that the feed alone is at work; the new outcomes."""
    known = outcomes(house)
    house.run(source="rss", unknown_price="reject")
    return outcomes(house) - known


def outcomes(house: Installation) -> set[str]:
    frame = house.store.outcomes()
    assert frame["accession"].is_unique
    return set(frame["accession"])


def test_the_whole_sweep_is_found_once_under_its_names_and_each_later_poll_finds_what_is_new(
    house: Installation, edgar_captures: Path
) -> None:
    expected = chosen_in(edgar_captures, FIRST)
    assert len(expected) > 500
    assert reject_all(house) == expected
    names_survive(house, edgar_captures)
    for sweep in LATER:
        house.sec.show(sweep)
        new = chosen_in(edgar_captures, sweep) - expected
        assert reject_all(house) == new
        expected |= new


def names_survive(house: Installation, captures: Path) -> None:
    """With parentheses, dashes and states."""
    pages = (captures / "feeds" / FIRST).glob("*.xml")
    titles = re.findall(r"<title>\S.*? - (.*) \(\d{10}\) \([^()]*\)</title>", _all(pages))
    captured = {html.unescape(name) for name in titles}
    names = set(house.store.outcomes()["filer"])
    assert names <= captured
    for shape in (r"\(.+\)", r"/DE/", r"&"):
        assert any(re.search(shape, name) for name in names), shape


def _all(pages: Iterable[Path]) -> str:
    return "".join(page.read_text("latin-1") for page in pages)


def test_the_batch_path_finds_exactly_the_daily_indexs_filings_of_the_chosen_forms(
    house: Installation, edgar_captures: Path
) -> None:
    lines = (edgar_captures / "indexes" / "master.20240102.idx").read_text("latin-1").splitlines()
    rows = [line.split("|") for line in lines if line.count("|") == 4]
    expected = {Path(row[4]).stem for row in rows if row[2] in DEFAULT_FORMS}
    house.run(source="batch", start_date="2024-01-02", unknown_price="reject")
    assert outcomes(house) == expected
    assert len(expected) > 300
