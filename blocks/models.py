"""The values that pass between rooms: frozen, validated, JSON in and out.

They live here and not in ``flows/`` because Prefect names a flow file's module
after the file, so a type defined there has two names.
"""

import hashlib
import re
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
)

# EDGAR and the exchanges date and time by it
EASTERN: Final = ZoneInfo("America/New_York")

ACCESSION_PATTERN = re.compile(r"[0-9]{10}-[0-9]{2}-[0-9]{6}")

Accession = Annotated[str, StringConstraints(pattern=rf"^{ACCESSION_PATTERN.pattern}$")]
Cik = Annotated[int, Field(ge=1, le=9_999_999_999)]
UtcDatetime = Annotated[AwareDatetime, AfterValidator(lambda moment: moment.astimezone(UTC))]

_FIRST_YEAR = 90  # EDGAR's two-digit years run from 1993 on; packing starts in 1990


class Value(BaseModel):
    """Base of all values: immutable, and a misspelt field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def eastern_day(moment: datetime) -> date:
    """The Eastern calendar day of an aware moment."""
    return moment.astimezone(EASTERN).date()


def accession_key(accession: str) -> int:
    """Pack an accession number into a signed 64-bit integer, year first.

    Recent filings then lie together, which is what makes a bulk lookup in a
    store of millions cheap. Order within a year follows the filing agent.
    """
    agent, year, sequence = accession.split("-")
    return ((int(year) - _FIRST_YEAR) % 100) * 10**16 + int(agent) * 10**6 + int(sequence)


def accession_of(key: int) -> str:
    """Undo :func:`accession_key`."""
    year, rest = divmod(key, 10**16)
    agent, sequence = divmod(rest, 10**6)
    return f"{agent:010d}-{(year + _FIRST_YEAR) % 100:02d}-{sequence:06d}"


class FoundBy(StrEnum):
    """How a filing came to this run."""

    FEED = "feed"
    INDEX = "index"
    LIST = "list"


class Party(Value):
    """A party to a filing as EDGAR lists it.

    ``role`` is EDGAR's word (Filer, Subject, Filed by, Issuer, Reporting, ...),
    empty where the source does not say, as in the indexes.
    """

    cik: Cik
    name: str
    role: str = ""


_ISSUER_ROLES = ("Subject", "Issuer", "Filer")
_FILING_ROLES = ("Filer", "Filed by", "Reporting")


class Filing(Value):
    """One accession, however many parties' entries it had.

    ``accepted_at`` is UTC and unknown (None) in index files; ``filed_on`` is
    the Eastern filing date; ``items`` are 8-K item numbers such as ``2.02``.
    """

    accession: Accession
    form: str = Field(min_length=1)
    parties: tuple[Party, ...] = Field(min_length=1)
    found_by: FoundBy
    accepted_at: UtcDatetime | None = None
    filed_on: date | None = None
    items: tuple[str, ...] = ()
    size_bytes: int | None = None

    @property
    def issuers(self) -> tuple[Party, ...]:
        """The parties whose stock the filing is about: subject, else issuer, else filer."""
        for role in _ISSUER_ROLES:
            found = tuple(party for party in self.parties if party.role == role)
            if found:
                return found
        return self.parties

    @property
    def submission_path(self) -> str:
        """Path of the full submission text file on EDGAR."""
        return f"/Archives/edgar/data/{self.issuers[0].cik}/{self.accession}.txt"

    @property
    def page_path(self) -> str:
        """Path of the filing's page for human readers on EDGAR."""
        folder = self.accession.replace("-", "")
        return f"/Archives/edgar/data/{self.issuers[0].cik}/{folder}/{self.accession}-index.htm"


class Document(Value):
    """One document of a submission; ``body`` is what stands inside ``<TEXT>``, unchanged.

    It is empty where that is no text but data: a picture, an archive, XBRL.
    """

    type: str
    sequence: int | None = None
    filename: str | None = None
    description: str | None = None
    body: str


