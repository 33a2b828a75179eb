"""The answer cache's key and reading, what is retried, what counts, and the shared counters."""

import base64
import json
import pickle
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast

import pytest
from kept_tables import record_in, rewrite
from prefect.client.schemas.objects import State, StateType, TaskRun
from prefect.context import TaskRunContext
from prefect.results import ResultStore
from prefect.serializers import JSONSerializer, PickleSerializer
from prefect.types._datetime import DateTime
from pydantic import SecretStr
from store_filings import accession, answer, filing, filings

from blocks.analyst import Analyst
from blocks.answers import AnswerFolder
from blocks.budget import Budget
from blocks.edgar import EdgarClient
from blocks.errors import (
    AnalystError,
    AnalystRejected,
    AnalystUnavailable,
    AnswerInvalid,
    AnswerRefused,
    AnswerTruncated,
    BudgetReached,
    ClaimLost,
    EdgarBlocked,
    EdgarNotFound,
    EdgarUnavailable,
    SubmissionUnreadable,
    TooManyFailures,
)
from blocks.models import Decision, Filing, FoundBy, Party, Usage, Verdict, utc_now
from sandbox import model_faults
from sandbox.market_day import generated_day
from sandbox.model import StandInModel
from sandbox.sec import StandInSec
from tasks.answer_cache import ByFilingAndFingerprint, answer_key, answers_on_file
from tasks.ask import enrich_one
from tasks.bench import STREAK, Bench, Brake, Tally
from tasks.enrich import enrich_filing, failure_of, may_pass
from tasks.fetched import Fetched

FINGERPRINT: Final = "0123456789abcdef"
DAY = generated_day(7, 14, noise=0.2)
UNKNOWN = Decision(verdict=Verdict.UNKNOWN_PRICE_KEPT)


def bench_of(
    analyst: Analyst,
    *,
    excerpt_tokens: int = 4_000,
    run_id: str = "run",
    edgar: EdgarClient | None = None,
) -> Bench:
    return Bench(
        edgar=edgar or EdgarClient(user_agent="Tests tests@example.com"),
        analyst=analyst,
        budget=Budget(None),
        excerpt_tokens=excerpt_tokens,
        run_id=run_id,
    )


def asking(model: str = "small-model", url: str = "http://127.0.0.1:1/v1") -> Analyst:
    return Analyst(api_key=SecretStr("key"), base_url=url, model=model, max_retries=0)


def key_of(bench: Bench, one: Filing, label: str = "ONS 8-K") -> str:
    """The key as Prefect asks for it; the task's context plays no part in it."""
    inputs = {"label": label, "filing": one, "bench": bench}
    return ByFilingAndFingerprint().compute_key(cast("TaskRunContext", None), inputs, {})


class TestKey:
    """Two runs meet at one key, and what would change the answer changes it."""

    def test_it_is_the_fingerprint_and_the_accession_number(self) -> None:
        bench = bench_of(asking())
        assert key_of(bench, filing(1)) == f"enrich/{bench.fingerprint}/{accession(1)}"
        assert key_of(bench, filing(1)) == answer_key(bench.fingerprint, accession(1))

    def test_run_label_and_how_the_filing_was_found_play_no_part(self) -> None:
        one, other = (bench_of(asking(), run_id=name) for name in ("one", "other"))
        indexed = filing(1, found_by=FoundBy.INDEX)
        assert key_of(one, filing(1)) == key_of(other, indexed, label="CIK 320193 8-K")

    def test_another_model_is_another_key(self) -> None:
        keys = {key_of(bench_of(asking(model)), filing(1)) for model in ("small", "large")}
        assert len(keys) == 2

    def test_another_budget_of_tokens_is_another_key(self) -> None:
        keys = {
            key_of(bench_of(asking(), excerpt_tokens=tokens), filing(1))
            for tokens in (3_999, 4_000)
        }
        assert len(keys) == 2

    def test_another_prompt_is_another_key(self, monkeypatch: pytest.MonkeyPatch) -> None:
        before = key_of(bench_of(asking()), filing(1))
        monkeypatch.setattr("blocks.model_request.SYSTEM_PROMPT", "Answer in verse.")
        assert key_of(bench_of(asking()), filing(1)) != before

    def test_the_rules_and_a_model_never_share_a_key(self) -> None:
        assert key_of(bench_of(Analyst()), filing(1)) != key_of(bench_of(asking()), filing(1))

    def test_the_task_uses_it_and_writes_json(self) -> None:
        assert isinstance(enrich_filing.cache_policy, ByFilingAndFingerprint)
        assert enrich_filing.result_serializer == "json"


