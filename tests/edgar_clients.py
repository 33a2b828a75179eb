"""EDGAR clients for the servers of the tests."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from blocks.edgar import EdgarClient

WHO = "Sample Company AdminContact@sample.com"


class Serving(Protocol):
    """A server on loopback."""

    @property
    def url(self) -> str:
        """Its address, without a slash."""
        ...


def kept_by(tmp_path: Path) -> Path:
    """Where such a client keeps files that it asks about conditionally."""
    return tmp_path / "limit" / "requests.sqlite.kept"


def made(sec: Serving, tmp_path: Path, **changed: Any) -> EdgarClient:  # noqa: ANN401 - block fields
    """A client of this server; two attempts unless it is told otherwise."""
    fields: dict[str, Any] = {
        "user_agent": WHO,
        "base_url": sec.url,
        "limiter_path": tmp_path / "limit" / "requests.sqlite",
        "max_attempts": 2,
    }
    return EdgarClient(**(fields | changed))


@contextlib.contextmanager
def client_of(sec: Serving, tmp_path: Path, **changed: Any) -> Iterator[EdgarClient]:  # noqa: ANN401 - as above
    """The same, closed at the end."""
    with contextlib.closing(made(sec, tmp_path, **changed)) as client:
        yield client
