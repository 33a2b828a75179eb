"""What the store answers: frozen values."""

from blocks.models import Claimed, Filing, Value


class Lookup(Value):
    """Which accessions have an outcome, and which were claimed or failed and have none yet."""

    done: frozenset[str] = frozenset()
    open: frozenset[str] = frozenset()


class Claim(Value):
    """What a run may work on, what has an outcome already, and what other runs hold."""

    granted: tuple[Claimed, ...] = ()
    done: frozenset[str] = frozenset()
    held: frozenset[str] = frozenset()


class Recorded(Value):
    """What became of a run's results.

    ``stored``: outcomes as given; ``failed``: may be tried again; ``parked``:
    failures whose attempts are used up; ``lost``: not this run's to record, for
    its claim ran out or never was, so that nothing was written.
    """

    stored: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()
    parked: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()


class Parked(Value):
    """A filing that is not tried again by itself, with its last error."""

    accession: str
    filing: Filing
    attempts: int
    last_error: str
