"""What the store promises, on DuckDB and on Postgres alike."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from store_backends import Backend, take
from store_filings import (
    accession,
    answer,
    enriched,
    failure,
    filing,
    filings,
    names,
    rejected,
    reporting,
)

from blocks.errors import ParameterError
from blocks.models import FoundBy, Outcome, OutcomeStatus
from blocks.store import FeedMark, Lookup, Recorded, SeenStore

pytest_plugins = ["store_fixtures"]

properties = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
fresh = count(1)  # so that no example meets the filings of another


def test_nothing_is_known_of_an_empty_store(store: SeenStore) -> None:
    assert store.lookup([accession(1), accession(2)]) == Lookup()
    assert store.lookup([]) == Lookup()
    assert store.parked() == ()
    assert store.outcomes().empty


def test_a_claimed_filing_is_backlog_and_one_with_an_outcome_is_done(store: SeenStore) -> None:
    take(store, 1, 2, 3, owner="a")
    store.record([rejected(1)], [failure(2)], owner="a")
    assert store.lookup([accession(n) for n in (1, 2, 3, 4)]) == Lookup(
        done=names(1), backlog=names(2, 3)
    )


def test_what_one_run_holds_no_other_gets(store: SeenStore) -> None:
    assert take(store, 1, 2, owner="a") == [1, 2]
    claim = store.claim(filings(3, 2, 1), owner="b", lease_s=60)
    assert [granted.filing for granted in claim.granted] == [filing(3)]
    assert claim.held == names(1, 2)


def test_what_has_an_outcome_is_not_granted_again(store: SeenStore) -> None:
    take(store, 1, 2, owner="a")
    store.record([enriched(1)], [], owner="a")
    claim = store.claim(filings(1, 2), owner="b", lease_s=60)
    assert (claim.granted, claim.done, claim.held) == ((), names(1), names(2))


def test_claims_come_back_in_the_order_asked_and_once_each(store: SeenStore) -> None:
    assert take(store, 9, 3, 7, 3, 9, owner="a") == [9, 3, 7]


@given(st.lists(st.integers(0, 40), max_size=60))
@properties
def test_dedup_twice_equals_dedup_once(backend: Backend, numbers: list[int]) -> None:
    base = next(fresh) * 100
    asked = filings(*(base + number for number in numbers))
    store = backend.unremembering()
    first = store.claim(asked, owner="a", lease_s=60)
    store.record([rejected(base + number) for number in set(numbers)], [], owner="a")
    second = store.claim(asked, owner="b", lease_s=60)
    assert {granted.filing.accession for granted in first.granted} == second.done
    assert not second.granted
    assert not second.held


steps = st.lists(
    st.tuples(
        st.sampled_from(
            ["lookup", "claim", "refresh", "run out", "record", "reject", "fail", "release"]
        ),
        st.sampled_from(["a", "b"]),
        st.sets(st.integers(0, 5), min_size=1),
    ),
    max_size=12,
)


def do(store: SeenStore, act: str, owner: str, numbers: list[int]) -> None:
    """One step of a property's story."""
    if act == "record":
        store.record([enriched(number) for number in numbers], [], owner=owner)
    elif act == "reject":
        store.record([rejected(number) for number in numbers], [], owner=owner)
    elif act == "fail":
        store.record([], [failure(number) for number in numbers], owner=owner)
    elif act == "release":
        store.release([accession(number) for number in numbers], owner=owner)
    elif act == "run out":
        take(store, *numbers, owner=owner, lease_s=0)
    elif act != "lookup":
        take(store, *numbers, owner=owner, refresh=act == "refresh")


@given(steps)
@properties
def test_memory_and_store_together_answer_as_the_store_alone(
    backend: Backend, steps: list[tuple[str, str, set[int]]]
) -> None:
    base = next(fresh) * 100
    plain = backend.unremembering()
    remembering = plain.with_switches(lru_enabled=True, lru_size=3, ttl=None)
    everything = [accession(base + number) for number in range(6)]
    for act, owner, chosen in steps:
        numbers = sorted(base + number for number in chosen)
        do(remembering, act, owner, numbers)
        asked = [accession(number) for number in numbers]
        assert remembering.lookup(asked) == plain.lookup(asked)
    assert remembering.lookup(everything) == plain.lookup(everything)


