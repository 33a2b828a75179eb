"""A run that was stopped for longer than its leases pays for nothing that is another's by then."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from same_text_bench import KEPT, laid_out
from same_text_market import FILED, OTHER_RELEASE, day_of, listed
from store_backends import Backend
from store_filings import answer

from blocks.errors import ClaimLost, StoreUnavailable
from blocks.models import utc_now
from sandbox.model import StandInModel
from sandbox.sec import StandInSec
from tasks.answer_cache import keep_answer
from tasks.ask import enrich_one
from tasks.leases import Leases

LEASE_S = 60
ACCESSION = OTHER_RELEASE.accession


class Clock:
    """The wall clock, which may be put forward as sleeping puts it."""

    ahead = timedelta(0)

    def __call__(self) -> datetime:
        return utc_now() + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("tasks.leases.utc_now", clock)
    return clock


@pytest.fixture
def backend(tmp_path: Path) -> Backend:
    return Backend(f"duckdb:///{tmp_path / 'store.duckdb'}")


def claimed(backend: Backend, *, for_s: int = LEASE_S) -> Leases:
    """The claim of a run that thinks it has it for ``LEASE_S``."""
    leases = Leases(backend.store(), owner="slept", lease_s=LEASE_S)
    asked_at = utc_now()
    granted = backend.store().claim([listed(OTHER_RELEASE)], owner="slept", lease_s=for_s).granted
    leases.taken((one.filing.accession for one in granted), asked_at)
    return leases


def stolen(backend: Backend) -> Leases:
    """Likewise, but another run has the filing."""
    leases = claimed(backend, for_s=0)
    thief = backend.store().claim([listed(OTHER_RELEASE)], owner="thief", lease_s=LEASE_S)
    assert len(thief.granted) == 1
    return leases


def test_an_overdue_claim_that_another_run_has_is_lost_before_any_renewal_comes_round(
    backend: Backend, clock: Clock
) -> None:
    leases = stolen(backend)
    clock.ahead = timedelta(seconds=LEASE_S)
    with pytest.raises(ClaimLost, match=ACCESSION):
        leases.see_that_it_is_ours(ACCESSION)
    assert leases.gone == {ACCESSION}


def test_a_claim_that_was_lost_and_is_granted_again_is_the_runs_own(
    backend: Backend,
) -> None:
    leases = stolen(backend)
    leases.renew([ACCESSION])
    assert leases.gone == {ACCESSION}
    backend.store().release([ACCESSION], owner="thief")
    asked_at = utc_now()
    backend.store().claim([listed(OTHER_RELEASE)], owner="slept", lease_s=LEASE_S)
    leases.taken([ACCESSION], asked_at)
    leases.see_that_it_is_ours(ACCESSION)


def test_an_overdue_claim_that_nobody_took_is_renewed_and_goes_on(
    backend: Backend, clock: Clock
) -> None:
    leases = claimed(backend, for_s=0)
    clock.ahead = timedelta(seconds=LEASE_S)
    leases.see_that_it_is_ours(ACCESSION)
    late = backend.store().claim([listed(OTHER_RELEASE)], owner="thief", lease_s=LEASE_S)
    assert late.held == {ACCESSION}


@pytest.mark.parametrize("ahead_s", [LEASE_S, -LEASE_S], ids=["asleep", "set back"])
def test_the_store_is_asked_when_the_clock_no_longer_vouches_for_the_claim_and_not_before(
    backend: Backend, clock: Clock, ahead_s: int
) -> None:
    leases = claimed(backend)
    backend.path.unlink()
    backend.path.mkdir()
    leases.see_that_it_is_ours(ACCESSION)
    clock.ahead = timedelta(seconds=ahead_s)
    with pytest.raises(StoreUnavailable):
        leases.see_that_it_is_ours(ACCESSION)


def test_without_a_store_everything_is_the_runs_own(clock: Clock) -> None:
    leases = Leases()
    leases.taken([ACCESSION], utc_now())
    clock.ahead = timedelta(days=1)
    leases.see_that_it_is_ours(ACCESSION)


class TestAsking:
    @pytest.fixture
    def sec(self) -> Iterator[StandInSec]:
        with StandInSec(day_of(*FILED)) as server:
            yield server

    @pytest.fixture
    def model(self) -> Iterator[StandInModel]:
        with StandInModel() as server:
            yield server

    def test_who_wakes_before_asking_asks_nothing_and_nothing_is_spent(
        self, sec: StandInSec, model: StandInModel, backend: Backend, tmp_path: Path, clock: Clock
    ) -> None:
        with laid_out(sec.url, model.url, tmp_path, leases=stolen(backend)) as bench:
            clock.ahead = timedelta(seconds=LEASE_S)
            with pytest.raises(ClaimLost):
                enrich_one(listed(OTHER_RELEASE), KEPT, bench)
        assert len(model.ledger) == 0
        assert bench.tally.spent_usd == 0

    @pytest.mark.parametrize("there_is_one", [True, False])
    def test_who_wakes_with_an_answer_keeps_it_only_where_there_is_none(  # noqa: PLR0913, PLR0917 - fixtures
        self,
        sec: StandInSec,
        model: StandInModel,
        backend: Backend,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        there_is_one: bool,  # noqa: FBT001 - pytest's
    ) -> None:
        """It is paid for, and whoever has the filing by now may find it on file."""
        monkeypatch.setattr("tasks.leases.utc_now", lambda: later_once_asked(model))
        leases = stolen(backend)
        with laid_out(sec.url, model.url, tmp_path, leases=leases, shares=False) as bench:
            if there_is_one:
                theirs = answer(1, fingerprint=bench.fingerprint)
                mine = {"accession": ACCESSION, "paid_by_run": "thief"}
                assert bench.answers is not None
                keep_answer(theirs.model_copy(update=mine), bench.answers, None)
                with pytest.raises(ClaimLost):
                    enrich_one(listed(OTHER_RELEASE), KEPT, bench)
            else:
                assert enrich_one(listed(OTHER_RELEASE), KEPT, bench).accession == ACCESSION
        assert model.paid_calls == {ACCESSION: 1}
        assert leases.gone == {ACCESSION}


def later_once_asked(model: StandInModel) -> datetime:
    """The moment, to a process that sleeps while the model is at work."""
    return utc_now() + timedelta(seconds=LEASE_S if len(model.ledger) else 0)
