"""What became of a request to EDGAR that did not bring what was asked for, and what to do."""

import zlib
from datetime import datetime

import httpx

from blocks.edgar_answers import AnswerKind, answer_kind, describe, retry_after_s
from blocks.edgar_breaker import told_held
from blocks.errors import EdgarBlocked, EdgarError, EdgarNotFound, EdgarUnavailable
from blocks.models import utc_now

_MAX_RETRY_AFTER_S = 60.0


class Passing(Exception):
    """An answer that may soon be another one; never leaves the session."""

    def __init__(self, what: str, wait_s: float | None) -> None:
        super().__init__(what)
        self.wait_s = wait_s


class StayAway(Exception):
    """SEC's wish to be left alone for ``wait_s`` seconds; never leaves the session."""

    def __init__(self, what: str, wait_s: float) -> None:
        super().__init__(what)
        self.wait_s = wait_s


TRANSIENT = (Passing, httpx.TransportError, httpx.DecodingError, zlib.error)


def retry_in(error: Exception) -> bool | float:
    """Whether to ask again, or the seconds after which the server wants to be asked."""
    if isinstance(error, Passing) and error.wait_s is not None:
        return error.wait_s
    return isinstance(error, TRANSIENT)


def raise_unless_good(response: httpx.Response, head: bytes, block_wait_s: float) -> None:
    """Return where the answer is what was asked for, told by its status and how its body begins.

    Raises:
        StayAway: a block page, for ``block_wait_s`` or the longer time it asks
            for; or a Retry-After longer than a run should wait.
        Passing: an answer that may soon be another one.
        EdgarNotFound: there is no such file.
        EdgarError: any other refusal.
    """
    path, status = response.request.url.path, response.status_code
    came = describe(head)
    what, answer = f"{status} with {came}", f"EDGAR answered {status} to {path} with {came}"
    asked_s = retry_after_s(response.headers.get("retry-after"), utc_now())
    match answer_kind(status, head):
        case AnswerKind.BLOCKED:
            raise StayAway(what, max(block_wait_s, asked_s or 0.0))
        case AnswerKind.NOT_FOUND:
            raise EdgarNotFound(f"{answer}: there is no such file on EDGAR.", subject=path)
        case AnswerKind.PASSING if asked_s is not None and asked_s > _MAX_RETRY_AFTER_S:
            # longer than a run should wait, and every request before then would be refused
            raise StayAway(f"{what} and Retry-After {asked_s:.0f} s", asked_s)
        case AnswerKind.PASSING:
            raise Passing(what, asked_s)
        case AnswerKind.REFUSED:
            raise EdgarError(
                f"{answer}, which no retry changes: look at that address in a browser, and check"
                " base_url.",
                subject=path,
            )
        case AnswerKind.GOOD:
            return


def refuse_other_host(asked: httpx.Request, target: httpx.Request) -> None:
    """Raise EdgarError where a redirect leads away from the host that was asked."""
    if _origin(asked.url) != _origin(target.url):
        raise EdgarError(
            f"EDGAR redirected {asked.url.path} to {target.url.scheme}://{target.url.host}, which"
            " is not the configured host; nothing was asked there. Check base_url.",
            subject=asked.url.path,
        )


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def unavailable(path: str, error: Exception, tries: int) -> EdgarUnavailable:
    """The error of a request whose attempts are used up, the last of them by ``error``."""
    wait_s = error.wait_s if isinstance(error, Passing) else None
    asked = "" if wait_s is None else f", and asks to wait {wait_s:.0f} s"
    what = str(error).rstrip(".") or type(error).__name__
    return EdgarUnavailable(
        f"EDGAR did not give {path} in {tries} attempt(s), last: {what}{asked}."
        " It usually passes: run again later; raise max_attempts if it happens often.",
        subject=path,
    )


def blocked(path: str, error: StayAway, until: datetime) -> EdgarBlocked:
    """The error of the request that was told to stay away, which holds until ``until``."""
    return EdgarBlocked(
        f"EDGAR answered {path} with {error}: SEC asks this address to stay away."
        f" {told_held(until)} If it happens often, check that user_agent names you and your e-mail"
        " address and that nothing else at this address asks EDGAR too often.",
        subject=path,
        until=until,
    )