@given(steps=steps, asked=st.sets(st.integers(0, 7)), refresh=st.booleans(), backlog=st.booleans())
@example(
    steps=[("claim", "a", {0, 1}), ("reject", "a", {0})], asked={0, 2}, refresh=True, backlog=True
)
@properties
def test_a_preview_grants_what_the_claim_then_grants(
    backend: Backend,
    steps: list[tuple[str, str, set[int]]],
    asked: set[int],
    refresh: bool,  # noqa: FBT001 - hypothesis's own
    backlog: bool,  # noqa: FBT001 - likewise
) -> None:
    base = next(fresh) * 100
    store = backend.unremembering()
    store.parked()  # makes the tables
    for act, owner, chosen in steps:
        do(store, act, owner, sorted(base + number for number in chosen))
    found = filings(*(base + number for number in sorted(asked)))
    terms: dict[str, Any] = {
        "owner": "b", "refresh": refresh, "backlog": backlog, "outdated_by": "f2"
    }  # fmt: skip
    before = backend.rows("SELECT * FROM seen ORDER BY k")
    previewed = store.preview(found, **terms)
    assert backend.rows("SELECT * FROM seen ORDER BY k") == before
    assert store.claim(found, lease_s=60, **terms) == previewed


def test_a_retry_of_the_same_run_gets_its_claims_back_as_one_attempt(store: SeenStore) -> None:
    take(store, 1, 2, 3, owner="a")
    store.record([rejected(1)], [], owner="a")
    again = store.claim(filings(1, 2, 3), owner="a", lease_s=60)
    assert [granted.filing for granted in again.granted] == filings(2, 3)
    assert [granted.attempts for granted in again.granted] == [1, 1]
    assert again.done == names(1)


def test_a_lease_that_ran_out_is_anybodys_and_counts_as_an_attempt(store: SeenStore) -> None:
    take(store, 1, owner="a", lease_s=0)
    [claimed] = store.claim(filings(1), owner="b", lease_s=60).granted
    assert claimed.attempts == 2


def test_a_worker_that_outlived_its_lease_writes_nothing(store: SeenStore) -> None:
    take(store, 1, 2, owner="late", lease_s=0)
    take(store, 1, owner="next")
    recorded = store.record([enriched(1)], [failure(2)], owner="late")
    assert recorded == Recorded(lost=names(1), failed=names(2))
    assert store.outcomes().empty
    assert store.answers([accession(1)]) == ()
    assert store.record([enriched(1)], [], owner="next").stored == names(1)


def test_a_late_failure_takes_no_claim_from_its_new_owner(store: SeenStore) -> None:
    take(store, 1, owner="late", lease_s=0)
    take(store, 1, owner="next")
    assert store.record([], [failure(1)], owner="late").lost == names(1)
    assert store.claim(filings(1), owner="third", lease_s=60).held == names(1)


def test_what_was_never_claimed_cannot_be_recorded(store: SeenStore) -> None:
    assert store.record([rejected(1)], [failure(2)], owner="a") == Recorded(lost=names(1, 2))
    assert store.lookup([accession(1), accession(2)]) == Lookup()


def test_recording_again_says_stored_and_writes_nothing_twice(
    store: SeenStore, backend: Backend
) -> None:
    take(store, 1, owner="a")
    assert store.record([enriched(1)], [], owner="a").stored == names(1)
    assert store.record([enriched(1)], [], owner="a").stored == names(1)
    assert backend.rows("SELECT count(*) FROM outcome") == [(1,)]


def test_a_filing_cannot_end_in_two_ways(store: SeenStore) -> None:
    take(store, 1, owner="a")
    with pytest.raises(ParameterError, match="named twice"):
        store.record([rejected(1)], [failure(1)], owner="a")


def test_renewing_keeps_what_is_still_ours(store: SeenStore) -> None:
    take(store, 1, 2, owner="a", lease_s=0)
    take(store, 2, owner="b")
    asked = [accession(1), accession(2), accession(3)]
    assert store.renew(asked, owner="a", lease_s=60) == names(1)
    assert store.claim(filings(1), owner="c", lease_s=60).held == names(1)


