"""The connection to a model endpoint: how long and how long-winded one answer may be.

The SDK's own timeout bounds one silence only, so an endpoint that sends a
space now and then (gateways do, to keep a connection open) could hold a call
for ever. Here the whole answer has a deadline and a size.
"""

import time
from collections.abc import Iterator

import httpx2
import openai

MOST_ANSWER_BYTES = 8 * 1024 * 1024
_WHOLE_ANSWER = 3  # an answer may take this many times the longest silence in all
_CONNECT_S = 5.0
_DEADLINE = "answer_deadline"


class AnswerTooLong(httpx2.RequestError):
    """The endpoint sent more than an answer may have, or what may become more once inflated.

    The SDK wraps it as its own error.
    """


def model_client(
    *, api_key: str, base_url: str, silence_s: float, most_bytes: int = MOST_ANSWER_BYTES
) -> openai.OpenAI:
    """A client whose answers end, one way or another, within bounds; shared by threads.

    One pool of 1,000 connections (the SDK's default) serves all threads. An
    answer not complete ``3 * silence_s`` after it was asked for is given up as
    the SDK's APITimeoutError when its next piece comes, hence at most one
    silence later; headers that drip in are bounded by their size alone. A body
    of more than ``most_bytes``, an error of more than 8 MiB, or one that is compressed
    although it was asked not to be, is the SDK's APIConnectionError, caused by
    AnswerTooLong. Nothing is tried again and no redirect is followed.
    """

    def start_the_clock(request: httpx2.Request) -> None:
        request.extensions[_DEADLINE] = time.monotonic() + _WHOLE_ANSWER * silence_s

    def bound(response: httpx2.Response) -> None:
        coding = response.headers.get("content-encoding", "").strip().lower()
        if coding not in {"", "identity"}:
            raise AnswerTooLong(f"the answer is compressed ({coding}), and was asked not to be")
        most = most_bytes if response.is_success else MOST_ANSWER_BYTES
        if isinstance(response.stream, httpx2.SyncByteStream):
            deadline = float(response.request.extensions[_DEADLINE])
            response.stream = _BoundedStream(response.stream, deadline, most)

    return openai.OpenAI(
        api_key=api_key,
        base_url=base_url,
        timeout=openai.Timeout(silence_s, connect=_CONNECT_S),
        max_retries=0,  # the SDK would also repeat what may have been billed
        # compressed, a small answer could grow past the size after it was checked
        default_headers={"Accept-Encoding": "identity"},
        http_client=openai.DefaultHttpxClient(
            # a redirect would carry the filing and the key to a host nobody configured
            follow_redirects=False,
            event_hooks={"request": [start_the_clock], "response": [bound]},
        ),
    )


class _BoundedStream(httpx2.SyncByteStream):
    """A body that is given up at a time of the monotonic clock, or at a size."""

    def __init__(self, stream: httpx2.SyncByteStream, deadline: float, most_bytes: int) -> None:
        self._stream = stream
        self._deadline = deadline
        self._most_bytes = most_bytes

    def __iter__(self) -> Iterator[bytes]:
        room = self._most_bytes
        for chunk in self._stream:
            if time.monotonic() > self._deadline:
                raise httpx2.ReadTimeout("the answer trickles in too slowly")
            room -= len(chunk)
            if room < 0:
                raise AnswerTooLong(f"the answer passes {self._most_bytes:,} bytes")
            yield chunk

    def close(self) -> None:
        self._stream.close()
