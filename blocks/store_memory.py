"""The memory before the store: filings known to have an outcome, most recent first out last.

It pays in a process that asks again and again; a process that lives for one
poll is as fast without it.
"""

import threading
from collections.abc import Iterable, Mapping
from datetime import datetime

from cachetools import LRUCache


class SeenMemory:
    """Packed accession numbers with the moment their outcome was stored.

    Only what is committed may be remembered, and only "has an outcome": that
    never becomes untrue, while "not seen yet" does at any moment.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._done_at: LRUCache[int, datetime] = LRUCache(size)
        self._lock = threading.Lock()  # a cachetools cache reorders itself on every read

    def __reduce__(self) -> tuple[type["SeenMemory"], tuple[int]]:
        return SeenMemory, (self.size,)

    def known(self, keys: Iterable[int], *, since: datetime | None) -> set[int]:
        """Those of ``keys`` with an outcome, stored at ``since`` or later where that is given."""
        with self._lock:
            found = {key: self._done_at.get(key) for key in keys}
        return {
            key
            for key, done_at in found.items()
            if done_at is not None and (since is None or done_at >= since)
        }

    def remember(self, done_at: Mapping[int, datetime]) -> None:
        """Note committed outcomes; the longest unused ones make room."""
        with self._lock:
            self._done_at.update(done_at)
