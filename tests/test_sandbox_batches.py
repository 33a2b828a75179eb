"""The stand-in model's files and batches, asked by the real openai client."""

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import Batch

from sandbox import model_faults
from sandbox.faults import Fault, dropped, lost_answer, status
from sandbox.loopback import Response
from sandbox.model import StandInModel
from sandbox.multipart import parts_of

ACCESSIONS = tuple(f"0009900001-25-{number:06d}" for number in range(1, 6))
HOUR_S = 3_600


@pytest.fixture
def model() -> Iterator[StandInModel]:
    with StandInModel() as running:
        yield running


@pytest.fixture
def client(model: StandInModel) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=model.url, api_key="any", max_retries=0) as opened:
        yield opened


def body_about(accession: str) -> dict[str, Any]:
    told = f"Accession number: {accession}\n\n<filing_text>\nNothing happened.\n</filing_text>"
    return {"model": "gpt-6-luna", "messages": [{"role": "user", "content": told}]}


def line_about(accession: str, **changes: object) -> bytes:
    line = {
        "custom_id": accession,
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": body_about(accession),
    }
    return json.dumps(line | changes).encode() + b"\n"


def upload(client: openai.OpenAI, content: bytes) -> str:
    return client.files.create(file=("in.jsonl", content), purpose="batch").id


def create(client: openai.OpenAI, *lines: bytes, **metadata: str) -> Batch:
    file_id = upload(client, b"".join(lines) or b"".join(map(line_about, ACCESSIONS)))
    return client.batches.create(
        input_file_id=file_id,
        endpoint="/v1/chat/completions",
        completion_window="24h",
        metadata=metadata,
    )


def lines_of(client: openai.OpenAI, file_id: str | None) -> list[dict[str, Any]]:
    assert file_id is not None
    return [json.loads(line) for line in client.files.content(file_id).text.splitlines()]


def ids_in(client: openai.OpenAI, file_id: str | None) -> list[str]:
    return [line["custom_id"] for line in lines_of(client, file_id)]


