"""Where the body of an answer goes while it comes in."""

from typing import IO, Protocol


class Sink(Protocol):
    """Who uses the body of an answer, piece by piece."""

    def take(self, data: bytes) -> bool:
        """Use the next decoded bytes; True when no more are wanted."""
        ...


class FileSink:
    """Fills a seekable file, emptied first of what an earlier attempt left."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        file.seek(0)
        file.truncate()

    def take(self, data: bytes) -> bool:
        """Write, and want more."""
        self._file.write(data)
        return False
