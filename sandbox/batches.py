"""The Batch API of the stand-in model, and what a test may do to its batches.

The shapes and statuses are those of the API; time is what differs: a batch
goes on as it is looked at, or as a test says.
"""

import itertools
import json
import threading
from collections.abc import Callable
from typing import Any

from sandbox.batch_lines import (
    Asked,
    Problem,
    answered_line,
    broken_off_line,
    expired_line,
    problem,
    requests_in,
    succeeded,
)
from sandbox.batch_object import WAITING, Batch, order_in
from sandbox.completions import error, json_response
from sandbox.listing import member_of, page_of
from sandbox.loopback import Request, Response
from sandbox.uploads import Uploads

_BATCHES = "/v1/batches"
_MOST_LISTED = 100


class Batches:
    """The batches of the stand-in; safe to use from many threads.

    Args:
        uploads: Where input files are found and results are put.
        complete: Answers one chat completion for a batch: the request's body, the batch's id.
        now_s: Gives the present moment in Unix seconds.

    Attributes:
        looks: How many times a batch is seen unfinished, by its id or in a list;
            0: the first look finds it completed. None: it waits to be told.
        hidden_looks: How many lists do not yet show a batch that is new.
        cancelled_after: How many requests of a batch are answered before it is cancelled.
        stray_lines: Lines put before the true ones of every output file to come.
    """

    def __init__(
        self,
        uploads: Uploads,
        complete: Callable[[bytes, str], Response],
        now_s: Callable[[], int],
    ) -> None:
        self.looks: int | None = 0
        self.hidden_looks = 0
        self.cancelled_after = 0
        self.stray_lines: list[bytes] = []
        self._uploads = uploads
        self._complete = complete
        self._now_s = now_s
        self._lock = threading.RLock()
        self._numbers = itertools.count(1)
        self._line_numbers = itertools.count(1)
        self._kept: dict[str, Batch] = {}
        self._to_fail: list[Problem] = []

    @property
    def ids(self) -> tuple[str, ...]:
        """Every batch there ever was, oldest first."""
        with self._lock:
            return tuple(self._kept)

    def complete(self, batch_id: str) -> None:
        """Answer all requests of a batch that waits."""
        self._end(batch_id, "completed", None)

    def expire(self, batch_id: str, *, after: int) -> None:
        """Let the time of a batch run out when so many of its requests are answered."""
        self._end(batch_id, "expired", after)

    def fail_next(self, code: str, message: str, line: int | None = None) -> None:
        """Let one batch to come fail its validation."""
        with self._lock:
            self._to_fail.append(problem(code, message, line))

    def answer(self, request: Request) -> Response | None:
        """Answer a request about batches; None where it is about something else."""
        with self._lock:
            if request.path == _BATCHES:
                return self._of_all(request)
            member = member_of(_BATCHES, request.path)
            if member is None:
                return None
            batch_id, what = member
            if batch_id not in self._kept:
                told = f"No batch found with id '{batch_id}'."
                return error(404, "invalid_request_error", told, None)
            return self._of_one(request.method, what, self._kept[batch_id])

    def _of_all(self, request: Request) -> Response | None:
        if request.method == "POST":
            return self._created(request.body)
        if request.method != "GET":
            return None
        listed = [batch for batch in self._kept.values() if not batch.hidden_looks]
        for batch in self._kept.values():
            batch.hidden_looks -= bool(batch.hidden_looks)
        return page_of([self._seen(batch) for batch in listed], request.query, most=_MOST_LISTED)

    def _of_one(self, method: str, what: str, batch: Batch) -> Response | None:
        match method, what:
            case "GET", "":
                return json_response(self._seen(batch))
            case "POST", "cancel":
                if batch.status not in WAITING:
                    told = f"Cannot cancel a batch with status '{batch.status}'."
                    return error(400, "invalid_request_error", told, None)
                self._turn(batch, "cancelling")
                return json_response(batch.shown)
        return None

    def _created(self, body: bytes) -> Response:
        try:
            order = order_in(body)
        except ValueError as reason:
            return error(400, "invalid_request_error", str(reason), None)
        upload = self._uploads.get(order.input_file_id)
        if upload is None:
            told = f"No such File object: {order.input_file_id}"
            return error(400, "invalid_request_error", told, None)
        asked, problems = requests_in(upload.content, order.endpoint)
        batch = Batch(
            id=f"batch_sandbox_{next(self._numbers):06d}",
            order=order,
            created_s=self._now_s(),
            asked=asked,
            problems=[self._to_fail.pop(0)] if self._to_fail else problems,
            hidden_looks=self.hidden_looks,
        )
        self._kept[batch.id] = batch
        return json_response(batch.shown)

    def _seen(self, batch: Batch) -> dict[str, Any]:
        """The batch as a look finds it, which is what moves it on."""
        batch.looks += 1
        if batch.status == "cancelling":
            self._finish(batch, "cancelled", self.cancelled_after)
        elif batch.status in WAITING and batch.problems:
            self._turn(batch, "failed")
        elif batch.status in WAITING and (self.looks is None or batch.looks < self.looks):
            self._turn(batch, "in_progress")
        elif batch.status in WAITING and batch.looks == self.looks:
            self._turn(batch, "finalizing")
        elif batch.status in WAITING:
            self._finish(batch, "completed", None)
        return batch.shown

    def _end(self, batch_id: str, status: str, after: int | None) -> None:
        with self._lock:
            batch = self._kept[batch_id]
            if batch.status not in WAITING or batch.problems:
                raise ValueError(f"{batch_id} cannot become {status}: it is {batch.status}")
            self._finish(batch, status, after)

    def _finish(self, batch: Batch, status: str, after: int | None) -> None:
        """Answer the first ``after`` requests (None: all), and put the results into files."""
        reached = len(batch.asked) if after is None else after
        output, errors = list(self.stray_lines), list[bytes]()
        for request in reversed(batch.asked[:reached]):  # results come in any order
            line, good = self._result_of(request, batch)
            (output if good else errors).append(line)
            batch.completed += good
            batch.failed += not good
        if status == "expired":
            errors += [
                expired_line(next(self._line_numbers), request.custom_id)
                for request in batch.asked[reached:]
            ]
        batch.output_file_id = self._results_file(batch, "output", output)
        batch.error_file_id = self._results_file(batch, "error", errors)
        self._turn(batch, status)

    def _result_of(self, request: Asked, batch: Batch) -> tuple[bytes, bool]:
        """The line of one answered request, and whether the answer is one."""
        number = next(self._line_numbers)
        response = self._complete(json.dumps(request.body).encode(), batch.id)
        if response.dropped:
            return broken_off_line(number, request.custom_id), False
        return answered_line(number, request.custom_id, response), succeeded(response)

    def _results_file(self, batch: Batch, kind: str, lines: list[bytes]) -> str | None:
        if not lines:
            return None
        return self._uploads.put(
            b"".join(lines),
            filename=f"{batch.id}_{kind}.jsonl",
            purpose="batch_output",
            life_s=batch.order.output_life_s,
        ).id

    def _turn(self, batch: Batch, status: str) -> None:
        batch.status = status
        batch.moments_s.setdefault(status, self._now_s())