def test_a_file_comes_back_as_it_was_sent_and_is_gone_when_deleted(client: openai.OpenAI) -> None:
    content = b'{"a": 1}\r\n\r\n--not the boundary\r\n\x00\xff\n'
    sent = client.files.create(
        file=("b.jsonl", content),
        purpose="batch",
        expires_after={"anchor": "created_at", "seconds": HOUR_S},
    )
    assert (sent.bytes, sent.filename, sent.purpose) == (len(content), "b.jsonl", "batch")
    assert sent.expires_at == sent.created_at + HOUR_S
    assert client.files.retrieve(sent.id) == sent
    assert client.files.content(sent.id).content == content
    assert client.files.delete(sent.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.content(sent.id)


@given(
    st.dictionaries(st.from_regex(r"[a-z\[\]]{1,9}", fullmatch=True), st.binary(), min_size=1),
)
def test_a_form_is_read_to_the_byte(fields: dict[str, bytes]) -> None:
    files = {name: (f"{name}.bin", content) for name, content in fields.items()}
    sent = httpx.Request("POST", "http://127.0.0.1", files=files, data={"purpose": "batch"})
    read = parts_of(sent.headers["Content-Type"], sent.read())
    wanted = fields | {"purpose": fields.get("purpose", b"batch")}
    assert {name: part.content for name, part in read.items()} == wanted
    assert all(read[name].filename == f"{name}.bin" for name in fields)


@pytest.mark.parametrize(
    "sent",
    [
        {"content": b"--x\r\n", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        {"content": b"whatever", "headers": {"Content-Type": "text/plain"}},
        {"files": {"file": ("a.jsonl", b"")}},
        {"files": {"file": ("a.txt", b"")}, "data": {"purpose": "batch"}},
        {
            "files": {"file": ("a.jsonl", b"")},
            "data": {"purpose": "batch", "expires_after[anchor]": "now"},
        },
    ],
)
def test_what_is_no_upload_is_refused(model: StandInModel, sent: dict[str, Any]) -> None:
    with httpx.Client(headers={"Authorization": "Bearer x"}) as raw:
        assert raw.post(f"{model.url}/files", **sent).status_code == 400
    assert model.uploads.all == ()


def test_files_are_listed_newest_first_by_purpose_and_no_longer_once_expired(
    model: StandInModel, client: openai.OpenAI
) -> None:
    first, second = upload(client, b"1"), upload(client, b"2")
    model.uploads.put(b"3", filename="out.jsonl", purpose="batch_output")
    listed = client.files.list(purpose="batch", order="desc", limit=1)
    assert [file.id for file in listed] == [second, first]  # the client asks for the next page
    model.clock_offset_s = 31 * 24 * HOUR_S
    assert client.files.list(purpose="batch").data == []


def test_a_batch_is_answered_line_by_line_in_another_order(client: openai.OpenAI) -> None:
    created = create(client, product="x")
    assert (created.status, created.metadata) == ("validating", {"product": "x"})
    assert created.expires_at == created.created_at + 24 * HOUR_S
    done = client.batches.retrieve(created.id)
    assert (done.status, done.error_file_id, done.model) == ("completed", None, "gpt-6-luna")
    assert done.request_counts is not None
    assert dict(done.request_counts) == {"total": 5, "completed": 5, "failed": 0}
    lines = lines_of(client, done.output_file_id)
    assert [line["custom_id"] for line in lines] != list(ACCESSIONS)
    assert {line["custom_id"] for line in lines} == set(ACCESSIONS)
    assert {line["response"]["status_code"] for line in lines} == {200}
    assert all(line["error"] is None for line in lines)


def test_a_line_is_answered_as_an_ordinary_call_is_and_paid_for_as_part_of_its_batch(
    model: StandInModel, client: openai.OpenAI
) -> None:
    batch = create(client, line_about(ACCESSIONS[0]))
    done = client.batches.retrieve(batch.id)
    ordinary = client.chat.completions.create(**body_about(ACCESSIONS[0]))
    (line,) = lines_of(client, done.output_file_id)
    assert line["response"]["body"]["choices"] == ordinary.to_dict()["choices"]
    assert line["response"]["body"]["usage"] == ordinary.to_dict()["usage"]
    assert [call.batch for call in model.ledger] == [batch.id, ""]
    assert model.paid_calls == Counter({ACCESSIONS[0]: 2})


def test_a_batch_goes_on_as_it_is_looked_at(model: StandInModel, client: openai.OpenAI) -> None:
    model.batches.looks = 3
    batch = create(client)
    seen = [client.batches.retrieve(batch.id).status for _ in range(5)]
    assert seen == ["in_progress", "in_progress", "finalizing", "completed", "completed"]
    assert len(model.ledger) == len(ACCESSIONS)


def test_a_batch_that_is_held_waits_until_it_is_told(
    model: StandInModel, client: openai.OpenAI
) -> None:
    model.batches.looks = None
    batch = create(client)
    assert {client.batches.retrieve(batch.id).status for _ in range(4)} == {"in_progress"}
    model.batches.complete(batch.id)
    assert client.batches.retrieve(batch.id).status == "completed"
    with pytest.raises(ValueError, match="completed"):
        model.batches.expire(batch.id, after=0)


def test_an_expired_batch_has_the_answers_it_got_and_an_error_for_each_other_line(
    model: StandInModel, client: openai.OpenAI
) -> None:
    model.batches.looks = None
    batch = create(client)
    model.batches.expire(batch.id, after=2)
    over = client.batches.retrieve(batch.id)
    assert (over.status, over.expired_at is not None) == ("expired", True)
    assert set(ids_in(client, over.output_file_id)) == set(ACCESSIONS[:2])
    errors = lines_of(client, over.error_file_id)
    assert {line["custom_id"] for line in errors} == set(ACCESSIONS[2:])
    assert {line["error"]["code"] for line in errors} == {"batch_expired"}
    assert len(model.paid_calls) == 2


def test_a_cancelled_batch_has_the_answers_it_got(
    model: StandInModel, client: openai.OpenAI
) -> None:
    model.batches.looks, model.batches.cancelled_after = None, 3
    batch = create(client)
    assert client.batches.cancel(batch.id).status == "cancelling"
    over = client.batches.retrieve(batch.id)
    assert (over.status, over.error_file_id) == ("cancelled", None)
    assert set(ids_in(client, over.output_file_id)) == set(ACCESSIONS[:3])
    with pytest.raises(openai.BadRequestError):
        client.batches.cancel(batch.id)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (model_faults.server_error(), 500),
        (model_faults.rate_limited(), 429),
        (model_faults.unknown_model(), 404),
    ],
)
def test_a_line_that_fails_stands_in_the_error_file_with_status_and_body(
    model: StandInModel, client: openai.OpenAI, fault: Fault, code: int
) -> None:
    model.faults.add(fault, match=ACCESSIONS[1])
    done = client.batches.retrieve(create(client).id)
    (line,) = lines_of(client, done.error_file_id)
    assert line["custom_id"] == ACCESSIONS[1]
    assert line["response"]["status_code"] == code
    assert line["response"]["body"]["error"]["message"]
    assert ACCESSIONS[1] not in ids_in(client, done.output_file_id)
    assert done.request_counts is not None
    assert done.request_counts.failed == 1
    assert model.paid_calls[ACCESSIONS[1]] == 0


