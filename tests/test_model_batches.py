"""Batches of the analyst against the stand-in model, over real HTTP."""

import json
import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import openai
import pytest
from batch_questions import (
    ACCESSIONS,
    FINGERPRINT,
    KEY,
    NAME,
    QUESTIONS,
    analyst_at,
    submit,
)

from blocks import model_batch_calls, model_batch_lines, model_batches
from blocks.analyst import Analyst
from blocks.errors import (
    AnalystError,
    AnalystRejected,
    AnalystUnavailable,
    AnswerInvalid,
    AnswerRefused,
    AnswerTruncated,
    ConfigurationError,
)
from blocks.model_batch_values import Batch, BatchResults, BatchStatus
from blocks.model_batches import ModelBatches
from sandbox import model_faults
from sandbox.completions import error, json_response
from sandbox.faults import Fault, dropped, lost_answer, status, truncated
from sandbox.loopback import Response, Stream
from sandbox.model import StandInModel

pytest_plugins = ("batch_fixtures",)

CREATE = "POST /v1/batches$"
DAY_S = 86_400


def edited(edit: Callable[[dict[str, Any]], dict[str, Any]]) -> Fault:
    """Do what was asked, and answer something a little different."""
    return Fault(
        "edited", lambda normal: replace(normal, body=json_response(edit(_json(normal))).body)
    )


def _json(response: Response) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(response.body)
    return read


def settled(batches: ModelBatches, batch: Batch) -> BatchResults:
    return batches.results(batches.state(batch), QUESTIONS)


def test_every_question_gets_the_answer_that_carries_its_number(batches: ModelBatches) -> None:
    batch = submit(batches)
    assert (batch.status, batch.name, batch.total) == (BatchStatus.VALIDATING, NAME, 5)
    results = settled(batches, batch)
    assert set(results.replies) == set(ACCESSIONS)
    for accession, reply in results.replies.items():
        (catalyst,) = reply.analysis.catalysts
        assert catalyst.verified  # the quote names the accession, so it is no other's
        assert accession in catalyst.quote
        assert reply.model_calls == 1
    assert (results.failures, results.unanswered, results.odd_lines) == ({}, frozenset(), 0)


def test_an_answer_costs_half_of_an_ordinary_one_to_the_nano_dollar(
    model: StandInModel, analyst: Analyst, batches: ModelBatches
) -> None:
    results = settled(batches, submit(batches))
    for accession, reply in results.replies.items():
        ordinary = analyst.analyse(QUESTIONS[accession])
        assert reply.analysis == ordinary.analysis
        assert reply.usage == ordinary.usage
        assert reply.usage.cached_input_tokens == 7
        assert reply.cost_usd is not None
        assert ordinary.cost_usd is not None
        assert reply.cost_usd * 2 == ordinary.cost_usd
    costs_usd = [reply.cost_usd or 0.0 for reply in results.replies.values()]
    assert results.cost_usd == math.fsum(costs_usd)
    assert {call.accession for call in model.ledger if call.batch} == set(ACCESSIONS)


def test_the_worst_case_of_a_batch_is_half_that_of_its_questions(
    model: StandInModel, analyst: Analyst, batches: ModelBatches
) -> None:
    alone_usd = [analyst.worst_case_cost_usd(asked.excerpt) for asked in QUESTIONS.values()]
    worst_usd = batches.worst_case_cost_usd(list(QUESTIONS.values()))
    assert worst_usd == 0.5 * sum(usd or math.nan for usd in alone_usd)
    cost_usd = settled(batches, submit(batches)).cost_usd
    assert cost_usd is not None
    assert cost_usd < worst_usd
    with analyst_at(model.url, model="house-model").batches() as unpriced:
        assert unpriced.worst_case_cost_usd(list(QUESTIONS.values())) is None


def test_a_batch_says_what_it_is_and_its_files_live_as_long_as_they_can(
    model: StandInModel, batches: ModelBatches
) -> None:
    batch = batches.state(submit(batches, metadata={"payment": "p1", "product": "other"}))
    assert batch.metadata == {
        "product": "sec-filings",
        "fingerprint": FINGERPRINT,
        "name": NAME,
        "payment": "p1",
    }
    lives_s = {file.purpose: (file.expires_s or 0) - file.created_s for file in model.uploads.all}
    assert lives_s == {"batch": 30 * DAY_S, "batch_output": 30 * DAY_S}


