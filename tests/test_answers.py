"""The folder of paid answers."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from prefect.serializers import JSONSerializer

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


def test_the_probe_leaves_nothing_behind(folder: AnswerFolder, tmp_path: Path) -> None:
    folder.probe("enrich/f")
    assert [path.name for path in (tmp_path / "answers").rglob("*")] == ["enrich", "f"]


def test_a_folder_that_cannot_be_made_stops_the_run_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    blocked = AnswerFolder(basepath=str(tmp_path / "file" / "answers"))
    with pytest.raises(AnswerCacheUnusable, match="FEATURE_SEC_LLM_CACHE=0") as refused:
        blocked.probe("enrich/f")
    assert str(tmp_path / "file") in str(refused.value)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")  # noqa: PTH110
def test_a_full_disk_stops_the_run(folder: AnswerFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """/dev/full is the kernel's own full disk: every write to it fails with ENOSPC."""
    monkeypatch.setattr(
        "blocks.answers.tempfile.mkstemp",
        lambda **_: (os.open("/dev/full", os.O_WRONLY), "/nonexistent/half"),
    )
    with pytest.raises(AnswerCacheUnusable, match="No space left"):
        folder.probe("enrich/f")