@pytest.fixture
def folder(tmp_path: Path) -> AnswerFolder:
    return AnswerFolder(basepath=str(tmp_path / "answers"))


def written(
    folder: AnswerFolder,
    key: str,
    result: object,
    *,
    pickled: bool = False,
    expires: DateTime | None = None,
) -> Path:
    """Let Prefect write a result as it does for a task run; its file."""
    store = ResultStore(
        result_storage=folder,
        serializer=PickleSerializer() if pickled else JSONSerializer(),
        cache_result_in_memory=False,
    )
    store.write(key=key, obj=result, expiration=expires)
    return Path(str(folder.basepath)) / key


def write_answer(folder: AnswerFolder, number: int, **how: Any) -> Path:  # noqa: ANN401 - as written takes them
    key = answer_key(FINGERPRINT, accession(number))
    result = answer(number, fingerprint=FINGERPRINT).model_dump(mode="json")
    return written(folder, key, result, **how)


def on_file(folder: AnswerFolder, *numbers: int) -> set[str]:
    return set(answers_on_file(map(accession, numbers), FINGERPRINT, folder))


class TestAnswersOnFile:
    """Only whole answers to the question asked; everything else is asked about again."""

    def test_an_answer_comes_back_as_it_was_written(self, folder: AnswerFolder) -> None:
        write_answer(folder, 1)
        found = answers_on_file([accession(1), accession(2)], FINGERPRINT, folder)
        assert found == {accession(1): answer(1, fingerprint=FINGERPRINT)}

    def test_an_answer_of_an_earlier_version_is_one_though_it_keeps_less_of_the_header(
        self, folder: AnswerFolder
    ) -> None:
        later = {"period", "filer_ciks", "item_titles"}
        kept = answer(1, fingerprint=FINGERPRINT).model_dump(mode="json", exclude=later)
        written(folder, answer_key(FINGERPRINT, accession(1)), kept)
        found = answers_on_file([accession(1)], FINGERPRINT, folder)
        assert found == {accession(1): answer(1, fingerprint=FINGERPRINT)}

    def test_an_answer_of_another_fingerprint_is_none(self, folder: AnswerFolder) -> None:
        write_answer(folder, 1)
        assert answers_on_file([accession(1)], "f" * 16, folder) == {}

    def test_an_empty_folder_has_none_and_is_not_made(self, folder: AnswerFolder) -> None:
        assert on_file(folder, 1, 2, 3) == set()
        assert not Path(str(folder.basepath)).exists()

    @pytest.mark.parametrize("content", [b"", b"garbage", b"\x00\xff" * 500, b"{}", b"[1]"])
    def test_garbage_is_none(self, folder: AnswerFolder, content: bytes) -> None:
        write_answer(folder, 1).write_bytes(content)
        write_answer(folder, 2)
        assert on_file(folder, 1, 2) == {accession(2)}

    @pytest.mark.parametrize("share", [0.01, 0.3, 0.7, 0.99])
    def test_part_of_an_answer_is_none(self, folder: AnswerFolder, share: float) -> None:
        path = write_answer(folder, 1)
        whole = path.read_bytes()
        path.write_bytes(whole[: int(len(whole) * share)])
        assert on_file(folder, 1) == set()

    @pytest.mark.parametrize("foreign", [None, 7, "text", [], {"mood": "fine"}])
    def test_a_result_of_another_shape_is_none_and_set_aside(
        self, folder: AnswerFolder, foreign: object
    ) -> None:
        path = written(folder, answer_key(FINGERPRINT, accession(1)), foreign)
        assert on_file(folder, 1) == set()
        assert not path.exists(), "or Prefect would hand it to the task as its answer"
        assert [one.name for one in path.parent.iterdir()] == [f"{path.name}.unreadable"]

    def test_the_answer_of_another_filing_is_none_and_set_aside(
        self, folder: AnswerFolder
    ) -> None:
        path = write_answer(folder, 1)
        wrong = path.replace(path.with_name(accession(2)))
        assert on_file(folder, 2) == set()
        assert not wrong.exists()

    def test_an_answer_past_its_time_is_none(self, folder: AnswerFolder) -> None:
        now = DateTime.now(UTC)
        write_answer(folder, 1, expires=now - timedelta(seconds=1))
        write_answer(folder, 2, expires=now + timedelta(hours=1))
        assert on_file(folder, 1, 2) == {accession(2)}

    def test_fields_that_a_later_version_wrote_make_it_none(self, folder: AnswerFolder) -> None:
        path = write_answer(folder, 1)
        record = record_in(path)
        kept = json.loads(record["result"]) | {"mood": "fine"}
        rewrite(path, record | {"result": json.dumps(kept)})
        assert on_file(folder, 1) == set()

    def test_a_pickle_is_never_loaded(self, folder: AnswerFolder, tmp_path: Path) -> None:
        """Who can write to the folder must not be able to run code in the worker."""
        marker = tmp_path / "was-loaded"
        path = written(
            folder,
            answer_key(FINGERPRINT, accession(1)),
            "harmless",
            pickled=True,
        )
        record = record_in(path)
        record["result"] = base64.encodebytes(pickle.dumps(Trap(marker))).decode()
        rewrite(path, record)
        assert on_file(folder, 1) == set()
        assert not marker.exists()

    def test_a_bare_pickle_is_garbage(self, folder: AnswerFolder, tmp_path: Path) -> None:
        marker = tmp_path / "was-loaded"
        write_answer(folder, 1).write_bytes(pickle.dumps(Trap(marker)))
        assert on_file(folder, 1) == set()
        assert not marker.exists()