def test_a_released_claim_is_free_at_once_and_was_no_attempt(store: SeenStore) -> None:
    take(store, 1, 2, owner="a")
    store.release([accession(1)], owner="a")
    store.release([accession(2)], owner="somebody else")
    claim = store.claim(filings(1, 2), owner="b", lease_s=60)
    assert [(granted.filing, granted.attempts) for granted in claim.granted] == [(filing(1), 1)]
    assert claim.held == names(2)


def test_a_failed_filing_is_free_for_the_next_run_and_counts(store: SeenStore) -> None:
    take(store, 1, owner="a")
    assert store.record([], [failure(1)], owner="a").failed == names(1)
    [claimed] = store.claim(filings(1), owner="a", lease_s=60).granted
    assert claimed.attempts == 2, "after a recorded failure even the same run begins a new attempt"


def test_a_filing_is_parked_when_its_attempts_are_used_up(
    store: SeenStore, backend: Backend
) -> None:
    for attempt in (1, 2):
        take(store, 1, owner=f"run {attempt}")
        assert store.record([], [failure(1)], owner=f"run {attempt}").failed == names(1)
    take(store, 1, owner="run 3")
    assert store.record([], [failure(1, message="b\0ad")], owner="run 3").parked == names(1)
    [parked] = store.parked()
    assert (parked.accession, parked.filing, parked.attempts) == (accession(1), filing(1), 3)
    assert parked.last_error == "AnalystUnavailable: bad"
    assert store.lookup([accession(1)]).done == names(1)
    assert take(store, 1, owner="run 4") == []
    kept = backend.rows("SELECT attempt, owner, message, cost_usd FROM failure ORDER BY attempt")
    assert kept[0] == (1, "run 1", "no answer in 30 s", 0.0001)
    assert [row[0] for row in kept] == [1, 2, 3]


def test_a_failure_that_does_not_count_never_parks(store: SeenStore) -> None:
    for attempt in range(5):
        [claimed] = store.claim(filings(1), owner=str(attempt), lease_s=60).granted
        assert claimed.attempts == 1
        assert store.record([], [failure(1, counts=False)], owner=str(attempt)).failed == names(1)
    assert store.parked() == ()


def test_a_filing_that_kills_every_process_is_granted_with_its_count(backend: Backend) -> None:
    store = backend.store(max_attempts=2)
    for attempt in (1, 2, 3):
        [claimed] = store.claim(filings(1), owner=str(attempt), lease_s=0).granted
        assert claimed.attempts == attempt
    worn_out = Outcome(filing=filing(1), status=OutcomeStatus.PARKED, reason="kills its process")
    assert store.record([worn_out], [], owner="3").stored == names(1)
    [parked] = store.parked()
    assert (parked.attempts, parked.last_error) == (3, "kills its process")


def test_a_refresh_claims_outcomes_of_others_but_not_its_own(store: SeenStore) -> None:
    take(store, 1, 2, owner="a")
    store.record([enriched(1), enriched(2)], [], owner="a")
    claim = store.claim(filings(1, 2), owner="b", lease_s=60, refresh=True)
    assert [granted.attempts for granted in claim.granted] == [1, 1]
    store.record([enriched(1, fingerprint="f2")], [], owner="b")
    retry = store.claim(filings(1, 2), owner="b", lease_s=60, refresh=True)
    assert [granted.filing for granted in retry.granted] == [filing(2)]
    assert retry.done == names(1)


def test_a_filing_stays_seen_while_it_is_refreshed_and_when_that_fails(store: SeenStore) -> None:
    take(store, 1, owner="a")
    store.record([enriched(1)], [], owner="a")
    take(store, 1, owner="b", refresh=True)
    claim = store.claim(filings(1), owner="c", lease_s=60)
    assert (claim.granted, claim.done) == ((), names(1))
    store.record([], [failure(1)], owner="b")
    assert store.lookup([accession(1)]) == Lookup(done=names(1))
    assert list(store.outcomes()["status"]) == ["enriched"]
    assert take(store, 1, owner="b", refresh=True) == [1], "the retry does what is left"


