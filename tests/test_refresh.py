"""A changed fingerprint re-pays no history by itself, and once, where it is asked to."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from installation import Installation, installed

from blocks.analyst import Analyst
from blocks.errors import ParameterError
from flows.filings import sec_filings
from sandbox.market_day import generated_day
from tasks.report import Funnel, funnel_markdown

MARKET = generated_day(7, 14, noise=0.2)
DAY = MARKET.day
OTHER_TOKENS = 1_500  # another excerpt budget is another fingerprint

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Installation]:
    with installed(MARKET, tmp_path) as installation:
        yield installation


@pytest.fixture
def history(house: Installation) -> Funnel:
    """The day as it was analysed under the fingerprint before."""
    return house.run(source="batch", start_date=DAY)


def run(house: Installation, refresh: str = "none", **parameters: float) -> Funnel:
    """The same day under the other fingerprint."""
    return house.run(
        source="batch",
        start_date=DAY,
        excerpt_tokens=OTHER_TOKENS,
        refresh=refresh,
        **parameters,
    )


def fingerprints(house: Installation) -> dict[str, list[str]]:
    """Of each analysed filing, those of the answers that are kept, oldest first."""
    frame = house.store.outcomes()
    analysed = list(frame.loc[frame["status"] == "enriched", "accession"])
    kept: dict[str, list[str]] = {accession: [] for accession in analysed}
    for answer in house.store.answers(analysed):
        kept[answer.accession].append(answer.fingerprint)
    return kept


def test_a_changed_fingerprint_pays_for_nothing_that_has_an_outcome(
    house: Installation, history: Funnel
) -> None:
    paid = house.model.paid_calls
    again = run(house)
    assert again.fingerprint != history.fingerprint
    assert (again.model_calls, again.known) == (0, history.fetched)
    assert house.model.paid_calls == paid


def test_what_is_outdated_is_paid_once_under_the_new_fingerprint_and_old_answers_stay(
    house: Installation, history: Funnel
) -> None:
    renewed = run(house, refresh="outdated")
    assert renewed.enriched == renewed.claimed == history.enriched > 0
    assert set(house.model.paid_calls.values()) == {2}
    assert run(house, refresh="outdated").claimed == 0
    both = [history.fingerprint, renewed.fingerprint]
    assert fingerprints(house) == dict.fromkeys(house.model.paid_calls, both)


def test_a_refresh_that_its_budget_stopped_goes_on_in_the_next_run_with_nothing_paid_twice(
    house: Installation, history: Funnel
) -> None:
    capped = run(house, refresh="outdated", budget_usd=0.0028, concurrency=1)
    assert 0 < capped.enriched < history.enriched
    assert "budget" in capped.stopped_by
    assert "what is done is not paid again" in capped.next_step
    rest = run(house, refresh="outdated")
    assert rest.enriched == rest.claimed == history.enriched - capped.enriched
    assert set(house.model.paid_calls.values()) == {2}


@pytest.mark.usefixtures("history")
def test_a_refresh_of_all_that_its_budget_stopped_says_that_it_would_begin_anew(
    house: Installation,
) -> None:
    capped = run(house, refresh="all", budget_usd=0.0028, concurrency=1)
    assert "what is done is paid again" in capped.next_step


def test_an_answer_that_a_killed_refresh_had_paid_is_taken_from_the_cache(
    house: Installation, history: Funnel
) -> None:
    run(house, refresh="outdated")
    forget_what_was_recorded_since(house, history.fingerprint)
    again = run(house, refresh="outdated")
    assert (again.model_calls, again.from_cache) == (0, history.enriched)


def forget_what_was_recorded_since(house: Installation, fingerprint: str) -> None:
    """As if the runs that asked under another one had been killed before they could record."""
    with house.store._transaction(writes=True) as transaction:
        transaction.rows("DELETE FROM outcome WHERE fingerprint <> $1::text", fingerprint)
        transaction.rows("DELETE FROM analysis WHERE fingerprint <> $1::text", fingerprint)
        transaction.rows(
            "UPDATE seen SET done_at = (SELECT max(recorded_at) FROM outcome o WHERE o.k = seen.k)"
        )


def test_back_under_the_fingerprint_before_its_answers_are_on_file(
    house: Installation, history: Funnel
) -> None:
    run(house, refresh="outdated")
    back = house.run(source="batch", start_date=DAY, refresh="outdated")
    assert (back.fingerprint, back.model_calls) == (history.fingerprint, 0)
    assert back.from_cache == history.enriched


def test_what_was_rejected_by_its_price_stays_so(house: Installation, history: Funnel) -> None:
    renewed = house.run(
        source="batch",
        start_date=DAY,
        excerpt_tokens=OTHER_TOKENS,
        price_ceiling_usd=0,
        refresh="outdated",
    )
    assert sum(history.rejected.values()) > 0
    assert renewed.claimed == history.enriched


@pytest.mark.parametrize("refresh", ["outdated", "all"])
def test_what_todays_price_rejects_keeps_its_analysis_and_both_plan_and_funnel_say_so(
    house: Installation, history: Funnel, refresh: str
) -> None:
    before = house.store.outcomes().set_index("accession")
    low: dict[str, Any] = {
        "source": "batch",
        "start_date": DAY,
        "refresh": refresh,
        "price_ceiling_usd": 0.01,
    }
    low |= {"unknown_price": "reject", "excerpt_tokens": OTHER_TOKENS}
    said: Any = sec_filings(profile=house.profile, plan_only=True, **low)
    planned = said["total"]
    renewed = house.run(**low)
    assert renewed.standing == planned["standing"] == history.enriched > 0
    assert sum(renewed.rejected.values()) == planned["rejected"]
    assert (renewed.model_calls, renewed.untouched) == (0, 0)
    analysed = before.index[before["status"] == "enriched"]
    after = house.store.outcomes(list(analysed)).set_index("accession")
    assert after["summary"].to_dict() == before.loc[analysed, "summary"].to_dict()
    assert "analysis stands" in funnel_markdown(renewed)


@pytest.mark.parametrize("plan_only", [True, False])
def test_rules_replace_nothing_that_a_model_has_answered(
    house: Installation, history: Funnel, *, plan_only: bool
) -> None:
    analyst = cast("Analyst", Analyst.load(house.profile))
    analyst.api_key = analyst.base_url = analyst.price_provider = None
    analyst.save(house.profile, overwrite=True)
    with pytest.raises(ParameterError, match="parameter refresh: the rules would replace"):
        house.run(source="batch", start_date=DAY, refresh="outdated", plan_only=plan_only)
    kept = house.store.outcomes()["model"].dropna()
    assert (len(kept), "rules" in set(kept)) == (history.enriched, False)


def test_another_model_outdates_what_the_live_path_analysed_too(house: Installation) -> None:
    house.run(source="rss")
    listed = {one.accession for one in MARKET.filings if one.filed_on == DAY}
    live = set(house.model.paid_calls) & listed
    analyst = cast("Analyst", Analyst.load(house.profile))
    analyst.model = "gpt-5-mini"
    analyst.save(house.profile, overwrite=True)
    house.sec.now += timedelta(hours=7)
    renewed = house.run(source="batch", start_date=DAY, refresh="outdated")
    assert renewed.analyst == "gpt-5-mini"
    asked = Counter((call.accession, call.model) for call in house.model.ledger)
    assert set(asked.values()) == {1}
    assert live
    assert live <= {accession for accession, model in asked if model == "gpt-5-mini"}
