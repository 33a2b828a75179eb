"""Servers of the standard library's kind, run beside a test."""

import contextlib
import threading
from collections.abc import Iterator
from http.server import HTTPServer
from typing import TypeVar

ServerT = TypeVar("ServerT", bound=HTTPServer)


@contextlib.contextmanager
def running(server: ServerT) -> Iterator[ServerT]:
    """Serve in a thread, and end both with the context."""
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