@pytest.mark.parametrize("terms", [{"refresh": True}, {"outdated_by": "f2"}])
def test_a_refresh_takes_no_analysis_away(backend: Backend, terms: dict[str, Any]) -> None:
    store = backend.store(max_attempts=1)
    take(store, 1, 2, 3, owner="a")
    store.record([enriched(1), enriched(2), enriched(3)], [], owner="a")
    before = store.outcomes()
    claim = store.claim(filings(1, 2, 3, 4), owner="b", lease_s=60, **terms)
    assert claim.analysed == names(1, 2, 3)
    worn_out = Outcome(filing=filing(3), status=OutcomeStatus.PARKED, reason="kills its process")
    recorded = store.record([rejected(1), worn_out, rejected(4)], [failure(2)], owner="b")
    assert recorded == Recorded(stored=names(4), failed=names(2), standing=names(1, 3))
    pd.testing.assert_frame_equal(store.outcomes([accession(n) for n in (1, 2, 3)]), before)
    again = store.claim(filings(1, 2, 3), owner="c", lease_s=60, **terms)
    assert [one.attempts for one in again.granted] == [1, 1, 1]
    store.record([enriched(1, fingerprint="f2", minute=5)], [], owner="c")
    assert len(store.answers([accession(1)])) == 2


def test_an_analysis_that_does_not_count_any_more_is_replaced_by_a_rejection(
    backend: Backend,
) -> None:
    store = backend.store()
    take(store, 1, owner="a")
    store.record([enriched(1)], [], owner="a")
    aged = store.with_switches(lru_enabled=False, lru_size=1, ttl=timedelta(microseconds=1))
    assert take(aged, 1, owner="b") == [1]
    assert aged.record([rejected(1)], [], owner="b").stored == names(1)
    assert list(store.outcomes()["status"]) == ["rejected"]


@pytest.mark.parametrize("terms", [{"refresh": True}, {"outdated_by": "f2"}])
def test_what_another_run_refreshes_is_held_for_a_refresh(
    store: SeenStore, terms: dict[str, Any]
) -> None:
    take(store, 1, 2, owner="a")
    store.record([enriched(1), enriched(2, fingerprint="f2")], [], owner="a")
    take(store, 1, owner="b", refresh=True)
    claim = store.claim(filings(1), owner="c", lease_s=60, **terms)
    assert (claim.granted, claim.done, claim.held) == ((), frozenset(), names(1))
    assert store.claim(filings(1), owner="c", lease_s=60).done == names(1)


def test_what_is_not_outdated_is_done_though_another_run_refreshes_it(store: SeenStore) -> None:
    take(store, 1, owner="a")
    store.record([enriched(1, fingerprint="f2")], [], owner="a")
    take(store, 1, owner="b", refresh=True)
    claim = store.claim(filings(1), owner="c", lease_s=60, outdated_by="f2")
    assert (claim.done, claim.held) == (names(1), frozenset())


def test_a_parked_filing_is_taken_up_again_by_another_runs_refresh(backend: Backend) -> None:
    store = backend.store(max_attempts=1)
    take(store, 1, owner="a")
    for _ in range(2):
        assert store.record([], [failure(1)], owner="a").parked == names(1)
    assert take(store, 1, owner="a", refresh=True) == []
    [claimed] = store.claim(filings(1), owner="b", lease_s=60, refresh=True).granted
    assert claimed.attempts == 1
    store.record([enriched(1)], [], owner="b")
    assert store.parked() == ()


def test_only_answers_of_another_fingerprint_are_outdated(backend: Backend) -> None:
    store = backend.store(max_attempts=1)
    take(store, 1, 2, 3, 4, owner="a")
    ended = [enriched(1), enriched(2, fingerprint="f2"), rejected(3)]
    store.record(ended, [failure(4)], owner="a")
    assert [one.accession for one in store.parked()] == [accession(4)]
    claim = store.claim(filings(1, 2, 3, 4, 5), owner="b", lease_s=60, outdated_by="f2")
    assert [granted.filing for granted in claim.granted] == filings(1, 5)
    assert [granted.attempts for granted in claim.granted] == [1, 1]
    assert claim.done == names(2, 3, 4)


