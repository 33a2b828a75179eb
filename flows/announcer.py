"""What a run announces: at once what it has recorded, and what earlier runs could not."""

from collections.abc import Iterable
from typing import Final

from prefect.logging import get_logger

from blocks.announcements import announcements_of
from blocks.errors import NotAnnounced, StoreError
from blocks.models import Outcome, utc_now
from blocks.store import SeenStore
from tasks.announce import announce

AT_ONCE: Final = 250  # events a request
REQUESTS: Final = 4  # at one time; Prefect's message queue holds 10,000

logger = get_logger(__name__)


class Announcer:
    """Sends what the store notes to be announced; ``store`` None: what it is given.

    It never ends a run, whose work is stored. ``trouble`` says why something was not
    announced; empty: all was.
    """

    def __init__(self, store: SeenStore | None, run_id: str) -> None:
        self.trouble = ""
        self._store = store
        self._run_id = run_id

    def tell(self, outcomes: Iterable[Outcome]) -> None:
        """Announce these, which are recorded by now, if they are analyses."""
        answered = [one for one in outcomes if one.answer is not None]
        if not answered:
            return
        if self._store is not None:
            self.tell_what_waits()
            return
        try:
            announce(announcements_of(answered, (), utc_now()))
        except NotAnnounced as error:
            self._note(f"{error}. With the store switched off they are lost")

    def tell_what_waits(self) -> None:
        """Announce what this run has recorded, and what others left; oldest first, so many."""
        if self._store is None:
            return
        try:
            for _ in range(REQUESTS):
                waiting = self._store.outbox.take(self._run_id, most=AT_ONCE)
                if waiting:
                    announce(waiting)
                    self._store.outbox.sent(one.id for one in waiting)
                self.trouble = ""
                if len(waiting) < AT_ONCE:
                    return
        except (NotAnnounced, StoreError) as error:
            self._note(f"{error}. They wait in the store for the next run")

    def _note(self, trouble: str) -> None:
        self.trouble = trouble
        logger.warning("not announced: %s", trouble)
