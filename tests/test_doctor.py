"""`make doctor` as a person runs it: what it says, what it ends with, and what it leaves alone."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
from doctor_ward import DAY, SMALL, Ward
from installation import Installation, installed
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.events import emit_event
from prefect.exceptions import ObjectAlreadyExists
from prefect.settings import PREFECT_API_URL
from prefect.states import Running

from blocks.models import utc_now
from blocks.store_schema import STEPS, Step, bring_up_to_date
from flows import doctor, prefect_health
from flows.setup import DEPLOYMENTS
from flows.stack import POOL
from tasks.check_prefect import PrefectState, check_prefect
from tasks.findings import Level
from tasks.findings_text import findings_text

pytest_plugins = ["doctor_fixtures"]


@pytest.fixture(autouse=True)
def without_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)


def ran(folder: Path, *words: str) -> int:
    return doctor.main(["--state", str(folder), *words])


class TestWhatItEndsWith:
    def test_nothing_to_mend_something_and_what_is_left_after_mending(
        self, ward: Ward, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert ran(ward.folder) == 0
        assert "Nothing needs mending" in capsys.readouterr().out
        ward.sql("UPDATE seen SET done_at = now()")
        assert ran(ward.folder) == 1
        said = capsys.readouterr().out
        assert "7 filings of which seen and the outcomes say different things" in said
        assert "MEND: makes seen anew" in said
        assert "MEND=1" in said
        assert max(map(len, said.splitlines())) <= 80 + len(str(ward.folder))
        assert ran(ward.folder, "--mend") == 0
        assert "Mended. What is left:" in capsys.readouterr().out
        assert ran(ward.folder) == 0

    def test_looking_changes_no_file(self, ward: Ward) -> None:
        ward.sql("UPDATE seen SET done_at = now()")
        ward.files()[0].write_text("torn")
        before = {path: path.stat().st_mtime_ns for path in ward.folder.rglob("*.*")}
        ran(ward.folder)
        changed = {
            path.name
            for path in {*before, *ward.folder.rglob("*.*")}
            if not path.exists() or before.get(path) != path.stat().st_mtime_ns
        }
        assert changed <= {"store.duckdb.lock"}

    def test_seen_is_made_anew_on_request_though_it_cannot_be_read(
        self, ward: Ward, capsys: pytest.CaptureFixture[str]
    ) -> None:
        ward.sql("ALTER TABLE seen RENAME COLUMN done_at TO gone")
        assert ran(ward.folder, "--rebuild-seen") == 0
        said = capsys.readouterr().out
        assert "seen was made anew from the outcomes: 7 filings." in said
        assert "unfinished filings are not in it" in said


class TestItCannotLook:
    def test_a_store_of_a_later_version(
        self, ward: Ward, capsys: pytest.CaptureFixture[str]
    ) -> None:
        later = (*STEPS, Step("from the future", ("CREATE TABLE hover (board TEXT)",)))
        with ward.store._window.transaction() as transaction:
            bring_up_to_date(transaction, dedicated=True, steps=later)
        assert ran(ward.folder, "--mend") == 2
        assert "Update this program" in capsys.readouterr().err

    def test_a_store_that_is_damaged_is_left_as_it_is_and_the_way_out_is_told(
        self, ward: Ward, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = ward.folder / "store.duckdb"
        damaged = file.read_bytes()[: file.stat().st_size // 2]
        file.write_bytes(damaged)
        assert ran(ward.folder, "--mend") == 2
        said = capsys.readouterr().err
        assert "last night's copy" in said
        assert "pay nothing for it" in said
        assert file.read_bytes() == damaged

    def test_a_folder_in_which_nothing_has_run(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert ran(tmp_path / "nowhere") == 2
        assert ran(tmp_path) == 2
        assert "not the state folder" in capsys.readouterr().err
        assert list(tmp_path.iterdir()) == []

    def test_a_server_that_should_be_up_and_does_not_answer(
        self, ward: Ward, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with doctor_holds_the_house(ward.folder):
            assert ran(ward.folder, "--port", "1") == 2
        assert "PORT=" in capsys.readouterr().err
        monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
        assert ran(ward.folder) == 2
        assert "PREFECT_API_URL" in capsys.readouterr().err


@contextmanager
def doctor_holds_the_house(folder: Path) -> Iterator[None]:
    """Another process that is `make up`, as far as its lock goes."""
    hold = (
        "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX); "
        "print('held', flush=True); input()"
    )
    with subprocess.Popen(  # noqa: S603 - our own words
        [sys.executable, "-c", hold, str(folder / "up.lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        yield
        child.communicate(b"\n")


def test_with_the_store_gone_a_run_over_the_days_has_every_outcome_again_and_pays_nothing(
    ward: Ward, capsys: pytest.CaptureFixture[str]
) -> None:
    before, paid = ward.store.outcomes(), ward.paid()
    for file in ward.folder.glob("store.duckdb*"):
        file.unlink()
    assert ran(ward.folder, "--mend") == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "The store is gone, and 5 answers of it on file" in said
    assert f"start_date={DAY}" in said
    assert not (ward.folder / "store.duckdb").exists()
    ward.run(source="batch", start_date=DAY)
    assert ran(ward.folder) == 0
    assert ward.findings() == {}
    assert ward.paid() == paid
    assert told_of(ward.store.outcomes()) == told_of(before)


def told_of(outcomes: pd.DataFrame) -> set[str]:
    """What stands in the outcomes, but for when it was recorded."""
    told = outcomes[["accession", "status", "reason", "summary", "cost_usd"]]
    return set(told.to_json(orient="records", lines=True).splitlines())


@pytest.mark.soak
@pytest.mark.usefixtures("prefect_server")
class TestAfterAKill:
    def test_what_it_says_of_a_killed_run_is_true_before_its_lease_and_after(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SEC_LLM_MAX_CONCURRENT", "1")
        with installed(SMALL, tmp_path) as house:
            ward = Ward(house, tmp_path)
            house.sec.now = SMALL.closes_at + timedelta(hours=7)
            killed_after_two_answers(house)
            answered = set(house.model.paid_calls)
            found = ward.findings()
            assert {one.level for one in found.values()} <= {Level.NOTE, Level.PASSES}
            held = {name[:20] for name in found["held-claims"].names}
            assert answered < held
            ward.sql("UPDATE seen SET lease_until = now() - INTERVAL '1 s' WHERE done_at IS NULL")
            found = ward.findings()
            assert {name[:20] for name in found["stale-claims"].names} == held
            on_file = {file.name for file in ward.files() if not file.name.startswith(".")}
            assert {name[-20:] for name in found["answer-waits"].names} == on_file <= answered
            ward.run(source="rss")
            ward.mend()
            assert ward.findings().keys() <= {"open-bookings"}
            twice = {name for name, paid in house.model.paid_calls.items() if paid > 1}
            assert twice <= answered - on_file


def killed_after_two_answers(house: Installation) -> None:
    """An rss run in a process that is killed once the model has answered twice."""
    house.model.latency_s = 0.3
    code = "import sys; from flows.filings import sec_filings; sec_filings(profile=sys.argv[1])"
    child = subprocess.Popen(  # noqa: S603 - our own code
        [sys.executable, "-c", code, house.profile],
        env=os.environ | {"PREFECT_API_URL": str(PREFECT_API_URL.value())},
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 100
    while len(house.answers()) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    assert child.wait(10) == -signal.SIGKILL
    house.model.latency_s = 0.0


@flow(name="nothing")
def nothing() -> None:
    """Stands in for a flow whose process is gone."""


class TestPrefect:
    @pytest.fixture
    def client(
        self,
        prefect_server: None,  # noqa: ARG002 - the server must be up
    ) -> Iterator[SyncPrefectClient]:
        with get_client(sync_client=True) as one:
            with suppress(ObjectAlreadyExists):
                one.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
            yield one

    def test_with_the_server_its_blocks_are_used_and_what_it_lacks_is_named(
        self,
        ward: Ward,
        client: SyncPrefectClient,  # noqa: ARG002 - its pool must be there
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setenv("PREFECT_API_URL", str(PREFECT_API_URL.value()))
        assert ran(ward.folder, "--profile", ward.house.profile) == 1
        said = " ".join(capsys.readouterr().out.split())
        assert str(ward.house.folder / "store.duckdb") in said, "the blocks' store, no default"
        assert f"deployment {DEPLOYMENTS[0]}" in said
        assert "No worker is up" in said
        assert ran(ward.folder, "--profile", "nowhere") == 2
        assert "seen-store/nowhere" in capsys.readouterr().err

    def test_a_run_without_a_sign_of_life_is_closed_and_one_that_shows_it_is_not(
        self, ward: Ward, client: SyncPrefectClient
    ) -> None:
        dead, alive = (
            client.create_flow_run(nothing, state=Running(), work_pool_name=POOL) for _ in range(2)
        )
        assert prefect_health.silent_runs(client) == [], "both have just begun"
        begun = utc_now()
        emit_event(
            "prefect.flow-run.heartbeat", {"prefect.resource.id": f"prefect.flow-run.{alive.id}"}
        )
        deadline = time.monotonic() + 60
        while not prefect_health._heartbeats(client, alive, begun) and time.monotonic() < deadline:
            time.sleep(0.1)
        later = begun + prefect_health._PATIENCE
        assert [run.id for run in prefect_health.silent_runs(client, later)] == [dead.id]
        [found] = [
            one
            for one in check_prefect(
                prefect_health.prefect_state(client, ward.house.profile, later)
            )
            if one.kind == "silent-runs"
        ]
        assert str(dead.id) in found.names[0]
        prefect_health.close_silent_runs(client, later)
        names = [client.read_flow_run(run.id).state_name for run in (dead, alive)]
        assert names == ["Crashed", "Running"]
        client.delete_flow_run(alive.id)

    def test_what_a_person_switched_off_is_only_noted(self) -> None:
        state = PrefectState(paused=("deployment sec_filings/rss",))
        [found] = check_prefect(state)
        assert found.level is Level.NOTE
        assert "sec_filings/rss" in findings_text([found])
