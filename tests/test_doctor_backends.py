"""The doctor's statements on both databases: the same damage, found and mended alike."""

from datetime import timedelta

import pytest
from store_backends import Backend, take
from store_filings import accession, answer, enriched, failure, names, rejected, reporting

from blocks.models import accession_key
from blocks.store import SeenStore
from blocks.store_health_values import SeenFault

pytest_plugins = ["store_fixtures"]

SEEN = "SELECT k, done_at, done_by, found_by FROM seen ORDER BY k"


def key(number: int) -> int:
    return accession_key(accession(number))


@pytest.fixture
def worked(store: SeenStore) -> SeenStore:
    """A store with an outcome of every kind, linked amendments, and a payment."""
    take(store, *range(1, 8), owner="run")
    outcomes = [enriched(1), rejected(2), reporting(3), reporting(4, "8-K/A"), enriched(5)]
    store.record([*outcomes, enriched(7)], [failure(6)], owner="run")
    return store


def test_a_store_that_is_well_is_told_to_be(worked: SeenStore) -> None:
    state = worked.health.examine()
    assert (state.outcomes, state.missing, state.contradictions, state.broken_keys) == (
        6,
        (),
        (),
        (),
    )
    assert (state.orphans, state.without_analysis, state.adrift, state.unbooked) == (
        (),
        (),
        (),
        (),
    )
    assert [one.accession for one in state.unfinished] == [accession(6)]


def test_each_damage_is_found_and_mended(worked: SeenStore, backend: Backend) -> None:
    before = backend.rows(SEEN)
    take(worked, 8, owner="alive")
    take(worked, 1, owner="died", lease_s=0, refresh=True)
    backend.rows("UPDATE outcome SET k = k + 500 WHERE k = $1::bigint", key(2))
    backend.rows("DELETE FROM seen WHERE k = $1::bigint", key(5))
    backend.rows("UPDATE seen SET done_at = NULL WHERE k = $1::bigint", key(7))
    backend.rows("DELETE FROM analysis WHERE k = $1::bigint", key(7))
    backend.rows("DELETE FROM outcome WHERE k = $1::bigint", key(4))
    backend.rows(
        "INSERT INTO spending VALUES ('k', 'r', DATE '2025-12-12', 'm', 5, NULL, "
        "now() - INTERVAL '400 days', now() - INTERVAL '399 days', NULL)"
    )
    state = worked.health.examine()
    faults = {one.accession: one.fault for one in state.contradictions}
    assert faults == {
        accession(2): SeenFault.NO_OUTCOME,
        accession(502): SeenFault.NOT_SEEN,
        accession(4): SeenFault.NO_OUTCOME,
        accession(5): SeenFault.NOT_SEEN,
        accession(7): SeenFault.NOT_DONE,
    }
    assert state.broken_keys == (f"outcome {accession(2)}",)
    assert set(state.adrift) == {accession(3), accession(4)}
    assert [one.accession for one in state.orphans] == [accession(4)]
    assert [one.accession for one in state.without_analysis] == [accession(7)]
    assert {one.accession for one in state.unbooked} == names(1, 3, 4, 5)
    assert [(one.worst_nano, one.is_batch) for one in state.open_bookings] == [(5, True)]
    assert {one.run: (one.is_over, one.anew) for one in state.claims} == {
        "alive": (False, False),
        "died": (True, True),
    }

    worked.health.mend([answer(7)])
    after = worked.health.examine()
    assert (after.contradictions, after.broken_keys, after.adrift) == ((), (), ())
    assert (after.without_analysis, after.unbooked, after.open_bookings) == ((), (), ())
    assert [one.run for one in after.claims] == ["alive"]
    finished = [row for row in backend.rows(SEEN) if row[1] is not None]
    assert finished == [row for row in before if row[1] is not None and row[0] != key(4)]


def test_outcomes_past_their_time_to_live_need_no_row_of_seen(
    worked: SeenStore, backend: Backend
) -> None:
    """The housekeeping removes such rows, and keeps the outcomes."""
    backend.rows("DELETE FROM seen WHERE done_at IS NOT NULL")
    assert worked.health.examine(timedelta(microseconds=1)).contradictions == ()
    worked.health.mend(seen_ttl=timedelta(microseconds=1))
    assert backend.rows("SELECT k FROM seen") == [(key(6),)]
    assert len(worked.health.examine().contradictions) == 6


@pytest.mark.parametrize("drop", [False, True])
def test_seen_is_made_anew(worked: SeenStore, backend: Backend, *, drop: bool) -> None:
    before = backend.rows(SEEN)
    if drop:
        backend.rows("DROP TABLE seen")
        assert worked.health.examine().missing == ("seen",)
    rebuilt = worked.health.rebuild_seen()
    assert rebuilt.kept_unfinished is not drop
    assert backend.rows(SEEN) == [row for row in before if row[1] is not None or not drop]
    assert worked.lookup([accession(1)]).done == names(1)
    assert take(worked, 1, 6, owner="next") == [6]
