"""Filings of one company with the same text: paid for once, and each with its own record.

Paid calls are counted where they arrive, in the stand-in model's ledger.
"""

import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from children import child
from hypothesis import given
from hypothesis import strategies as st
from same_text_bench import KEPT, enrich, laid_out
from same_text_market import (
    FILED,
    JOINT_RELEASE,
    LETTER,
    LETTER_BY_ANOTHER,
    OTHER_RELEASE,
    PARENT,
    RELEASE,
    RELEASE_AGAIN,
    RELEASE_BY_ANOTHER,
    RELEASE_ONCE_MORE,
    SHORT,
    SHORT_AGAIN,
    SUBSIDIARY,
    day_of,
)
from submission_text import read_submission

from blocks.answers import AnswerFolder
from blocks.errors import AnswerCacheUnusable, AnswerInvalid, BudgetReached
from blocks.models import Answer, Excerpt, Filing, FoundBy, Party, Question, Usage
from sandbox import model_faults
from sandbox.market import DayFiling
from sandbox.model import StandInModel
from sandbox.sec import StandInSec
from tasks import same_text
from tasks.answer_cache import answer_key, keep_answer
from tasks.ask import question_about
from tasks.bench import Bench
from tasks.same_text import LEAST_TOKENS, MOST_COMPANIES, same_text_keys, subject_ciks

Lay = Callable[..., Bench]


@pytest.fixture
def sec() -> Iterator[StandInSec]:
    with StandInSec(day_of(*FILED)) as server:
        yield server


@pytest.fixture
def model() -> Iterator[StandInModel]:
    with StandInModel() as server:
        yield server


@pytest.fixture
def lay(sec: StandInSec, model: StandInModel, tmp_path: Path) -> Iterator[Lay]:
    """Lay out the bench of a run; all of a test share one folder."""
    with ExitStack() as benches:

        def bench(*, rules: bool = False, **how: object) -> Bench:
            url = None if rules else model.url
            return benches.enter_context(laid_out(sec.url, url, tmp_path, **how))  # type: ignore[arg-type]  # as laid_out takes them

        yield bench


@pytest.fixture
def folder(tmp_path: Path) -> AnswerFolder:
    return AnswerFolder(basepath=str(tmp_path / "answers"))


def notes(tmp_path: Path) -> list[Path]:
    """Everything that is kept about texts, but for what was set aside."""
    found = (tmp_path / "answers" / "same-text").glob("*/*")
    return sorted(path for path in found if path.suffix != ".unreadable")


