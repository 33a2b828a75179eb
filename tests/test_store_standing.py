"""What the store tells of a day: how each filing stands, and the certificates it keeps."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from certificate_values import DAY, certificate, left_over
from store_backends import Backend, take
from store_filings import accession, answer, enriched, failure, filing, filings, rejected

from blocks.errors import ParameterError
from blocks.models import Failure, Filing, FoundBy, Outcome, OutcomeStatus, accession_key, utc_now
from blocks.store import SeenStore, Standing
from blocks.store_sql import STANDINGS

pytest_plugins = ["store_fixtures"]

ACCEPTED = datetime(2025, 12, 12, 21, 5, 30, tzinfo=UTC)


def standing(store: SeenStore, number: int) -> Standing:
    (found,) = store.standings([accession(number)])
    return found


def by_index(number: int) -> Filing:
    """As an index lists it: without its moment of acceptance."""
    return filing(number, found_by=FoundBy.INDEX).model_copy(update={"accepted_at": None})


def ended_by_batch(store: SeenStore, outcome: Outcome) -> None:
    """Found by an index alone, and ended."""
    number = int(outcome.filing.accession[-6:])
    store.claim([by_index(number)], owner="batch", lease_s=60)
    ended = outcome.model_copy(update={"filing": by_index(number)})
    store.record([ended], [], owner="batch")


def test_what_nobody_ever_named_is_not_in_the_store(store: SeenStore) -> None:
    assert standing(store, 1) == Standing(accession=accession(1))
    assert store.standings([]) == ()


def test_an_outcome_is_told_with_its_reason_and_its_moments(store: SeenStore) -> None:
    before = utc_now() - timedelta(seconds=5)
    take(store, 1, 2, owner="a")
    store.record([enriched(1), rejected(2)], [], owner="a")
    first, second = standing(store, 1), standing(store, 2)
    assert (first.status, first.reason) == (OutcomeStatus.ENRICHED, "")
    assert (second.status, second.reason) == (
        OutcomeStatus.REJECTED, "812.00 USD is above 10.00 USD",
    )  # fmt: skip
    assert first.in_feed
    assert first.accepted_at == second.accepted_at == ACCEPTED
    for moment in (first.first_seen_at, first.in_feed_at, first.enriched_at):
        assert moment is not None
        assert before < moment < utc_now() + timedelta(seconds=5)
    assert second.enriched_at is None


def test_a_failed_filing_is_told_by_its_latest_error_until_it_has_an_outcome(
    store: SeenStore,
) -> None:
    for owner, message in (("a", "the first"), ("b", "the second")):
        take(store, 1, owner=owner)
        store.record([], [failure(1, message=message)], owner=owner)
    failed = standing(store, 1)
    assert (failed.status, failed.held_until) == (None, None)
    assert failed.last_error == "AnalystUnavailable: the second"
    take(store, 1, owner="c")
    assert standing(store, 1).held_until is not None
    assert standing(store, 1).last_error == "AnalystUnavailable: the second"
    store.record([enriched(1)], [], owner="c")
    assert standing(store, 1).status is OutcomeStatus.ENRICHED


def test_a_failure_that_used_up_the_attempts_is_an_outcome(backend: Backend) -> None:
    store = backend.store(max_attempts=1)
    take(store, 1, owner="a")
    store.record([], [failure(1)], owner="a")
    parked = standing(store, 1)
    assert (parked.status, parked.reason) == (
        OutcomeStatus.PARKED, "AnalystUnavailable: no answer in 30 s",
    )  # fmt: skip


def test_a_claim_is_told_as_held_while_its_lease_runs_and_only_then(store: SeenStore) -> None:
    take(store, 1, owner="alive", lease_s=600)
    take(store, 2, owner="died", lease_s=0)
    take(store, 3, owner="stopped")
    store.release([accession(3)], owner="stopped")
    held, died, handed_back = (standing(store, number) for number in (1, 2, 3))
    assert held.held_until is not None
    assert timedelta(minutes=9) < held.held_until - utc_now() < timedelta(minutes=11)
    assert (died.held_until, died.attempts) == (None, 1)
    assert (handed_back.held_until, handed_back.attempts) == (None, 0)
    for one in (held, died, handed_back):
        assert (one.in_store, one.status, one.last_error) == (True, None, None)
        assert one.accepted_at == ACCEPTED


def test_an_outcome_stands_while_it_is_refreshed_and_when_that_fails(store: SeenStore) -> None:
    take(store, 1, owner="a")
    store.record([enriched(1)], [], owner="a")
    before = standing(store, 1)
    take(store, 1, owner="b", refresh=True)
    assert standing(store, 1).status is OutcomeStatus.ENRICHED
    store.record([], [failure(1)], owner="b")
    after = standing(store, 1)
    assert (after.status, after.enriched_at) == (OutcomeStatus.ENRICHED, before.enriched_at)


def test_the_latest_outcome_counts_and_the_first_analysis_keeps_its_moment(
    backend: Backend,
) -> None:
    store = backend.unremembering()
    ends = (("a", enriched(1)), ("b", enriched(1, minute=9)), ("c", rejected(1)))
    for owner, outcome in ends:
        if owner == "c":
            store = store.with_switches(
                lru_enabled=False, lru_size=1, ttl=timedelta(microseconds=1)
            )
        take(store, 1, owner=owner, refresh=True)
        store.record([outcome], [], owner=owner)
        if owner == "a":
            first = standing(store, 1).enriched_at
    last = standing(store, 1)
    assert last.status is OutcomeStatus.REJECTED
    assert last.enriched_at == first is not None
    rows = backend.rows(STANDINGS, [accession_key(accession(1))])
    assert len(rows) == 1, "or which of the outcomes is told would be left to chance"


def test_the_acceptance_of_what_an_index_found_is_known_from_its_answer(
    store: SeenStore,
) -> None:
    ended_by_batch(store, enriched(1))
    ended_by_batch(store, rejected(2))
    assert standing(store, 1).accepted_at == answer(1).accepted_at == ACCEPTED
    assert standing(store, 2).accepted_at is None, "rejected by its price, and never read"


def test_a_refresh_by_index_forgets_no_acceptance(store: SeenStore) -> None:
    take(store, 1, owner="a")
    store.record([rejected(1)], [], owner="a")
    store.claim([by_index(1)], owner="b", lease_s=60, refresh=True)
    again = rejected(1).model_copy(update={"filing": by_index(1)})
    store.record([again], [], owner="b")
    assert standing(store, 1).accepted_at == ACCEPTED


def test_what_only_an_index_named_has_not_been_in_the_feed(store: SeenStore) -> None:
    ended_by_batch(store, enriched(1))
    unseen = standing(store, 1)
    assert (unseen.in_feed, unseen.in_feed_at) == (False, None)
    assert unseen.first_seen_at is not None
    take(store, 1, owner="rss")
    shown = standing(store, 1)
    assert shown.in_feed
    assert shown.in_feed_at is not None
    assert shown.first_seen_at == unseen.first_seen_at < shown.in_feed_at


def test_what_an_earlier_version_found_in_the_feed_was_there_at_no_known_moment(
    store: SeenStore, backend: Backend
) -> None:
    take(store, 1, owner="a")
    backend.rows("UPDATE seen SET in_feed_at = NULL, first_seen_at = NULL")
    old = standing(store, 1)
    assert (old.in_feed, old.in_feed_at, old.first_seen_at) == (True, None, None)


def test_standings_follow_the_question_and_come_once_each(store: SeenStore) -> None:
    take(store, 9, 2, owner="a")
    asked = [accession(number) for number in (9, 5, 2, 9)]
    answered = store.standings(asked)
    assert [one.accession for one in answered] == asked[:3]
    assert [one.in_store for one in answered] == [True, False, True]


def test_an_outcome_past_its_time_to_live_stands_all_the_same(backend: Backend) -> None:
    store = backend.store().with_switches(
        lru_enabled=True, lru_size=9, ttl=timedelta(microseconds=1)
    )
    take(store, 1, owner="a")
    store.record([rejected(1)], [], owner="a")
    assert standing(store, 1).status is OutcomeStatus.REJECTED


def test_what_is_no_accession_number_has_no_standing(store: SeenStore) -> None:
    with pytest.raises(ParameterError, match="not an accession number"):
        store.standings(["edgar/data/320193"])


def test_a_whole_day_is_a_few_statements(
    store: SeenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = range(1, 1001)
    take(store, *numbers, owner="a")
    failures: list[Failure] = [failure(number) for number in numbers[500:]]
    store.record([enriched(number) for number in numbers[:500]], failures, owner="a")
    with store._window.transaction() as opened:
        kind = type(opened)
    run, statements = kind.rows, list[object]()

    def counted(*call: Any) -> list[Any]:  # noqa: ANN401 - whatever rows takes
        statements.append(call)
        return run(*call)

    monkeypatch.setattr(kind, "rows", counted)
    found = store.standings([accession(number) for number in numbers])
    assert sum(one.status is OutcomeStatus.ENRICHED for one in found) == 500
    assert sum(one.last_error is not None for one in found) == 500
    assert len(statements) < 8


class TestCertificates:
    """A history: what was certified once is never changed."""

    def test_a_certificate_is_read_back_as_it_was_kept(self, store: SeenStore) -> None:
        before = utc_now() - timedelta(seconds=5)
        kept = certificate(
            in_index=9,
            enriched=3,
            rejected={"above_ceiling": 4},
            left_over=left_over(1, 2, why="held by “a run” until \0 never"),
            unreadable=("line 7: '|'",),
            index_only=(accession(1),),
        )
        store.keep_certificate(kept)
        (issued,) = store.certificates()
        assert issued.certificate == kept
        assert before < issued.issued_at < utc_now() + timedelta(seconds=5)

    def test_a_day_may_be_certified_again_and_the_history_stays(self, store: SeenStore) -> None:
        opened = certificate(enriched=1, left_over=left_over(1, 2))
        other = certificate(day=DAY - timedelta(days=1))
        for one in (opened, other, certificate()):
            store.keep_certificate(one)
        of_the_day = [issued.certificate for issued in store.certificates(DAY)]
        assert of_the_day == [opened, certificate()]
        assert [one.closed for one in of_the_day] == [False, True]
        everything = store.certificates()
        assert [issued.certificate for issued in everything] == [opened, other, certificate()]
        assert sorted(everything, key=lambda issued: issued.issued_at) == list(everything)
        assert store.certificates(date(2020, 1, 2)) == ()

    def test_whoever_opens_the_store_can_ask_which_days_are_open(
        self, store: SeenStore, backend: Backend
    ) -> None:
        store.keep_certificate(certificate(enriched=2, left_over=left_over(1)))
        rows = backend.rows("SELECT day, forms, closed FROM certificate")
        assert rows == [(DAY, "8-K, 8-K/A", False)]


def test_a_claim_of_many_and_their_standings_agree_with_the_lookup(store: SeenStore) -> None:
    take(store, 1, 2, 3, 4, owner="a")
    store.record([enriched(1), rejected(2)], [failure(3)], owner="a")
    asked = [one.accession for one in filings(1, 2, 3, 4, 5)]
    looked_up = store.lookup(asked)
    found = store.standings(asked)
    assert {one.accession for one in found if one.status} == looked_up.done
    assert {one.accession for one in found if one.in_store and not one.status} == looked_up.backlog
