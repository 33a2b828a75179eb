"""Where paid answers are kept: the folder behind Prefect's task cache."""

import os
import tempfile
from pathlib import Path
from typing import Any

from prefect.filesystems import LocalFileSystem

from blocks.errors import AnswerCacheUnusable

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

    async def awrite_path(self, path: str, content: bytes) -> str:
        """Write as :meth:`write_path` does; for Prefect's asynchronous callers."""
        return self.write_path(path, content)

    def probe(self) -> None:
        """Write, read back and remove a file the size of a large answer.

        Prefect completes a task whose result could not be written, and would
        pay for it again in every run; so the run asks here first.

        Raises:
            AnswerCacheUnusable: the folder is not writable, is full, or does not
                give back what was written.
        """
        content = os.urandom(_PROBE_BYTES)
        name = f".probe-{os.getpid()}"
        try:
            written = Path(self.write_path(name, content))
            same = written.read_bytes() == content
            written.unlink()
        except (OSError, ValueError) as error:
            raise self._unusable(str(error)) from error
        if not same:
            raise self._unusable("a probe file did not read back as it was written")

    def _unusable(self, what: str) -> AnswerCacheUnusable:
        return AnswerCacheUnusable(
            f"answer folder {self.basepath}: {what}. Nothing was bought, since the answers "
            "could not be kept. Make the folder writable and free some space, point the "
            "answer-folder block elsewhere, or set FEATURE_SEC_LLM_CACHE=0 to run without it",
            subject=self.basepath,
        )