def test_a_refusal_and_a_truncation_are_paid_answers_in_the_output_file(
    model: StandInModel, client: openai.OpenAI
) -> None:
    model.faults.add(model_faults.refusal(), match=ACCESSIONS[0])
    model.faults.add(model_faults.length(), match=ACCESSIONS[1])
    done = client.batches.retrieve(create(client).id)
    choices = {
        line["custom_id"]: line["response"]["body"]["choices"][0]
        for line in lines_of(client, done.output_file_id)
    }
    assert choices[ACCESSIONS[0]]["message"]["refusal"]
    assert choices[ACCESSIONS[1]]["finish_reason"] == "length"
    assert set(model.paid_calls) == set(ACCESSIONS)


def test_a_batch_of_which_nothing_succeeded_has_no_output_file(
    model: StandInModel, client: openai.OpenAI
) -> None:
    model.faults.add(dropped(), times=None)
    done = client.batches.retrieve(create(client).id)
    assert (done.status, done.output_file_id) == ("completed", None)
    errors = lines_of(client, done.error_file_id)
    assert {line["error"]["code"] for line in errors} == {"server_error"}


def test_stray_lines_stand_in_the_output_as_they_are(
    model: StandInModel, client: openai.OpenAI
) -> None:
    model.batches.stray_lines = [b"{broken\n"]
    done = client.batches.retrieve(create(client).id)
    assert done.output_file_id is not None
    assert client.files.content(done.output_file_id).content.startswith(b"{broken\n{")


@pytest.mark.parametrize(
    ("lines", "code", "number"),
    [
        ([line_about(ACCESSIONS[0]), line_about(ACCESSIONS[0])], "duplicate_custom_id", 2),
        ([line_about(ACCESSIONS[0]), b"{half\n"], "invalid_json_line", 2),
        ([line_about(ACCESSIONS[0], url="/v1/responses")], "url_mismatch", 1),
        ([line_about(ACCESSIONS[0], custom_id=None)], "invalid_request", 1),
        ([b"\n"], "empty_file", None),
        (
            [line_about(ACCESSIONS[0]), line_about(ACCESSIONS[1], body={"model": "other"})],
            "model_mismatch",
            None,
        ),
    ],
)
def test_a_file_that_is_not_valid_fails_the_whole_batch(
    model: StandInModel, client: openai.OpenAI, lines: list[bytes], code: str, number: int | None
) -> None:
    failed = client.batches.retrieve(create(client, *lines).id)
    assert (failed.status, failed.output_file_id) == ("failed", None)
    assert failed.errors is not None
    assert failed.errors.data is not None
    assert [(told.code, told.line) for told in failed.errors.data] == [(code, number)]
    assert len(model.ledger) == 0