def test_a_batch_holds_what_it_asks(batches: ModelBatches) -> None:
    assert batches.holds(submit(batches, *ACCESSIONS[:2])) == set(ACCESSIONS[:2])


def test_questions_are_split_as_they_are_submitted(
    batches: ModelBatches, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_batch_lines, "MOST_LINES", 2)
    portions = list(batches.split(list(QUESTIONS.values())))
    assert [len(portion) for portion in portions] == [2, 2, 1]


def test_what_is_asked_twice_is_refused_before_anything_is_sent(
    model: StandInModel, batches: ModelBatches
) -> None:
    with pytest.raises(ValueError, match=ACCESSIONS[0]):
        submit(batches, ACCESSIONS[0], ACCESSIONS[1], ACCESSIONS[0])
    assert model.uploads.all == ()


@pytest.mark.parametrize("unanswered_by_file", [True, False], ids=["expired", "cancelled"])
def test_the_answers_of_a_batch_that_ended_early_are_taken_in_and_the_rest_is_named(
    model: StandInModel,
    batches: ModelBatches,
    unanswered_by_file: bool,  # noqa: FBT001  # a test's parameter
) -> None:
    model.batches.looks, model.batches.cancelled_after = None, 2
    batch = submit(batches)
    if unanswered_by_file:
        model.batches.expire(batch.id, after=2)
    else:
        with openai.OpenAI(base_url=model.url, api_key=KEY) as client:
            client.batches.cancel(batch.id)
    results = settled(batches, batch)
    assert set(results.replies) == set(ACCESSIONS[:2])
    assert results.unanswered == set(ACCESSIONS[2:])
    assert results.failures == {}
    assert results.cost_usd == math.fsum(
        reply.cost_usd or math.nan for reply in results.replies.values()
    )


FAULTS: list[tuple[Fault, type[AnalystError]]] = [
    (model_faults.rate_limited(), AnalystUnavailable),
    (model_faults.server_error(), AnalystUnavailable),
    (model_faults.insufficient_quota(), AnalystRejected),
    (model_faults.unknown_model(), AnalystRejected),
    (model_faults.refusal(), AnswerRefused),
    (model_faults.content_filter(), AnswerRefused),
    (model_faults.length(), AnswerTruncated),
    (model_faults.nonsense(), AnswerInvalid),
]


@pytest.mark.parametrize(("fault", "kind"), FAULTS, ids=lambda value: getattr(value, "name", ""))
def test_a_line_fails_as_a_call_does_at_half_the_cost_and_alone(
    model: StandInModel,
    analyst: Analyst,
    batches: ModelBatches,
    fault: Fault,
    kind: type[AnalystError],
) -> None:
    model.faults.add(fault, match=ACCESSIONS[1], times=2)
    results = settled(batches, submit(batches))
    with pytest.raises(kind) as caught:
        analyst.analyse(QUESTIONS[ACCESSIONS[1]])
    failure = results.failures[ACCESSIONS[1]]
    assert type(failure) is kind
    assert str(failure) == str(caught.value)
    assert failure.cost_usd is not None
    assert caught.value.cost_usd is not None
    assert failure.cost_usd * 2 == caught.value.cost_usd
    assert set(results.replies) == set(ACCESSIONS) - {ACCESSIONS[1]}
    assert results.unanswered == frozenset()


def test_a_line_the_model_hung_up_on_may_be_asked_again(
    model: StandInModel, batches: ModelBatches
) -> None:
    model.faults.add(dropped(), match=ACCESSIONS[1])
    failure = settled(batches, submit(batches)).failures[ACCESSIONS[1]]
    assert type(failure) is AnalystUnavailable
    assert failure.cost_usd == 0.0


