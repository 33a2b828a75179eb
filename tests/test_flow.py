"""The flow, whole: real engine, real store, real HTTP, the real openai client.

Paid calls are counted where they arrive, in the stand-in model's ledger.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from examples import in_soak
from installation import TOO_LITTLE_USD, Installation, installed

from blocks.answers import AnswerFolder
from blocks.errors import (
    AnswerCacheUnusable,
    ConfigurationError,
    FeedUnreadable,
    IndexUnreadable,
    ParameterError,
    PriceTableUnreadable,
    RunNeedsAttention,
)
from blocks.forms import DEFAULT_FORMS
from blocks.models import Claimed, Filing, FoundBy
from blocks.prices import PriceSource
from flows.progress import Progress
from sandbox import faults, model_faults, sec_faults
from sandbox.market_day import MarketDay, generated_day
from tasks.enrich import enrich_filing
from tasks.leases import Leases

SMALL = generated_day(7, 14, noise=0.2)
DAY = SMALL.day

CAP_USD = 0.0028  # covers one worst case and a few answers
EMPTY_FEED = b"""<?xml version="1.0" encoding="ISO-8859-1" ?>
<feed xmlns="http://www.w3.org/2005/Atom"><title>Latest Filings</title></feed>"""

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Installation]:
    with installed(SMALL, tmp_path) as installation:
        yield installation


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Prefect's retry of a task come at once."""
    monkeypatch.setattr(enrich_filing, "retry_delay_seconds", 0)


def survivors(house: Installation) -> set[str]:
    """Accessions that the store says were enriched."""
    frame = house.store.outcomes()
    return set(frame.loc[frame["status"] == "enriched", "accession"])


def test_rss_then_batch_over_the_same_day_then_rss_pays_once_for_each_survivor(
    house: Installation,
) -> None:
    house.sec.now = SMALL.closes_at - timedelta(hours=2)
    first = house.run(source="rss")
    house.sec.now = SMALL.closes_at + timedelta(hours=7)
    batch = house.run(source="batch", start_date=DAY)
    again = house.run(source="rss")
    assert first.enriched > 0
    assert batch.enriched > 0
    assert again.model_calls == 0
    assert set(house.model.paid_calls.values()) == {1}
    assert set(house.model.paid_calls) == survivors(house)
    assert first.model_calls + batch.model_calls == house.model.paid_calls.total()


def test_every_filing_of_the_chosen_forms_has_exactly_one_outcome(house: Installation) -> None:
    funnel = house.run(source="batch", start_date=DAY)
    frame = house.store.outcomes()
    assert frame["accession"].is_unique
    assert len(frame) == funnel.fetched == funnel.claimed
    assert len(frame) == funnel.enriched + sum(funnel.rejected.values())


def test_a_rejected_filing_is_not_downloaded_and_not_paid_for(house: Installation) -> None:
    funnel = house.run(
        source="batch", start_date=DAY, price_ceiling_usd=0.0001, unknown_price="reject"
    )
    assert funnel.enriched == 0
    assert sum(funnel.rejected.values()) == funnel.claimed > 0
    assert house.model.ledger.entries == ()
    assert house.sec.count(r"/data/\d+/.*\.txt") == 0


def test_an_idle_poll_costs_one_request_and_no_task_run_for_tables(house: Installation) -> None:
    house.run(source="rss")
    asked = len(house.sec.ledger)
    idle = house.run(source="rss")
    assert len(house.sec.ledger) - asked == idle.requests == 1


def test_what_failed_is_tried_again_by_the_next_run_and_nothing_else_is(
    house: Installation,
) -> None:
    victim = house_victim(house)
    house.model.faults.add(model_faults.nonsense(), match=victim)
    with pytest.raises(RunNeedsAttention, match="1 failed"):
        house.run(source="rss")
    paid_before = house.model.paid_calls.total()
    funnel = house.run(source="rss")
    assert (funnel.claimed, funnel.enriched) == (1, 1)
    assert house.model.paid_calls.total() == paid_before + 1
    assert victim in survivors(house)


def house_victim(house: Installation) -> str:
    """An accession that the price filter lets through."""
    broke = house.run(source="batch", start_date=DAY, budget_usd=TOO_LITTLE_USD)
    assert broke.enriched == 0
    assert broke.untouched > 0
    fetched = [one for one in SMALL.filings if one.accession not in set(outcomes(house))]
    wanted = [one for one in fetched if one.form.startswith(("8-K", "6-K", "10-Q"))]
    return wanted[0].accession