class TestWhatIsShared:
    def test_a_release_filed_twice_is_paid_for_once(self, lay: Lay, model: StandInModel) -> None:
        bench = lay()
        paid, shared = enrich(RELEASE, bench), enrich(RELEASE_AGAIN, bench)
        assert model.paid_calls == {RELEASE.accession: 1}
        assert shared.reply.analysis == paid.reply.analysis
        assert bench.tally.calls == 1

    def test_the_shared_answer_costs_nothing_and_says_whose_it_is(self, lay: Lay) -> None:
        paid, shared = enrich(RELEASE, lay()), enrich(RELEASE_AGAIN, lay(run_id="later"))
        assert (paid.same_text_as, shared.same_text_as) == (None, RELEASE.accession)
        assert (paid.reply.model_calls, shared.reply.model_calls) == (1, 0)
        assert paid.reply.cost_usd
        assert shared.reply.cost_usd == 0.0
        assert shared.reply.usage == Usage()
        assert shared.reply.model == paid.reply.model
        assert (paid.paid_by_run, shared.paid_by_run) == ("run", "run")
        assert shared.excerpt_sha256 == paid.excerpt_sha256 is not None

    def test_accession_number_and_header_are_each_filings_own(self, lay: Lay) -> None:
        bench = lay()
        paid, joint = enrich(RELEASE, bench), enrich(JOINT_RELEASE, bench)
        assert joint.accession == JOINT_RELEASE.accession
        assert joint.accepted_at == JOINT_RELEASE.accepted_at != paid.accepted_at
        assert joint.filer_ciks == (SUBSIDIARY.cik, PARENT.cik)
        assert (joint.period, joint.item_titles) == (paid.period, paid.item_titles)
        assert joint.answered_at > paid.answered_at

    def test_co_registrants_share_what_one_of_them_has_filed_alone(
        self, lay: Lay, model: StandInModel
    ) -> None:
        bench = lay()
        enrich(JOINT_RELEASE, bench)
        assert enrich(RELEASE, bench).same_text_as == JOINT_RELEASE.accession
        assert model.paid_calls == {JOINT_RELEASE.accession: 1}

    def test_what_was_shared_is_not_shared_on(self, lay: Lay, model: StandInModel) -> None:
        bench = lay()
        answers = [enrich(one, bench) for one in (RELEASE, RELEASE_AGAIN, RELEASE_ONCE_MORE)]
        assert [one.same_text_as for one in answers] == [
            None,
            RELEASE.accession,
            RELEASE.accession,
        ]
        assert model.paid_calls.total() == 1

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            pytest.param(LETTER, LETTER_BY_ANOTHER, id="a form letter of two companies"),
            pytest.param(RELEASE, RELEASE_BY_ANOTHER, id="a release of two companies"),
            pytest.param(SHORT, SHORT_AGAIN, id="a text that says little by itself"),
            pytest.param(RELEASE, OTHER_RELEASE, id="two texts of a company"),
        ],
    )
    def test_each_is_asked_about_by_itself(
        self, lay: Lay, model: StandInModel, one: DayFiling, other: DayFiling
    ) -> None:
        bench = lay()
        assert [enrich(each, bench).same_text_as for each in (one, other)] == [None, None]
        assert set(model.paid_calls.values()) == {1}
        assert model.paid_calls.total() == 2

    def test_switched_off_everything_is_asked_about_and_nothing_noted(
        self, lay: Lay, model: StandInModel, tmp_path: Path
    ) -> None:
        bench = lay(shares=False)
        enrich(RELEASE, bench)
        enrich(RELEASE_AGAIN, bench)
        assert model.paid_calls.total() == 2
        assert notes(tmp_path) == []

    def test_what_rules_say_is_not_shared(self, lay: Lay, tmp_path: Path) -> None:
        """They cost nothing, and look at the items of the header too."""
        bench = lay(rules=True)
        assert enrich(RELEASE, bench).same_text_as is None
        assert enrich(RELEASE_AGAIN, bench).same_text_as is None
        assert notes(tmp_path) == []

    def test_a_shared_answer_needs_no_budget(self, lay: Lay) -> None:
        enrich(RELEASE, lay())
        broke = lay(budget_usd=1e-9)
        assert enrich(RELEASE_AGAIN, broke).same_text_as == RELEASE.accession
        with pytest.raises(BudgetReached):
            enrich(OTHER_RELEASE, broke)