def test_only_what_is_wanted_is_read_and_all_of_it_is_priced(batches: ModelBatches) -> None:
    batch = batches.state(submit(batches))
    everything = batches.results(batch, QUESTIONS)
    one = batches.results(batch, {ACCESSIONS[0]: QUESTIONS[ACCESSIONS[0]]})
    assert list(one.replies) == [ACCESSIONS[0]]
    assert one.cost_usd == everything.cost_usd
    assert one.unanswered == frozenset()


def test_a_batch_that_fails_its_validation_holds_nothing_back(
    model: StandInModel, batches: ModelBatches
) -> None:
    model.batches.fail_next("token_limit_exceeded", f"Enqueued token limit reached, {KEY}")
    batch = batches.state(submit(batches))
    assert batch.status is BatchStatus.FAILED
    results = batches.results(batch, QUESTIONS)
    assert results.unanswered == set(ACCESSIONS)
    assert results.cost_usd == 0.0
    why = batch.why_failed()
    assert type(why) is AnalystUnavailable
    assert "Enqueued token limit" in str(why)
    assert KEY not in str(why)


def test_a_batch_that_would_fail_again_is_no_outage(
    model: StandInModel, batches: ModelBatches
) -> None:
    model.batches.fail_next("model_not_found", "The model does not exist")
    why = batches.state(submit(batches)).why_failed()
    assert type(why) is AnalystRejected
    assert why.cost_usd == 0.0


# A batch that may exist is found, not made again.


@pytest.mark.parametrize(
    "answer",
    [
        lost_answer(),
        truncated(),
        Fault("late 500", lambda _: error(500, "server_error", "oops", None)),
        Fault("late 503", lambda _: error(503, "server_error", "oops", None)),
        Fault("late 504", lambda _: Response(b"<html>", 504)),
        Fault("a page", lambda _: Response(b"no json", 200)),
        edited(lambda batch: batch | {"metadata": None}),
    ],
    ids=lambda fault: fault.name,
)
def test_a_batch_whose_answer_was_lost_is_not_created_again_and_is_found(
    model: StandInModel, answer: Fault
) -> None:
    model.batch_faults.add(answer, match=CREATE)
    analyst = analyst_at(model.url, max_retries=3)
    with analyst.batches() as batches:
        with pytest.raises(AnalystError) as caught:
            submit(batches)
        assert caught.value.cost_usd is None
        (found,) = batches.find(FINGERPRINT)
        assert model.batches.ids == (found.id,)
        assert batches.holds(found) == set(ACCESSIONS)
        assert set(settled(batches, found).replies) == set(ACCESSIONS)
    analyst.close()


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (model_faults.rate_limited(), AnalystUnavailable),
        (model_faults.insufficient_quota(), AnalystRejected),
        (model_faults.bad_key(), AnalystRejected),
        (status(400, b'{"error": {"message": "hard limit"}}'), AnalystRejected),
        (status(501), AnalystRejected),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_batch_that_surely_did_not_come_about_leaves_nothing_to_wait_for(
    model: StandInModel, batches: ModelBatches, refusal: Fault, kind: type[AnalystError]
) -> None:
    model.batch_faults.add(refusal, match=CREATE)
    with pytest.raises(kind, match=NAME) as caught:
        submit(batches)
    assert type(caught.value) is kind
    assert caught.value.cost_usd == 0.0
    assert model.uploads.all == ()
    assert batches.find(FINGERPRINT) == ()


def test_a_creation_that_was_turned_away_is_tried_again(model: StandInModel) -> None:
    model.batch_faults.add(model_faults.rate_limited(retry_after_s=0.01), match=CREATE)
    analyst = analyst_at(model.url, max_retries=1)
    with analyst.batches() as batches:
        batch = submit(batches)
    analyst.close()
    assert model.batches.ids == (batch.id,)


def test_an_upload_that_failed_made_no_batch(model: StandInModel, batches: ModelBatches) -> None:
    model.batch_faults.add(lost_answer(), match="POST /v1/files$")
    with pytest.raises(AnalystUnavailable) as caught:
        submit(batches)
    assert caught.value.cost_usd == 0.0
    assert model.batches.ids == ()


