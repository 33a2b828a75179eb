"""The lines of a batch: those of its input file, and those of its output and error files."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from sandbox.loopback import Response

Problem = dict[str, Any]
_MOST_LINES = 50_000
_EXPIRED = "This request could not be executed before the completion window expired."


@dataclass(frozen=True)
class Asked:
    """One request of an input file; ``body`` is as it stands in the line."""

    custom_id: str
    body: dict[str, Any]


def requests_in(content: bytes, endpoint: str) -> tuple[list[Asked], list[Problem]]:
    """What an input file asks, and what is wrong with it; nothing is asked of a wrong file."""
    asked: list[Asked] = []
    problems: list[Problem] = []
    taken: set[str] = set()
    for number, line in enumerate(filter(None, content.split(b"\n")), start=1):
        request, code = _read(line, endpoint)
        if request is None:
            problems.append(problem(code, f"Line {number} is no request to {endpoint}.", number))
        elif request.custom_id in taken:
            told = f"The custom_id '{request.custom_id}' is used more than once."
            problems.append(problem("duplicate_custom_id", told, number))
        else:
            asked.append(request)
            taken.add(request.custom_id)
    problems += _of_the_whole(asked) if not problems else []
    return ([], problems) if problems else (asked, [])


def problem(code: str, message: str, line: int | None = None) -> Problem:
    """One of the ``errors`` of a batch that failed."""
    return {"code": code, "message": message, "param": None, "line": line}


def answered_line(number: int, custom_id: str, response: Response) -> bytes:
    """The line of a request that was answered, well or not; the body stands in it as it is."""
    head = json.dumps({"id": _line_id(number), "custom_id": custom_id})[:-1]
    told = f'"status_code": {response.status}, "request_id": "req-sandbox-batch-{number:06d}"'
    start = f'{head}, "response": {{{told}, "body": '
    return start.encode() + response.body + b'}, "error": null}\n'


def expired_line(number: int, custom_id: str) -> bytes:
    """The line of a request that was not reached in time."""
    return _failed_line(number, custom_id, "batch_expired", _EXPIRED)


def broken_off_line(number: int, custom_id: str) -> bytes:
    """The line of a request whose model hung up."""
    return _failed_line(number, custom_id, "server_error", "The request could not be processed.")


def succeeded(response: Response) -> bool:
    """Whether the answer belongs into the output file rather than the error file."""
    return response.status == HTTPStatus.OK


def _failed_line(number: int, custom_id: str, code: str, message: str) -> bytes:
    line = {
        "id": _line_id(number),
        "custom_id": custom_id,
        "response": None,
        "error": {"code": code, "message": message},
    }
    return json.dumps(line).encode() + b"\n"


def _line_id(number: int) -> str:
    return f"batch_req_sandbox_{number:06d}"


def _read(line: bytes, endpoint: str) -> tuple[Asked | None, str]:
    """The request of a line, or what is wrong with it."""
    try:
        said = json.loads(line)
    except ValueError:
        return None, "invalid_json_line"
    if not isinstance(said, Mapping) or not isinstance(said.get("body"), dict):
        return None, "invalid_request"
    if not isinstance(said.get("custom_id"), str) or said.get("method") != "POST":
        return None, "invalid_request"
    if said.get("url") != endpoint:
        return None, "url_mismatch"
    return Asked(said["custom_id"], said["body"]), ""


def _of_the_whole(asked: list[Asked]) -> Iterator[Problem]:
    if not asked:
        yield problem("empty_file", "The input file has no requests.")
    if len(asked) > _MOST_LINES:
        yield problem("too_many_tasks", f"The input file has more than {_MOST_LINES} requests.")
    if len({request.body.get("model") for request in asked}) > 1:
        yield problem("model_mismatch", "All requests of a batch must ask the same model.")
