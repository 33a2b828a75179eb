"""Files at the stand-in model: uploaded, listed, read and deleted."""

import itertools
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.completions import error, json_response
from sandbox.listing import member_of, page_of
from sandbox.loopback import Request, Response
from sandbox.multipart import Part, parts_of

_FILES = "/v1/files"
_BATCH = "batch"
_MOST_BATCH_BYTES = 200 * 1024 * 1024
_BATCH_LIFE_S = 30 * 86_400  # the API's own, where nothing else is asked for
_LIFE_S = range(3_600, _BATCH_LIFE_S + 1)
_MOST_LISTED = 10_000


@dataclass(frozen=True)
class Upload:
    """A file as it is kept; ``expires_s`` None: until it is deleted."""

    id: str
    filename: str
    purpose: str
    content: bytes
    created_s: int
    expires_s: int | None

    def lives_at(self, now_s: int) -> bool:
        """Whether it has not expired by then."""
        return self.expires_s is None or now_s < self.expires_s

    @property
    def shown(self) -> dict[str, Any]:
        """The file object of the API."""
        return {
            "id": self.id,
            "object": "file",
            "bytes": len(self.content),
            "created_at": self.created_s,
            "expires_at": self.expires_s,
            "filename": self.filename,
            "purpose": self.purpose,
            "status": "processed",
            "status_details": None,
        }


class Uploads:
    """The files of the stand-in, by id; safe to use from many threads.

    Args:
        now_s: Gives the present moment in Unix seconds.
    """

    def __init__(self, now_s: Callable[[], int]) -> None:
        self._now_s = now_s
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._kept: dict[str, Upload] = {}

    @property
    def all(self) -> tuple[Upload, ...]:
        """Every file there still is, oldest first."""
        with self._lock:
            now_s = self._now_s()
            return tuple(upload for upload in self._kept.values() if upload.lives_at(now_s))

    def get(self, file_id: str) -> Upload | None:
        """The file of this id, if it is still there."""
        with self._lock:
            upload = self._kept.get(file_id)
            return upload if upload and upload.lives_at(self._now_s()) else None

    def put(
        self, content: bytes, *, filename: str, purpose: str, life_s: int | None = None
    ) -> Upload:
        """Keep a file under an id of its own."""
        with self._lock:
            now_s = self._now_s()
            upload = Upload(
                id=f"file-sandbox-{next(self._numbers):06d}",
                filename=filename,
                purpose=purpose,
                content=content,
                created_s=now_s,
                expires_s=now_s + life_s if life_s else None,
            )
            self._kept[upload.id] = upload
        return upload

    def answer(self, request: Request) -> Response | None:
        """Answer a request about files; None where it is about something else."""
        if request.path == _FILES:
            return self._of_all(request)
        member = member_of(_FILES, request.path)
        if member is None:
            return None
        file_id, what = member
        upload = self.get(file_id)
        if upload is None:
            return error(404, "invalid_request_error", f"No such File object: {file_id}", None)
        return self._of_one(request.method, what, upload)

    def _of_all(self, request: Request) -> Response | None:
        if request.method == "POST":
            return self._uploaded(request)
        if request.method != "GET":
            return None
        purpose = request.query.get("purpose")
        kept = [upload.shown for upload in self.all if purpose in {None, upload.purpose}]
        return page_of(kept, request.query, most=_MOST_LISTED)

    def _of_one(self, method: str, what: str, upload: Upload) -> Response | None:
        match method, what:
            case "GET", "":
                return json_response(upload.shown)
            case "GET", "content":
                return Response(upload.content, headers={"Content-Type": "application/jsonl"})
            case "DELETE", "":
                with self._lock:
                    self._kept.pop(upload.id, None)
                return json_response({"id": upload.id, "object": "file", "deleted": True})
        return None

    def _uploaded(self, request: Request) -> Response:
        try:
            form = parts_of(str(request.headers.get("Content-Type", "")), request.body)
            file, purpose = form["file"], form["purpose"].content.decode()
            life_s = _life_s(form, purpose)
        except (ValueError, KeyError) as reason:
            return error(400, "invalid_request_error", f"not an upload: {reason}", None)
        if purpose == _BATCH and (why := _no_batch(file)):
            return error(400, "invalid_request_error", why, None)
        upload = self.put(file.content, filename=file.filename, purpose=purpose, life_s=life_s)
        return json_response(upload.shown)


def life_s_in(expires_after: Mapping[str, Any]) -> int:
    """Seconds that a file is to live.

    Raises:
        ValueError: not from one hour to 30 days after ``created_at``.
    """
    seconds = int(expires_after.get("seconds", 0))
    if expires_after.get("anchor") != "created_at" or seconds not in _LIFE_S:
        raise ValueError(f"a file cannot expire so: {json.dumps(dict(expires_after))}")
    return seconds


def _life_s(form: Mapping[str, Part], purpose: str) -> int | None:
    asked = {
        name: form[f"expires_after[{name}]"].content.decode()
        for name in ("anchor", "seconds")
        if f"expires_after[{name}]" in form
    }
    if asked:
        return life_s_in(asked)
    return _BATCH_LIFE_S if purpose == _BATCH else None


def _no_batch(file: Part) -> str:
    """Why a file cannot be the input of a batch, or nothing."""
    if not file.filename.endswith(".jsonl"):
        return "Invalid file format for Batch API. Must be .jsonl"
    if len(file.content) > _MOST_BATCH_BYTES:
        return "The file is larger than 200 MB"
    return ""