class Submission(Value):
    """A full submission text file, read. ``items`` are the header's item titles.

    ``documents`` ends where nothing more was needed. ``complete`` is False where a
    cap or a broken stream ended it before, or left out a part of a text.
    """

    accession: Accession
    form: str
    parties: tuple[Party, ...] = ()
    accepted_at: UtcDatetime | None = None
    period: date | None = None
    items: tuple[str, ...] = ()
    documents: tuple[Document, ...]
    complete: bool = True

    @property
    def filer_ciks(self) -> tuple[Cik, ...]:
        """Who filed it: registrants, and the owners who report a stake; not who it is about."""
        return tuple(party.cik for party in self.parties if party.role in _FILING_ROLES)


class Excerpt(Value):
    """What the analyst is shown of a submission.

    ``parts`` names what was taken, in reading order (``8-K item 2.02``,
    ``EX-99.1``); ``tokens`` is an offline count, for budgets, never for bills.
    """

    text: str = Field(min_length=1)
    parts: tuple[str, ...]
    tokens: int
    shortened: bool

    @classmethod
    def longest(cls, tokens: int) -> "Excerpt":
        """The longest of a budget, as far as its price goes: a text costs by its length."""
        return cls(text="\u2026", parts=(), tokens=tokens, shortened=True)

    @property
    def sha256(self) -> str:
        """Hash of the text, UTF-8, in hex."""
        return hashlib.sha256(self.text.encode()).hexdigest()


class Question(Value):
    """All that the analyst is asked about one filing, and what its header told.

    ``parties``, ``accepted_at``, ``period`` (of report), ``filer_ciks`` and
    ``item_titles`` are the header's. ``ticker`` and the price are those of the moment
    of asking, None where they are not known or would mislead; they are no part of an
    answer's key (see :func:`blocks.question.question_of`).
    """

    filing: Filing
    excerpt: Excerpt
    parties: tuple[Party, ...] = ()
    accepted_at: UtcDatetime | None = None
    period: date | None = None
    filer_ciks: tuple[Cik, ...] = ()
    item_titles: tuple[str, ...] = ()
    ticker: str | None = None
    price_usd: float | None = None
    price_as_of: UtcDatetime | None = None


class Verdict(StrEnum):
    """What the price filter decided, and why."""

    WITHIN_RANGE = "within_range"
    ABOVE_CEILING = "above_ceiling"
    BELOW_FLOOR = "below_floor"
    UNKNOWN_PRICE_KEPT = "unknown_price_kept"
    UNKNOWN_PRICE_REJECTED = "unknown_price_rejected"
    FILTER_OFF = "filter_off"

    @property
    def keeps(self) -> bool:
        """Whether a filing with this verdict goes on to the analyst."""
        return self in {Verdict.WITHIN_RANGE, Verdict.UNKNOWN_PRICE_KEPT, Verdict.FILTER_OFF}


class Decision(Value):
    """The price filter's word on one filing, with what it was based on.

    ``ticker_choice`` says which of how many tickers was taken and why, and of
    several issuers which. The ``as_of`` times and ``price_source`` are None
    where there was no such table. A table is stale once its freshness window
    is over and its source did not give a newer one, so that its content may
    have changed since. The age of the prices is no measure of that: they are
    four days old after a long weekend, and ``price_as_of`` tells it anyhow.
    """

    verdict: Verdict
    ticker: str | None = None
    price_usd: float | None = None
    price_as_of: UtcDatetime | None = None
    price_source: str | None = None
    price_stale: bool = False
    tickers_as_of: UtcDatetime | None = None
    tickers_stale: bool = False
    ticker_choice: str = ""


class CatalystKind(StrEnum):
    """The closed list of classes a catalyst may have."""

    EARNINGS_BEAT = "earnings_beat"
    EARNINGS_MISS = "earnings_miss"
    GUIDANCE_UP = "guidance_up"
    GUIDANCE_DOWN = "guidance_down"
    OFFERING = "offering"
    CONVERTIBLE = "convertible"
    WARRANTS = "warrants"
    REVERSE_SPLIT = "reverse_split"
    MERGER = "merger"
    ASSET_SALE = "asset_sale"
    CONTRACT = "contract"
    PARTNERSHIP = "partnership"
    FDA_CLINICAL = "fda_clinical"
    PATENT = "patent"
    FINANCING = "financing"
    DEBT = "debt"
    DEFAULT = "default"
    GOING_CONCERN = "going_concern"
    BANKRUPTCY = "bankruptcy"
    DELISTING_NOTICE = "delisting_notice"
    AUDITOR_CHANGE = "auditor_change"
    EXECUTIVE_CHANGE = "executive_change"
    STAKE = "stake"
    BUYBACK = "buyback"
    DIVIDEND = "dividend"
    LEGAL = "legal"
    CYBER_INCIDENT = "cyber_incident"
    OTHER = "other"


