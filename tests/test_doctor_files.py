"""The doctor on the answer folder: each damage is found, mended from the store, and not paid."""

import fcntl
import os
import time
from datetime import timedelta
from pathlib import Path

import pytest
from doctor_ward import DAY, Ward
from kept_tables import record_in, rewrite

from blocks.answers import AnswerFolder
from blocks.models import Answer
from flows.checkup import examine
from flows.mending import mend
from tasks.answer_cache import keep_answer, read_kept
from tasks.findings import Level

pytest_plugins = ["doctor_fixtures"]

LONG_AGO_S = 3600.0


def kept(ward: Ward) -> dict[str, Answer]:
    """Every answer on file, by its name."""
    return {
        f"{one.parent.name}/{one.name}": found.answer
        for one in ward.files()
        if (found := read_kept(f"enrich/{one.parent.name}/{one.name}", ward.answers))
    }


def aged(path: Path, by_s: float) -> Path:
    """Make a file look as if it had been written so long ago."""
    os.utime(path, (time.time() - by_s,) * 2)
    return path


class TestAnswers:
    def test_spoilt_files_are_set_aside_and_written_anew_from_the_store(self, ward: Ward) -> None:
        before, paid = kept(ward), ward.paid()
        torn, empty, foreign, renamed, changed = ward.files()
        torn.write_bytes(torn.read_bytes()[:40])
        empty.write_bytes(b"")
        foreign.write_text('{"metadata": {"serializer": {"type": "pickle"}}, "result": "gASV"}')
        for file in (renamed, changed):  # their seals would tell of both
            rewrite(file, record_in(changed))
        tokens = '\\"excerpt_tokens\\": '
        changed.write_text(changed.read_text().replace(tokens, f"{tokens}9"))
        found = ward.findings()
        of = [f"enrich/{one.parent.name}/{one.name}" for one in (torn, empty, foreign)]
        assert sorted(found["answer-torn"].names) == sorted(of)
        assert found["answer-foreign"].names == (f"enrich/{renamed.parent.name}/{renamed.name}",)
        assert found["answer-differs"].names == (f"enrich/{changed.parent.name}/{changed.name}",)
        assert {one.level for one in found.values()} == {Level.MEND}
        ward.mend()
        left = ward.findings()
        assert left.keys() == {"set-aside"}
        assert len(left["set-aside"].names) == 5
        assert {name: kept(ward)[name] for name in before} == before
        (ward.folder / "store.duckdb").unlink()
        ward.run(source="batch", start_date=DAY)
        assert ward.paid() == paid

    def test_a_good_answer_that_came_in_a_torn_ones_place_meanwhile_stays(
        self, ward: Ward
    ) -> None:
        file = ward.files()[0]
        answer = ward.answer(file)
        file.write_bytes(file.read_bytes()[:40])
        aged(file, LONG_AGO_S)
        checkup = examine(ward.patient)
        keep_answer(answer, ward.answers, None)
        mend(ward.patient, checkup)
        assert kept(ward)[f"{file.parent.name}/{file.name}"] == answer
        assert "set-aside" not in ward.findings()

    def test_an_answer_of_another_fingerprint_is_put_where_it_belongs(self, ward: Ward) -> None:
        file = ward.files()[0]
        answer = kept(ward)[f"{file.parent.name}/{file.name}"]
        other = answer.model_copy(update={"fingerprint": "another"})
        keep_answer(other, ward.answers, None)
        away = ward.folder / "answers" / "enrich" / "another" / file.name
        rewrite(file, record_in(away))
        away.unlink()
        assert "answer-foreign" in ward.findings()
        ward.mend()
        assert kept(ward)[f"another/{file.name}"] == other
        assert kept(ward)[f"{file.parent.name}/{file.name}"] == answer

    def test_one_that_names_a_place_outside_the_folder_is_not_put_there(self, ward: Ward) -> None:
        file = ward.files()[0]
        rewrite(file, record_in(file))
        file.write_text(file.read_text().replace(file.parent.name, "../../outside"))
        ward.mend()
        assert not list(ward.folder.parent.rglob("outside"))

    def test_recorded_answers_that_are_not_on_file_are_written_from_the_store(
        self, ward: Ward, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = kept(ward)
        for file in ward.files():
            file.unlink()
        missing = ward.findings()["answers-not-on-file"]
        assert (missing.level, len(missing.names)) == (Level.NOTE, len(before))
        monkeypatch.setenv("FEATURE_SEC_LLM_CACHE", "0")
        assert ward.findings() == {}, "none is kept, so none is missing"
        monkeypatch.delenv("FEATURE_SEC_LLM_CACHE")
        monkeypatch.setenv("SEC_LLM_CACHE_TTL_HOURS", "0.0000001")
        assert ward.findings() == {}, "none would be used any more"
        monkeypatch.delenv("SEC_LLM_CACHE_TTL_HOURS")
        ward.mend()
        assert ward.findings() == {}
        assert kept(ward) == before

    def test_paid_answers_that_the_store_does_not_know_are_told_apart(self, ward: Ward) -> None:
        recorded, *_ = kept(ward).values()
        lost = ward.unrecorded(ward.files()[1].name)
        newer = recorded.model_copy(
            update={"answered_at": recorded.answered_at + timedelta(hours=1)}
        )
        keep_answer(newer, ward.answers, None)
        other = recorded.model_copy(update={"fingerprint": "expired"})
        keep_answer(other, ward.answers, timedelta(seconds=-1))
        found = {kind: (one.level, one.names[0][-20:]) for kind, one in ward.findings().items()}
        assert found["answer-unrecorded"] == (Level.PERSON, lost.accession)
        assert found["answer-refreshed"] == (Level.NOTE, recorded.accession)
        assert found["answer-expired"] == (Level.NOTE, recorded.accession)
        ward.store.claim([lost], owner="alive", lease_s=60)
        assert "answer-unrecorded" not in ward.findings(), "a run is about to record it"


class TestLeftovers:
    def test_what_dead_writers_left_is_deleted_and_what_living_ones_hold_is_not(
        self, ward: Ward
    ) -> None:
        folder = ward.files()[0].parent
        names = [".0000000001-25-000001.k3j", ".probe-1", "text.turn", "held.turn", ".young"]
        dead = [folder / name for name in names]
        for file in dead:
            file.write_text("half")
            aged(file, LONG_AGO_S)
        aged(dead[4], 0)
        with dead[3].open() as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            found = ward.findings()["left-behind"]
            assert [Path(name).name for name in found.names] == names[:3]
            ward.mend()
            assert [file.exists() for file in dead] == [False, False, False, True, True]
            assert ward.findings() == {}

    def test_notes_of_batches_that_are_over_are_told_of_before_their_results_are_gone(
        self, ward: Ward
    ) -> None:
        asked = ward.folder / "answers" / "asked" / "f1"
        asked.mkdir(parents=True)
        ages_d = {"0000000001-25-000001": 1, "0000000001-25-000002": 5, "0000000001-25-000003": 40}
        for name, age_d in ages_d.items():
            (asked / name).write_text("{}")
            aged(asked / name, age_d * 86_400)
        found = ward.findings()
        waiting = found["batches-not-taken-in"]
        assert (waiting.level, waiting.names) == (
            Level.PERSON,
            ("asked/f1/0000000001-25-000002",),
        )
        assert found["left-behind"].names == ("asked/f1/0000000001-25-000003",)
        ward.mend()
        assert ward.findings().keys() == {"batches-not-taken-in"}

    def test_an_answer_folder_that_is_not_there_is_an_empty_one(self, ward: Ward) -> None:
        nowhere = AnswerFolder(basepath=str(ward.folder / "nowhere"))
        patient = ward.patient
        elsewhere = type(patient)(patient.store, nowhere, patient.settings)
        assert {one.kind for one in examine(elsewhere).findings} == {"answers-not-on-file"}
        assert not Path(str(nowhere.basepath)).exists()