def test_the_latest_answer_tells_whether_a_filing_is_outdated(store: SeenStore) -> None:
    for owner, fingerprint, minute in (("a", "f1", 0), ("b", "f2", 5)):
        assert take(store, 1, owner=owner, outdated_by=fingerprint) == [1]
        store.record([enriched(1, fingerprint=fingerprint, minute=minute)], [], owner=owner)
        assert take(store, 1, owner="c", outdated_by=fingerprint) == []
    assert take(store, 1, owner="c", outdated_by="f1") == [1], "back to the fingerprint before"
    assert store.answers([accession(1)]) == (answer(1), answer(1, fingerprint="f2", minute=5))


def test_an_outdated_filing_that_another_run_holds_is_left_to_it(store: SeenStore) -> None:
    take(store, 1, owner="a")
    store.record([enriched(1)], [], owner="a")
    assert take(store, 1, owner="b", outdated_by="f2") == [1]
    assert store.claim(filings(1), owner="c", lease_s=60, outdated_by="f2").granted == ()
    store.release([accession(1)], owner="b")
    assert take(store, 1, owner="c", outdated_by="f2") == [1]


def test_a_released_refresh_leaves_the_outcome_as_it_was(store: SeenStore) -> None:
    take(store, 1, owner="a")
    store.record([enriched(1)], [], owner="a")
    take(store, 1, owner="b", refresh=True)
    store.release([accession(1)], owner="b")
    assert store.lookup([accession(1)]) == Lookup(done=names(1))
    assert take(store, 1, owner="c") == []
    [claimed] = store.claim(filings(1), owner="c", lease_s=60, refresh=True).granted
    assert claimed.attempts == 1


def test_every_answer_is_kept_and_the_latest_is_shown(store: SeenStore) -> None:
    for owner, fingerprint, minute in (("a", "f1", 0), ("b", "f1", 5), ("c", "f2", 9)):
        take(store, 1, owner=owner, refresh=True)
        outcome = enriched(1, fingerprint=fingerprint, minute=minute)
        store.record([outcome], [], owner=owner)
    assert store.answers([accession(1)]) == (
        answer(1),
        answer(1, minute=5),
        answer(1, fingerprint="f2", minute=9),
    )
    assert len(store.outcomes()) == 1


def test_an_answer_from_the_cache_is_kept_once(store: SeenStore) -> None:
    for owner in ("a", "b"):
        take(store, 1, owner=owner, refresh=True)
        store.record([enriched(1)], [], owner=owner)
    assert store.answers([accession(1)]) == (answer(1),)


def test_what_answers_have_cost_is_told_by_form_and_fingerprint(store: SeenStore) -> None:
    take(store, 1, 2, 3, 4, 5, owner="a")
    costs = {1: 0.0002, 2: 0.0004, 3: 0.0, 4: None, 5: 0.0001}
    ended = [costing(number, cost_usd) for number, cost_usd in costs.items()]
    store.record([*ended[:4], in_form(ended[4], "10-K")], [], owner="a")
    take(store, 1, 2, owner="b", refresh=True)
    store.record([ended[0], costing(2, 0.001, fingerprint="f2")], [], owner="b")
    assert [
        tuple(one.model_dump().values()) for one in store.answer_costs("small-model", "f1")
    ] == [
        ("10-K", True, 1, 0.0001),
        ("8-K", False, 1, 0.001),
        ("8-K", True, 2, pytest.approx(0.0003)),
    ]
    assert not any(one.same_fingerprint for one in store.answer_costs("small-model", "f3"))
    assert store.answer_costs("another-model", "f1") == ()


def costing(number: int, cost_usd: float | None, fingerprint: str = "f1") -> Outcome:
    outcome = enriched(number, fingerprint=fingerprint)
    assert outcome.answer
    reply = outcome.answer.reply.model_copy(update={"cost_usd": cost_usd})
    return outcome.model_copy(
        update={"answer": outcome.answer.model_copy(update={"reply": reply})}
    )


def in_form(outcome: Outcome, form: str) -> Outcome:
    return outcome.model_copy(update={"filing": outcome.filing.model_copy(update={"form": form})})


