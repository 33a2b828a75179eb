"""Where paid answers are kept: the folder behind Prefect's task cache."""

import logging
import os
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from prefect.filesystems import LocalFileSystem
from pydantic import PrivateAttr

from blocks.answer_pruning import Retention, prune
from blocks.answer_seal import Unbelievable, bytes_of, result_in, sealed, unsealed
from blocks.answer_turns import let_go, turn
from blocks.errors import AnswerCacheUnusable
from blocks.models import utc_now

_ROOM_BYTES = 64 * 1024  # several times the largest answer

_logger = logging.getLogger(__name__)


class AnswerFolder(LocalFileSystem):
    """A local folder that Prefect keeps task results in, written whole or not at all.

    Prefect's own local storage writes in place, so that a reader beside a
    writer, or a process killed while writing, meets half a file, and half a
    file is a silent miss that is paid for again.
    """

    _block_type_name = "Answer folder"
    _block_type_slug = "answer-folder"
    _description = (
        "Folder of paid answers and of each run's fetched list, shared by all deployments."
    )

    _rooms: dict[Path, Path] = PrivateAttr(default_factory=dict)

    def write_path(  # type: ignore[override]  # Prefect's own local storage is synchronous too
        self,
        path: str,
        content: bytes,
        **_: Any,  # noqa: ANN401 - Prefect's switch between its two kinds of caller
    ) -> str:
        """Write a file so that it appears whole under its name, or not at all.

        Raises:
            OSError: the folder cannot be written or is full.
        """
        target = self._resolve_path(path)
        half = self._rooms.pop(target, None)
        if half is None or not half.exists():  # a room that was tidied away must cost no answer
            half = self._half_of(target)
        try:
            with half.open("r+b") as file:
                file.write(sealed(self._name_of(target), content))
                file.truncate()
                file.flush()
                os.fsync(file.fileno())
            half.replace(target)
        except OSError:
            half.unlink(missing_ok=True)
            raise
        return str(target)

    def read_path(  # type: ignore[override]  # as above
        self,
        path: str,
        **_: Any,  # noqa: ANN401 - as above
    ) -> bytes:
        """Read a file that Prefect wrote as JSON; whatever else bears its name is set aside.

        Raises:
            ValueError: no such file; or it was torn, changed, another's or not JSON.
            AnswerCacheUnusable: it cannot be told, or not be set aside.
        """
        try:
            return self.look_at(path)
        except Unbelievable as error:
            self.set_aside(path, str(error))
            raise ValueError(f"{path} is no result that can be read: {error}") from error

    def look_at(self, path: str) -> bytes:
        """Read as :meth:`read_path` does, and leave in its place what cannot be believed.

        Raises:
            ValueError: no such file; or it was torn, changed, another's or not JSON.
            AnswerCacheUnusable: it cannot be told.
        """
        target = self._resolve_path(path)
        try:
            return result_in(self._name_of(target), bytes_of(target))
        except FileNotFoundError as error:
            raise ValueError(f"there is no {path}") from error
        except OSError as error:
            raise self._untold(error) from error

    async def aread_path(self, path: str) -> bytes:
        """Read as :meth:`read_path` does; for Prefect's asynchronous callers."""
        return self.read_path(path)

    async def awrite_path(self, path: str, content: bytes) -> str:
        """Write as :meth:`write_path` does; for Prefect's asynchronous callers."""
        return self.write_path(path, content)

    @property
    def root(self) -> Path:
        """Where the folder is."""
        return self._resolve_path(".")

    def has(self, path: str) -> bool:
        """Whether there is a file of this name."""
        return self._resolve_path(path).is_file()

    def is_taken(self, path: str) -> bool:
        """Whether there is anything of this name, be it a file or not."""
        return os.path.lexists(self._resolve_path(path))

    def set_aside(self, path: str, why: str) -> None:
        """Rename what is not what its name says, so that it is neither used nor lost.

        Raises:
            AnswerCacheUnusable: it cannot be renamed.
        """
        target = self._resolve_path(path)
        aside = target.with_name(f"{target.name}.unreadable")
        if os.path.lexists(aside):
            aside = target.with_name(f"{target.name}.{uuid.uuid4().hex[:8]}.unreadable")
        try:
            target.replace(aside)
        except FileNotFoundError:  # another thread or process has done so
            return
        except OSError as error:
            raise self.unusable(f"{path} cannot be read ({why}) nor set aside: {error}") from error
        with suppress(OSError):  # so long it stays from now on, however old it is
            os.utime(aside, follow_symlinks=False)
        _logger.warning("%s was set aside as %s: %s", target, aside.name, why)

    def note(self, path: str, text: str) -> None:
        """Write a short text beside the results, whole or not at all.

        Raises:
            OSError: the folder cannot be written or is full.
        """
        self.write_path(path, text.encode())

    def noted(self, path: str) -> str | None:
        """What :meth:`note` wrote; None where there is nothing, empty what cannot be believed.

        Raises:
            AnswerCacheUnusable: it cannot be told.
        """
        target = self._resolve_path(path)
        try:
            content = unsealed(self._name_of(target), bytes_of(target))
        except FileNotFoundError:
            return None
        except Unbelievable:
            return ""
        except OSError as error:
            raise self._untold(error) from error
        return content.decode(errors="replace")

    def forget(self, path: str) -> None:
        """Remove what :meth:`note` wrote, if it is there."""
        with suppress(OSError):  # what is left is looked into again, and is no harm
            self._resolve_path(path).unlink(missing_ok=True)

    @contextmanager
    def turns(self, names: Iterable[str], *, patience_s: float) -> Iterator[None]:
        """Do something while no other thread or process does it under one of these names.

        They are taken one by one, in sorted order, so that nobody waits in a circle.
        Who has waited ``patience_s`` seconds in all goes on without the rest.

        Raises:
            AnswerCacheUnusable: the folder cannot be written.
        """
        deadline = time.monotonic() + patience_s
        with ExitStack() as held:
            try:
                for name in sorted(names):
                    lock = self._resolve_path(f"{name}.turn")
                    left_s = max(0.0, deadline - time.monotonic())
                    held.enter_context(turn(lock, patience_s=left_s))
            except OSError as error:
                raise self._unusable_before_buying(error) from error
            yield

    @contextmanager
    def room_for(self, path: str) -> Iterator[None]:
        """Hold the disk space that the next file of this name will take, before it is paid for.

        The first write of that name takes it, also after the end of the block; an
        error in the block gives it back.

        Raises:
            AnswerCacheUnusable: there is no such space, or the folder cannot be written.
        """
        target = self._resolve_path(path)
        try:
            half = self._half_of(target)
            try:
                half.write_bytes(os.urandom(_ROOM_BYTES))  # what is all zeros may take no space
            except OSError:
                half.unlink(missing_ok=True)
                raise
        except OSError as error:
            raise self._unusable_before_buying(error) from error
        self._rooms[target] = half
        try:
            yield
        except BaseException:
            if room := self._rooms.pop(target, None):
                room.unlink(missing_ok=True)
            raise

    @contextmanager
    def alone(self, name: str, *, patience_s: float) -> Iterator[bool]:
        """Do something as the only one who does it under this name; yields whether it is so.

        Where no file can be written nobody can be told from the others, and it is so.
        """
        with ExitStack() as held:
            is_alone = True
            with suppress(OSError):  # what needs the folder finds out by itself
                lock = self._resolve_path(f"{name}.turn")
                is_alone = held.enter_context(turn(lock, patience_s=patience_s))
            yield is_alone

    def clear_turns(self, below: str) -> None:
        """Remove what killed processes have left of turns, of these and no folder below them."""
        for left in sorted(self._resolve_path(below).glob("*.turn")):
            with suppress(OSError):
                let_go(left)

    def prune(
        self, *, runs_kept: timedelta | None, answer_ttl: timedelta | None, limit_s: float
    ) -> tuple[Mapping[str, int], str]:
        """Remove what has had its day: how much, by kind, and why that is not all; else empty.

        Args:
            runs_kept: how long what a run left for its retry or a person is kept; None:
                for ever.
            answer_ttl: how long answers live; those that have expired go. None: all stay.
            limit_s: seconds after which the rest is left for the next time.
        """
        until = time.monotonic() + limit_s
        retention = Retention(runs_kept, answer_ttl)
        return prune(
            self._resolve_path("."), retention, utc_now(), lambda: time.monotonic() < until
        )

    def probe(self, below: str) -> None:
        """Write, read back and remove a file the size of a large answer, where answers go.

        Prefect completes a task whose result could not be written, and would
        pay for it again in every run; so the run asks here first.

        Raises:
            AnswerCacheUnusable: the folder is not writable, is full, or does not
                give back what was written.
        """
        content = b"\0" + os.urandom(_ROOM_BYTES)  # what begins like JSON would be sealed
        try:
            written = Path(self.write_path(f"{below}/.probe-{uuid.uuid4()}", content))
            same = written.read_bytes() == content
            written.unlink()
        except (OSError, ValueError) as error:
            raise self._unusable_before_buying(error) from error
        if not same:
            raise self.unusable("a probe file did not read back as it was written")

    def unusable(self, what: str) -> AnswerCacheUnusable:
        """The error that stops a run whose answers cannot be kept."""
        return AnswerCacheUnusable(
            f"answer folder {self.basepath}: {what}. Make the folder writable and free some "
            "space, point the answer-folder block elsewhere, or set FEATURE_SEC_LLM_CACHE=0 to "
            "run without it",
            subject=self.basepath,
        )

    def _untold(self, error: OSError) -> AnswerCacheUnusable:
        return self.unusable(f"{error}. No answer was looked for in vain")

    def _unusable_before_buying(self, error: Exception) -> AnswerCacheUnusable:
        return self.unusable(f"{error}. Nothing was bought, since it could not be kept")

    def _resolve_path(self, path: str) -> Path:
        """Where a path leads, below the folder; the last part of it may be a link, and stays one.

        Raises:
            ValueError: outside of the folder.
        """
        below = Path(path)
        if below.name in {"", ".."}:
            return super()._resolve_path(path)
        return super()._resolve_path(str(below.parent)) / below.name

    def _name_of(self, target: Path) -> str:
        return target.relative_to(super()._resolve_path(".")).as_posix()

    def _half_of(self, target: Path) -> Path:
        """An empty file beside the target that is to become it."""
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, half = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        os.close(handle)
        return Path(half)