class TestAcrossRuns:
    def test_a_later_run_finds_it_in_the_answer_folder(
        self, lay: Lay, model: StandInModel
    ) -> None:
        enrich(RELEASE, lay())
        assert enrich(RELEASE_AGAIN, lay(run_id="later")).same_text_as == RELEASE.accession
        assert model.paid_calls.total() == 1

    def test_a_run_that_pays_for_everything_again_shares_only_what_it_has_paid(
        self, lay: Lay, model: StandInModel
    ) -> None:
        enrich(RELEASE, lay())
        again = lay(run_id="again", paid_by="again")
        first, second = enrich(RELEASE_AGAIN, again), enrich(RELEASE, again)
        assert (first.same_text_as, second.same_text_as) == (None, RELEASE_AGAIN.accession)
        assert model.paid_calls == {RELEASE.accession: 1, RELEASE_AGAIN.accession: 1}

    def test_another_fingerprint_is_another_question(self, lay: Lay, model: StandInModel) -> None:
        enrich(RELEASE, lay())
        other = lay()
        other.analyst.model = "another-model"
        assert enrich(RELEASE_AGAIN, other).same_text_as is None
        assert model.paid_calls.total() == 2

    def test_an_answer_past_its_time_is_not_shared(self, lay: Lay, model: StandInModel) -> None:
        enrich(RELEASE, lay(ttl=timedelta(0)))
        assert enrich(RELEASE_AGAIN, lay(ttl=timedelta(hours=1))).same_text_as is None
        assert enrich(RELEASE_ONCE_MORE, lay()).same_text_as == RELEASE_AGAIN.accession
        assert model.paid_calls.total() == 2

    def test_an_answer_that_is_gone_is_not_shared_and_the_next_takes_its_place(
        self, lay: Lay, model: StandInModel, folder: AnswerFolder
    ) -> None:
        paid = enrich(RELEASE, lay())
        answer_file(folder, paid).unlink()
        assert enrich(RELEASE_AGAIN, lay()).same_text_as is None
        assert enrich(RELEASE_ONCE_MORE, lay()).same_text_as == RELEASE_AGAIN.accession
        assert model.paid_calls.total() == 2

    @pytest.mark.parametrize(
        "content", [b"", b"\xff\xfe", b"../../etc/passwd", b"0009940001-25-0000010", b"{}"]
    )
    def test_a_note_that_names_no_filing_is_set_aside(
        self, lay: Lay, model: StandInModel, tmp_path: Path, content: bytes
    ) -> None:
        enrich(RELEASE, lay())
        (note,) = notes(tmp_path)
        note.write_bytes(content)
        assert enrich(RELEASE_AGAIN, lay()).same_text_as is None
        assert model.paid_calls.total() == 2
        assert note.with_name(f"{note.name}.unreadable").read_bytes() == content
        assert enrich(RELEASE_ONCE_MORE, lay()).same_text_as == RELEASE_AGAIN.accession

    def test_a_note_that_leads_to_the_answer_about_another_text_is_set_aside(
        self, lay: Lay, model: StandInModel, tmp_path: Path
    ) -> None:
        enrich(RELEASE, lay())
        (note,) = notes(tmp_path)
        other = enrich(OTHER_RELEASE, lay())
        note.write_text(other.accession)
        assert enrich(RELEASE_AGAIN, lay()).same_text_as is None
        assert model.paid_calls.total() == 3
        assert note.with_name(f"{note.name}.unreadable").exists()

    def test_a_note_that_leads_to_a_shared_answer_is_no_payment(
        self, lay: Lay, model: StandInModel, tmp_path: Path, folder: AnswerFolder
    ) -> None:
        bench = lay()
        enrich(RELEASE, bench)
        shared = enrich(RELEASE_AGAIN, bench)
        keep_answer(shared, folder, None)
        notes(tmp_path)[0].write_text(shared.accession)
        assert enrich(RELEASE_ONCE_MORE, bench).same_text_as is None
        assert model.paid_calls.total() == 2


def answer_file(folder: AnswerFolder, answer: Answer) -> Path:
    return Path(str(folder.basepath)) / answer_key(answer.fingerprint, answer.accession)


