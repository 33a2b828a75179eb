"""What the store gives up: old failures, and outcomes that no longer count as seen."""

from datetime import timedelta
from typing import LiteralString

from store_backends import Backend, take
from store_filings import accession, enriched, failure, names, rejected, reporting

from blocks.store import SeenStore

pytest_plugins = ["store_fixtures"]

KEPT, TTL = timedelta(days=14), timedelta(days=30)
AGE_FAILURES: LiteralString = "UPDATE failure SET failed_at = failed_at - INTERVAL '15 days'"


def with_ttl(backend: Backend, ttl: timedelta | None) -> SeenStore:
    return backend.store().with_switches(lru_enabled=False, lru_size=1, ttl=ttl)


def age_outcomes(backend: Backend, days: int) -> None:
    backend.rows("UPDATE seen SET done_at = done_at - $1::int * INTERVAL '1 day'", days)
    backend.rows("UPDATE outcome SET recorded_at = recorded_at - $1::int * INTERVAL '1 day'", days)


def finish(store: SeenStore, *numbers: int, owner: str = "A") -> None:
    take(store, *numbers, owner=owner)
    store.record([enriched(number) for number in numbers], [], owner=owner)


def test_old_failures_go_but_for_the_latest_of_each_filing(backend: Backend) -> None:
    store = backend.unremembering(max_attempts=9)
    for owner in ("A", "B", "C"):
        take(store, 1, 2, owner=owner)
        store.record([], [failure(1, message=f"by {owner}"), failure(2)], owner=owner)
    backend.rows(AGE_FAILURES)
    take(store, 3, owner="D")
    store.record([], [failure(3)], owner="D")
    assert store.prune(kept=KEPT) == {"failures": 4}
    last = store.standings([accession(1)])[0].last_error
    assert last == "AnalystUnavailable: by C"
    assert store.prune(kept=KEPT) == {"failures": 0}


def test_failures_that_are_younger_stay(backend: Backend) -> None:
    store = backend.unremembering(max_attempts=9)
    for owner in ("A", "B"):
        take(store, 1, owner=owner)
        store.record([], [failure(1)], owner=owner)
    assert store.prune(kept=KEPT) == {"failures": 0}


def test_an_outcome_that_counts_for_ever_stays_seen_for_ever(backend: Backend) -> None:
    store = with_ttl(backend, None)
    finish(store, 1, 2)
    age_outcomes(backend, 9_999)
    assert store.prune(kept=KEPT) == {"failures": 0}
    assert store.lookup([accession(1)]).done == names(1)


def test_an_outcome_past_both_its_times_is_as_if_it_had_never_been_met(backend: Backend) -> None:
    store = with_ttl(backend, TTL)
    finish(store, 1)
    age_outcomes(backend, 11)
    finish(store, 3)
    age_outcomes(backend, 20)
    finish(store, 2)
    assert store.prune(kept=KEPT) == {"failures": 0, "seen filings": 1}
    assert store.lookup([accession(number) for number in (1, 2, 3)]).done == names(2, 3)
    assert take(store, 1, 2, 3, owner="B") == [1]
    assert [one.accession for one in store.answers([accession(1)])] == [accession(1)]


def test_an_outcome_that_no_longer_counts_stays_as_long_as_runs_are_kept(
    backend: Backend,
) -> None:
    store = with_ttl(backend, timedelta(days=1))
    finish(store, 1)
    age_outcomes(backend, 13)
    assert store.prune(kept=KEPT)["seen filings"] == 0
    age_outcomes(backend, 2)
    assert store.prune(kept=KEPT)["seen filings"] == 1


def test_what_is_claimed_anew_or_was_tried_again_stays(backend: Backend) -> None:
    store = with_ttl(backend, TTL)
    finish(store, 1, 2, 3)
    age_outcomes(backend, 31)
    take(store, 1, 2, owner="B")
    store.record([], [failure(2)], owner="B")
    assert store.prune(kept=KEPT)["seen filings"] == 1, "the third alone"
    recorded = store.record([enriched(1, minute=5)], [], owner="B")
    assert recorded.stored == names(1)
    again = store.claim([enriched(2).filing], owner="C", lease_s=60)
    assert [one.attempts for one in again.granted] == [2]


def test_what_has_no_outcome_is_never_forgotten(backend: Backend) -> None:
    store = with_ttl(backend, TTL)
    take(store, 1, owner="A")
    store.release([accession(1)], owner="A")
    take(store, 2, owner="A")
    backend.rows("UPDATE seen SET lease_until = lease_until - INTERVAL '99 days'")
    assert store.prune(kept=KEPT)["seen filings"] == 0
    assert take(store, owner="B", backlog=True) == [1, 2]


def test_rejections_analyses_and_certificates_outlive_every_retention(backend: Backend) -> None:
    store = with_ttl(backend, TTL)
    finish(store, 1)
    take(store, 2, owner="A")
    store.record([rejected(2)], [], owner="A")
    age_outcomes(backend, 9_999)
    store.prune(kept=KEPT)
    assert backend.rows("SELECT count(*) FROM outcome") == [(2,)]
    assert backend.rows("SELECT count(*) FROM analysis") == [(1,)]


def test_an_amendment_of_a_filing_that_is_no_longer_seen_is_recorded_and_linked(
    backend: Backend,
) -> None:
    store = with_ttl(backend, TTL)
    original, amendment = reporting(1, "8-K"), reporting(2, "8-K/A")
    take(store, 1, owner="A")
    store.record([original], [], owner="A")
    age_outcomes(backend, 31)
    assert store.prune(kept=KEPT)["seen filings"] == 1
    take(store, 2, owner="B")
    recorded = store.record([amendment], [], owner="B")
    assert recorded.stored == names(2)
    told = {one.filing.accession: one for one in recorded.successions}
    assert told[accession(1)].superseded_by == amendment.filing
    assert told[accession(2)].amends == original.filing


def test_what_was_pruned_and_is_claimed_once_more_contradicts_nothing(backend: Backend) -> None:
    store = with_ttl(backend, TTL)
    finish(store, 1)
    age_outcomes(backend, 31)
    store.prune(kept=KEPT)
    take(store, 1, owner="B")
    assert store.health.examine(TTL).contradictions == ()
    store.record([], [failure(1)], owner="B")
    assert store.health.examine(TTL).contradictions == ()
    assert store.health.examine(None).contradictions != ()