def outcomes(house: Installation) -> list[str]:
    return list(house.store.outcomes()["accession"])


def test_a_filing_that_keeps_failing_is_parked_after_its_attempts_and_then_left_alone(
    house: Installation,
) -> None:
    victim = house_victim(house)
    house.model.faults.add(model_faults.nonsense(), match=victim, times=None)
    for _ in range(house.store.max_attempts):
        with pytest.raises(RunNeedsAttention):
            house.run(source="rss")
    assert [one.accession for one in house.store.parked()] == [victim]
    calls = house.model.calls[victim]
    assert house.run(source="rss").model_calls == 0
    assert house.model.calls[victim] == calls == house.store.max_attempts


@pytest.mark.usefixtures("impatient")
def test_an_outage_of_the_model_uses_up_no_attempts(house: Installation) -> None:
    victim = house_victim(house)
    house.model.faults.add(model_faults.rate_limited(), match=victim, times=None)
    for _ in range(house.store.max_attempts + 1):
        with pytest.raises(RunNeedsAttention):
            house.run(source="rss")
    house.model.faults.clear()
    assert house.run(source="rss").enriched == 1
    assert victim in survivors(house)


def test_a_budget_stops_the_run_cleanly_and_the_next_run_goes_on(house: Installation) -> None:
    capped = house.run(source="batch", start_date=DAY, budget_usd=CAP_USD, concurrency=1)
    assert capped.enriched > 0
    assert capped.untouched > 0
    assert capped.spent_usd <= CAP_USD
    assert "budget" in capped.stopped_by
    rest = house.run(source="batch", start_date=DAY)
    assert rest.enriched == capped.untouched
    assert set(house.model.paid_calls.values()) == {1}


@pytest.mark.parametrize(
    "fault", [model_faults.bad_key, *in_soak(model_faults.insufficient_quota)]
)
def test_a_door_closed_to_every_filing_stops_the_run_and_costs_no_filing_an_attempt(
    house: Installation, fault: Callable[[], faults.Fault]
) -> None:
    house.model.faults.add(fault(), times=None)
    with pytest.raises(RunNeedsAttention):
        house.run(source="batch", start_date=DAY, concurrency=2)
    assert len(house.model.ledger) <= 2
    house.model.faults.clear()
    funnel = house.run(source="batch", start_date=DAY)
    assert funnel.failed == 0
    assert funnel.enriched > 2


def test_two_runs_at_once_share_the_work_and_pay_once(house: Installation) -> None:
    house.model.latency_s = 0.2
    with ThreadPoolExecutor(2) as pool:
        runs = [
            pool.submit(house.run, source="batch", start_date=DAY),
            pool.submit(house.run, source="rss"),
        ]
        funnels = [run.result() for run in runs]
    assert set(house.model.paid_calls.values()) == {1}
    assert sum(funnel.enriched for funnel in funnels) == house.model.paid_calls.total()


def test_an_answer_that_was_paid_but_never_recorded_is_found_again(house: Installation) -> None:
    first = house.run(source="batch", start_date=DAY)
    forget_outcomes(house)
    again = house.run(source="batch", start_date=DAY)
    assert again.from_cache == first.enriched
    assert again.model_calls == 0
    assert again.saved_usd == pytest.approx(first.spent_usd)


def forget_outcomes(house: Installation) -> None:
    """As if every run had been killed between the answer and its recording."""
    for file in house.folder.glob("store.duckdb*"):
        file.unlink()


def test_half_an_answer_file_is_no_answer_for_that_filing_only(house: Installation) -> None:
    house.run(source="batch", start_date=DAY)
    torn = house.answers()[0]
    torn.write_bytes(torn.read_bytes()[:40])
    forget_outcomes(house)
    again = house.run(source="batch", start_date=DAY)
    assert again.model_calls == 1
    assert house.model.paid_calls[torn.name] == 2


def test_an_answer_of_another_shape_is_set_aside_and_bought_again(house: Installation) -> None:
    house.run(source="batch", start_date=DAY)
    old = house.answers()[0]
    old.write_text(old.read_text().replace("excerpt_tokens", "size_of_the_excerpt"))
    forget_outcomes(house)
    again = house.run(source="batch", start_date=DAY)
    assert again.model_calls == 1
    assert old.with_name(f"{old.name}.unreadable").exists()


