"""What a run holds and what has become of it, from claim to report."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from prefect.logging import get_logger

from blocks.errors import StoreError
from blocks.models import Claimed, Failure, Outcome, OutcomeStatus
from blocks.store import SeenStore
from blocks.store_values import Claim, Succession
from tasks.leases import Leases
from tasks.passing import as_is
from tasks.record import record_outcomes

logger = get_logger(__name__)


class Progress:
    """The claims of one run, and the outcomes and failures that end them.

    ``store`` None: the seen store is switched off, so nothing is leased. ``prepared``
    are leased for what is still to come of this run. ``met`` are all filings
    that the run's fetches named, ``known`` and ``held`` those of them that had
    an outcome or were another run's. ``standing`` were to be refreshed, and keep
    the analysis they have. ``successions``, by accession number, tell
    what amends what, as far as this run's outcomes have a part in it.
    """

    def __init__(self, store: SeenStore | None, leases: Leases) -> None:
        self.met: set[str] = set()
        self.granted: dict[str, Claimed] = {}
        self.prepared: set[str] = set()
        self.known: set[str] = set()
        self.held: set[str] = set()
        self.outcomes: list[Outcome] = []
        self.failures: list[Failure] = []
        self.parked: set[str] = set()
        self.lost: set[str] = set()
        self.standing: set[str] = set()
        self.successions: dict[str, Succession] = {}
        self._store = store
        self._leases = leases

    def take(self, claim: Claim) -> None:
        """Hold what a claim granted, too."""
        self.granted |= {one.filing.accession: one for one in claim.granted}
        self.known |= claim.done
        self.held |= claim.held

    def record(self, outcomes: Iterable[Outcome], failures: Iterable[Failure] = ()) -> None:
        """Store what has become of some filings, in one transaction.

        A filing whose claim had gone to another run is that run's to tell of.
        """
        ended, failed = tuple(outcomes), tuple(failures)
        if not ended and not failed:
            return
        written = record_outcomes(
            as_is(ended), as_is(failed), as_is(self._store), owner=self._leases.owner
        )
        self.lost |= written.lost
        self.standing |= written.standing
        not_written = written.lost | written.standing
        self.successions |= {one.filing.accession: one for one in written.successions}
        self.parked |= written.parked
        self.parked |= {
            one.filing.accession
            for one in ended
            if one.status is OutcomeStatus.PARKED and one.filing.accession in written.stored
        }
        self.outcomes += [one for one in ended if one.filing.accession not in not_written]
        self.failures += [one for one in failed if one.filing.accession not in written.lost]

    @contextmanager
    def leases_kept(self) -> Iterator[None]:
        """Renew the leases while the work lasts; at the end hand back what was not finished.

        A run that is cancelled or fails hands its claims back at once; one that
        is killed cannot, and they come free when their lease runs out.
        """
        if self._store is None:
            yield
            return
        over = threading.Event()
        renewer = threading.Thread(target=self._renew, args=(over,), daemon=True)
        renewer.start()
        try:
            yield
        finally:
            over.set()
            renewer.join()
            self.hand_back()

    def hand_back(self, among: Iterable[str] | None = None) -> None:
        """Free what was claimed and is not finished, of these or of all.

        Else it comes free with its lease.
        """
        left = self.open_claims()
        if among is not None:
            left = tuple(set(left).intersection(among))
        if not left or self._store is None:
            return
        try:
            self._store.release(left, owner=self._leases.owner)
        except StoreError as error:  # must not hide what ended the run, nor cost its report
            logger.warning("claims not handed back, they run out by themselves: %s", error)

    def open_claims(self) -> tuple[str, ...]:
        """Accession numbers that were granted and have neither outcome nor failure yet."""
        ended = {one.filing.accession for one in self.outcomes} | self.lost | self.standing
        ended |= {one.filing.accession for one in self.failures}
        claimed = dict.fromkeys((*self.granted, *self.prepared))
        return tuple(accession for accession in claimed if accession not in ended)

    def _renew(self, over: threading.Event) -> None:
        while not over.wait(self._leases.renew_every_s):
            try:
                self._leases.renew(self.open_claims())
            except StoreError as error:
                logger.warning("leases not renewed, trying again before they run out: %s", error)
