"""What an answer of EDGAR is, told by its status and how its body begins. Pure.

The bodies are those that SEC servers were seen to send; status codes alone
mislead (a file that does not exist answers 403, a block page 403 or 429).
"""

import html
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum

HEAD_BYTES = 8192  # enough for the title and first heading of every page seen

_HTML = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html)\b", re.IGNORECASE)
_TITLE = re.compile(rb"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_S3_ERROR = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?<Error>\s*<Code>(\w+)</Code>")
_BLOCKED = re.compile(
    rb"Request Rate Threshold Exceeded|Undeclared Automated Tool"
    rb"|Exceeded the SEC.{1,10}s Traffic Limit",
    re.IGNORECASE,
)

_NOT_FOUND = frozenset({404, 410})
_PASSING = frozenset({408, 425, 429})


class AnswerKind(StrEnum):
    """What to make of an answer."""

    GOOD = "good"
    NOT_FOUND = "not_found"
    BLOCKED = "blocked"
    PASSING = "passing"
    REFUSED = "refused"


def answer_kind(status: int, head: bytes) -> AnswerKind:
    """Judge an answer by its status and the first :data:`HEAD_BYTES` of its body.

    BLOCKED stops a run, so it is said only where the body says that the client
    is refused: one of SEC's block pages, whatever the status, or any other web
    page with 403. Files come from a storage that answers errors in XML; a web
    page with 403 is written by the edge before it, which judges who asks and
    not what for, and its wording may change. A 403 of any other form may be
    about one file, and is REFUSED: that file fails, unrepeated, and the run
    goes on. Taking a block for that costs little, since enriching gives up
    after a row of failures; taking one odd file for a block would stop every
    run until it was gone.
    """
    if is_block_page(head):
        return AnswerKind.BLOCKED
    if status == 200:  # noqa: PLR2004 - the one status that carries what was asked for
        return AnswerKind.GOOD
    if status in _NOT_FOUND or _missing_on_s3(status, head):
        return AnswerKind.NOT_FOUND
    if status in _PASSING or status >= 500:  # noqa: PLR2004 - 5xx, as HTTP defines it
        return AnswerKind.PASSING
    if status == 403 and _HTML.match(head):  # noqa: PLR2004 - Forbidden, as HTTP defines it
        return AnswerKind.BLOCKED
    return AnswerKind.REFUSED


def is_block_page(head: bytes) -> bool:
    """Whether SEC says that it blocks this address or User-Agent.

    Only in a web page: a filing may well talk of such a page.
    """
    return bool(_HTML.match(head) and _BLOCKED.search(head[:HEAD_BYTES]))


def is_error_page(head: bytes) -> bool:
    """Whether a body is a web page or an error of the storage, whatever its status."""
    return bool(_HTML.match(head) or _S3_ERROR.match(head))


def describe(body: bytes) -> str:
    """A few words on what came, for the message of an error."""
    if not body.strip():
        return "an empty answer"
    if error := _S3_ERROR.match(body):
        return f"storage error {error[1].decode()}"
    if _HTML.match(body):
        title = _TITLE.search(body[:HEAD_BYTES])
        words = (
            " ".join(html.unescape(title[1].decode("utf-8", "replace")).split()) if title else ""
        )
        return f"a web page titled {words[:100]!r}" if words else "a web page"
    return f"{len(body)} bytes that begin with {body.lstrip()[:40].decode('latin-1')!r}"


def retry_after_s(header: str | None, now: datetime) -> float | None:
    """Seconds that a ``Retry-After`` header asks for; None where it cannot be read."""
    if header is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}", header.strip()):
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - now).total_seconds())


def _missing_on_s3(status: int, head: bytes) -> bool:
    # a missing index answers 403 AccessDenied, a missing filing 404 NoSuchKey
    return status == 403 and _S3_ERROR.match(head) is not None  # noqa: PLR2004 - as seen