def test_nothing_is_said_to_be_missing_while_a_batch_may_not_be_listed_yet(
    model: StandInModel, batches: ModelBatches
) -> None:
    model.batches.hidden_looks = 2
    model.batch_faults.add(lost_answer(), match=CREATE)
    with pytest.raises(AnalystUnavailable):
        submit(batches)
    for _ in range(2):
        with pytest.raises(AnalystUnavailable, match="look again after"):
            batches.find(FINGERPRINT)
    assert [batch.id for batch in batches.find(FINGERPRINT)] == list(model.batches.ids)


def test_an_upload_of_a_while_ago_without_a_batch_is_not_waited_for(
    model: StandInModel, batches: ModelBatches
) -> None:
    model.clock_offset_s = -301
    model.batch_faults.add(dropped(), match=CREATE)
    with pytest.raises(AnalystUnavailable):
        submit(batches)
    assert len(model.uploads.all) == 1
    assert batches.find(FINGERPRINT) == ()


def test_uploads_of_another_fingerprint_are_not_waited_for(
    model: StandInModel, batches: ModelBatches
) -> None:
    model.batch_faults.add(dropped(), match=CREATE)
    with pytest.raises(AnalystUnavailable):
        submit(batches, fingerprint="other")
    assert batches.find(FINGERPRINT) == ()


# Finding


def test_batches_are_found_newest_first_through_all_pages(
    batches: ModelBatches, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_batches, "_MOST_LISTED", 2)
    made = [submit(batches, accession).id for accession in ACCESSIONS]
    assert [batch.id for batch in batches.find(FINGERPRINT)] == made[::-1]


def test_batches_of_others_and_of_other_fingerprints_are_passed_over(
    model: StandInModel, batches: ModelBatches
) -> None:
    ours = submit(batches)
    submit(batches, fingerprint="another")
    with openai.OpenAI(base_url=model.url, api_key=KEY) as client:
        for metadata in (None, {}, {"fingerprint": FINGERPRINT}, {"product": "other"}):
            client.batches.create(
                input_file_id=ours.input_file_id,
                endpoint="/v1/chat/completions",
                completion_window="24h",
                metadata=metadata,
            )
    assert [batch.id for batch in batches.find(FINGERPRINT)] == [ours.id]


def test_a_batch_whose_results_are_gone_by_now_is_passed_over(
    model: StandInModel, batches: ModelBatches
) -> None:
    model.clock_offset_s = -31 * DAY_S - 1
    submit(batches)
    model.clock_offset_s = -31 * DAY_S + 60
    young = submit(batches)
    model.clock_offset_s = 0
    assert [batch.id for batch in batches.find(FINGERPRINT)] == [young.id]


def test_pages_on_which_all_is_too_old_are_the_last(
    model: StandInModel, batches: ModelBatches, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_batches, "_MOST_LISTED", 1)
    model.clock_offset_s = -40 * DAY_S
    for accession in ACCESSIONS[:3]:
        submit(batches, accession)
    model.clock_offset_s = 0
    pages: list[Response] = []

    def noted(page: Response) -> Response:
        pages.append(page)
        return page

    model.batch_faults.add(Fault("noted", noted), match="GET /v1/batches$", times=None)
    assert batches.find(FINGERPRINT) == ()
    assert len(pages) == 1


@pytest.mark.parametrize("page", [{"ok": True}, {"data": 7}, {"data": [{"id": "batch_1"}]}])
def test_what_is_no_list_does_not_say_that_there_is_nothing(
    model: StandInModel, batches: ModelBatches, page: dict[str, Any]
) -> None:
    model.batch_faults.add(edited(lambda _: page), match="GET /v1/batches$")
    with pytest.raises(AnswerInvalid, match="not a Batch API's"):
        batches.find(FINGERPRINT)


def test_an_upload_without_an_id_makes_no_batch(
    model: StandInModel, batches: ModelBatches
) -> None:
    model.batch_faults.add(edited(lambda _: {"ok": True}), match="POST /v1/files$")
    with pytest.raises(AnswerInvalid, match="not what was asked for") as caught:
        submit(batches)
    assert caught.value.cost_usd == 0.0
    assert model.batches.ids == ()