def test_a_batch_fails_its_validation_when_told_to(
    model: StandInModel, client: openai.OpenAI
) -> None:
    model.batches.fail_next("token_limit_exceeded", "Enqueued token limit reached")
    failed, good = (client.batches.retrieve(create(client).id) for _ in range(2))
    assert (failed.status, good.status) == ("failed", "completed")
    assert failed.errors is not None
    assert failed.errors.data is not None
    assert failed.errors.data[0].code == "token_limit_exceeded"


def test_batches_are_listed_newest_first_in_pages(client: openai.OpenAI) -> None:
    made = [create(client, number=str(number)).id for number in range(5)]
    page = client.batches.list(limit=2)
    assert page.has_more
    assert [batch.id for batch in page.data] == [made[4], made[3]]
    assert [batch.id for batch in client.batches.list(limit=2)] == made[::-1]


def test_a_new_batch_may_be_missing_from_the_first_lists(
    model: StandInModel, client: openai.OpenAI
) -> None:
    model.batches.hidden_looks = 2
    batch = create(client)
    seen = [[listed.id for listed in client.batches.list().data] for _ in range(3)]
    assert seen == [[], [], [batch.id]]
    assert client.batches.retrieve(batch.id).id == batch.id


def test_a_batch_may_come_about_although_its_answer_is_lost(
    model: StandInModel, client: openai.OpenAI
) -> None:
    model.batch_faults.add(lost_answer(), match="POST /v1/batches$")
    with pytest.raises(openai.APIConnectionError):
        create(client, name="lost")
    (batch,) = client.batches.list().data
    assert batch.metadata == {"name": "lost"}


def test_a_batch_that_was_never_made_is_not_there(
    model: StandInModel, client: openai.OpenAI
) -> None:
    model.batch_faults.add(status(503), match="POST /v1/batches$")
    with pytest.raises(openai.InternalServerError):
        create(client)
    assert model.batches.ids == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"endpoint": "/v1/embeddings"},
        {"completion_window": "48h"},
        {"input_file_id": "file-none"},
        {"metadata": {"name": "x" * 513}},
        {"metadata": {str(number): "" for number in range(17)}},
        {"output_expires_after": {"anchor": "created_at", "seconds": 60}},
    ],
)
def test_what_no_batch_can_be_is_refused_at_once(
    model: StandInModel, client: openai.OpenAI, changes: Mapping[str, object]
) -> None:
    good = {"endpoint": "/v1/chat/completions", "completion_window": "24h"}
    asked = good | {"input_file_id": upload(client, line_about(ACCESSIONS[0]))} | dict(changes)
    with pytest.raises(openai.BadRequestError):
        client.post("/batches", body=asked, cast_to=Batch)
    assert model.batches.ids == ()


def test_results_live_as_long_as_was_asked(model: StandInModel, client: openai.OpenAI) -> None:
    batch = client.batches.create(
        input_file_id=upload(client, line_about(ACCESSIONS[0])),
        endpoint="/v1/chat/completions",
        completion_window="24h",
        output_expires_after={"anchor": "created_at", "seconds": HOUR_S},
    )
    output_file_id = client.batches.retrieve(batch.id).output_file_id
    assert output_file_id is not None
    assert client.files.content(output_file_id).content
    model.clock_offset_s = HOUR_S
    with pytest.raises(openai.NotFoundError):
        client.files.content(output_file_id)


def test_a_batch_nobody_made_is_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        client.batches.retrieve("batch_none")


def test_many_threads_see_a_batch_answered_once(
    model: StandInModel, client: openai.OpenAI
) -> None:
    def when_all_look(answer: Response) -> Response:
        give_up_s = time.monotonic() + 5.0
        while model.load.current < 8 and time.monotonic() < give_up_s:
            time.sleep(0.001)
        return answer

    model.faults.add(Fault("late", when_all_look))
    batch = create(client)
    with ThreadPoolExecutor(8) as pool:
        seen = set(pool.map(lambda _: client.batches.retrieve(batch.id).output_file_id, range(8)))
    assert len(seen) == 1
    assert model.paid_calls == Counter(ACCESSIONS)
