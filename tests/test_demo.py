"""What the demo prints: counts read back from the report, tables that fit a terminal."""

from pathlib import Path
from typing import Any, Final

import pytest
from store_filings import accession

from blocks.models import Usage
from flows.stack import Stack
from sandbox.demo import (
    SHOWN_STAGES,
    WIDTH,
    Demo,
    _clip,
    conclude,
    print_analysis,
    print_table,
    stages,
)
from sandbox.market_day import bundled_day
from sandbox.model import StandInModel
from sandbox.prefect_api import PrefectApi
from sandbox.sec import StandInSec
from tasks.report import Funnel, funnel_markdown

FUNNEL: Final = Funnel(
    source="batch",
    analyst="small-model",
    fingerprint="f00d",
    fetched=137,
    requests=2,
    known=90,
    held=1,
    backlog=3,
    claimed=46,
    rejected={"above_ceiling": 20, "unknown_price_rejected": 4},
    unknown_price=5,
    from_cache=6,
    same_text=0,
    at_batch=0,
    unanswered=0,
    enriched=14,
    failed=2,
    parked=0,
    untouched=0,
    lost=0,
    model_calls=16,
    usage=Usage(),
    spent_usd=0.01,
    unpriced_calls=0,
    saved_usd=0.02,
    switched_off=(),
    switches={},
)
ROW: Final[dict[str, Any]] = {
    "filing": f"[{accession(1)}](https://www.sec.gov/)",
    "ticker": "BRK-B",
    "price_usd": 9.5,
    "form": "SCHEDULE 13D/A",
    "sentiment": -0.75,
    "catalysts": "offering, warrants, going_concern, reverse_split, delisting_notice",
    "summary": "The company sells shares below the market price. " * 5,
}


def test_the_stage_counts_are_read_back_from_the_report() -> None:
    counts = stages(funnel_markdown(FUNNEL))
    assert {stage: counts[stage] for stage in SHOWN_STAGES} == {
        "fetched": 137,
        "known": 90,
        "rejected by price": 24,  # two reasons, added up
        "from cache": 6,
        "enriched": 14,
        "failed": 2,
    }


def test_every_stage_the_demo_shows_is_one_the_report_has() -> None:
    nothing_rejected = FUNNEL.model_copy(update={"rejected": {}})
    missing = set(SHOWN_STAGES) - set(stages(funnel_markdown(nothing_rejected)))
    assert missing == {"rejected by price"}, "no row where nothing was rejected; shown as 0"


def test_text_that_is_no_stage_is_not_counted() -> None:
    assert stages("") == {}
    assert stages("# SEC filings\n\n| a | b |\n| --- | --- |\n| x | 1.5 |\n| y | -3 |") == {}


TITLES: Final = (
    "1. rss, at 13:00 Eastern",
    "2. rss, at 18:00 Eastern",
    "3. batch, at 22:30 Eastern",
    "4. batch over the same day again",
    "5. rss again",
)


def test_all_that_the_demo_concludes_with_fits_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sec, model = StandInSec(bundled_day()), StandInModel()
    with PrefectApi("http://127.0.0.1:1") as api:
        ended = Demo(Stack(tmp_path, 1), api, sec, model)
    ended.funnels = [(title, stages(funnel_markdown(FUNNEL)), 16) for title in TITLES]
    ended.analyses = [ROW] * 14
    conclude(ended)
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if len(line) > WIDTH] == []
    assert "  ... and 2 more, in the UI and in the store" in lines
    table = [line for line in lines if line.startswith(("  run", "  1.", "  5."))]
    assert len(table) == 3
    assert len({len(line) for line in table}) == 1, "columns stand below each other"


def test_a_table_sets_names_left_and_numbers_right(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("run", "n"), [("a", 5), ("bbbb", 1234)])
    assert capsys.readouterr().out.splitlines() == ["  run      n", "  a        5", "  bbbb  1234"]


def test_an_analysis_takes_two_lines_of_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_analysis(ROW)
    head, summary = capsys.readouterr().out.splitlines()
    assert head.split()[:2] == ["BRK-B", "$9.50"]
    assert "-0.75" in head
    assert "going_concern" not in head
    assert summary.endswith("...")
    assert max(len(head), len(summary)) <= WIDTH


def test_an_analysis_without_ticker_or_price_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    print_analysis(ROW | {"ticker": None, "price_usd": None})
    assert capsys.readouterr().out.split()[:2] == ["-", "?"]


@pytest.mark.parametrize("length", [0, 1, 79, 80, 81, 500])
def test_a_line_is_cut_only_where_it_would_not_fit(length: int) -> None:
    text = "x" * length
    cut = _clip(text)
    assert len(cut) == min(length, WIDTH)
    assert (cut == text) == (length <= WIDTH)