def test_filings_left_by_killed_runs_are_worked_on_alone_rather_than_parked(
    house: Installation,
) -> None:
    first = house.run(source="batch", start_date=DAY, budget_usd=TOO_LITTLE_USD)
    left = [one.filing for one in _open(house)]
    assert len(left) == first.untouched > 0
    for kill in range(house.store.max_attempts):
        house.store.claim(left, owner=f"killed-{kill}", lease_s=0)
    funnel = house.run(source="rss")
    assert funnel.parked == 0
    assert survivors(house) >= {one.accession for one in left}


def test_a_filing_that_ends_every_run_is_parked_and_that_needs_attention(
    house: Installation,
) -> None:
    house.run(source="batch", start_date=DAY, budget_usd=TOO_LITTLE_USD)
    victim, *_ = [one.filing for one in _open(house)]
    for kill in range(2 * house.store.max_attempts):
        house.store.claim([victim], owner=f"killed-{kill}", lease_s=0)
    with pytest.raises(RunNeedsAttention, match="1 parked"):
        house.run(source="batch", accessions=[victim.accession])
    assert [one.accession for one in house.store.parked()] == [victim.accession]


def _open(house: Installation) -> tuple[Claimed, ...]:
    """What the store knows and has no outcome yet."""
    listed = [one for one in SMALL.filings if one.filed_on == DAY]
    chosen = [one.accession for one in listed if one.form in DEFAULT_FORMS]
    unfinished = set(chosen) - house.store.lookup(chosen).done
    everything = [
        Filing(
            accession=one.accession,
            form=one.form,
            parties=one.parties,
            found_by=FoundBy.INDEX,
        )
        for one in SMALL.filings
        if one.accession in unfinished
    ]
    claim = house.store.claim(everything, owner="looking", lease_s=60)
    house.store.release([one.filing.accession for one in claim.granted], owner="looking")
    return claim.granted


def test_what_a_batch_run_failed_on_is_taken_up_by_the_next_poll(house: Installation) -> None:
    victim = house_victim(house)
    house.model.faults.add(model_faults.nonsense(), match=victim)
    with pytest.raises(RunNeedsAttention):
        house.run(source="batch", start_date=DAY)
    house.sec.faults.add(faults.status(200, EMPTY_FEED), match="browse-edgar")
    assert house.run(source="rss").backlog == 1
    assert victim in survivors(house)


def test_a_run_whose_lease_has_run_out_asks_no_more(house: Installation) -> None:
    """Its machine slept, say: another run has the filings by the time it wakes."""
    house.run(source="batch", start_date=DAY, budget_usd=TOO_LITTLE_USD)
    filings = [one.filing for one in _open(house)]
    store = house.store
    claim = store.claim(filings, owner="slept", lease_s=0)
    thief = store.claim(filings, owner="thief", lease_s=60)
    assert len(thief.granted) == len(filings)
    leases = Leases(store, owner="slept", lease_s=1)
    progress = Progress(store, leases)
    progress.take(claim)
    with progress.leases_kept():
        time.sleep(0.6)
    assert leases.gone == {one.accession for one in filings}


@pytest.mark.usefixtures("impatient")
def test_five_failures_in_a_row_stop_the_run_and_cost_no_attempt(house: Installation) -> None:
    house.model.faults.add(model_faults.server_error(), times=None)
    with pytest.raises(RunNeedsAttention, match="in a row"):
        house.run(source="batch", start_date=DAY, concurrency=1)
    house.model.faults.clear()
    funnel = house.run(source="rss")
    assert funnel.parked == 0
    assert set(outcomes(house)) >= set(house.model.paid_calls)


def test_refresh_pays_again_for_what_has_an_outcome(house: Installation) -> None:
    first = house.run(source="batch", start_date=DAY)
    again = house.run(source="batch", start_date=DAY, refresh="all")
    assert again.enriched == first.enriched
    assert set(house.model.paid_calls.values()) == {2}


def test_without_a_key_the_rules_answer_and_say_so(tmp_path: Path) -> None:
    with installed(SMALL, tmp_path, key=None) as house:
        funnel = house.run(source="batch", start_date=DAY)
        assert funnel.analyst == "rules"
        assert funnel.enriched > 0
        assert (funnel.model_calls, funnel.spent_usd, funnel.unpriced_calls) == (0, 0, 0)