def test_a_list_without_end_is_not_followed_for_ever(
    model: StandInModel, batches: ModelBatches, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_batch_calls, "_MOST_PAGES", 3)
    page = {"data": [{"id": "batch_x", "created_at": 9_000_000_000}], "has_more": True}
    endless = Fault("endless", lambda _: json_response(page), replaces=True)
    model.batch_faults.add(endless, match="GET /v1/batches$", times=None)
    with pytest.raises(AnswerInvalid, match="no end"):
        batches.find(FINGERPRINT)


def test_a_batch_of_ours_that_cannot_be_read_is_not_passed_over(
    model: StandInModel, batches: ModelBatches
) -> None:
    submit(batches)
    model.batch_faults.add(
        edited(lambda page: page | {"data": [page["data"][0] | {"input_file_id": None}]}),
        match="GET /v1/batches$",
    )
    with pytest.raises(AnswerInvalid, match="batch_sandbox"):
        batches.find(FINGERPRINT)


def test_a_status_that_is_new_to_us_is_not_an_end(
    model: StandInModel, batches: ModelBatches
) -> None:
    batch = submit(batches)
    model.batch_faults.add(
        edited(lambda shown: shown | {"status": "paused"}), match="GET /v1/batches/"
    )
    assert batches.state(batch).status is BatchStatus.UNKNOWN
    with pytest.raises(ValueError, match="not over"):
        batches.results(batch.model_copy(update={"status": BatchStatus.UNKNOWN}), QUESTIONS)


@pytest.mark.parametrize(
    ("value", "is_over"),
    [
        (status, status in {"completed", "failed", "expired", "cancelled"})
        for status in BatchStatus
    ],
)
def test_only_an_end_is_an_end(value: BatchStatus, is_over: bool) -> None:  # noqa: FBT001  # a test's parameter
    assert value.is_over is is_over


# Hostile and broken results


def result_line(custom_id: str, **changes: object) -> bytes:
    response = {"status_code": 200, "body": {"choices": []}}
    return json.dumps({"custom_id": custom_id, "response": response} | changes).encode() + b"\n"


@pytest.mark.parametrize(
    "stray",
    [
        b"{broken\n",
        b"\xff\n",
        b'{"custom_id": "' + b"x" * 9_000_000 + b'"}\n',
        result_line("0000000000-00-000000"),
        result_line(ACCESSIONS[4]),
    ],
    ids=["broken", "no text", "huge", "unknown", "not of this batch"],
)
def test_a_hostile_line_touches_only_itself(
    model: StandInModel, batches: ModelBatches, stray: bytes
) -> None:
    model.batches.stray_lines = [stray]
    results = settled(batches, submit(batches, *ACCESSIONS[:4]))
    assert set(results.replies) == set(ACCESSIONS[:4])
    assert (results.failures, results.unanswered) == ({}, frozenset())
    assert (results.odd_lines, results.cost_usd) == (1, None)


def test_of_two_lines_with_one_id_the_first_counts(
    model: StandInModel, batches: ModelBatches
) -> None:
    model.batches.stray_lines = [result_line(ACCESSIONS[0])]
    results = settled(batches, submit(batches))
    assert type(results.failures[ACCESSIONS[0]]) is AnswerInvalid
    assert set(results.replies) == set(ACCESSIONS[1:])
    assert (results.odd_lines, results.cost_usd) == (1, None)


def test_a_broken_answer_is_unanswered(model: StandInModel, batches: ModelBatches) -> None:
    model.faults.add(model_faults.broken_json(), match=ACCESSIONS[1])
    results = settled(batches, submit(batches))
    assert results.unanswered == {ACCESSIONS[1]}
    assert (results.odd_lines, results.cost_usd) == (1, None)


def test_results_that_are_gone_are_named_and_their_cost_is_not_known(
    model: StandInModel, batches: ModelBatches
) -> None:
    batch = batches.state(submit(batches))
    with openai.OpenAI(base_url=model.url, api_key=KEY) as client:
        client.files.delete(batch.output_file_id or "")
    results = batches.results(batch, QUESTIONS)
    assert results.lost_files == (batch.output_file_id,)
    assert (results.replies, results.cost_usd) == ({}, None)
    assert results.unanswered == set(ACCESSIONS)