def feed_backlog(store: SeenStore, *numbers: int, owner: str) -> list[int]:
    return take(store, *numbers, owner=owner, backlog=True)


def test_a_failed_filing_that_left_the_feed_is_taken_along(store: SeenStore) -> None:
    take(store, 1, 2, 3, 4, owner="a")
    store.record([rejected(1)], [failure(2)], owner="a")
    store.release([accession(3)], owner="a")
    claim = store.claim(filings(9), owner="b", lease_s=60, backlog=True)
    assert [granted.filing for granted in claim.granted] == filings(9, 2, 3)
    assert [granted.attempts for granted in claim.granted] == [1, 2, 1]


def test_the_backlog_is_taken_along_when_the_feed_is_empty(store: SeenStore) -> None:
    take(store, 1, owner="a", lease_s=0)
    assert feed_backlog(store, owner="b") == [1]


def test_a_filing_of_the_feed_and_the_backlog_is_claimed_once(store: SeenStore) -> None:
    take(store, 1, owner="a", lease_s=0)
    [claimed] = store.claim(filings(1), owner="b", lease_s=60, backlog=True).granted
    assert claimed.attempts == 2


def test_the_backlog_takes_what_was_begun_however_it_was_found(store: SeenStore) -> None:
    others = [filing(1, found_by=FoundBy.INDEX), filing(2, form="8-K/A"), filing(3)]
    store.claim(others, owner="a", lease_s=0)
    assert feed_backlog(store, owner="b") == [1, 2, 3]


def test_what_a_backfill_never_began_is_left_to_it(store: SeenStore) -> None:
    others = [filing(1, found_by=FoundBy.INDEX), filing(2, found_by=FoundBy.LIST), filing(3)]
    store.claim(others, owner="a", lease_s=60)
    store.release([accession(n) for n in (1, 2, 3)], owner="a")
    assert feed_backlog(store, owner="b") == [3]


def test_what_the_feed_shows_is_backlog_though_a_backfill_named_or_holds_it(
    store: SeenStore,
) -> None:
    named = [filing(1, found_by=FoundBy.INDEX), filing(2, found_by=FoundBy.INDEX)]
    store.claim(named, owner="backfill", lease_s=60)
    store.release([accession(1)], owner="backfill")
    assert feed_backlog(store, 2, owner="live") == [], "held"
    store.release([accession(2)], owner="backfill")
    assert store.lookup([accession(1), accession(2)]) == Lookup(backlog=names(2))
    assert feed_backlog(store, owner="live") == [2]


def test_a_mark_holds_once_the_filings_before_it_are_claimed_and_never_moves_back(
    store: SeenStore,
) -> None:
    assert store.feed_mark("8-K") is None
    at_six, at_seven = marked(6), marked(7)
    store.claim(filings(1), owner="a", lease_s=60, mark=at_seven)
    store.claim([], owner="b", lease_s=60, mark=at_six)
    assert store.feed_mark("8-K") == at_seven
    assert store.feed_mark("10-K") is None, "other forms were not looked for"


def marked(hour: int) -> FeedMark:
    moment = datetime(2025, 12, 12, hour, tzinfo=UTC)
    return FeedMark(feed="8-K", read_at=moment, swept_at=moment)


def test_the_backlog_keeps_the_filing_as_it_was_first_found(store: SeenStore) -> None:
    take(store, 1, owner="a", lease_s=0)
    by_index = filing(1, found_by=FoundBy.INDEX).model_copy(update={"accepted_at": None})
    [claimed] = store.claim([by_index], owner="b", lease_s=0).granted
    assert claimed.filing == by_index, "a run gets its own filings back"
    [claimed] = store.claim([], owner="c", lease_s=60, backlog=True).granted
    assert claimed.filing == filing(1)


def test_a_refresh_with_backlog_leaves_finished_filings_of_it_alone(store: SeenStore) -> None:
    take(store, 1, owner="a")
    store.record([rejected(1)], [], owner="a")
    assert take(store, owner="b", refresh=True, backlog=True) == []


