"""What waits to be announced, shared by all runs that share the store."""

from collections.abc import Iterable

import blocks.store_announcements as waiting
from blocks.announcements import Announcement
from blocks.store_ledger import opened
from blocks.store_windows import Window


class Outbox:
    """What was recorded and is not announced yet; :meth:`blocks.store.SeenStore.record` fills it.

    Both methods raise ``StoreUnavailable`` and ``StoreTooNew`` as those of
    :class:`blocks.store.SeenStore` do; then nothing was changed.
    """

    def __init__(self, window: Window) -> None:
        self._window = window

    def take(self, sender: str, *, most: int) -> list[Announcement]:
        """The oldest of what ``sender`` is to send and of what nobody is sending, in order.

        Nobody else is given them for two minutes. What a run has recorded is its own
        to send for as long, then any run's.
        """
        with opened(self._window, writes=True) as transaction:
            return waiting.take(transaction, sender, most)

    def sent(self, ids: Iterable[str]) -> None:
        """Forget these: Prefect's server has them."""
        with opened(self._window, writes=True) as transaction:
            waiting.sent(transaction, ids)