def test_answers_are_taken_in_although_the_questions_are_gone(
    model: StandInModel, batches: ModelBatches
) -> None:
    batch = submit(batches)
    with openai.OpenAI(base_url=model.url, api_key=KEY) as client:
        client.files.delete(batch.input_file_id)
    with pytest.raises(AnalystUnavailable, match="is gone"):
        batches.holds(batch)
    assert set(settled(batches, batch).replies) == set(ACCESSIONS)


def test_a_file_that_breaks_off_is_not_half_taken_in(
    model: StandInModel, batches: ModelBatches
) -> None:
    batch = batches.state(submit(batches))
    model.batch_faults.add(truncated(), match=f"{batch.output_file_id}/content")
    with pytest.raises(AnalystUnavailable, match=NAME) as caught:
        batches.results(batch, QUESTIONS)
    assert caught.value.cost_usd == 0.0
    assert set(batches.results(batch, QUESTIONS).replies) == set(ACCESSIONS)


def test_a_file_that_stalls_is_given_up(model: StandInModel) -> None:
    over = threading.Event()

    def stalling() -> Iterator[bytes]:
        yield b"{"
        over.wait(20)

    analyst = analyst_at(model.url, timeout_s=0.3)
    with analyst.batches() as batches:
        batch = batches.state(submit(batches))
        stalled = Fault("stalled", lambda _: Response(stream=Stream(stalling())), replaces=True)
        model.batch_faults.add(stalled, match="/content$")
        with pytest.raises(AnalystUnavailable, match="in time"):
            batches.holds(batch)
    over.set()
    analyst.close()


def test_a_file_that_is_too_large_is_given_up(
    analyst: Analyst, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blocks.analyst.MOST_RESULT_BYTES", 4_000)
    with analyst.batches() as batches:
        batch = batches.state(submit(batches))
        with pytest.raises(AnswerInvalid, match=r"no file of a batch of ours.*4,000 bytes"):
            batches.results(batch, QUESTIONS)


# Endpoints without batches, and bad days


@pytest.mark.parametrize("code", [404, 405, 501])
def test_an_endpoint_without_a_batch_api_is_told_with_the_remedy(
    model: StandInModel, batches: ModelBatches, code: int
) -> None:
    batch = submit(batches)
    model.batch_faults.add(status(code), times=None)
    asks: list[Callable[[], object]] = [
        lambda: submit(batches),
        lambda: batches.find(FINGERPRINT),
        lambda: batches.state(batch),
    ]
    for ask in asks:
        with pytest.raises(AnalystRejected, match="run without batch") as caught:
            ask()
        assert caught.value.cost_usd == 0.0


def test_a_page_in_place_of_an_answer_is_told(model: StandInModel, batches: ModelBatches) -> None:
    model.batch_faults.add(status(200, b"welcome"), times=None)
    with pytest.raises(AnswerInvalid, match="welcome"):
        batches.find(FINGERPRINT)


def test_a_look_that_is_turned_away_is_repeated(model: StandInModel) -> None:
    analyst = analyst_at(model.url, max_retries=1)
    with analyst.batches() as batches:
        batch = submit(batches)
        model.batch_faults.add(model_faults.rate_limited(retry_after_s=0.01))
        assert batches.state(batch).id == batch.id
    analyst.close()


def test_no_redirect_is_followed(model: StandInModel, batches: ModelBatches) -> None:
    elsewhere = status(307, headers={"Location": f"{model.url}/batches"})
    model.batch_faults.add(elsewhere, match="GET /v1/files$")
    with pytest.raises(AnalystRejected):
        batches.find(FINGERPRINT)


def test_no_message_shows_the_key(model: StandInModel, batches: ModelBatches) -> None:
    model.batch_faults.add(
        status(400, json.dumps({"error": {"message": f"{KEY} may not"}}).encode())
    )
    model.batch_faults.add(status(200, KEY.encode()))
    for _ in range(2):
        with pytest.raises(AnalystError) as caught:
            batches.find(FINGERPRINT)
        assert KEY not in str(caught.value)


def test_the_rules_have_no_batches() -> None:
    with pytest.raises(ConfigurationError, match="without batch"):
        Analyst().batches()
