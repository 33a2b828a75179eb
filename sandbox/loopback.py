"""A threaded HTTP/1.1 server on loopback that can misbehave to the byte."""

import gzip
import socket
import sys
import threading
import traceback
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from sandbox.ledger import Ledger

_SMALLEST_GZIPPED_BYTES = 256
_PATIENCE_S = 5.0


@dataclass(frozen=True)
class Request:
    """What a client sent; ``target`` is the path with its query, as sent."""

    method: str
    target: str
    headers: Message
    body: bytes = b""

    @property
    def path(self) -> str:
        """The target without its query."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters, empty ones included; of a repeated one the last."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def user_agent(self) -> str:
        """The User-Agent header, empty where there is none."""
        return str(self.headers.get("User-Agent", ""))


@dataclass(frozen=True)
class Stream:
    """A body that is never whole in memory, sent as it is, uncompressed.

    ``length_bytes`` becomes the Content-Length; without it the chunks are sent
    as chunks. A stream of an iterator can be sent once.
    """

    chunks: Iterable[bytes]
    length_bytes: int | None = None


@dataclass(frozen=True)
class Response:
    """What goes back, and how badly.

    ``sent_share`` below 1 sends that share of the body under a Content-Length
    that promises all of it, then closes; ``dropped`` closes without a byte.
    A ``stream`` is sent in place of the body, and whole.
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    sent_share: float = 1.0
    dropped: bool = False
    stream: Stream | None = None


class Load:
    """How many requests are in progress (latency included), and the most ever."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.current = 0
        self.peak = 0

    def __enter__(self) -> Self:
        with self._lock:
            self.current += 1
            self.peak = max(self.peak, self.current)
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.current -= 1


class LoopbackServer(ABC):
    """Serves :meth:`answer` on 127.0.0.1, one thread a connection; a context manager.

    ``streamed_bytes`` tells of every stream how much of it left before its end,
    or before the client hung up; :meth:`stop` waits for the last of them.
    """

    def __init__(self) -> None:
        self.load = Load()
        self.streamed_bytes: Ledger[int] = Ledger()
        self._closing = threading.Event()
        self._listener: _Listener | None = None

    @abstractmethod
    def answer(self, request: Request) -> Response:
        """Answer one request; called from many threads at once."""

    def start(self, port: int = 0) -> Self:
        """Listen on ``port`` (0: any free one) and return at once."""
        self._closing.clear()
        self._listener = _Listener(self, port)
        threading.Thread(
            target=self._listener.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()
        return self

    def stop(self) -> None:
        """Close every connection, answered or not, and end the threads."""
        if self._listener is not None:
            self._closing.set()
            self._listener.shutdown()
            self._listener.server_close()
            self._listener.hang_up()
            self._listener = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Address of the running server, without a closing slash."""
        if self._listener is None:
            raise RuntimeError("the server is not running: use it in a with statement")
        return f"http://127.0.0.1:{self._listener.server_port}"

    def handle(self, request: Request) -> Response:
        """Answer and wait as long as the response says; cut short by :meth:`stop`."""
        with self.load:
            response = self.answer(request)
            if response.delay_s and self._closing.wait(response.delay_s):
                return Response(dropped=True)
        return response


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, owner: LoopbackServer, port: int) -> None:
        self.owner = owner
        self.connections: set[socket.socket] = set()
        self.changed = threading.Condition()
        super().__init__(("127.0.0.1", port), _Handler)

    def hang_up(self) -> None:
        """Shut the open connections and wait for their threads to let go of them."""
        with self.changed:
            for connection in self.connections:
                _shut(connection)
            self.changed.wait_for(lambda: not self.connections, timeout=_PATIENCE_S)

    def handle_error(self, *_: object) -> None:
        """Stay silent about clients that went away; show what is our own bug."""
        if not isinstance(sys.exception(), OSError):
            traceback.print_exc()


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the client was first


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Listener

    def setup(self) -> None:
        super().setup()
        with self.server.changed:
            self.server.connections.add(self.connection)

    def finish(self) -> None:
        try:
            super().finish()
        finally:
            with self.server.changed:
                self.server.connections.discard(self.connection)
                self.server.changed.notify_all()

    def exchange(self) -> None:
        """Read one request, answer it, and keep or close the connection."""
        length = int(self.headers.get("Content-Length") or 0)
        request = Request(self.command, self.path, self.headers, self.rfile.read(length))
        response = self.server.owner.handle(request)
        if response.dropped or response.sent_share < 1:
            self.close_connection = True
        if response.stream and not response.dropped:
            self._send(response.stream, response)
        elif not response.dropped:
            self.wfile.write(_wire_bytes(response, str(self.headers.get("Accept-Encoding", ""))))

    def _send(self, stream: Stream, response: Response) -> None:
        self.wfile.write(_head(response.status, _headers(response) | _framing(stream)))
        sent_bytes = 0
        try:
            for chunk in filter(None, stream.chunks):
                self.wfile.write(_framed(chunk, stream))
                sent_bytes += len(chunk)
            self.wfile.write(_framed(b"", stream))
        finally:
            self.server.owner.streamed_bytes.add(sent_bytes)

    do_GET = exchange  # noqa: N815  (the base class looks for these names)
    do_POST = exchange  # noqa: N815
    do_DELETE = exchange  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Write nothing: the ledgers tell what was asked."""


def _wire_bytes(response: Response, accept_encoding: str) -> bytes:
    headers, body = _headers(response), response.body
    if "gzip" in accept_encoding and len(body) >= _SMALLEST_GZIPPED_BYTES:
        body = gzip.compress(body, compresslevel=1, mtime=0)
        headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    if response.status != HTTPStatus.NOT_MODIFIED:  # its length would be the unsent body's
        headers["Content-Length"] = str(len(body))
    return _head(response.status, headers) + body[: int(len(body) * response.sent_share)]


def _headers(response: Response) -> dict[str, str]:
    return {"Content-Type": "text/plain"} | dict(response.headers)


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _framing(stream: Stream) -> dict[str, str]:
    if stream.length_bytes is None:
        return {"Transfer-Encoding": "chunked"}
    return {"Content-Length": str(stream.length_bytes)}


def _framed(chunk: bytes, stream: Stream) -> bytes:
    """A chunk as it is sent; an empty one is the end."""
    return chunk if stream.length_bytes is not None else b"%x\r\n%b\r\n" % (len(chunk), chunk)
