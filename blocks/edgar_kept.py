"""Files of a server that are kept, with the headers to ask with for a newer version.

A kept file is one gzip file of its own: a line of JSON, those headers, and the
body. It appears whole or not at all; who has it open still holds the version
whose headers were sent when another process replaces it; and gzip's checksum
tells a damaged one.
"""

import gzip
import json
import logging
import os
import re
import shutil
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from blocks.errors import ConfigurationError

MAX_FOLDER_BYTES = 256 * 1024 * 1024  # some 25 quarterly indexes of 30 MB, compressed

_SUFFIX = ".kept.gz"  # of all that is ours in the folder, and may be deleted
_CHUNK_BYTES = 64 * 1024
_HEADERS_BYTES = 8192
_ASKED_WITH = {"If-None-Match": "etag", "If-Modified-Since": "last-modified"}

_logger = logging.getLogger(__name__)


class Damaged(Exception):
    """A kept file that cannot be read; it is asked for as if it had not been kept."""


def conditions(headers: Mapping[str, str]) -> dict[str, str]:
    """Request headers that ask for another version than the one answered with ``headers``.

    Empty where the server gave no validators or forbids keeping its answer.
    """
    if "no-store" in headers.get("cache-control", "").lower():
        return {}
    return _sendable({asked: headers.get(given) for asked, given in _ASKED_WITH.items()})


def _sendable(headers: Mapping[str, object]) -> dict[str, str]:
    return {
        name: value
        for name, value in headers.items()
        if name in _ASKED_WITH and isinstance(value, str) and value
        if value.isascii() and value.isprintable()
    }


@dataclass(frozen=True)
class KeptFile:
    """A body that was kept, and the request headers that ask for a newer one."""

    conditions: Mapping[str, str]
    body: gzip.GzipFile

    def copy(self, into: IO[bytes], max_bytes: int) -> bool:
        """Write the body to a seekable file, at most ``max_bytes``; False where that cut it.

        Raises:
            Damaged: the rest of it cannot be read.
        """
        into.seek(0)
        into.truncate()
        room = max_bytes
        while chunk := self._read():
            into.write(chunk[:room])
            room -= len(chunk)
            if room < 0:
                break
        into.seek(0)
        return room >= 0

    def _read(self) -> bytes:
        with _damage_named():
            return self.body.read(_CHUNK_BYTES)


@dataclass(frozen=True)
class ValidatorCache:
    """A folder of kept files of one server. Thread-safe, and shared by processes.

    Where the folder grows past ``max_bytes``, what was kept first goes first.
    """

    folder: Path
    server: str
    max_bytes: int = MAX_FOLDER_BYTES

    @contextmanager
    def opened(self, path: str) -> Iterator[KeptFile | None]:
        """The kept file of a path on the server; None where there is none that can be read.

        Raises:
            ConfigurationError: the folder cannot be made or written.
        """
        self._require_folder()
        try:
            file = gzip.open(self._file_of(path))  # noqa: SIM115 - closed below, however it ends
        except OSError:
            yield None
            return
        with file:
            yield _kept(file)

    def keep(self, path: str, headers: Mapping[str, str], body: IO[bytes]) -> None:
        """Keep what was answered with ``headers``, if it can be asked for conditionally.

        A folder that is full costs the keeping and not the answer.
        """
        asked_with = conditions(headers)
        if not asked_with:
            return
        try:
            self._write(self._file_of(path), asked_with, body)
            self._make_room()
        except OSError as error:
            _logger.warning(
                "%s of EDGAR is not kept and will be sent whole next time: %s. Free some space in"
                " %s, or set cache_folder to another.",
                path,
                error,
                self.folder,
            )

    def forget(self, path: str) -> None:
        """Delete the kept file of a path, so that it is sent whole next time.

        Raises:
            ConfigurationError: it cannot be deleted.
        """
        try:
            self._file_of(path).unlink(missing_ok=True)
        except OSError as error:
            raise self._unusable(str(error)) from error

    def _require_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            writable = os.access(self.folder, os.W_OK | os.X_OK)
        except OSError as error:
            raise self._unusable(str(error)) from error
        if not writable:
            raise self._unusable("it may not be written")

    def _unusable(self, what: str) -> ConfigurationError:
        return ConfigurationError(
            f"the folder {self.folder}, which keeps files of EDGAR, cannot be used ({what}): make"
            " it a writable folder, or set cache_folder (by default beside limiter_path) to"
            " another.",
            subject="cache_folder",
        )

    def _file_of(self, path: str) -> Path:
        return self.folder / f"{re.sub(r'[^A-Za-z0-9.-]', '_', self.server + path)}{_SUFFIX}"

    def _write(self, target: Path, asked_with: Mapping[str, str], body: IO[bytes]) -> None:
        handle, half = tempfile.mkstemp(dir=self.folder, prefix=".half-", suffix=_SUFFIX)
        try:
            # fast rather than small: an index still shrinks to a third
            with os.fdopen(handle, "wb") as raw, gzip.GzipFile("", "wb", 1, raw) as file:
                file.write(json.dumps(asked_with).encode() + b"\n")
                shutil.copyfileobj(body, file, _CHUNK_BYTES)
            Path(half).replace(target)
        finally:
            Path(half).unlink(missing_ok=True)

    def _make_room(self) -> None:
        found = []
        for file in self.folder.glob(f"*{_SUFFIX}"):
            with suppress(FileNotFoundError):  # another process makes room, too
                found.append((file.stat().st_mtime_ns, file.stat().st_size, file))
        too_many = sum(size for _, size, _ in found) - self.max_bytes
        for _, size, file in sorted(found):
            if too_many <= 0:
                return
            file.unlink(missing_ok=True)
            too_many -= size


def _kept(file: gzip.GzipFile) -> KeptFile | None:
    try:
        with _damage_named():
            asked_with = _sendable(json.loads(file.readline(_HEADERS_BYTES)))
    except (Damaged, ValueError, AttributeError):
        return None
    return KeptFile(asked_with, file) if asked_with else None


@contextmanager
def _damage_named() -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:
        raise Damaged from error
