"""The model cache: Prefect's task cache, its key, and reading it in bulk.

Answers on file are read through Prefect's own result store before any task run
is made, because a cached task run costs the engine as much as a paid one.
"""

from collections.abc import Iterable
from datetime import UTC, timedelta
from typing import Any

from prefect.cache_policies import CachePolicy
from prefect.context import TaskRunContext
from prefect.results import ResultStore
from prefect.serializers import JSONSerializer
from prefect.types import DateTime
from pydantic import ValidationError

from blocks.answers import AnswerFolder
from blocks.models import Answer


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

    A file that is half written or of another shape is no answer. It is set
    aside, or Prefect would hand it out as one; the filing is then asked about
    as if it were new.
    """
    store = _results_in(folder)
    found: dict[str, Answer] = {}
    for accession in accessions:
        key = answer_key(fingerprint, accession)
        if not store.exists(key):  # missing, expired, or not a result of Prefect's
            continue
        answer = _read_answer(store, key)
        if answer is None or answer.accession != accession:
            folder.set_aside(key)
        else:
            found[accession] = answer
    return found


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


def _results_in(folder: AnswerFolder) -> ResultStore:
    return ResultStore(
        result_storage=folder, serializer=JSONSerializer(), cache_result_in_memory=False
    )


def _read_answer(store: ResultStore, key: str) -> Answer | None:
    try:
        return Answer.model_validate(store.read(key).result)
    except (ValidationError, ValueError, OSError):  # another shape; Prefect's read errors
        return None
