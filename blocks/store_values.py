"""What the store answers: frozen values."""

from blocks.models import Claimed, Filing, UtcDatetime, Value


class Lookup(Value):
    """Which accessions have an outcome, and which have none yet and are backlog.

    Backlog is what the next run on the live feed takes up by itself; what a
    backfill has named and not begun is neither.
    """

    done: frozenset[str] = frozenset()
    backlog: frozenset[str] = frozenset()


class FeedMark(Value):
    """How far the live feed has been read for a set of form types, by EDGAR's own clock.

    ``read_at``: everything the feed showed then has been claimed. ``swept_at``:
    likewise, and that poll went back behind the evening before, or to the end
    of the feed.
    """

    forms: str
    read_at: UtcDatetime
    swept_at: UtcDatetime


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
