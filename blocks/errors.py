"""Every error this product raises on purpose, as one tree.

    SecFilingsError
    ├── ConfigurationError       a setting or parameter is wrong; nothing was done
    │   ├── ParameterError       a flow parameter, alone or in combination
    │   └── AnswerCacheUnusable  answers could not be kept, so none is bought
    ├── EdgarError
    │   ├── EdgarUnavailable     5xx, 429, timeouts, dropped connections, after retries
    │   ├── EdgarBlocked         SEC asks this address to stay away for now
    │   ├── EdgarNotFound        no such feed page, index or submission
    │   ├── FeedUnreadable       not the Atom feed that was asked for
    │   ├── IndexUnreadable      not an EDGAR index
    │   └── SubmissionUnreadable a submission with nothing a reader could use
    ├── PriceError
    │   ├── PriceSourceUnavailable
    │   └── PriceTableUnreadable
    ├── AnalystError
    │   ├── AnalystUnavailable   429, 5xx, timeouts, dropped connections; what was surely not
    │   │                        billed is tried again first
    │   ├── AnalystRejected      key, quota or model: the next filing would fail alike
    │   ├── AnswerRefused        refusal, content filter: this filing only
    │   │   └── QuestionTooLong  longer than the model takes; a shorter one may pass
    │   ├── AnswerTruncated      the answer ran into the output limit
    │   └── AnswerInvalid        not the answer that was asked for
    ├── BudgetReached            a cap, of the run or the day, does not cover the next call
    ├── TooManyFailures          so many filings in a row failed that the run stopped
    ├── StoreError
    │   ├── StoreUnavailable     cannot be opened, written or reached
    │   ├── StoreTooNew          written by a later version of this program
    │   └── ClaimLost            a lease ran out, and another run has the filing
    ├── StillAtWork              another process is at work on the same flow run
    ├── NotAnnounced             Prefect's server has not taken the events
    └── RunNeedsAttention        the run ended with filings that failed
        └── DayNotClosed         a day's index lists filings that have no outcome

The message comes first and says what was wrong and what to do next; context
is keyword-only and optional, because Prefect rebuilds a stored exception from
its message alone.
"""

from datetime import datetime


class SecFilingsError(Exception):
    """Base of every error raised on purpose.

    ``subject`` names the filing, setting, parameter, address or file at fault.
    """

    def __init__(self, message: str = "", *, subject: str | None = None) -> None:
        super().__init__(message)
        self.subject = subject


class ConfigurationError(SecFilingsError):
    """A setting is missing or wrong; nothing was requested, claimed or paid."""


class ParameterError(ConfigurationError):
    """A flow parameter is wrong, alone or together with another."""


class AnswerCacheUnusable(ConfigurationError):
    """Answers could not be kept, so the run stops before the first is bought."""


class EdgarError(SecFilingsError):
    """EDGAR did not give what was asked for."""


class EdgarUnavailable(EdgarError):
    """EDGAR kept failing in a way that may pass; the next run may succeed."""


class EdgarBlocked(EdgarError):
    """SEC asks this address to stay away for now; asking again prolongs it.

    ``until`` (aware, UTC) is when a request may leave again, ``None`` where
    the error was rebuilt from its message. Nothing is asked before then.
    """

    def __init__(
        self, message: str = "", *, subject: str | None = None, until: datetime | None = None
    ) -> None:
        super().__init__(message, subject=subject)
        self.until = until


class EdgarNotFound(EdgarError):
    """EDGAR has nothing at that address."""


class FeedUnreadable(EdgarError):
    """The answer to a feed request is not the Atom feed that was asked for."""


class IndexUnreadable(EdgarError):
    """The answer to an index request is not an EDGAR index."""


class SubmissionUnreadable(EdgarError):
    """A submission holds nothing a reader could use."""


class PriceError(SecFilingsError):
    """The price table could not be had."""


class PriceSourceUnavailable(PriceError):
    """The price source did not answer."""


class PriceTableUnreadable(PriceError):
    """The price source answered with something that is not a price table."""


class AnalystError(SecFilingsError):
    """The model gave no answer that can be kept.

    ``cost_usd`` is what the failed call cost: ``None`` where that is unknown,
    0.0 where nothing was billed.
    """

    def __init__(
        self, message: str = "", *, subject: str | None = None, cost_usd: float | None = 0.0
    ) -> None:
        super().__init__(message, subject=subject)
        self.cost_usd = cost_usd


class AnalystUnavailable(AnalystError):
    """The model endpoint kept failing in a way that may pass."""


class AnalystRejected(AnalystError):
    """The endpoint refuses the key, the quota or the model: every filing would fail."""


class AnswerRefused(AnalystError):
    """The model, its content filter or the endpoint refused this filing."""


class QuestionTooLong(AnswerRefused):
    """The question is longer than the model or its endpoint takes."""


class AnswerTruncated(AnalystError):
    """The answer ran into the output limit; its tokens were billed."""


class AnswerInvalid(AnalystError):
    """The answer is not what the schema and its ranges ask for."""


class BudgetReached(SecFilingsError):
    """A cap does not cover the worst case of the next call; ``subject`` is where it is set."""


class TooManyFailures(SecFilingsError):
    """So many filings in a row failed that the run stopped instead of failing them all."""


class StoreError(SecFilingsError):
    """The store could not do what was asked; nothing was half done."""


class StoreUnavailable(StoreError):
    """The store cannot be opened, written or reached."""


class StoreTooNew(StoreError):
    """The store was written by a later version of this program."""


class ClaimLost(StoreError):
    """This run's lease ran out, and another run has the filing."""


class StillAtWork(SecFilingsError):
    """Another process is at work on the same flow run; ``subject`` is the run's id."""


class NotAnnounced(SecFilingsError):
    """Prefect's server has not said that it has taken the events."""


class RunNeedsAttention(SecFilingsError):
    """The run finished its work, and some filings failed."""


class DayNotClosed(RunNeedsAttention):
    """A day's index lists filings that are not accounted for, or rows that cannot be read."""