class Trap:
    """An object whose unpickling leaves a file behind."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self.marker,)


def test_the_trap_of_these_tests_works(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Trap(tmp_path / "marker")))  # noqa: S301 - our own
    assert (tmp_path / "marker").exists()


def test_a_fetched_list_comes_back_as_it_was_written(folder: AnswerFolder) -> None:
    fetched = Fetched(filings=tuple(filings(1, 2)), notes=("one note — kept",))
    written(folder, "runs/run-id/fetch", fetched.model_dump(mode="json"))
    store = ResultStore(
        result_storage=folder, serializer=JSONSerializer(), cache_result_in_memory=False
    )
    assert Fetched.model_validate(store.read("runs/run-id/fetch").result) == fetched


ERRORS: Final[dict[str, BaseException]] = {
    "outage of the model": AnalystUnavailable("429", cost_usd=0.0),
    "time-out of the model": AnalystUnavailable("no answer in time", cost_usd=None),
    "outage of EDGAR": EdgarUnavailable("503"),
    "block by EDGAR": EdgarBlocked("403"),
    "missing submission": EdgarNotFound("404"),
    "unreadable submission": SubmissionUnreadable("nothing in it"),
    "bad key": AnalystRejected("401"),
    "refusal": AnswerRefused("no", cost_usd=0.1),
    "cut answer": AnswerTruncated("length", cost_usd=0.2),
    "nonsense": AnswerInvalid("mood", cost_usd=0.3),
    "budget": BudgetReached("spent"),
    "bug": ZeroDivisionError("division by zero"),
}
OUTAGES: Final = {"outage of the model", "outage of EDGAR"}


@pytest.mark.parametrize("what", ERRORS)
def test_only_an_outage_is_tried_again_within_the_run(what: str) -> None:
    failed: State[Any] = State(type=StateType.FAILED, data=ERRORS[what])
    assert may_pass(enrich_filing, cast("TaskRun", None), failed) == (what in OUTAGES)


@pytest.mark.parametrize("what", ERRORS)
def test_only_an_outage_costs_a_filing_no_attempt(what: str) -> None:
    old = filing(1)
    assert utc_now() - cast("datetime", old.accepted_at) > timedelta(hours=1)
    assert failure_of(old, ERRORS[what], None).counts == (what not in OUTAGES)


@pytest.mark.parametrize(
    ("age", "counts"), [(timedelta(minutes=5), False), (timedelta(hours=2), True), (None, True)]
)
def test_a_submission_that_edgar_may_not_serve_yet_costs_no_attempt(
    age: timedelta | None, *, counts: bool
) -> None:
    accepted_at = None if age is None else utc_now() - age
    fresh = filing(1).model_copy(update={"accepted_at": accepted_at})
    assert failure_of(fresh, EdgarNotFound("404"), None).counts is counts


@pytest.mark.parametrize("what", ERRORS)
def test_a_failure_keeps_filing_error_decision_and_cost(what: str) -> None:
    error = ERRORS[what]
    decision = Decision(verdict=Verdict.WITHIN_RANGE, ticker="ONS")
    failure = failure_of(filing(1), error, decision)
    assert (failure.filing, failure.decision) == (filing(1), decision)
    assert (failure.error, failure.message) == (type(error).__name__, str(error))
    assert failure.cost_usd == (error.cost_usd if isinstance(error, AnalystError) else 0.0)


def test_an_error_without_words_still_has_a_message() -> None:
    assert failure_of(filing(1), KeyError(), None).message == "KeyError()"


@pytest.fixture
def hurried() -> Iterator[None]:
    """Let threads take turns so often that a missing lock shows."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


