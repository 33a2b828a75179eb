"""Notes of what is at a batch: one that is damaged loses no batch, and pays for none twice."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from asking_children import bench_of
from batch_questions import ACCESSIONS, QUESTIONS

from blocks.analyst import Analyst
from blocks.answers import AnswerFolder
from blocks.budget import Budget
from sandbox.model import StandInModel
from tasks.answer_cache import answers_on_file
from tasks.at_batch import AtBatch

pytest_plugins = ("batch_fixtures",)

ASKED = [QUESTIONS[accession] for accession in ACCESSIONS]


def run_of(run: str, analyst: Analyst, folder: Path) -> AtBatch:
    bench = replace(bench_of(analyst, Budget(None)), run_id=run)
    return AtBatch(bench, AnswerFolder(basepath=str(folder)))


def empty(note: Path) -> None:
    note.write_bytes(b"")


def torn(note: Path) -> None:
    note.write_bytes(note.read_bytes()[:-40])


def of_no_text(note: Path) -> None:
    note.write_bytes(b"\0\xff\xfe" * 100)


def of_other_words(note: Path) -> None:
    """Whole, and the question that quotes are checked against is another."""
    words = note.read_bytes()
    assert b"notice of default" in words
    note.write_bytes(words.replace(b"notice of default", b"notice of nothing"))


def of_another_filing(note: Path) -> None:
    note.write_bytes(note.with_name(ACCESSIONS[1]).read_bytes())


def of_another_filing_before_there_were_seals(note: Path) -> None:
    _, _, words = note.with_name(ACCESSIONS[1]).read_bytes().partition(b",")
    note.write_bytes(b"{" + words)


def no_file(note: Path) -> None:
    note.unlink()
    note.mkdir()


def a_link_to_nothing(note: Path) -> None:
    note.unlink()
    note.symlink_to("nowhere")


BREAKAGES = [
    *(empty, torn, of_no_text, of_other_words, of_another_filing),
    *(of_another_filing_before_there_were_seals, no_file, a_link_to_nothing),
]


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_a_damaged_note_is_asked_about_at_its_batch_all_the_same_and_set_aside(
    model: StandInModel, analyst: Analyst, tmp_path: Path, breakage: Callable[[Path], None]
) -> None:
    model.batches.looks = None
    first = run_of("one", analyst, tmp_path)
    first.ask(ASKED)
    notes = tmp_path / "asked" / first.bench.fingerprint
    breakage(notes / ACCESSIONS[0])

    later = run_of("later", analyst, tmp_path)
    assert later.noted(ACCESSIONS) == set(ACCESSIONS), "or it would be paid for once more"
    assert later.look(ACCESSIONS, QUESTIONS.get) == set(ACCESSIONS)
    model.batches.complete(model.batches.ids[0])
    assert later.look(ACCESSIONS, QUESTIONS.get) == set()
    found = answers_on_file(ACCESSIONS, later.bench.fingerprint, later.folder)
    assert found.keys() == set(ACCESSIONS)
    assert all(quote.verified for one in found.values() for quote in one.reply.analysis.catalysts)
    assert model.paid_calls == dict.fromkeys(ACCESSIONS, 1)
    assert [one.name for one in notes.iterdir()] == [f"{ACCESSIONS[0]}.unreadable"]
