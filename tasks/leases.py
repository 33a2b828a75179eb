"""The claims of one run: until when they are surely its own, and which are no longer.

A process may be stopped, or its machine sleep, for longer than its leases. When it
wakes, every thread goes on at once, and one that is about to pay must not rely on
another to find out in time that the filing is somebody else's by now. So each claim
is known by the moment to which it is surely ours; past that the store is asked.
"""

import threading
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from blocks.errors import ClaimLost
from blocks.models import utc_now
from blocks.store import SeenStore

RENEWALS_PER_LEASE: Final = 3  # two may fail before the lease runs out


class Leases:
    """See above. ``gone`` are claims that turned out to be another run's. Thread-safe.

    ``store`` None: nothing is leased, and everything is the run's own. The moments are
    by the wall clock, which goes on while a machine sleeps, as the store's does.
    """

    def __init__(
        self, store: SeenStore | None = None, *, owner: str = "", lease_s: int = 0
    ) -> None:
        self.owner = owner
        self.lease_s = lease_s
        self.gone: set[str] = set()
        self._store = store
        self._taken_at: dict[str, datetime] = {}
        self._lock = threading.Lock()

    @property
    def renew_every_s(self) -> float:
        """How often all of them are to be renewed."""
        return self.lease_s / RENEWALS_PER_LEASE

    def taken(self, accessions: Iterable[str], asked_at: datetime) -> None:
        """Note claims that the store has granted when asked at this moment, or later.

        What had gone to another run and is granted again is this run's again.
        """
        granted = tuple(accessions)
        self.gone.difference_update(granted)
        self._runs_anew(granted, asked_at)

    def renew(self, accessions: Iterable[str]) -> None:
        """Let these run anew from now on, and note which are gone.

        Raises:
            StoreError: they could not be renewed; nothing is known of them.
        """
        asked, asked_at = list(accessions), utc_now()
        if self._store is None or not asked:
            return
        ours = self._store.renew(asked, owner=self.owner, lease_s=self.lease_s)
        self.gone |= set(asked) - ours
        self._runs_anew(ours, asked_at)

    def see_that_they_are_ours(self, accessions: Iterable[str]) -> None:
        """Renew those of these that are overdue, in one step; then ``gone`` can be relied on.

        Raises:
            StoreError: it cannot be told.
        """
        now = utc_now()
        with self._lock:
            at = {one: self._taken_at[one] for one in accessions if one in self._taken_at}
        # a claim that is not from a store is nobody else's; a clock set back tells nothing
        self.renew([one for one, taken in at.items() if not taken <= now < self._overdue(taken)])

    def see_that_it_is_ours(self, accession: str) -> None:
        """Before something is paid for.

        Raises:
            ClaimLost: another run has the filing by now.
            StoreError: it cannot be told.
        """
        self.see_that_they_are_ours([accession])
        if accession in self.gone:
            raise ClaimLost(
                f"{accession}: this run's lease ran out and another run has the filing",
                subject=accession,
            )

    def _runs_anew(self, accessions: Iterable[str], asked_at: datetime) -> None:
        with self._lock:
            self._taken_at |= dict.fromkeys(accessions, asked_at)

    def _overdue(self, taken_at: datetime) -> datetime:
        """When a renewal has failed or did not come; a third of the lease is left then."""
        return taken_at + timedelta(seconds=2 * self.renew_every_s)
