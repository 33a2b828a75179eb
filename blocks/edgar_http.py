"""Requests to EDGAR: one host, a declared identity, a shared pace and breaker, retries.

Only transport is decided here; what a body means is read elsewhere.
"""

import io
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import IO, Generic, TypeVar

import httpx
import stamina

from blocks.edgar_answers import HEAD_BYTES
from blocks.edgar_breaker import Breaker
from blocks.edgar_failures import (
    TRANSIENT,
    Passing,
    StayAway,
    blocked,
    raise_unless_good,
    refuse_other_host,
    retry_in,
    unavailable,
)
from blocks.edgar_pace import RequestPace
from blocks.edgar_sink import FileSink, Sink
from blocks.errors import EdgarError
from blocks.gzip_pieces import inflated

_MAX_REDIRECTS = 3
_WHOLE_ANSWER = 10  # an answer may take this many times the timeout in all


@dataclass(frozen=True)
class Body:
    """The decoded body of an answer; ``complete`` is False where the byte cap cut it."""

    data: bytes
    complete: bool


SinkT = TypeVar("SinkT", bound=Sink)


@dataclass(frozen=True)
class Received(Generic[SinkT]):
    """An answer whose body went into ``sink``.

    ``complete`` False: the byte cap cut it. ``unchanged``: it has none, as on 304.
    """

    sink: SinkT
    complete: bool
    unchanged: bool
    headers: httpx.Headers


@dataclass(frozen=True)
class Transport:
    """Whom to ask, as whom, and how patiently.

    ``timeout_s`` is the longest silence of the server, ``block_wait_s`` how
    long it is left alone after a block page.
    """

    base_url: str
    user_agent: str
    timeout_s: float
    max_attempts: int
    block_wait_s: float


class EdgarSession:
    """GETs from one host over kept connections.

    Thread-safe; may be pickled, and then connects anew. Every method raises
    EdgarUnavailable, EdgarBlocked, EdgarNotFound, or EdgarError for a redirect
    to another host, which is never followed, and for other refusals.
    """

    def __init__(self, transport: Transport, pace: RequestPace, breaker: Breaker) -> None:
        self._transport = transport
        self._pace = pace
        self._breaker = breaker
        self._client: httpx.Client | None = None
        self._opening = threading.Lock()
        self._sent = 0
        self._counting = threading.Lock()

    def __reduce__(self) -> tuple[type["EdgarSession"], tuple[Transport, RequestPace, Breaker]]:
        return EdgarSession, (self._transport, self._pace, self._breaker)

    @property
    def requests_sent(self) -> int:
        """How many requests have left, each retry and redirect for itself."""
        return self._sent

    def read(
        self, path: str, params: Mapping[str, str | int] | None = None, *, max_bytes: int
    ) -> Body:
        """The body at ``path``, at most ``max_bytes`` decoded bytes of it."""
        into = io.BytesIO()
        answer = self.ask(path, params, into=into, max_bytes=max_bytes)
        return Body(into.getvalue(), answer.complete)

    def ask(
        self,
        path: str,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        into: IO[bytes],
        max_bytes: int,
    ) -> Received[FileSink]:
        """Write the body at ``path`` to a seekable file; ``headers`` may make it conditional."""
        received = self.stream(
            path, params, headers, sink=partial(FileSink, into), max_bytes=max_bytes
        )
        into.seek(0)
        return received

    def stream(
        self,
        path: str,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        sink: Callable[[], SinkT],
        max_bytes: int,
    ) -> Received[SinkT]:
        """Hand the body at ``path`` to a new sink until it, or the body, or the cap ends that.

        Every attempt that meets a good answer asks for a sink of its own; the
        last one is given back. The connection of an answer that was not read to
        its end is closed.
        """
        request = self._opened().build_request(
            "GET", path, params=params, headers=headers, extensions={"trace": self._count}
        )
        tries = 0
        try:
            for attempt in stamina.retry_context(
                on=retry_in,
                attempts=self._transport.max_attempts,
                timeout=None,
                wait_initial=0.5,
                wait_max=30.0,
                wait_jitter=0.5,
            ):
                with attempt:
                    tries = attempt.num
                    return self._attempt(request, sink, max_bytes)
        except TRANSIENT as error:
            raise unavailable(path, error, tries) from error
        except StayAway as error:
            # first of all for the other processes
            trip = self._breaker.trip(str(error), error.wait_s)
            raise blocked(path, error, trip.until) from error
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

    def _count(self, event: str, _: object) -> None:
        """Hear what httpcore does with a request; a connection that fails sends none."""
        if event.endswith("send_request_headers.complete"):
            with self._counting:
                self._sent += 1

    def _await_turn(self, path: str) -> None:
        """Return when one request may leave."""
        self._breaker.check(path)
        self._pace.wait()
        # another thread or process may have been blocked while this one waited
        self._breaker.check(path)

    def _attempt(
        self, request: httpx.Request, sink: Callable[[], SinkT], max_bytes: int
    ) -> Received[SinkT]:
        for _ in range(1 + _MAX_REDIRECTS):
            self._await_turn(request.url.path)
            with closing(self._opened().send(request, stream=True)) as response:
                if response.next_request is None:
                    return self._received(response, sink, max_bytes)
                refuse_other_host(request, response.next_request)
                request = response.next_request
        raise EdgarError(
            f"EDGAR redirected more than {_MAX_REDIRECTS} times, last to {request.url.path};"
            " check base_url."
        )

    def _received(
        self, response: httpx.Response, sink: Callable[[], SinkT], max_bytes: int
    ) -> Received[SinkT]:
        """Judge an answer by its beginning, then hand it on up to the cap."""
        if _is_unchanged(response):
            return Received(sink(), complete=True, unchanged=True, headers=response.headers)
        pieces = self._pieces(response)
        head = _beginning(pieces)
        raise_unless_good(response, head[:HEAD_BYTES], self._transport.block_wait_s)
        into = sink()
        complete = _handed_on(chain([head], pieces), into, max_bytes)
        return Received(into, complete=complete, unchanged=False, headers=response.headers)

    def _pieces(self, response: httpx.Response) -> Iterator[bytes]:
        coding = response.headers.get("content-encoding", "").strip().lower()
        if coding not in {"", "identity", "gzip"}:
            # httpx would inflate whatever it received as a whole
            raise EdgarError(
                f"EDGAR compressed an answer as {coding!r}, and was asked for gzip; not read."
            )
        deadline = time.monotonic() + _WHOLE_ANSWER * self._transport.timeout_s
        pieces = response.iter_raw()
        for piece in inflated(pieces) if coding == "gzip" else pieces:
            if time.monotonic() > deadline:
                raise Passing("an answer that trickles in too slowly", None)
            yield piece


def _beginning(pieces: Iterator[bytes]) -> bytes:
    head = b""
    for piece in pieces:
        head += piece
        if len(head) >= HEAD_BYTES:
            break
    return head


def _handed_on(pieces: Iterable[bytes], into: Sink, room: int) -> bool:
    """Let the sink take the pieces until it has enough; False where the cap came first."""
    for piece in pieces:
        if into.take(piece[:room]):
            return True
        room -= len(piece)
        if room < 0:
            return False
    return True


def _is_unchanged(response: httpx.Response) -> bool:
    """Whether this is a 304 to a request that asked for one; to any other it says nothing."""
    asked_for = {"if-none-match", "if-modified-since"} & response.request.headers.keys()
    return bool(asked_for) and response.status_code == httpx.codes.NOT_MODIFIED
