"""The benchmarks run, in little, and what they measure is the same work done both ways."""

from pathlib import Path

import pytest

from benchmarks import cached_answers, cycle, lookup, price_filter
from benchmarks.tables import Table, ratio
from tasks.price_filter import PriceRule, decide

TERMINAL = 80
WORK = cycle.Work(filings=4, known=3, latency_s=0.01, at_once=3)


def fits(table: Table) -> bool:
    return max(map(len, str(table).splitlines())) <= TERMINAL


@pytest.fixture(scope="module")
def cycles(
    prefect_server: None, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, cycle.Cycle]:
    """Every variant, once for all tests."""
    del prefect_server  # it is enough that it runs
    measured = cycle.measure(tmp_path_factory.mktemp("cycle"), WORK)
    return {one.variant: one for one in measured}


class TestCycle:
    """One miniature of all variants, looked at from several sides."""

    def test_every_cycle_sees_all_filings_and_the_store_knows_the_known(
        self, cycles: dict[str, cycle.Cycle]
    ) -> None:
        assert {one.funnel.fetched for one in cycles.values()} == {WORK.filings}
        assert cycles["all on"].funnel.known == WORK.known
        assert cycles["seen store off"].funnel.known == 0

    def test_with_all_three_off_every_filing_is_paid_and_with_any_on_fewer_are(
        self, cycles: dict[str, cycle.Cycle]
    ) -> None:
        calls = {variant: one.calls for variant, one in cycles.items()}
        assert calls.pop("all three off") == WORK.filings
        assert max(calls.values()) <= WORK.filings - WORK.known

    def test_lookups_are_timed_where_there_is_a_store_to_ask(
        self, cycles: dict[str, cycle.Cycle]
    ) -> None:
        assert cycles["all on"].lookup_s > 0
        assert cycles["seen store off"].lookup_s == 0

    def test_the_tables_fit_a_terminal(self, cycles: dict[str, cycle.Cycle]) -> None:
        measured = list(cycles.values())
        assert fits(cycle.savings(WORK, measured))
        assert fits(cycle.bounds(WORK, measured))


def test_the_replaced_systems_work_is_split_exactly_and_priced_out_by_a_fifth() -> None:
    work = cycle.Work()
    day = work.day()
    out = [max(one.company.prices_usd.values(), default=0) > 10 for one in day.filings]
    last_known = day.filings[work.known - 1].disseminated_at
    assert len(day.filings) == work.filings
    assert sum(one.disseminated_at <= last_known for one in day.filings) == work.known
    assert sum(out) == pytest.approx(work.filings / 5, abs=1)
    assert sum(out[work.known :]) == pytest.approx((work.filings - work.known) / 5, abs=1)


def test_every_way_of_looking_up_finds_all_of_the_frame(tmp_path: Path) -> None:
    measured = lookup.measure(tmp_path, rows=2000, frame=6, rounds=1)
    assert fits(lookup.table([measured]))
    store = lookup.seeded_store(tmp_path / "seen.duckdb", 2000)
    assert len(store.lookup(lookup.spread(2000, 6)).done) == 6


def test_the_loop_decides_what_the_frame_decides() -> None:
    market = price_filter.invented_market(40)
    filings = price_filter.filings_of(market, 60)
    assert price_filter.loop(filings, market, PriceRule()) == decide(
        filings, market.tickers, market.prices, PriceRule()
    )
    assert fits(price_filter.table([price_filter.measure(market, filings, rounds=1)]))


@pytest.mark.usefixtures("prefect_server")
def test_both_ways_find_every_kept_answer(tmp_path: Path) -> None:
    kept = cached_answers.keep(tmp_path, 6)
    assert kept.in_bulk() == 6
    taken_s = cached_answers.measure(tmp_path, answers=6, rounds=1)
    assert fits(cached_answers.table(taken_s, 6))


def test_a_ratio_shows_two_digits_and_nothing_where_there_is_no_base() -> None:
    assert (ratio(1, 3), ratio(1234.4, 1), ratio(1, 0)) == ("0.33", "1,234", "-")
