"""Conditional requests as RFC 9110 has them: ETag, Last-Modified, and 304. Pure.

Captured answers of sec.gov carry an ETag of the form ``"<hash>:<seconds>"``.
"""

import hashlib
import re
from dataclasses import replace
from datetime import UTC, datetime
from email.message import Message
from email.utils import format_datetime, parsedate_to_datetime
from http import HTTPStatus

from sandbox.loopback import Request, Response

_OPAQUE_TAG = re.compile(r'(?:W/)?("[^"]*")')


def last_modified(moment: datetime) -> dict[str, str]:
    """The header that dates an answer, and makes :func:`revalidated` look at it."""
    return {"Last-Modified": format_datetime(moment.astimezone(UTC), usegmt=True)}


def revalidated(request: Request, response: Response) -> Response:
    """A dated answer with its ETag, or 304 where the client has it; any other unchanged.

    If-None-Match (weak comparison) counts before If-Modified-Since.
    """
    if response.status != HTTPStatus.OK or "Last-Modified" not in response.headers:
        return response
    modified_at = parsedate_to_datetime(response.headers["Last-Modified"])
    digest = hashlib.sha256(response.body).hexdigest()[:32]
    headers = {**response.headers, "ETag": f'"{digest}:{modified_at.timestamp():.0f}"'}
    if _has_it(request.headers, headers["ETag"], modified_at):
        return replace(response, status=HTTPStatus.NOT_MODIFIED, body=b"", headers=headers)
    return replace(response, headers=headers)


def _has_it(asked: Message, tag: str, modified_at: datetime) -> bool:
    if tags := asked.get("If-None-Match"):
        return tags.strip() == "*" or tag in _OPAQUE_TAG.findall(tags)
    since = _moment(asked.get("If-Modified-Since", ""))
    return since is not None and modified_at <= since


def _moment(date: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return None  # a date that cannot be read is no condition
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
