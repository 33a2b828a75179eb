"""Between a run and Prefect's server: every event that is posted is written down on its way.

The server drops an event whose id it has, so what was sent twice can be counted
only before it. Connections are passed on to the byte, web sockets among them.
"""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from io import BufferedReader
from typing import Any
from urllib.parse import urlsplit

from prefect.settings import PREFECT_API_URL, temporary_settings

Fault = Callable[[socket.socket, Callable[[], None]], bool]


class EventWire:
    """``posted`` are the events that arrived here, in order; ``requests``, how many carried them.

    ``fault`` is given the client and a way to pass the request on; true where it
    has dealt with it.
    """

    def __init__(self, api_url: str) -> None:
        target = urlsplit(api_url)
        self.posted: list[dict[str, Any]] = []
        self.requests = 0
        self.fault: Fault | None = None
        self._server = (str(target.hostname), int(target.port or 80))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.api_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}{target.path}"

    @property
    def ids(self) -> list[str]:
        """Of the events, in the order they came, as often as they came."""
        return [str(event["id"]) for event in self.posted]

    def about(self, name: str = "enriched") -> list[str]:
        """The accession numbers that events of this kind were posted about."""
        ours = [one for one in self.posted if one["event"] == f"sec-filing.{name}"]
        return [one["resource"]["prefect.resource.id"].removeprefix("sec-filing.") for one in ours]

    def serve(self) -> None:
        """Take connections until the listener is closed."""
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._connection, args=(client,), daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _connection(self, client: socket.socket) -> None:
        with suppress(OSError), client, socket.create_connection(self._server) as server:
            threading.Thread(target=_passed_on, args=(server, client), daemon=True).start()
            self._requests(client, server)

    def _requests(self, client: socket.socket, server: socket.socket) -> None:
        with client.makefile("rb") as sent:
            while head := _head(sent):
                lowered = head.lower()
                if b"upgrade: websocket" in lowered:
                    server.sendall(head)
                    while some := sent.read1():
                        server.sendall(some)
                    return
                length = lowered.partition(b"content-length:")[2].partition(b"\r\n")[0]
                request = head + (body := sent.read(int(length or 0)))
                if head.startswith(b"POST /api/events HTTP"):
                    self.requests += 1
                    self.posted += json.loads(body)
                    if self.fault and self.fault(client, partial(server.sendall, request)):
                        continue
                server.sendall(request)


def _head(sent: BufferedReader) -> bytes:
    """A request's lines with the empty one after them; nothing once the client has gone."""
    lines: list[bytes] = []
    while line := sent.readline():
        lines.append(line)
        if line == b"\r\n":
            return b"".join(lines)
    return b""


def _passed_on(server: socket.socket, client: socket.socket) -> None:
    with suppress(OSError):
        while some := server.recv(65_536):
            client.sendall(some)
        client.shutdown(socket.SHUT_RDWR)


def refused(client: socket.socket, _: object) -> bool:
    """The server fails, at once and for good."""
    client.sendall(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\n\r\n{}")
    return True


@contextmanager
def wired() -> Iterator[EventWire]:
    """All that this process asks of Prefect's server from now on goes over the wire."""
    wire = EventWire(str(PREFECT_API_URL.value()))
    thread = threading.Thread(target=wire.serve, daemon=True)
    thread.start()
    with temporary_settings({PREFECT_API_URL: wire.api_url}):
        yield wire
    wire.close()
    thread.join()
