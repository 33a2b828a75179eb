"""The folder of paid answers."""

import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from prefect.serializers import JSONSerializer

from blocks import answer_turns
from blocks.answers import AnswerFolder
from blocks.errors import AnswerCacheUnusable

SERIALIZER = JSONSerializer().model_dump(mode="json")


@pytest.fixture
def folder(tmp_path: Path) -> AnswerFolder:
    return AnswerFolder(basepath=str(tmp_path / "answers"))


def result_of(value: str) -> bytes:
    """A result as Prefect writes it."""
    return json.dumps({"metadata": {"serializer": SERIALIZER}, "result": value}).encode()


def test_what_is_written_is_read_back(folder: AnswerFolder) -> None:
    written = result_of("one")
    folder.write_path("enrich/f/1", written)
    assert folder.read_path("enrich/f/1", _sync=True) == written


def test_a_reader_beside_a_rewriter_never_meets_half_a_file(folder: AnswerFolder) -> None:
    versions = [result_of(letter * 200_000) for letter in "abcd"]
    folder.write_path("a", versions[0])

    def rewrite() -> None:
        for content in versions * 20:
            folder.write_path("a", content)

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(rewrite)
        seen = {folder.read_path("a", _sync=True)}
        while not writing.done():
            seen.add(folder.read_path("a", _sync=True))
        writing.result()
    assert seen <= set(versions)


def test_a_write_that_fails_leaves_the_old_content_and_no_litter(
    folder: AnswerFolder, tmp_path: Path
) -> None:
    folder.write_path("a", result_of("old"))
    with pytest.raises(OSError, match="name too long"):
        folder.write_path("b" * 300, b"new")
    assert folder.read_path("a", _sync=True) == result_of("old")
    assert [path.name for path in (tmp_path / "answers").iterdir()] == ["a"]


def test_a_key_cannot_leave_the_folder(folder: AnswerFolder) -> None:
    with pytest.raises(ValueError, match="outside"):
        folder.write_path("../../escaped", b"x")


def test_what_was_set_aside_already_is_no_error(folder: AnswerFolder) -> None:
    """Two threads may find the same file unreadable."""
    folder.write_path("a", b"garbage")
    folder.set_aside("a", "it is garbage")
    folder.set_aside("a", "it is garbage")
    assert folder.noted("a.unreadable") == "garbage"


def test_a_note_comes_back_and_what_is_no_note_reads_as_empty(folder: AnswerFolder) -> None:
    folder.note("a/b", "note")
    assert (folder.noted("a/b"), folder.noted("a/c"), folder.noted("a")) == ("note", None, "")


def test_only_one_at_a_time_has_a_turn_and_it_leaves_no_file(
    folder: AnswerFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With no pause between two looks, so that some lock a file that has just been deleted."""
    monkeypatch.setattr(answer_turns, "_LOOK_AGAIN_S", 0.0)
    working, overlaps = threading.Lock(), []

    def work(_: int) -> None:
        with folder.turns(["a"], patience_s=60):
            alone = working.acquire(blocking=False)
            time.sleep(0.001)
            overlaps.append(not alone)
            if alone:
                working.release()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(200)))
    assert overlaps == [False] * 200
    assert list((tmp_path / "answers").iterdir()) == []


def test_turns_are_taken_in_one_order_so_that_nobody_waits_in_a_circle(
    folder: AnswerFolder, tmp_path: Path
) -> None:
    """Who waits for the first of them holds none of the others."""

    def take_both() -> None:
        with folder.turns(["b", "a"], patience_s=60):
            pass

    with ThreadPoolExecutor(1) as pool:
        with folder.turns(["a"], patience_s=0):
            waiting = pool.submit(take_both)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.3)
            assert [path.name for path in (tmp_path / "answers").iterdir()] == ["a.turn"]
        waiting.result(timeout=10)


def test_the_probe_leaves_nothing_behind(folder: AnswerFolder, tmp_path: Path) -> None:
    folder.probe("enrich/f")
    assert [path.name for path in (tmp_path / "answers").rglob("*")] == ["enrich", "f"]


def test_the_probe_passes_whatever_its_random_bytes_are(
    folder: AnswerFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One in 65,536 begins like JSON, which is not written as it is."""
    monkeypatch.setattr("blocks.answers.os.urandom", b'{"'.ljust)
    folder.probe("enrich/f")


def test_room_that_was_tidied_away_meanwhile_costs_no_answer(folder: AnswerFolder) -> None:
    with folder.room_for("enrich/f/1"):
        [room] = (folder.root / "enrich" / "f").iterdir()
        room.unlink()
        folder.write_path("enrich/f/1", result_of("paid"))
    assert folder.read_path("enrich/f/1") == result_of("paid")


def test_a_folder_that_cannot_be_made_stops_the_run_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    blocked = AnswerFolder(basepath=str(tmp_path / "file" / "answers"))
    with pytest.raises(AnswerCacheUnusable, match="FEATURE_SEC_LLM_CACHE=0") as refused:
        blocked.probe("enrich/f")
    assert str(tmp_path / "file") in str(refused.value)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")  # noqa: PTH110
def test_a_full_disk_stops_the_run(
    folder: AnswerFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """/dev/full is the kernel's own full disk: every write to it fails with ENOSPC."""
    link_to_full = tmp_path / "half"
    link_to_full.symlink_to("/dev/full")
    monkeypatch.setattr(
        "blocks.answers.tempfile.mkstemp",
        lambda **_: (os.open("/dev/full", os.O_WRONLY), link_to_full),
    )
    with pytest.raises(AnswerCacheUnusable, match="No space left"):
        folder.probe("enrich/f")