class TestAtOnce:
    def test_threads_that_ask_at_once_pay_once(
        self, lay: Lay, model: StandInModel, tmp_path: Path
    ) -> None:
        model.latency_s = 0.3
        texts = (RELEASE, RELEASE_AGAIN, RELEASE_ONCE_MORE, JOINT_RELEASE)
        benches = [lay(run_id=f"run {number}") for number in range(len(texts))]
        with ThreadPoolExecutor(len(texts)) as pool:
            answers = list(pool.map(enrich, texts, benches))
        assert model.paid_calls.total() == 1
        (paid,) = (one.accession for one in answers if one.same_text_as is None)
        assert {one.same_text_as for one in answers} == {None, paid}
        assert not [path for path in notes(tmp_path) if path.suffix == ".turn"]

    def test_another_text_is_not_waited_for(self, lay: Lay, model: StandInModel) -> None:
        model.latency_s = 0.3
        bench = lay()
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(enrich, (RELEASE, OTHER_RELEASE), (bench, bench)))
        assert model.load.peak == 2

    def test_a_failure_is_not_shared_and_who_waited_asks_for_itself(
        self, lay: Lay, model: StandInModel
    ) -> None:
        model.latency_s = 0.2
        model.faults.add(model_faults.nonsense())
        bench = lay()
        with ThreadPoolExecutor(3) as pool:
            asked = [
                pool.submit(enrich, one, bench)
                for one in (RELEASE, RELEASE_AGAIN, RELEASE_ONCE_MORE)
            ]
            failures = [one.exception(timeout=60) for one in asked]
        (failed,) = [number for number, error in enumerate(failures) if error is not None]
        assert isinstance(failures[failed], AnswerInvalid)
        good = [one.result() for one in asked if one.exception() is None]
        assert sum(one.same_text_as is None for one in good) == 1
        assert len(model.ledger) == 2

    def test_a_process_that_asks_at_once_waits_for_the_other(
        self, lay: Lay, sec: StandInSec, model: StandInModel, tmp_path: Path
    ) -> None:
        model.latency_s = 1.0
        where = (sec.url, model.url, str(tmp_path), FILED.index(RELEASE_AGAIN))
        with child("enrich_when_told", *where, module="same_text_bench") as process:
            assert told_by(process) == "ready"
            tell(process)
            mine = enrich(RELEASE, lay()).same_text_as
            theirs = told_by(process)
        assert {str(mine), theirs} in (
            {"None", RELEASE.accession},
            {"None", RELEASE_AGAIN.accession},
        )
        assert model.paid_calls.total() == 1

    def test_the_turn_of_a_killed_process_is_free_at_once(self, folder: AnswerFolder) -> None:
        with child(
            "die_in_a_turn", str(folder.basepath), "place", module="same_text_bench"
        ) as process:
            assert told_by(process) == "taken"
            waits = threading.Event()

            def wait() -> None:
                waits.set()
                with folder.turns(["place"], patience_s=60):
                    pass

            with ThreadPoolExecutor(1) as pool:
                waiting = pool.submit(wait)
                assert waits.wait(5)
                assert not waiting.done()
                tell(process)
                waiting.result(timeout=10)

    def test_who_has_waited_long_enough_asks_for_itself(
        self, lay: Lay, model: StandInModel, folder: AnswerFolder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A process that hangs in its turn must not hang others."""
        monkeypatch.setattr(same_text, "PATIENCE_S", 0.1)
        paid = enrich(RELEASE, lay())
        keys = same_text_keys(asked_about(RELEASE.submission, RELEASE.accession))
        places = [f"same-text/{paid.fingerprint}/{key}" for key in keys]
        with folder.turns(places, patience_s=0):
            assert enrich(RELEASE_AGAIN, lay()).same_text_as == RELEASE.accession
            again = lay(run_id="again", paid_by="again")
            assert enrich(RELEASE_ONCE_MORE, again).same_text_as is None
        assert model.paid_calls.total() == 2

    def test_what_another_run_has_bought_for_this_filing_meanwhile_is_its_answer(
        self, lay: Lay, model: StandInModel
    ) -> None:
        """Without the store two runs may hold one filing."""
        paid = enrich(RELEASE, lay())
        assert enrich(RELEASE, lay(run_id="other")) == paid
        assert model.paid_calls.total() == 1


def told_by(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def tell(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


class TestKeeping:
    def test_a_folder_that_cannot_be_written_stops_before_anything_is_bought(
        self, lay: Lay, model: StandInModel, tmp_path: Path
    ) -> None:
        (tmp_path / "answers").write_text("in the way")
        with pytest.raises(AnswerCacheUnusable, match="Nothing was bought"):
            enrich(RELEASE, lay())
        assert len(model.ledger) == 0

    def test_an_answer_about_less_than_the_text_is_not_the_answer_for_it(
        self, lay: Lay, model: StandInModel, tmp_path: Path
    ) -> None:
        """As when the text was too long for the model, and half of it was shown."""
        bench = lay()
        assert bench.same_text is not None
        whole = asked_about(RELEASE.submission, RELEASE.accession)
        about_half = enrich(OTHER_RELEASE, bench)
        bought = bench.same_text.answer(whole, bench.fingerprint, lambda: about_half)
        assert bought is about_half
        assert enrich(RELEASE_AGAIN, bench).same_text_as is None
        assert not list(tmp_path.glob("answers/same-text/*/*.unreadable"))
        assert model.paid_calls.total() == 2

    def test_an_answer_that_cannot_be_kept_is_not_lost(self, lay: Lay, tmp_path: Path) -> None:
        enriched_into = tmp_path / "answers" / "enrich"
        enriched_into.parent.mkdir()
        enriched_into.write_text("in the way")
        assert enrich(RELEASE, lay()).reply.model_calls == 1
        assert notes(tmp_path) == [], "it would lead nowhere"

    def test_the_answer_is_there_before_the_note_that_leads_to_it(
        self, lay: Lay, folder: AnswerFolder, tmp_path: Path
    ) -> None:
        paid = enrich(RELEASE, lay())
        (note,) = notes(tmp_path)
        assert note.read_text() == RELEASE.accession
        assert answer_file(folder, paid).stat().st_mtime_ns <= note.stat().st_mtime_ns


def asked_about(raw: bytes, accession: str) -> Question:
    submission = read_submission(raw, accession)
    filing = Filing(
        accession=accession,
        form=submission.form,
        parties=submission.parties,
        found_by=FoundBy.INDEX,
    )
    return question_about(filing, submission, KEPT, 4_000)


def question(  # noqa: PLR0913 - all that a key could depend on
    *,
    accession: str = RELEASE.accession,
    form: str = "8-K",
    text: str = "The same text.",
    parties: list[int] | None = None,
    filers: tuple[int, ...] = (),
    tokens: int = LEAST_TOKENS,
    found_by: FoundBy = FoundBy.INDEX,
    accepted_at: datetime | None = None,
    price_usd: float | None = None,
) -> Question:
    return Question(
        filing=Filing(
            accession=accession,
            form=form,
            parties=tuple(Party(cik=cik, name=f"Company {cik}") for cik in parties or [1]),
            found_by=found_by,
        ),
        excerpt=Excerpt(text=text, parts=(form,), tokens=tokens, shortened=False),
        filer_ciks=filers,
        accepted_at=accepted_at,
        price_usd=price_usd,
    )


# so few that two of them often agree
QUESTIONS = st.builds(
    question,
    form=st.sampled_from(["8-K", "8-K/A", "6-K"]),
    text=st.sampled_from(["one text", "one text ", "One text", "\u2028one text"]),
    parties=st.lists(st.integers(1, 6), min_size=1, max_size=4, unique=True),
)


class TestKeys:
    """Whether two filings may share is whether their keys have one in common."""

    @given(QUESTIONS, QUESTIONS)
    def test_they_meet_where_form_text_and_a_company_are_the_same_and_only_there(
        self, one: Question, other: Question
    ) -> None:
        same_form = one.filing.form == other.filing.form
        same_text = one.excerpt.text == other.excerpt.text
        in_common = subject_ciks(one) & subject_ciks(other)
        meet = set(same_text_keys(one)) & set(same_text_keys(other))
        assert bool(meet) is (same_form and same_text and bool(in_common))

    @given(
        st.from_regex(r"\A[0-9]{10}-[0-9]{2}-[0-9]{6}\Z"),
        st.sampled_from(FoundBy),
        st.none() | st.datetimes(timezones=st.just(UTC)),
        st.none() | st.floats(0, 100),
    )
    def test_number_moment_price_and_how_it_was_found_play_no_part(
        self, accession: str, found_by: FoundBy, moment: datetime | None, price: float | None
    ) -> None:
        other = question(
            accession=accession, found_by=found_by, accepted_at=moment, price_usd=price
        )
        assert same_text_keys(other) == same_text_keys(question())

    @given(st.integers(0, 3 * LEAST_TOKENS), st.integers(1, 2 * MOST_COMPANIES))
    def test_a_short_text_and_a_crowd_of_companies_have_none(
        self, tokens: int, companies: int
    ) -> None:
        keys = same_text_keys(question(tokens=tokens, parties=list(range(1, companies + 1))))
        shared = tokens >= LEAST_TOKENS and companies <= MOST_COMPANIES
        assert len(set(keys)) == (companies if shared else 0)

    def test_who_only_files_about_a_company_is_not_what_a_filing_is_about(self) -> None:
        """A fund's reports on two companies have the fund in common, and nothing else."""
        target, fund = 1, 2
        assert subject_ciks(question(parties=[target, fund], filers=(fund,))) == {target}
        assert subject_ciks(question(parties=[target], filers=(target,))) == {target}
        assert subject_ciks(question(parties=[1, 2], filers=(1, 2))) == {1, 2}
        assert subject_ciks(question(parties=[1, 2])) == {1, 2}, "a header that names no filer"


def test_of_the_captures_one_8_k_was_filed_twice_and_is_recognised(edgar_captures: Path) -> None:
    files = [
        (name, edgar_captures / "filings" / f"8-K_{name}.txt")
        for name in ("0000914760-99-000229", "0000914760-99-000230", "0000943374-24-000509")
    ]
    first, again, other = (
        set(same_text_keys(asked_about(file.read_bytes(), name))) for name, file in files
    )
    assert first == again != set()
    assert not first & other
