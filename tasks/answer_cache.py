"""The model cache: Prefect's task cache, its key, and reading it in bulk.

Answers on file are read through Prefect's own result store before any task run
is made, because a cached task run costs the engine as much as a paid one.
"""

import json
from collections.abc import Iterable
from datetime import UTC, timedelta
from typing import Any

from prefect.cache_policies import CachePolicy
from prefect.context import TaskRunContext
from prefect.results import ResultStore
from prefect.serializers import JSONSerializer
from prefect.types import DateTime

from blocks.answers import AnswerFolder
from blocks.errors import AnswerCacheUnusable
from blocks.models import Answer, UtcDatetime, Value


class KeptAnswer(Value):
    """An answer as its file holds it; ``expires_at`` None: never."""

    answer: Answer
    expires_at: UtcDatetime | None = None


def answers_of(fingerprint: str) -> str:
    """Where answers of one fingerprint are kept, below the answer folder."""
    return f"enrich/{fingerprint}"


def answer_key(fingerprint: str, accession: str) -> str:
    """Where Prefect keeps the answer, below the answer folder."""
    return f"{answers_of(fingerprint)}/{accession}"


class ByFilingAndFingerprint(CachePolicy):
    """Key an answer by accession number and fingerprint, nothing else."""

    def compute_key(
        self,
        task_ctx: TaskRunContext,  # noqa: ARG002 - Prefect's signature
        inputs: dict[str, Any],
        flow_parameters: dict[str, Any],  # noqa: ARG002
        **_: Any,  # noqa: ANN401
    ) -> str:
        """Return :func:`answer_key` of the task's inputs."""
        return answer_key(inputs["bench"].fingerprint, inputs["filing"].accession)


def answers_on_file(
    accessions: Iterable[str], fingerprint: str, folder: AnswerFolder
) -> dict[str, Answer]:
    """Read the kept answers among these, in bulk and without task runs.

    What is half written, changed, of another shape or another filing's is no
    answer. It is set aside, or Prefect would hand it out as one or write over it;
    the filing is then asked about as if it were new.

    Raises:
        AnswerCacheUnusable: it cannot be told what is kept, or not be set aside.
    """
    store = _results_in(folder)
    found: dict[str, Answer] = {}
    for accession in accessions:
        key = answer_key(fingerprint, accession)
        if not folder.is_taken(key):
            continue
        try:
            record = store.read(key)
            if _has_expired(record.expiration):
                continue
            found[accession] = _believed(record.result, accession, fingerprint)
        except AnswerCacheUnusable:
            raise
        except Exception as error:  # noqa: BLE001 - Prefect's reader raises what a planted file makes it
            if folder.is_taken(key):  # or it was set aside when it was read
                folder.set_aside(key, str(error))
    return found


def _believed(result: object, accession: str, fingerprint: str) -> Answer:
    answer = Answer.model_validate(result)
    if (answer.accession, answer.fingerprint) != (accession, fingerprint):
        raise ValueError(f"it is the answer {answer_key(answer.fingerprint, answer.accession)}")
    return answer


def _has_expired(expires: DateTime | None) -> bool:
    return expires is not None and expires <= DateTime.now(UTC)


def keep_answer(answer: Answer, folder: AnswerFolder, ttl: timedelta | None) -> None:
    """Write an answer as Prefect does when the task run that gave it is over; None: for ever.

    Raises:
        OSError: the folder cannot be written or is full.
    """
    _results_in(folder).write(
        key=answer_key(answer.fingerprint, answer.accession),
        obj=answer.model_dump(mode="json"),
        expiration=None if ttl is None else DateTime.now(UTC) + ttl,
    )


def read_kept(key: str, folder: AnswerFolder) -> KeptAnswer | None:
    """The answer in one file, expired or not; None: it holds none. Nothing is set aside."""
    try:
        record = json.loads(folder.look_at(key))
        return KeptAnswer(
            answer=Answer.model_validate_json(record["result"]),
            expires_at=record["metadata"].get("expiration"),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _results_in(folder: AnswerFolder) -> ResultStore:
    return ResultStore(
        result_storage=folder, serializer=JSONSerializer(), cache_result_in_memory=False
    )
