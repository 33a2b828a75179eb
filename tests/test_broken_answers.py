"""Whatever befalls a kept answer: it is the very same answer, or a miss and set aside."""

import base64
import json
import os
import pickle
import resource
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from kept_tables import record_in, rewrite
from prefect.results import ResultStore
from prefect.serializers import JSONSerializer, PickleSerializer
from store_filings import accession, answer

from blocks.answer_seal import MAX_BYTES, Unbelievable, sealed, unsealed
from blocks.answers import AnswerFolder
from blocks.errors import AnswerCacheUnusable
from blocks.models import Answer
from tasks.answer_cache import answer_key, answers_on_file, keep_answer

OURS: Final = answer(1)
KEY: Final = answer_key(OURS.fingerprint, OURS.accession)
OTHERS: Final = (answer(2), answer(1, fingerprint="f2"), answer(2, fingerprint="f2"))
Breakage = Callable[[Path], None]


def kept_in(folder: AnswerFolder, one: Answer = OURS) -> Path:
    keep_answer(one, folder, None)
    return Path(str(folder.basepath)) / answer_key(one.fingerprint, one.accession)


def found_in(folder: AnswerFolder) -> dict[str, Answer]:
    return answers_on_file([OURS.accession], OURS.fingerprint, folder)


@pytest.fixture
def folder(tmp_path: Path) -> AnswerFolder:
    return AnswerFolder(basepath=str(tmp_path / "answers"))


@pytest.fixture(scope="module")
def whole() -> Iterator[bytes]:
    with tempfile.TemporaryDirectory() as name:
        yield kept_in(AnswerFolder(basepath=name)).read_bytes()


def check_that_it_is_the_same_or_set_aside(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = AnswerFolder(basepath=name)
        file = Path(name) / KEY
        file.parent.mkdir(parents=True)
        file.write_bytes(content)
        found = found_in(folder)
        if found:
            assert found == {OURS.accession: OURS}
            return
        assert [one.name for one in file.parent.iterdir()] == [f"{file.name}.unreadable"]
        assert file.with_name(f"{file.name}.unreadable").read_bytes() == content


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_a_byte_that_flips_never_makes_another_answer(whole: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(whole) - 1))
    content = bytearray(whole)
    content[at] ^= data.draw(st.integers(1, 255))
    check_that_it_is_the_same_or_set_aside(bytes(content))


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_noise_a_cut_or_a_piece_left_out_never_makes_another_answer(
    whole: bytes, data: st.DataObject
) -> None:
    first = data.draw(st.integers(0, len(whole)))
    rest = data.draw(st.sampled_from([len(whole), first, min(first + 7, len(whole))]))
    noise = data.draw(st.sampled_from([b"", b"\0" * 9, b"\xff\xfe\x80"]) | st.binary(max_size=40))
    check_that_it_is_the_same_or_set_aside(whole[:first] + noise + whole[rest:])


@pytest.mark.soak
def test_no_bit_of_an_answer_can_flip_and_no_byte_of_it_be_its_last(whole: bytes) -> None:
    for at in range(len(whole)):
        check_that_it_is_the_same_or_set_aside(whole[:at])
        for bit in range(8):
            flipped = bytes([whole[at] ^ 1 << bit])
            check_that_it_is_the_same_or_set_aside(whole[:at] + flipped + whole[at + 1 :])


JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=9,
)


@settings(deadline=None, max_examples=20)
@given(JSON)
@example({"__class__": "blocks.errors.StoreError", "data": {}})
@example({"__class__": "pathlib.Path"})
@example({"__exc_type__": "SystemExit", "message": "7"})
def test_a_result_that_is_no_answer_is_none(foreign: Any) -> None:  # noqa: ANN401 - any JSON
    with tempfile.TemporaryDirectory() as name:
        file = kept_in(AnswerFolder(basepath=name))
        record = record_in(file) | {"result": json.dumps(foreign)}
    check_that_it_is_the_same_or_set_aside(json.dumps(record).encode())
    check_that_it_is_the_same_or_set_aside(sealed(KEY, json.dumps(record).encode()))
    check_that_it_is_the_same_or_set_aside(json.dumps(foreign).encode())


def empty(file: Path) -> None:
    file.write_bytes(b"")


def nested_too_deep(file: Path) -> None:
    file.write_bytes(b'{"metadata":' + b"[" * 200_000)