def test_an_outcome_counts_for_its_time_to_live(backend: Backend) -> None:
    for_ever = backend.unremembering()
    take(for_ever, 1, owner="a")
    for_ever.record([enriched(1)], [], owner="a")
    for lru in (True, False):
        long = for_ever.with_switches(lru_enabled=lru, lru_size=9, ttl=timedelta(hours=1))
        short = for_ever.with_switches(lru_enabled=lru, lru_size=9, ttl=timedelta(microseconds=1))
        for _ in range(2):  # the second time from memory, where there is one
            assert long.lookup([accession(1)]).done == names(1)
            assert short.lookup([accession(1)]) == Lookup()
    assert long.claim(filings(1), owner="b", lease_s=60).done == names(1)
    [claimed] = short.claim(filings(1), owner="b", lease_s=60).granted
    assert claimed.attempts == 1


def test_an_expired_outcome_is_no_backlog(backend: Backend) -> None:
    store = backend.store().with_switches(
        lru_enabled=False, lru_size=1, ttl=timedelta(microseconds=1)
    )
    take(store, 1, owner="a")
    store.record([rejected(1)], [], owner="a")
    assert feed_backlog(store, owner="b") == []


def test_outcomes_are_one_frame_with_typed_columns(store: SeenStore) -> None:
    take(store, 1, 2, owner="a")
    store.record([enriched(1), rejected(2)], [], owner="a")
    frame = store.outcomes().set_index("accession")
    first, second = frame.loc[accession(1)], frame.loc[accession(2)]
    assert (first["status"], first["filer"], first["form"]) == (
        "enriched", "O'Neill & Söhne /DE/", "8-K",
    )  # fmt: skip
    assert (first["ticker"], first["price_usd"], first["verdict"]) == ("ONS", 4.25, "within_range")
    assert (first["summary"], first["sentiment"], first["confidence"], first["risk_level"]) == (
        "Filing 1 raises guidance — “strongly”.", 0.7, 0.9, "low",
    )  # fmt: skip
    assert (first["model"], first["cost_usd"], first["from_cache"]) == (
        "small-model", 0.0004, False,
    )  # fmt: skip
    assert second["reason"] == "812.00 USD is above 10.00 USD"
    assert second[["summary", "model", "sentiment", "cost_usd"]].isna().all()
    assert first[["amends", "superseded_by"]].isna().all()
    assert isinstance(frame["recorded_at"].dtype, pd.DatetimeTZDtype)
    assert len(store.outcomes([accession(2), accession(7)])) == 1


def test_an_empty_frame_of_outcomes_has_the_same_types(store: SeenStore) -> None:
    empty = store.outcomes()
    take(store, 1, owner="a")
    store.record([enriched(1)], [], owner="a")
    full = store.outcomes()
    assert list(empty.columns) == list(full.columns)
    same = ["price_usd", "sentiment", "confidence", "cost_usd"]
    assert (empty[same].dtypes == full[same].dtypes).all()
    assert isinstance(empty["recorded_at"].dtype, pd.DatetimeTZDtype)
    assert store.outcomes([]).empty


@pytest.mark.parametrize("wrong", ["1-2-3", "0001193125-25-00001", "'; DROP TABLE seen", ""])
def test_what_is_no_accession_number_is_refused(backend: Backend, wrong: str) -> None:
    with pytest.raises(ParameterError, match="not an accession number"):
        backend.store().lookup([wrong])


def test_a_frame_is_a_few_statements_however_long(
    store: SeenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.lookup([accession(1)])  # opens the schema
    with store._window.transaction() as opened:
        kind = type(opened)
    run, asked = kind.rows, list[object]()

    def counted(*call: Any) -> list[Any]:  # noqa: ANN401 - whatever rows takes
        asked.append(call)
        return run(*call)

    monkeypatch.setattr(kind, "rows", counted)
    numbers = range(1, 1001)
    assert len(take(store, *numbers, owner="a")) == 1000
    analysed = [reporting(n, "8-K/A" if n > 5 else "8-K") for n in numbers[:500]]
    store.record(analysed, [failure(n) for n in numbers[500:]], owner="a")
    assert len(store.lookup([accession(n) for n in numbers]).done) == 500
    assert len(asked) < 26
