"""What an examination of the store finds: frozen values, every moment UTC."""

from datetime import date
from enum import StrEnum

from blocks.certificate import Issued
from blocks.models import Accession, Answer, UtcDatetime, Value


class LeaseState(Value):
    """A claim: whose, until when, and whether that is over.

    ``attempts`` counts it. ``anew``: the filing has an outcome, and a refresh claimed it.
    """

    accession: Accession
    run: str
    lease_until: UtcDatetime
    is_over: bool
    attempts: int
    anew: bool


class Unfinished(Value):
    """A filing without an outcome that no run holds.

    ``is_backlog``: the next run on the live feed takes it up by itself.
    """

    accession: Accession
    attempts: int
    is_backlog: bool
    last_error: str | None


class SeenFault(StrEnum):
    """How a row of ``seen`` can contradict the outcomes."""

    NO_OUTCOME = "no outcome"
    NO_FILING = "no filing"
    NOT_SEEN = "not seen"
    NOT_DONE = "not done"
    OTHER_MOMENT = "other moment"


class Contradiction(Value):
    """A filing of which ``seen`` and the outcomes say different things."""

    accession: Accession
    fault: SeenFault


class AnswerName(Value):
    """Which of a filing's answers is meant."""

    accession: Accession
    fingerprint: str
    answered_at: UtcDatetime


class OrphanAnswer(AnswerName):
    """An answer that no outcome names.

    ``has_outcome``: the filing has another one, which stands. ``is_taken_up``: a run holds
    the filing, or the next on the live feed takes it up.
    """

    has_outcome: bool
    is_taken_up: bool


class OpenBooking(Value):
    """A payment that was never settled and counts as its worst case (None: price unknown).

    ``is_batch``: it was to stay open for longer than a call.
    """

    run: str
    day: date
    worst_nano: int | None
    open_until: UtcDatetime
    is_batch: bool


class Unbooked(Value):
    """A paid answer whose run has booked nothing; ``cost_usd`` None: price unknown."""

    accession: Accession
    run: str
    cost_usd: float | None


class CertifiedDay(Value):
    """The latest certificate of a day and some forms, beside what the store has of it now.

    ``ended`` and ``enriched`` count filings of that day and those forms that have an
    outcome, or an analysis; ``lost`` are filings that the certificate names as ended and that
    have no outcome.
    """

    issued: Issued
    ended: int
    enriched: int
    lost: tuple[Accession, ...]


class StoreState(Value):
    """The store as of one moment. With tables ``missing``, nothing else was looked at.

    ``broken_keys``: rows that are filed under another key than their accession number's, as
    table and what stands there. ``adrift``: filings whose amendment links, or whose part in
    them, lead to a filing without an outcome.
    """

    as_of: UtcDatetime
    missing: tuple[str, ...] = ()
    outcomes: int = 0
    claims: tuple[LeaseState, ...] = ()
    unfinished: tuple[Unfinished, ...] = ()
    parked: tuple[Accession, ...] = ()
    contradictions: tuple[Contradiction, ...] = ()
    broken_keys: tuple[str, ...] = ()
    orphans: tuple[OrphanAnswer, ...] = ()
    without_analysis: tuple[AnswerName, ...] = ()
    adrift: tuple[Accession, ...] = ()
    open_bookings: tuple[OpenBooking, ...] = ()
    unbooked: tuple[Unbooked, ...] = ()
    days: tuple[CertifiedDay, ...] = ()


class OnRecord(Value):
    """What the store knows of a filing whose answer is on file.

    ``answers`` are those stored of the fingerprint asked about. ``held``: a run holds it
    now; ``is_taken_up``: likewise, or the next run on the live feed takes it up.
    ``recorded_at`` is of its latest outcome.
    """

    accession: Accession
    answers: tuple[Answer, ...] = ()
    recorded_at: UtcDatetime | None = None
    held: bool = False
    is_taken_up: bool = False


class Rebuilt(Value):
    """``seen``, made anew: its rows, and whether claims and unfinished filings could be kept."""

    rows: int
    kept_unfinished: bool
