"""Batches on the ways that cost money: other runs, texts paid for, kills, prices that move."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import test_batch_flow as flow
from asking_children import bench_of
from batch_questions import ACCESSIONS, QUESTIONS
from installation import Installation, installed
from same_text_market import OTHER_RELEASE, RELEASE, RELEASE_AGAIN, day_of

import tasks.await_batches
import tasks.reference
from blocks.analyst import Analyst
from blocks.answers import AnswerFolder
from blocks.budget import Budget
from blocks.errors import AnswerCacheUnusable
from sandbox.faults import Fault
from sandbox.model import StandInModel
from tasks.answer_cache import answer_key, answers_on_file
from tasks.at_batch import AtBatch

pytest_plugins = ("batch_fixtures",)
pytestmark = pytest.mark.usefixtures("prefect_server")

ASKED = [QUESTIONS[accession] for accession in ACCESSIONS]
SAME = day_of(RELEASE, RELEASE_AGAIN, OTHER_RELEASE)
NEVER_SENT = Fault("never sent", lambda normal: replace(normal, delay_s=60.0), replaces=True)
DEAR = Fault("prices rise", lambda normal: replace(normal, body=_dear(normal.body)))


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    monkeypatch.setattr(tasks.await_batches, "FIRST_WAIT_S", 0.05)
    monkeypatch.setattr(tasks.await_batches, "ASK_AGAIN_S", 0.05)
    with installed(flow.WEEK, tmp_path) as installation:
        installation.sec.now += timedelta(days=1)
        yield installation


def _dear(prices: bytes) -> bytes:
    head, *rows = prices.splitlines()
    return b"\n".join([head, *(row.partition(b",")[0] + b",99999" for row in rows)])


def run_of(run: str, analyst: Analyst, folder: Path) -> AtBatch:
    """What a run has to do with batches; each run here has its own account."""
    bench = replace(bench_of(analyst, Budget(None)), run_id=run)
    return AtBatch(bench, AnswerFolder(basepath=str(folder)))


def answered(run: AtBatch) -> dict[str, str]:
    """The answers in its folder, and which run paid for each."""
    found = answers_on_file(ACCESSIONS, run.bench.fingerprint, run.folder)
    return {accession: answer.paid_by_run for accession, answer in found.items()}


def test_a_text_that_was_paid_for_earlier_is_not_asked_about_in_a_batch(tmp_path: Path) -> None:
    with installed(SAME, tmp_path) as house:
        house.run(source="batch", accessions=[RELEASE.accession])
        funnel = house.run(source="batch", start_date=SAME.day, ask_by="batch")
        assert (funnel.same_text, funnel.enriched) == (1, 1)
        assert house.model.paid_calls.keys() == {RELEASE.accession, OTHER_RELEASE.accession}


def test_a_filing_stays_in_range_though_its_price_moves_while_its_batch_is_waited_for(
    house: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    never_kept = tasks.reference.load_prices.with_options(
        cache_expiration=timedelta(milliseconds=1)
    )
    monkeypatch.setattr(tasks.reference, "load_prices", never_kept)
    house.model.batches.looks = None

    def complete(batch_id: str) -> None:
        house.sec.faults.add(DEAR, match="prices.csv", times=None)
        house.model.batches.complete(batch_id)

    thread = flow.when_there_is_a_batch(house, complete)
    funnel = flow.backfill(house, flow.FIRST)
    thread.join()
    assert funnel.enriched == house.model.paid_calls.total() > 0


@pytest.mark.soak
def test_killed_before_anything_was_sent_the_next_run_asks_and_nothing_stays_reserved(
    house: Installation,
) -> None:
    house.model.batch_faults.add(NEVER_SENT, match="POST /v1/files$")
    flow.killed_while_asking(house, lambda house: not house.model.batch_faults.pending)
    assert flow.notes(house)
    assert house.model.batches.ids == ()
    flow.once_its_leases_are_over(house)
    funnel = flow.backfill(house, flow.FIRST)
    assert funnel.enriched == house.model.paid_calls.total() > 0
    assert len(house.model.batches.ids) == 1
    today = funnel.balances[-1]
    assert (today.spent_usd, today.open_usd) == (pytest.approx(funnel.spent_usd), 0)


def test_what_another_run_has_by_now_is_not_asked_about(
    model: StandInModel, analyst: Analyst, tmp_path: Path
) -> None:
    run = run_of("one", analyst, tmp_path)
    run.bench.leases.gone.add(ACCESSIONS[0])
    assert run.ask(ASKED) == set(ACCESSIONS[1:])
    run.look(ACCESSIONS, QUESTIONS.get)
    assert model.paid_calls.keys() == set(ACCESSIONS[1:])


def test_an_answer_is_on_the_run_that_paid_for_it_whoever_takes_it_in(
    model: StandInModel, analyst: Analyst, tmp_path: Path
) -> None:
    run_of("payer", analyst, tmp_path).ask(ASKED)
    another = run_of("another", analyst, tmp_path)
    assert another.look(ACCESSIONS, QUESTIONS.get) == set()
    assert answered(another) == dict.fromkeys(ACCESSIONS, "payer")
    assert len(model.batches.ids) == 1


def test_where_the_notes_are_lost_a_waiting_batch_is_noted_again_and_taken_in(
    model: StandInModel, analyst: Analyst, tmp_path: Path
) -> None:
    model.batches.looks = None
    run_of("one", analyst, tmp_path / "lost").ask(ASKED)
    another = run_of("another", analyst, tmp_path / "empty")
    assert another.ask(ASKED) == set(ACCESSIONS)
    [only] = model.batches.ids
    model.batches.complete(only)
    later = run_of("later", analyst, tmp_path / "empty")
    assert later.look(ACCESSIONS, QUESTIONS.get) == set()
    assert later.taken == set(ACCESSIONS)


def test_what_is_kept_is_not_at_a_batch_any_more_though_the_next_cannot_be_kept(
    model: StandInModel, analyst: Analyst, tmp_path: Path
) -> None:
    run = run_of("one", analyst, tmp_path)
    run.ask(ASKED)
    in_the_way = tmp_path / answer_key(run.bench.fingerprint, ACCESSIONS[1])
    in_the_way.mkdir(parents=True)
    with pytest.raises(AnswerCacheUnusable, match=model.batches.ids[0]):
        run.look(ACCESSIONS, QUESTIONS.get)
    assert run.noted(ACCESSIONS) == set(ACCESSIONS) - answered(run).keys()
    assert not in_the_way.exists(), "what is no answer was set aside when answers were read"
    run.look(ACCESSIONS, QUESTIONS.get)
    assert answered(run).keys() == set(ACCESSIONS)
