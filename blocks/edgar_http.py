"""Requests to EDGAR: one host, a declared identity, a shared pace, retries.

Only transport is decided here; what a body means is read elsewhere.
"""

import io
import threading
import time
import weakref
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import IO

import httpx
import stamina

from blocks.edgar_answers import HEAD_BYTES, AnswerKind, answer_kind, describe, retry_after_s
from blocks.edgar_pace import RequestPace
from blocks.errors import EdgarBlocked, EdgarError, EdgarNotFound, EdgarUnavailable
from blocks.models import utc_now

_MAX_REDIRECTS = 3
_MAX_RETRY_AFTER_S = 60.0
_WHOLE_ANSWER = 10  # an answer may take this many times the timeout in all
_ERROR_BYTES = 64 * 1024
_BLOCK_ADVICE = (
    "Asking again prolongs a block: wait ten minutes, and check that user_agent names you and your"
    " e-mail address and that nothing else at this address asks EDGAR too often."
)


@dataclass(frozen=True)
class Body:
    """The decoded body of an answer; ``complete`` is False where the byte cap cut it."""

    data: bytes
    complete: bool


@dataclass(frozen=True)
class Transport:
    """Whom to ask, as whom, and how patiently; ``timeout_s`` is the longest silence."""

    base_url: str
    user_agent: str
    timeout_s: float
    max_attempts: int


class EdgarSession:
    """GETs from one host over kept connections.

    Thread-safe; may be pickled, and then connects anew. Every method raises
    EdgarUnavailable, EdgarBlocked, EdgarNotFound, or EdgarError for a redirect
    to another host, which is never followed, and for other refusals.
    """

    def __init__(self, transport: Transport, pace: RequestPace) -> None:
        self._transport = transport
        self._pace = pace
        self._client: httpx.Client | None = None
        self._opening = threading.Lock()

    def __reduce__(self) -> tuple[type["EdgarSession"], tuple[Transport, RequestPace]]:
        return EdgarSession, (self._transport, self._pace)

    def read(
        self, path: str, params: Mapping[str, str | int] | None = None, *, max_bytes: int
    ) -> Body:
        """The body at ``path``, at most ``max_bytes`` decoded bytes of it."""
        into = io.BytesIO()
        complete = self.save(path, params, into=into, max_bytes=max_bytes)
        return Body(into.getvalue(), complete)

    def save(
        self,
        path: str,
        params: Mapping[str, str | int] | None = None,
        *,
        into: IO[bytes],
        max_bytes: int,
    ) -> bool:
        """Write the body at ``path`` to a seekable file; False where the cap cut it."""
        request = self._opened().build_request("GET", path, params=params)
        tries = 0
        try:
            for attempt in stamina.retry_context(
                on=_retry_in,
                attempts=self._transport.max_attempts,
                timeout=None,
                wait_initial=0.5,
                wait_max=30.0,
                wait_jitter=0.5,
            ):
                with attempt:
                    tries = attempt.num
                    return self._attempt(request, into, max_bytes)
        except _TRANSIENT as error:
            raise EdgarUnavailable(_unavailable(path, error, tries), subject=path) from error
        raise AssertionError("stamina returns a result or raises")

    def close(self) -> None:
        """Close the kept connections and the pace's file; the next request opens them anew."""
        self._pace.close()
        with self._opening:
            if self._client is not None:
                self._client.close()
                self._client = None

    def _opened(self) -> httpx.Client:
        with self._opening:
            if self._client is None:
                self._client = httpx.Client(
                    base_url=self._transport.base_url,
                    headers={
                        "User-Agent": self._transport.user_agent,
                        "Accept-Encoding": "gzip",
                    },
                    timeout=httpx.Timeout(self._transport.timeout_s, pool=None),
                )
                weakref.finalize(self, self._client.close)
            return self._client

    def _attempt(self, request: httpx.Request, into: IO[bytes], max_bytes: int) -> bool:
        for _ in range(1 + _MAX_REDIRECTS):
            self._pace.wait()
            with closing(self._opened().send(request, stream=True)) as response:
                if response.next_request is None:
                    return self._received(response, into, max_bytes)
                _refuse_other_host(request, response.next_request)
                request = response.next_request
        raise EdgarError(
            f"EDGAR redirected more than {_MAX_REDIRECTS} times, last to {request.url.path};"
            " check base_url."
        )

    def _received(self, response: httpx.Response, into: IO[bytes], max_bytes: int) -> bool:
        good = response.status_code == httpx.codes.OK
        into.seek(0)
        into.truncate()
        complete = self._copied(response, into, max_bytes if good else _ERROR_BYTES)
        into.seek(0)
        _raise_unless_good(response, into.read(HEAD_BYTES))
        into.seek(0)
        return complete

    def _copied(self, response: httpx.Response, into: IO[bytes], max_bytes: int) -> bool:
        """Copy decoded bytes up to the cap, so that a compressed bomb stays small."""
        if "," in response.headers.get("content-encoding", ""):
            raise EdgarError("EDGAR compressed an answer twice, which no real one is; not read.")
        room = max_bytes
        deadline = time.monotonic() + _WHOLE_ANSWER * self._transport.timeout_s
        for chunk in response.iter_bytes():
            if time.monotonic() > deadline:
                raise _Passing("an answer that trickles in too slowly", None)
            into.write(chunk[:room])
            room -= len(chunk)
            if room < 0:
                return False
        return True