def at_once(work: Callable[[int], object], times: int) -> None:
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, range(times)))


class TestTally:
    def test_a_call_of_unknown_price_is_counted_apart(self) -> None:
        tally = Tally()
        tally.book(0.25, 1, Usage(input_tokens=10, cached_input_tokens=4, output_tokens=2))
        tally.book(None, 2, Usage(input_tokens=1))
        tally.book(None)
        assert (tally.calls, tally.unpriced_calls, tally.spent_usd) == (4, 3, 0.25)
        assert tally.usage == Usage(input_tokens=11, cached_input_tokens=4, output_tokens=2)

    @pytest.mark.usefixtures("hurried")
    def test_no_booking_is_lost_among_threads(self) -> None:
        tally = Tally()
        at_once(lambda _: tally.book(0.5, 1, Usage(input_tokens=3, output_tokens=1)), 2_000)
        at_once(lambda _: tally.book(None, 1), 500)
        assert (tally.calls, tally.unpriced_calls, tally.spent_usd) == (2_500, 500, 1_000.0)
        assert tally.usage == Usage(input_tokens=6_000, output_tokens=2_000)


class TestBrake:
    def test_the_first_reason_stays(self) -> None:
        brake, first = Brake(), BudgetReached("spent")
        brake.pull(first)
        brake.pull(EdgarBlocked("403"))
        for _ in range(STREAK):
            brake.note(ZeroDivisionError())
        assert brake.reason is first

    def test_an_unbroken_row_of_failures_stops_the_run_and_says_the_last(self) -> None:
        brake = Brake()
        for number in range(STREAK):
            assert brake.reason is None
            brake.note(AnswerInvalid(f"mood {number}"))
        assert isinstance(brake.reason, TooManyFailures)
        assert f"mood {STREAK - 1}" in str(brake.reason)

    def test_one_success_breaks_the_row(self) -> None:
        brake = Brake()
        for _ in range(3):
            for _ in range(STREAK - 1):
                brake.note(AnswerInvalid("mood"))
            brake.note(None)
        assert brake.reason is None


