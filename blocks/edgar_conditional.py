"""Conditional requests: a file that has not changed since it was read is not sent again.

The storage behind EDGAR's files gives ETag and Last-Modified, also where it
compresses (a public recording of 2017). The live feed gives neither and says
no-cache (recordings of 2017 and 2025), so it is always sent whole.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO

from blocks.edgar_answers import HEAD_BYTES, is_error_page
from blocks.edgar_http import Body, EdgarSession
from blocks.edgar_kept import Damaged, ValidatorCache
from blocks.errors import IndexUnreadable


@dataclass
class Trial:
    """What its reader found of a body: whether all of it could be read."""

    is_sound: bool = True


class ConditionalSession:
    """GETs of files that rarely change: as EdgarSession, and answered from the cache on 304."""

    def __init__(self, session: EdgarSession, cache: ValidatorCache) -> None:
        self._session = session
        self._cache = cache

    def read(self, path: str, *, max_bytes: int) -> Body:
        """The current body at ``path``, at most ``max_bytes`` decoded bytes of it."""
        into = io.BytesIO()
        complete = self.save(path, into=into, max_bytes=max_bytes)
        return Body(into.getvalue(), complete)

    def save(self, path: str, *, into: IO[bytes], max_bytes: int) -> bool:
        """Write the current body at ``path`` to a seekable file; False where the cap cut it."""
        with self._cache.opened(path) as kept:
            asked_with = kept.conditions if kept else {}
            answer = self._session.ask(path, headers=asked_with, into=into, max_bytes=max_bytes)
            if kept and answer.unchanged:
                with suppress(Damaged):
                    return kept.copy(into, max_bytes)
                answer = self._session.ask(path, into=into, max_bytes=max_bytes)
        if answer.complete and not is_error_page(into.read(HEAD_BYTES)):
            into.seek(0)
            self._cache.keep(path, answer.headers, into)
        into.seek(0)
        return answer.complete

    @contextmanager
    def trial(self, path: str) -> Iterator[Trial]:
        """Read the file at ``path`` within; one that proves spoilt is not kept.

        A spoilt body may come with the tag of the sound one. Kept, it would be
        what every later run reads, told each time that nothing has changed. It
        is spoilt where the reader says so, or raises IndexUnreadable.
        """
        trial = Trial()
        try:
            yield trial
        except IndexUnreadable:
            trial.is_sound = False
            raise
        finally:
            if not trial.is_sound:
                self._cache.forget(path)
