"""Where paid answers are kept: the folder behind Prefect's task cache."""

import json
import os
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from prefect.filesystems import LocalFileSystem
from prefect.serializers import JSONSerializer

from blocks.answer_turns import turn
from blocks.errors import AnswerCacheUnusable

_JSON = JSONSerializer().model_dump(mode="json")
_PROBE_BYTES = 64 * 1024  # several times the largest answer


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
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, half = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(half).replace(target)
        except OSError:
            Path(half).unlink(missing_ok=True)
            raise
        return str(target)

    def read_path(  # type: ignore[override]  # as above
        self,
        path: str,
        **_: Any,  # noqa: ANN401 - as above
    ) -> bytes:
        """Read a file that Prefect wrote as JSON.

        A result names the serializer that is to read it, and one of them runs
        code; so a file that names another than JSON is not handed over.

        Raises:
            ValueError: no such file, not a result of Prefect's, or not JSON.
        """
        try:
            content = self._resolve_path(path).read_bytes()
            serializer = json.loads(content)["metadata"]["serializer"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is no result that can be read: {error}") from error
        if serializer != _JSON:
            raise ValueError(f"{path} is to be read by {serializer}, and only JSON is read here")
        return content

    async def aread_path(self, path: str) -> bytes:
        """Read as :meth:`read_path` does; for Prefect's asynchronous callers."""
        return self.read_path(path)

    async def awrite_path(self, path: str, content: bytes) -> str:
        """Write as :meth:`write_path` does; for Prefect's asynchronous callers."""
        return self.write_path(path, content)

    def has(self, path: str) -> bool:
        """Whether there is a file of this name."""
        return self._resolve_path(path).is_file()

    def set_aside(self, path: str) -> None:
        """Rename a file that is not what its name says, so that it is neither used nor lost."""
        target = self._resolve_path(path)
        with suppress(FileNotFoundError):  # another thread or process has done so
            target.replace(target.with_name(f"{target.name}.unreadable"))

    def note(self, path: str, text: str) -> None:
        """Write a short text beside the results, whole or not at all.

        Raises:
            OSError: the folder cannot be written or is full.
        """
        self.write_path(path, text.encode())

    def noted(self, path: str) -> str | None:
        """What :meth:`note` wrote; None where there is nothing that can be read."""
        try:
            return self._resolve_path(path).read_bytes().decode(errors="replace")
        except OSError:
            return None

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
                raise self.unusable(
                    f"{error}. Nothing was bought, since it could not be kept"
                ) from error
            yield

    def probe(self, below: str) -> None:
        """Write, read back and remove a file the size of a large answer, where answers go.

        Prefect completes a task whose result could not be written, and would
        pay for it again in every run; so the run asks here first.

        Raises:
            AnswerCacheUnusable: the folder is not writable, is full, or does not
                give back what was written.
        """
        content = os.urandom(_PROBE_BYTES)
        try:
            written = Path(self.write_path(f"{below}/.probe-{uuid.uuid4()}", content))
            same = written.read_bytes() == content
            written.unlink()
        except (OSError, ValueError) as error:
            raise self.unusable(
                f"{error}. Nothing was bought, since it could not be kept"
            ) from error
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