def too_large_to_read(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.truncate(MAX_BYTES + 1)  # sparse


def to_be_unpickled(file: Path) -> None:
    record = record_in(file)
    record["metadata"]["serializer"] = PickleSerializer().model_dump(mode="json")
    record["result"] = base64.encodebytes(pickle.dumps(OURS.model_dump(mode="json"))).decode()
    file.write_bytes(sealed(KEY, json.dumps(record).encode()))


def with_a_field_more(file: Path) -> None:
    rewrite(file, record_in(file) | {"sha257": "0" * 64})


def a_folder_with_something_in_it(file: Path) -> None:
    file.unlink()
    (file / "within").mkdir(parents=True)


def a_link_to_nothing(file: Path) -> None:
    file.unlink()
    file.symlink_to("nowhere")


def a_link_to_itself(file: Path) -> None:
    file.unlink()
    file.symlink_to(file.name)


def a_link_out_of_the_folder(file: Path) -> None:
    outside = file.parents[3] / "outside"
    file.replace(outside)
    file.symlink_to(outside)


def a_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def the_answer_of(other: Answer, *, has_seal: bool) -> Breakage:
    def put_in_its_place(file: Path) -> None:
        elsewhere = kept_in(AnswerFolder(basepath=str(file.parents[2])), other)
        if not has_seal:
            rewrite(elsewhere, record_in(elsewhere))
        elsewhere.replace(file)

    return put_in_its_place


BREAKAGES: Final[dict[str, Breakage]] = {
    **{
        breakage.__name__: breakage
        for breakage in (
            *(empty, nested_too_deep, too_large_to_read, to_be_unpickled, with_a_field_more),
            *(a_folder_with_something_in_it, a_link_to_nothing, a_link_to_itself),
            *(a_link_out_of_the_folder, a_pipe),
        )
    },
    **{
        f"{kind} {number}": the_answer_of(other, has_seal=kind == "sealed")
        for kind in ("sealed", "without a seal")
        for number, other in enumerate(OTHERS)
    },
}


@pytest.mark.parametrize("breakage", BREAKAGES.values(), ids=BREAKAGES)
def test_what_is_no_answer_is_a_miss_for_that_filing_and_set_aside_once(
    folder: AnswerFolder, breakage: Breakage
) -> None:
    file, beside = kept_in(folder), kept_in(folder, answer(3))
    breakage(file)
    looked_for = [OURS.accession, accession(3)]
    for _ in range(2):
        assert set(answers_on_file(looked_for, OURS.fingerprint, folder)) == {accession(3)}
    assert sorted(file.parent.iterdir()) == sorted(
        [file.with_name(f"{file.name}.unreadable"), beside]
    )
    kept_in(folder)
    assert found_in(folder) == {OURS.accession: OURS}


def test_what_is_set_aside_again_replaces_nothing(folder: AnswerFolder) -> None:
    for content in (b"first", b"second", b"third"):
        kept_in(folder).write_bytes(content)
        assert found_in(folder) == {}
    aside = (Path(str(folder.basepath)) / KEY).parent.iterdir()
    assert sorted(one.read_bytes() for one in aside) == [b"first", b"second", b"third"]


def test_prefects_own_reader_meets_none_of_it(folder: AnswerFolder) -> None:
    """It takes whatever it cannot read for nothing, and would write over it."""
    file = kept_in(folder)
    file.write_bytes(b"garbage")
    store = ResultStore(result_storage=folder, serializer=JSONSerializer())
    assert not store.exists(KEY)
    assert file.with_name(f"{file.name}.unreadable").read_bytes() == b"garbage"


def test_an_answer_kept_before_there_were_seals_is_one(folder: AnswerFolder) -> None:
    file = kept_in(folder)
    rewrite(file, record_in(file))
    assert found_in(folder) == {OURS.accession: OURS}


def test_a_folder_that_was_moved_keeps_its_answers(folder: AnswerFolder, tmp_path: Path) -> None:
    kept_in(folder)
    moved = shutil.move(str(folder.basepath), tmp_path / "elsewhere")
    assert found_in(AnswerFolder(basepath=str(moved))) == {OURS.accession: OURS}


def test_a_process_out_of_files_takes_no_answer_for_damaged(folder: AnswerFolder) -> None:
    """Or it would pay for every answer again."""
    file = kept_in(folder)
    folder.note("note", OURS.accession)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        with pytest.raises(AnswerCacheUnusable, match="Too many open files"):
            found_in(folder)
        with pytest.raises(AnswerCacheUnusable, match="Too many open files"):
            folder.noted("note")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert file.exists()
    assert found_in(folder) == {OURS.accession: OURS}


@given(st.text(max_size=20), st.binary(max_size=200), st.text(max_size=20))
def test_a_seal_holds_for_its_name_and_content_alone(name: str, rest: bytes, other: str) -> None:
    content = b'{"' + rest
    made = sealed(name, content)
    assert unsealed(name, made) == content
    if other.encode(errors="replace") != name.encode(errors="replace"):
        with pytest.raises(Unbelievable):
            unsealed(other, made)