@pytest.fixture
def stand_ins() -> Iterator[tuple[StandInSec, StandInModel]]:
    with StandInSec(DAY) as sec, StandInModel() as model:
        yield sec, model


def offered() -> Filing:
    """A filing that the stand-in SEC serves."""
    one = DAY.filings[1]
    party = Party(cik=one.company.cik, name=one.company.name, role="Filer")
    return Filing(accession=one.accession, form=one.form, parties=(party,), found_by=FoundBy.INDEX)


@pytest.fixture
def bench(stand_ins: tuple[StandInSec, StandInModel], tmp_path: Path) -> Iterator[Bench]:
    sec, model = stand_ins
    edgar = EdgarClient(
        user_agent="Tests tests@example.com",
        base_url=sec.url,
        limiter_path=tmp_path / "requests.sqlite",
    )
    laid_out = bench_of(asking(url=model.url), edgar=edgar, run_id="this run")
    yield laid_out
    edgar.close()
    laid_out.analyst.close()


class TestOneFiling:
    def test_an_answer_says_who_asked_what_and_is_booked_once(
        self, stand_ins: tuple[StandInSec, StandInModel], bench: Bench
    ) -> None:
        found = enrich_one(offered(), UNKNOWN, bench)
        assert (found.accession, found.paid_by_run) == (offered().accession, "this run")
        assert found.fingerprint == bench.fingerprint
        assert found.accepted_at == DAY.filings[1].accepted_at.replace(microsecond=0)
        assert bench.tally.calls == 1
        assert bench.tally.usage == found.reply.usage
        assert set(stand_ins[1].paid_calls) == {offered().accession}

    @pytest.mark.usefixtures("stand_ins")
    def test_what_the_header_says_is_kept_with_the_answer(self, bench: Bench) -> None:
        served = next(one for one in DAY.filings if one.form == "8-K")
        reported = offered().model_copy(
            update={"accession": served.accession, "form": "8-K", "parties": served.parties}
        )
        header = bench.edgar.submission(reported)
        found = enrich_one(reported, UNKNOWN, bench)
        assert found.period == header.period is not None
        assert found.filer_ciks == header.filer_ciks == (served.company.cik,)
        assert found.item_titles == header.items
        assert len(found.item_titles) == len(served.items) > 0

    def test_a_claim_that_went_to_another_run_is_not_paid_for(
        self, stand_ins: tuple[StandInSec, StandInModel], bench: Bench
    ) -> None:
        bench.leases.gone.add(offered().accession)
        with pytest.raises(ClaimLost, match=offered().accession):
            enrich_one(offered(), UNKNOWN, bench)
        assert len(stand_ins[1].ledger) == 0
        assert (bench.tally.calls, bench.tally.spent_usd) == (0, 0.0)

    def test_a_door_that_was_closed_meanwhile_is_not_knocked_at(
        self, stand_ins: tuple[StandInSec, StandInModel], bench: Bench
    ) -> None:
        bench.brake.pull(AnalystRejected("no credit", subject="api_key"))
        with pytest.raises(AnalystRejected, match="no credit"):
            enrich_one(offered(), UNKNOWN, bench)
        assert len(stand_ins[1].ledger) == 0

    def test_nonsense_that_was_billed_is_booked(
        self, stand_ins: tuple[StandInSec, StandInModel], bench: Bench
    ) -> None:
        stand_ins[1].faults.add(model_faults.nonsense())
        with pytest.raises(AnswerInvalid):
            enrich_one(offered(), UNKNOWN, bench)
        assert bench.tally.calls == 1

    def test_a_submission_that_is_not_there_costs_nothing(
        self, stand_ins: tuple[StandInSec, StandInModel], bench: Bench
    ) -> None:
        with pytest.raises(EdgarNotFound):
            enrich_one(filing(1), UNKNOWN, bench)
        assert (bench.tally.calls, bench.tally.spent_usd) == (0, 0.0)
        assert len(stand_ins[1].ledger) == 0