class RiskLevel(StrEnum):
    """How much a holder could lose by what the filing says."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Catalyst(Value):
    """One reason the price may move, with the words of the filing that say so.

    ``verified`` tells whether the quote stands in the excerpt, white space and
    typography folded.
    """

    kind: CatalystKind
    quote: str = Field(min_length=1, max_length=600)
    verified: bool


class Analysis(Value):
    """What the analyst says of one filing. ``dilution_pct`` is of shares outstanding before."""

    summary: str = Field(min_length=1, max_length=1200)
    sentiment: float = Field(ge=-1, le=1)
    confidence: float = Field(ge=0, le=1)
    risk_level: RiskLevel
    catalysts: tuple[Catalyst, ...] = Field(max_length=12)
    deal_size_usd: float | None = Field(None, ge=0)
    dilution_pct: float | None = Field(None, ge=0)
    has_warrants: bool | None = None


class Usage(Value):
    """Tokens as the endpoint billed them."""

    input_tokens: int = Field(0, ge=0)
    cached_input_tokens: int = Field(0, ge=0)
    output_tokens: int = Field(0, ge=0)

    def plus(self, other: "Usage") -> "Usage":
        """Both together."""
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            cached_input_tokens=self.cached_input_tokens + other.cached_input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
        )


class Reply(Value):
    """One answered question. ``cost_usd`` None: the model's price is unknown."""

    analysis: Analysis
    model: str
    model_calls: int = Field(ge=0)
    usage: Usage
    cost_usd: float | None


class Answer(Value):
    """A reply as it is kept: the unit of the model cache.

    What the submission's header told stands with it, since nothing else of the
    submission is kept: ``accepted_at``, ``period`` (of report), ``filer_ciks``
    and ``item_titles``. Answers of earlier versions have the first alone.
    ``ticker`` and the price are those the analyst was told, if any.

    ``excerpt_sha256`` is of the text that the analyst was shown, UTF-8, in hex.
    ``same_text_as`` is the filing of the same text whose answer was paid for, where
    this one was not: then the reply cost nothing, and ``paid_by_run``, ticker and
    price are those of the paid answer. ``batch_id`` is of the batch that gave it, if
    one did.
    """

    accession: Accession
    fingerprint: str
    reply: Reply
    excerpt_parts: tuple[str, ...]
    excerpt_tokens: int
    accepted_at: UtcDatetime | None
    answered_at: UtcDatetime
    paid_by_run: str
    period: date | None = None
    filer_ciks: tuple[Cik, ...] = ()
    item_titles: tuple[str, ...] = ()
    ticker: str | None = None
    price_usd: float | None = None
    price_as_of: UtcDatetime | None = None
    excerpt_sha256: str | None = None
    same_text_as: Accession | None = None
    batch_id: str | None = None


class Claimed(Value):
    """A filing leased to this run; ``attempts`` counts this claim."""

    filing: Filing
    attempts: int


class OutcomeStatus(StrEnum):
    """How a filing ended."""

    ENRICHED = "enriched"
    REJECTED = "rejected"
    PARKED = "parked"


class Outcome(Value):
    """The end of one filing's way: stored once, and only then is it seen."""

    filing: Filing
    status: OutcomeStatus
    decision: Decision | None = None
    answer: Answer | None = None
    from_cache: bool = False
    reason: str = ""


class Failure(Value):
    """A filing that could not be finished in this run, and may be in the next.

    ``cost_usd`` is what the failed attempt cost all the same. ``counts`` False:
    the attempt says nothing about the filing (an outage), so it is not one of
    the attempts after which a filing is parked.
    """

    filing: Filing
    error: str
    message: str
    decision: Decision | None = None
    cost_usd: float | None = 0.0
    counts: bool = True


def utc_now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)