class _Passing(Exception):
    """An answer that may soon be another one; never leaves this module."""

    def __init__(self, what: str, wait_s: float | None) -> None:
        super().__init__(what)
        self.wait_s = wait_s


_TRANSIENT = (_Passing, httpx.TransportError, httpx.DecodingError)


def _retry_in(error: Exception) -> bool | float:
    """Whether to ask again, or the seconds after which the server wants to be asked."""
    if isinstance(error, _Passing) and error.wait_s is not None:
        # coming back before the time the server named would only be refused again
        return error.wait_s if error.wait_s <= _MAX_RETRY_AFTER_S else False
    return isinstance(error, _TRANSIENT)


def _raise_unless_good(response: httpx.Response, head: bytes) -> None:
    path, status = response.request.url.path, response.status_code
    answer = f"EDGAR answered {status} to {path} with {describe(head)}"
    match answer_kind(status, head):
        case AnswerKind.BLOCKED:
            raise EdgarBlocked(f"{answer}. {_BLOCK_ADVICE}", subject=path)
        case AnswerKind.NOT_FOUND:
            raise EdgarNotFound(f"{answer}: there is no such file on EDGAR.", subject=path)
        case AnswerKind.PASSING:
            asked = response.headers.get("retry-after")
            raise _Passing(f"{status} with {describe(head)}", retry_after_s(asked, utc_now()))
        case AnswerKind.REFUSED:
            raise EdgarError(
                f"{answer}, which no retry changes: look at that address in a browser, and check"
                " base_url.",
                subject=path,
            )
        case AnswerKind.GOOD:
            return


def _refuse_other_host(asked: httpx.Request, target: httpx.Request) -> None:
    if _origin(asked.url) != _origin(target.url):
        raise EdgarError(
            f"EDGAR redirected {asked.url.path} to {target.url.scheme}://{target.url.host}, which"
            " is not the configured host; nothing was asked there. Check base_url.",
            subject=asked.url.path,
        )


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _unavailable(path: str, error: Exception, tries: int) -> str:
    wait_s = error.wait_s if isinstance(error, _Passing) else None
    asked = "" if wait_s is None else f", and asks to wait {wait_s:.0f} s"
    what = str(error) or type(error).__name__
    return (
        f"EDGAR did not give {path} in {tries} attempt(s), last: {what}{asked}."
        " It usually passes: the next run asks again; raise max_attempts if it happens often."
    )
