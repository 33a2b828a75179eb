"""The price filter: one frame operation that decides as a plain loop would."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas import DataFrame
from prefect.cache_policies import NO_CACHE
from pydantic import ValidationError

from blocks.edgar_index import read_tickers
from blocks.errors import ParameterError
from blocks.models import Decision, Filing, FoundBy, Party, Verdict
from blocks.price_table import PriceTable, fold_symbols, read_screener
from blocks.ticker_table import TickerTable
from tasks.price_filter import PriceRule, decide, filter_by_price

AS_OF = datetime(2025, 12, 11, 21, tzinfo=UTC)
APPLE, BERKSHIRE, TINY, UNLISTED = 320193, 1067983, 1234567, 9_999_999_999

LISTED_AT = datetime(2025, 12, 11, 6, tzinfo=UTC)


def listed(*rows: tuple[int, str]) -> TickerTable:
    frame = DataFrame(rows, columns=["cik", "ticker"]).astype({"cik": "int64", "ticker": "str"})
    return TickerTable(frame.assign(name="x"), LISTED_AT)


TICKERS = listed(
    (APPLE, "AAPL"),
    (BERKSHIRE, "BRK-B"),
    (TINY, "TINY"),
    (BERKSHIRE, "BRK-A"),
    (TINY, "TINY-PA"),
    (TINY, "TINYW"),
)


def table(**prices_usd: float) -> PriceTable:
    symbols = [name.replace("_", "-") for name in prices_usd]
    frame = DataFrame({"symbol": symbols, "price_usd": list(prices_usd.values())}).astype(
        {"symbol": "str", "price_usd": "float64"}
    )
    return PriceTable(frame, AS_OF, "a test")


PRICES = table(AAPL=278.03, BRK_A=735_000.0, TINY_PA=24.5, TINYW=0.12)


def filing(*ciks: int, number: int = 1, role: str = "Filer") -> Filing:
    return Filing(
        accession=f"0001193125-25-{number:06d}",
        form="8-K",
        parties=tuple(Party(cik=cik, name=f"Company {cik}", role=role) for cik in ciks),
        found_by=FoundBy.FEED,
    )


def decided(
    *ciks: int,
    rule: PriceRule | None = None,
    tickers: TickerTable | None = TICKERS,
    prices: PriceTable | None = PRICES,
) -> Decision:
    one = filing(*ciks)
    return decide([one], tickers, prices, rule or PriceRule())[one.accession]


# --- the rule -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "verdict"),
    [
        (PriceRule(ceiling_usd=278.03), Verdict.WITHIN_RANGE),
        (PriceRule(ceiling_usd=278.02), Verdict.ABOVE_CEILING),
        (PriceRule(ceiling_usd=None), Verdict.WITHIN_RANGE),
        (PriceRule(ceiling_usd=None, floor_usd=278.03), Verdict.WITHIN_RANGE),
        (PriceRule(ceiling_usd=None, floor_usd=278.04), Verdict.BELOW_FLOOR),
        (PriceRule(ceiling_usd=278.03, floor_usd=278.03), Verdict.WITHIN_RANGE),
        (PriceRule(ceiling_usd=10, enabled=False), Verdict.FILTER_OFF),
    ],
)
def test_the_bounds_belong_to_the_range(rule: PriceRule, verdict: Verdict) -> None:
    decision = decided(APPLE, rule=rule)
    assert decision.verdict is verdict
    assert (decision.ticker, decision.price_usd) == ("AAPL", 278.03)
    assert (decision.price_as_of, decision.price_source) == (AS_OF, "a test")
    assert decision.tickers_as_of == LISTED_AT


@pytest.mark.parametrize(
    ("unknown", "verdict", "keeps"),
    [
        ("keep", Verdict.UNKNOWN_PRICE_KEPT, True),
        ("reject", Verdict.UNKNOWN_PRICE_REJECTED, False),
    ],
)
def test_an_unknown_price_follows_the_policy_and_is_recorded(
    unknown: str, verdict: Verdict, *, keeps: bool
) -> None:
    rule = PriceRule.model_validate({"unknown": unknown})
    decision = decided(UNLISTED, rule=rule)
    assert (decision.verdict, decision.verdict.keeps) == (verdict, keeps)
    assert (decision.ticker, decision.price_usd) == (None, None)
    assert (decision.price_as_of, decision.price_source) == (AS_OF, "a test")


@pytest.mark.parametrize(
    "settings",
    [
        {"floor_usd": 11.0, "ceiling_usd": 10.0},
        {"floor_usd": -1.0},
        {"ceiling_usd": 0.0},
        {"ceiling_usd": float("inf")},
        {"floor_usd": float("nan")},
        {"unknown": "guess"},
        {"ceiling": 10.0},
    ],
)
def test_a_rule_that_no_price_could_meet_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises((ValidationError, ParameterError)):
        PriceRule.model_validate(settings)


# --- the choice of ticker -----------------------------------------------------


@pytest.mark.parametrize(
    ("ciks", "ticker", "price_usd", "choice"),
    [
        ([APPLE], "AAPL", 278.03, "AAPL, only ticker"),
        ([BERKSHIRE], "BRK-A", 735_000.0, "BRK-A, first priced of 2"),
        ([TINY], "TINY-PA", 24.5, "TINY-PA, first priced of 3"),
        ([UNLISTED], None, None, "no ticker"),
        (
            [UNLISTED, APPLE],
            None,
            None,
            "no ticker; CIK 9999999999, issuer 1 of 2, the first, none in range",
        ),
        ([APPLE, APPLE], "AAPL", 278.03, "AAPL, only ticker"),
    ],
)
def test_the_first_priced_ticker_in_secs_order_stands_for_the_company(
    ciks: list[int], ticker: str | None, price_usd: float | None, choice: str
) -> None:
    decision = decided(*ciks)
    assert decision.ticker == ticker
    assert decision.price_usd == price_usd
    assert decision.ticker_choice == choice


def test_without_any_price_the_first_ticker_is_recorded() -> None:
    decision = decided(BERKSHIRE, prices=table(ZZZ=1.0))
    assert (decision.ticker, decision.price_usd) == ("BRK-B", None)
    assert decision.ticker_choice == "BRK-B, first of 2, none priced"


def test_a_ticker_is_recorded_without_the_blanks_sec_leaves_in_it() -> None:
    tickers = listed((APPLE, "DAIC "))
    assert decided(APPLE, tickers=tickers, prices=table(DAIC=1.5)).ticker == "DAIC"


@pytest.mark.parametrize("spelling", ["BRK-B", "BRK.B", "BRK/B", "brk-b"])
def test_any_spelling_of_a_ticker_finds_its_price(spelling: str) -> None:
    tickers = listed((BERKSHIRE, spelling))
    assert decided(BERKSHIRE, tickers=tickers, prices=table(BRK_B=490.5)).price_usd == 490.5


def test_row_labels_of_the_ticker_frame_do_not_matter() -> None:
    relabelled = TICKERS.frame.set_axis([0] * len(TICKERS.frame))
    assert decided(TINY, tickers=TickerTable(relabelled, LISTED_AT)) == decided(TINY)


@pytest.mark.parametrize("tickers", [TICKERS, None, listed()])
@pytest.mark.parametrize("prices", [PRICES, None])
@pytest.mark.parametrize("enabled", [True, False])
def test_a_table_that_is_missing_leaves_prices_unknown_and_nothing_undecided(
    tickers: TickerTable | None, prices: PriceTable | None, *, enabled: bool
) -> None:
    decision = decided(APPLE, tickers=tickers, prices=prices, rule=PriceRule(enabled=enabled))
    known = tickers is TICKERS and prices is PRICES
    expected = Verdict.ABOVE_CEILING if known else Verdict.UNKNOWN_PRICE_KEPT
    assert decision.verdict is (expected if enabled else Verdict.FILTER_OFF)
    assert decision.ticker == ("AAPL" if tickers is TICKERS else None)
    assert decision.price_usd == (278.03 if known else None)
    assert decision.price_source == ("a test" if prices else None)
    assert decision.price_as_of == (AS_OF if prices else None)
    assert decision.tickers_as_of == (LISTED_AT if tickers else None)


@pytest.mark.parametrize("tickers_stale", [True, False])
@pytest.mark.parametrize("prices_stale", [True, False])
def test_a_decision_says_which_of_its_tables_was_stale(
    *, tickers_stale: bool, prices_stale: bool
) -> None:
    decision = decided(
        APPLE,
        tickers=replace(TICKERS, stale=tickers_stale),
        prices=replace(PRICES, stale=prices_stale),
    )
    assert (decision.tickers_stale, decision.price_stale) == (tickers_stale, prices_stale)


def test_where_no_price_was_asked_for_the_choice_does_not_speak_of_prices() -> None:
    off = PriceRule(enabled=False)
    decision = decided(TINY, APPLE, prices=None, rule=off)
    assert decision.ticker_choice == "TINY, first of 3; CIK 1234567, issuer 1 of 2, the first"
    assert not decision.price_stale


# --- several issuers ----------------------------------------------------------


def test_a_filing_of_several_issuers_passes_if_one_is_in_range() -> None:
    decision = decided(APPLE, UNLISTED, TINY, prices=table(AAPL=278.03, TINY=2.0))
    assert decision.verdict is Verdict.WITHIN_RANGE
    assert (decision.ticker, decision.price_usd) == ("TINY", 2.0)
    assert decision.ticker_choice == (
        "TINY, first priced of 3; CIK 1234567, issuer 3 of 3, the first in range"
    )


def test_without_one_in_range_the_first_issuer_decides() -> None:
    assert decided(APPLE, UNLISTED).verdict is Verdict.ABOVE_CEILING
    assert decided(UNLISTED, APPLE).verdict is Verdict.UNKNOWN_PRICE_KEPT


@pytest.mark.parametrize(
    ("ciks", "ticker", "verdict"),
    [
        ([APPLE, UNLISTED], None, Verdict.UNKNOWN_PRICE_KEPT),
        ([UNLISTED, APPLE], None, Verdict.UNKNOWN_PRICE_KEPT),
        ([APPLE, BERKSHIRE], "AAPL", Verdict.ABOVE_CEILING),
        ([BERKSHIRE, APPLE], "BRK-A", Verdict.ABOVE_CEILING),
        ([APPLE, UNLISTED, TINY], "TINY", Verdict.WITHIN_RANGE),
    ],
)
def test_where_no_role_is_known_a_big_filer_does_not_reject_an_unpriced_subject(
    ciks: list[int], ticker: str | None, verdict: Verdict
) -> None:
    one = filing(*ciks, role="")
    prices = table(AAPL=278.03, BRK_A=735_000.0, TINY=2.0)
    decision = decide([one], TICKERS, prices, PriceRule())[one.accession]
    assert (decision.ticker, decision.verdict) == (ticker, verdict)


def test_where_no_role_is_known_the_policy_for_unknown_prices_applies_to_the_subject() -> None:
    one = filing(APPLE, UNLISTED, role="")
    decision = decide([one], TICKERS, PRICES, PriceRule(unknown="reject"))[one.accession]
    assert decision.verdict is Verdict.UNKNOWN_PRICE_REJECTED
    assert decision.ticker_choice == (
        "no ticker; CIK 9999999999, issuer 2 of 2, the first without a price, roles not known"
    )


def test_only_the_issuer_counts_where_the_roles_are_known() -> None:
    one = Filing(
        accession="0001193125-25-000001",
        form="SCHEDULE 13D",
        parties=(
            Party(cik=TINY, name="Holder", role="Filed by"),
            Party(cik=APPLE, name="Apple Inc.", role="Subject"),
        ),
        found_by=FoundBy.FEED,
    )
    decision = decide([one], TICKERS, table(AAPL=278.03, TINY=2.0), PriceRule())[one.accession]
    assert (decision.verdict, decision.ticker) == (Verdict.ABOVE_CEILING, "AAPL")


# --- the whole frame ----------------------------------------------------------


def loop(
    filings: Sequence[Filing], tickers: TickerTable, prices: PriceTable, rule: PriceRule
) -> dict[str, tuple[Verdict, str | None, float | None]]:
    """What :func:`decide` promises, one filing after the other."""
    by_symbol = prices.by_symbol().to_dict()
    decisions = {}
    for one in filings:
        companies = []
        for party in one.issuers:
            mine = tickers.frame["cik"] == party.cik
            own = tickers.frame.loc[mine, "ticker"].str.strip().tolist()
            priced = [
                (ticker, by_symbol[symbol])
                for ticker, symbol in zip(own, fold_symbols(pd.Series(own)), strict=True)
                if symbol in by_symbol
            ]
            companies.append((*priced, *((ticker, None) for ticker in own), (None, None))[0])
        verdicts = [verdict_on(price_usd, rule) for _, price_usd in companies]
        deciding = 0
        if Verdict.WITHIN_RANGE in verdicts:
            deciding = verdicts.index(Verdict.WITHIN_RANGE)
        elif not one.issuers[0].role:
            unpriced = [n for n, (_, price_usd) in enumerate(companies) if price_usd is None]
            deciding = min(unpriced, default=0)
        verdict = verdicts[deciding] if rule.enabled else Verdict.FILTER_OFF
        decisions[one.accession] = (verdict, *companies[deciding])
    return decisions


def verdict_on(price_usd: float | None, rule: PriceRule) -> Verdict:
    if price_usd is None:
        return Verdict(f"unknown_price_{'kept' if rule.unknown == 'keep' else 'rejected'}")
    if rule.ceiling_usd is not None and price_usd > rule.ceiling_usd:
        return Verdict.ABOVE_CEILING
    if rule.floor_usd is not None and price_usd < rule.floor_usd:
        return Verdict.BELOW_FLOOR
    return Verdict.WITHIN_RANGE


ciks = st.integers(1, 6)
symbols = st.sampled_from(["A", "B", "B-A", "C-PA", "D", "E"])
usd = st.sampled_from([0.5, 1.0, 2.0, 9.99, 10.0, 10.01, 700.0])
rules = st.builds(
    PriceRule,
    floor_usd=st.sampled_from([None, 0.0, 1.0, 2.0]),
    ceiling_usd=st.sampled_from([None, 2.0, 10.0]),
    unknown=st.sampled_from(["keep", "reject"]),
    enabled=st.booleans(),
)


@given(
    issuers=st.lists(st.lists(ciks, min_size=1, max_size=4), max_size=8),
    rows=st.lists(st.tuples(ciks, symbols), max_size=10),
    prices_usd=st.dictionaries(symbols, usd, min_size=1),
    rule=rules,
    role=st.sampled_from(["Filer", ""]),
)
@settings(deadline=None)  # the machine may be busy
def test_the_frame_decides_as_the_loop_does(
    issuers: list[list[int]],
    rows: list[tuple[int, str]],
    prices_usd: dict[str, float],
    rule: PriceRule,
    role: str,
) -> None:
    filings = [filing(*own, number=number, role=role) for number, own in enumerate(issuers)]
    tickers = listed(*rows)
    prices = table(**{symbol.replace("-", "_"): price for symbol, price in prices_usd.items()})
    decisions = decide(filings, tickers, prices, rule)
    assert {
        accession: (decision.verdict, decision.ticker, decision.price_usd)
        for accession, decision in decisions.items()
    } == loop(filings, tickers, prices, rule)
    assert list(decisions) == [one.accession for one in filings]


def test_nothing_to_decide_gives_nothing() -> None:
    assert decide([], TICKERS, PRICES, PriceRule()) == {}


def test_decisions_survive_json() -> None:
    decision = decided(BERKSHIRE)
    assert Decision.model_validate_json(decision.model_dump_json()) == decision


def test_a_decision_stored_before_tables_had_times_and_ages_can_still_be_read() -> None:
    stored = (
        '{"verdict":"within_range","ticker":"TINY","price_usd":2.0,'
        '"price_as_of":"2025-12-11T21:00:00Z","price_source":"a file",'
        '"ticker_choice":"TINY, only ticker"}'
    )
    decision = Decision.model_validate_json(stored)
    assert decision.price_as_of == AS_OF
    assert decision.tickers_as_of is None


def test_a_real_market_day_is_decided_as_the_loop_does(edgar_captures: Path) -> None:
    rows = [
        row
        for exchange in ("amex", "nasdaq", "nyse")
        for row in json.loads(
            (edgar_captures / f"prices/{exchange}_full_tickers_2025-12-11.json").read_text()
        )
    ]
    body = json.dumps({"data": {"asOf": None, "rows": rows}}).encode()
    prices = read_screener(body, fetched_at=AS_OF, source="the screener")
    file = (edgar_captures / "tickers/company_tickers_2025-12.json").read_bytes()
    tickers = TickerTable(read_tickers(file), LISTED_AT)
    moved = pd.read_csv(edgar_captures / "labels/filings_20251211-12_price_moves.csv")
    filings = [
        filing(cik, number=number) for number, cik in enumerate(moved["cik"].drop_duplicates())
    ]
    decisions = decide(filings, tickers, prices, PriceRule())
    assert {
        accession: (decision.verdict, decision.ticker, decision.price_usd)
        for accession, decision in decisions.items()
    } == loop(filings, tickers, prices, PriceRule())
    assert Counter(decision.verdict for decision in decisions.values()) == {
        Verdict.WITHIN_RANGE: 178,
        Verdict.ABOVE_CEILING: 169,
    }


# --- the task -----------------------------------------------------------------


def test_the_task_keeps_nothing_of_its_own() -> None:
    assert filter_by_price.cache_policy is NO_CACHE
    assert filter_by_price.persist_result is False


def test_the_task_decides_as_the_function() -> None:
    one = filing(APPLE)
    assert filter_by_price.fn([one], TICKERS, PRICES, PriceRule()) == decide(
        [one], TICKERS, PRICES, PriceRule()
    )
