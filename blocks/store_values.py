"""What the store answers: frozen values."""

from blocks.models import Accession, Claimed, Filing, OutcomeStatus, UtcDatetime, Value


class Lookup(Value):
    """Which accessions have an outcome, and which have none yet and are backlog.

    Backlog is what the next run on the live feed takes up by itself; what a
    backfill has named and not begun is neither.
    """

    done: frozenset[str] = frozenset()
    backlog: frozenset[str] = frozenset()


class FeedMark(Value):
    """How far a feed has been read for a set of form types, by EDGAR's own clock.

    ``read_at``: everything the feed showed then has been claimed. ``swept_at``:
    likewise, and that poll went back behind the evening before, or to the end
    of the feed. ``feed`` names its address and the form types.
    """

    feed: str
    read_at: UtcDatetime
    swept_at: UtcDatetime


class Claim(Value):
    """What a run may work on, what has an outcome already, and what other runs hold.

    What a refresh would claim and another run has claimed anew is ``held``, not
    ``done``. Of what a refresh was granted, ``analysed`` have an analysis, which
    stands until there is another.
    """

    granted: tuple[Claimed, ...] = ()
    done: frozenset[str] = frozenset()
    held: frozenset[str] = frozenset()
    analysed: frozenset[str] = frozenset()


class Succession(Value):
    """How an analysed filing stands to its amendments.

    ``amends`` is the original that ``filing`` amends; ``superseded_by`` the newest
    amendment after it of the same original.
    """

    filing: Filing
    amends: Filing | None = None
    superseded_by: Filing | None = None


class Recorded(Value):
    """What became of a run's results.

    ``stored``: outcomes as given; ``failed``: may be tried again; ``parked``:
    failures whose attempts are used up; ``lost``: not this run's to record, for
    its claim ran out or never was, so that nothing was written. ``standing``: were
    rejected or parked, of which nothing was written either, for they have an
    analysis, and it stands. ``successions`` are of the filings stored
    now that amend another or are superseded, and of earlier ones for which that changed by it.
    """

    stored: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()
    parked: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()
    standing: frozenset[str] = frozenset()
    successions: tuple[Succession, ...] = ()


class Parked(Value):
    """A filing that is not tried again by itself, with its last error."""

    accession: str
    filing: Filing
    attempts: int
    last_error: str


class AnswerCosts(Value):
    """What answers of one model about filings of one form type have cost, in dollars.

    Those of the fingerprint asked about stand apart from those of all others.
    """

    form: str
    same_fingerprint: bool
    answers: int
    mean_usd: float


class Standing(Value):
    """How one filing stands in the store; every moment is UTC.

    ``status`` and ``reason`` are those of its latest outcome, which stands while
    a refresh works on it and when that fails. ``last_error`` is its latest
    failure, ever. ``held_until``: a run holds it, by a lease that still runs.
    ``attempts`` counts claims since the latest outcome that were not handed back.
    ``in_feed``: the live path has shown it, and where that is known,
    ``in_feed_at`` says when it first did; ``first_seen_at``, when any path did.
    ``enriched_at`` is the moment of its first analysis. ``accepted_at`` is
    EDGAR's acceptance, unknown where only an index named it and nobody read it.
    """

    accession: Accession
    in_store: bool = False
    status: OutcomeStatus | None = None
    reason: str = ""
    last_error: str | None = None
    held_until: UtcDatetime | None = None
    attempts: int = 0
    in_feed: bool = False
    first_seen_at: UtcDatetime | None = None
    in_feed_at: UtcDatetime | None = None
    enriched_at: UtcDatetime | None = None
    accepted_at: UtcDatetime | None = None