def test_a_list_of_accession_numbers_is_enriched_whatever_its_forms(house: Installation) -> None:
    chosen = [SMALL.filings[0].accession, SMALL.filings[1].accession]
    funnel = house.run(source="batch", accessions=chosen, price_ceiling_usd=0)
    assert funnel.fetched == 2
    assert survivors(house) == set(chosen)


class TestSwitches:
    """Each switch, on and off; off is said in the report."""

    def test_without_the_store_every_run_sees_everything_and_the_cache_still_pays_once(
        self, house: Installation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SEEN_STORE_ENABLED", "0")
        first = house.run(source="rss")
        again = house.run(source="rss")
        assert first.switched_off == ("SEEN_STORE_ENABLED",)
        assert again.claimed == first.claimed
        assert again.from_cache == first.enriched
        assert set(house.model.paid_calls.values()) == {1}
        assert not (house.folder / "store.duckdb").exists()

    def test_without_the_cache_the_store_still_pays_once(
        self, house: Installation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FEATURE_SEC_LLM_CACHE", "0")
        first = house.run(source="rss")
        assert house.run(source="rss").model_calls == 0
        assert first.switched_off == ("FEATURE_SEC_LLM_CACHE",)
        assert house.answers() == []

    def test_without_cache_and_store_every_run_pays_as_the_old_system_did(
        self, house: Installation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FEATURE_SEC_LLM_CACHE", "0")
        monkeypatch.setenv("SEEN_STORE_ENABLED", "0")
        house.run(source="rss")
        house.run(source="rss")
        assert set(house.model.paid_calls.values()) == {2}

    def test_without_the_price_filter_no_price_is_asked_for_and_all_is_kept(
        self, house: Installation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SEC_PRICE_FILTER_ENABLED", "0")
        funnel = house.run(source="rss")
        assert funnel.rejected == {}
        assert funnel.enriched == funnel.claimed
        assert house.sec.count("prices.csv") == 0

    def test_without_the_lru_the_store_answers_the_same(
        self, house: Installation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        house.run(source="rss")
        monkeypatch.setenv("SEEN_STORE_CACHE_ENABLED", "0")
        again = house.run(source="rss")
        assert again.known == again.fetched
        assert again.switched_off == ("SEEN_STORE_CACHE_ENABLED",)

    def test_an_answer_past_its_time_to_live_is_bought_again(
        self, house: Installation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SEC_LLM_CACHE_TTL_HOURS", "0.0000001")
        house.run(source="rss")
        forget_outcomes(house)
        house.run(source="rss")
        assert set(house.model.paid_calls.values()) == {2}

    def test_an_outcome_past_its_time_to_live_is_seen_no_more(
        self, house: Installation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = house.run(source="rss")
        monkeypatch.setenv("SEEN_TTL_DAYS", "0.0000001")
        again = house.run(source="rss")
        assert again.claimed == first.claimed
        assert set(house.model.paid_calls.values()) == {1}, "the answers are still on file"

    def test_the_bounds_of_the_price_come_from_the_environment_unless_the_run_says_else(
        self, house: Installation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PRICE_CEILING", "0.0001")
        house.run(source="rss", unknown_price="reject")
        assert house.model.ledger.entries == ()
        funnel = house.run(source="batch", start_date=DAY, price_ceiling_usd=0, refresh="all")
        assert funnel.enriched > 0

    def test_the_calls_at_once_come_from_the_environment(
        self, house: Installation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SEC_LLM_MAX_CONCURRENT", "1")
        house.model.latency_s = 0.05
        house.run(source="rss")
        assert house.model.load.peak == 1


class TestBadInput:
    """A clear error or a recorded failure; nothing is lost, and the next run makes it good."""

    def test_an_unreadable_feed_fails_the_run_before_anything_is_claimed(
        self, house: Installation
    ) -> None:
        for fault in (sec_faults.malformed_xml(), sec_faults.html_instead()):
            house.sec.faults.add(fault, match="browse-edgar")
            with pytest.raises(FeedUnreadable, match="feed"):
                house.run(source="rss")
        assert house.run(source="rss").enriched > 0

    def test_an_unreadable_index_fails_the_run(self, house: Installation) -> None:
        house.sec.faults.add(sec_faults.html_instead(), match="master")
        with pytest.raises(IndexUnreadable):
            house.run(source="batch", start_date=DAY)

    def test_an_empty_index_is_a_day_without_filings(self, house: Installation) -> None:
        house.sec.faults.add(sec_faults.empty_index(), match="master")
        assert house.run(source="batch", start_date=DAY).fetched == 0

    @pytest.mark.parametrize(
        "fault", [sec_faults.missing, sec_faults.wrong_submission, sec_faults.html_instead]
    )
    def test_a_submission_that_cannot_be_read_is_a_recorded_failure(
        self, house: Installation, fault: Callable[[], faults.Fault]
    ) -> None:
        house.sec.faults.add(fault(), match=r"/data/\d+/.*\.txt")
        with pytest.raises(RunNeedsAttention, match="1 failed"):
            house.run(source="rss")
        assert house.run(source="rss").enriched == 1

    def test_a_block_by_sec_stops_the_run_and_loses_nothing(
        self, house: Installation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        house.sec.faults.add(sec_faults.rate_limited(), match=r"/data/\d+/.*\.txt", times=None)
        funnel = house.run(source="rss", concurrency=1)
        assert "asks this address to stay away" in funnel.stopped_by
        assert funnel.untouched > 0
        assert house.sec.count(r"/data/\d+/.*\.txt") == 1
        house.sec.faults.clear()
        when_the_block_is_over = datetime.now(UTC) + timedelta(minutes=10)
        monkeypatch.setattr("blocks.edgar_breaker.utc_now", lambda: when_the_block_is_over)
        assert house.run(source="rss").enriched > 0

    def test_text_in_the_price_column_fails_the_run_and_hands_its_claims_back(
        self, house: Installation
    ) -> None:
        prices = house.folder / "prices.csv"
        prices.write_text("symbol,price_usd\nAAA,cheap\nBBB,dear\n")
        PriceSource(kind="file", location=str(prices)).save(house.profile, overwrite=True)
        with pytest.raises(PriceTableUnreadable, match="price_usd"):
            house.run(source="rss")
        prices.write_text("symbol,price_usd\nAAA,1.5\n")
        assert house.run(source="rss").enriched > 0, "not held by the failed run's lease"

    @pytest.mark.parametrize(
        "fault",
        [
            model_faults.refusal,
            model_faults.broken_json,
            *in_soak(
                model_faults.content_filter,
                model_faults.length,
                model_faults.nonsense,
                model_faults.other_shape,
            ),
        ],
    )
    def test_an_answer_that_is_none_is_never_kept_and_asked_for_again(
        self, house: Installation, fault: Callable[[], faults.Fault]
    ) -> None:
        house.model.faults.add(fault())
        with pytest.raises(RunNeedsAttention, match="1 failed"):
            house.run(source="rss")
        assert house.run(source="rss").enriched == 1
        assert len(house.answers()) == len(survivors(house))

    def test_an_answer_folder_that_cannot_be_written_stops_the_run_before_the_first_call(
        self, house: Installation
    ) -> None:
        (house.folder / "file").write_text("in the way")
        blocked = AnswerFolder(basepath=str(house.folder / "file" / "answers"))
        blocked.save(house.profile, overwrite=True)
        with pytest.raises(AnswerCacheUnusable):
            house.run(source="rss")
        assert house.model.ledger.entries == ()
        assert house.sec.ledger.entries == ()

    def test_a_missing_profile_is_named_with_the_remedy(self, house: Installation) -> None:
        with pytest.raises(ConfigurationError, match="edgar-client/nowhere"):
            house_with(house, "nowhere").run(source="rss")

    def test_a_bad_combination_of_parameters_is_refused_before_any_request(
        self, house: Installation
    ) -> None:
        with pytest.raises(ParameterError, match="start_date"):
            house.run(source="rss", start_date=DAY)
        with pytest.raises(ParameterError, match="price_floor_usd"):
            house.run(source="rss", price_floor_usd=20, price_ceiling_usd=10)
        assert house.sec.ledger.entries == ()


def house_with(house: Installation, profile: str) -> Installation:
    return Installation(house.sec, house.model, profile, house.folder)


def test_the_generated_day_has_something_of_everything() -> None:
    """The tests above mean something only if filings are kept, rejected and ignored."""
    assert isinstance(SMALL, MarketDay)
    forms = {one.form for one in SMALL.filings}
    assert len(forms) > 2
