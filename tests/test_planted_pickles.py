"""JSON is all that is read back: a pickle that was planted is not opened, whoever asks for it."""

import base64
import json
import pickle
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prefect import flow, task
from prefect.cache_policies import CacheKeyFnPolicy
from prefect.results import ResultStore

from blocks.answers import AnswerFolder
from tasks.answer_cache import answer_key, answers_on_file

ACCESSION, FINGERPRINT = "0001193125-25-123456", "f" * 16
KEY = answer_key(FINGERPRINT, ACCESSION)
PICKLES: tuple[dict[str, Any], ...] = (
    {"type": "pickle"},
    {"type": "pickle", "picklelib": "pickle"},
    {"type": "compressed/pickle"},
    {"type": "compressed", "serializer": {"type": "pickle"}, "compressionlib": "zlib"},
    {"type": "json", "jsonlib": "json", "object_decoder": "pickle.loads"},
    {"type": "json", "jsonlib": "pickle"},
)


class Armed:
    """Writes a file where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., object], tuple[Path]]:
        return Path.touch, (self.mark,)


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    return tmp_path / "it went off"


@pytest.fixture
def folder(tmp_path: Path) -> AnswerFolder:
    return AnswerFolder(basepath=str(tmp_path / "answers"))


def plant(folder: AnswerFolder, mark: Path, serializer: dict[str, Any]) -> None:
    result = base64.encodebytes(pickle.dumps(Armed(mark))).decode()
    metadata = {"serializer": serializer, "storage_key": KEY, "expiration": None}
    folder.note(KEY, json.dumps({"metadata": metadata, "result": result}))


def test_the_plant_goes_off_where_prefect_reads_it_by_itself(
    folder: AnswerFolder, mark: Path, tmp_path: Path
) -> None:
    """Else the tests beside this one would prove nothing."""
    plant(folder, mark, PICKLES[0])
    content = (tmp_path / "answers" / KEY).read_bytes()
    from prefect._internal.result_records import ResultRecord  # noqa: PLC0415 - Prefect's own reader

    ResultRecord.deserialize(content)
    assert mark.exists()


@pytest.mark.parametrize("serializer", PICKLES, ids=str)
def test_a_planted_pickle_is_no_answer_on_file(
    folder: AnswerFolder, mark: Path, serializer: dict[str, Any]
) -> None:
    plant(folder, mark, serializer)
    assert answers_on_file([ACCESSION], FINGERPRINT, folder) == {}
    assert not mark.exists()


@pytest.mark.parametrize("serializer", PICKLES, ids=str)
@pytest.mark.usefixtures("prefect_server")
def test_a_planted_pickle_is_no_result_of_a_task(
    folder: AnswerFolder, mark: Path, serializer: dict[str, Any]
) -> None:
    """Through the look-up that Prefect's engine makes before it runs a task, and its retries."""
    folder.save(f"planted-{uuid.uuid4()}")  # else Prefect takes no storage
    plant(folder, mark, serializer)

    @task(
        cache_policy=CacheKeyFnPolicy(cache_key_fn=lambda *_: KEY),
        result_storage=folder,
        persist_result=True,
        result_serializer="json",
    )
    def paid() -> str:
        return "paid anew"

    @flow
    def run() -> str:
        return paid()

    assert run() == "paid anew"
    assert not mark.exists()


@pytest.mark.parametrize("serializer", PICKLES, ids=str)
def test_a_planted_pickle_is_no_record_of_a_result_store(
    folder: AnswerFolder, mark: Path, serializer: dict[str, Any]
) -> None:
    plant(folder, mark, serializer)
    with pytest.raises(ValueError, match="JSON"):
        ResultStore(result_storage=folder).read(KEY)
    assert not mark.exists()
