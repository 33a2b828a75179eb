"""The fictional market as values: companies, and what they filed on which business days."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property

from blocks.models import Document, Party
from sandbox import dissemination
from sandbox.dissemination import EASTERN
from sandbox.stories import Facts, Story
from sandbox.submission import render_submission


@dataclass(frozen=True)
class Company:
    """An invented registrant.

    ``tickers`` are written as SEC writes them (``XYZ-B``); ``prices_usd`` is by
    ticker, a ticker without a price is missing from it.
    """

    cik: int
    name: str
    tickers: tuple[str, ...] = ()
    prices_usd: Mapping[str, float] = field(default_factory=dict)
    industry: str = ""
    unquoted: bool = False


@dataclass(frozen=True)
class DayFiling:
    """One accession; ``accepted_at`` is UTC, ``parties`` in the feed's order.

    ``period`` is the header's period of report: the day of the event of an 8-K,
    the last day of a 10-Q's quarter. ``late_by`` is how long after its time the
    filing appears, at the place of its acceptance time.
    """

    accession: str
    form: str
    accepted_at: datetime
    parties: tuple[Party, ...]
    items: tuple[str, ...]
    story: Story
    company: Company
    facts: Facts
    period: date
    late_by: timedelta = timedelta()

    @cached_property
    def filed_on(self) -> date:
        """The filing date EDGAR gives."""
        return dissemination.filed_on(self.form, self.accepted_at)

    @cached_property
    def disseminated_at(self) -> datetime:
        """From when on the filing can be seen and fetched, in UTC."""
        due = dissemination.disseminated_at(self.form, self.accepted_at)
        return due.astimezone(UTC) + self.late_by

    @cached_property
    def documents(self) -> tuple[Document, ...]:
        """What was filed."""
        ticker = next(iter(self.company.tickers), "none")
        signed_on = self.accepted_at.astimezone(EASTERN).date()
        return self.story.documents(
            self.company.name, ticker, self.facts, period=self.period, signed_on=signed_on
        )

    @cached_property
    def submission(self) -> bytes:
        """The full submission text file."""
        return render_submission(
            accession=self.accession,
            form=self.form,
            accepted_at=self.accepted_at,
            filed_on=self.filed_on,
            period=self.period,
            parties=self.parties,
            items=self.items,
            documents=self.documents,
            industry=self.company.industry,
        )


@dataclass(frozen=True)
class Market:
    """Business days: who there is, and what was filed, in order of acceptance.

    ``late_indexes`` tells by filing date when (aware) a daily index is made
    that is not made at its usual time.
    """

    days: tuple[date, ...]
    companies: tuple[Company, ...]
    filings: tuple[DayFiling, ...]
    late_indexes: Mapping[date, datetime] = field(default_factory=dict, kw_only=True)

    @cached_property
    def by_accession(self) -> dict[str, DayFiling]:
        """The filings by accession number."""
        return {filing.accession: filing for filing in self.filings}

    @property
    def opens_at(self) -> datetime:
        """When the first day begins to accept filings, in UTC."""
        return _at(self.days[0], dissemination.ACCEPTED_FROM)

    @property
    def ends_at(self) -> datetime:
        """When the last index is out: that of the business day after the last one, in UTC."""
        return self.index_made_at(dissemination.next_business_day(self.days[-1]))

    def index_made_at(self, filed_on: date) -> datetime:
        """When the daily index of a filing date appears, in UTC."""
        usual = dissemination.index_published_at(filed_on)
        return self.late_indexes.get(filed_on, usual).astimezone(UTC)

    def last_close(self, now: datetime) -> datetime:
        """The last close (16:00 Eastern, in UTC) by ``now``: the time of the prices.

        Before the first day's close it is that of the business day before.
        """
        closes = [_close(dissemination.previous_business_day(self.days[0]))]
        closes += [close for close in map(_close, self.days) if close <= now]
        return closes[-1]

    def quotes(self) -> list[tuple[str, float | None]]:
        """Symbol and price of every quoted ticker; a class share is ``XYZ/B``, as brokers do."""
        listed = [(company, ticker) for company in self.companies for ticker in company.tickers]
        return [
            (ticker.replace("-", "/"), company.prices_usd.get(ticker))
            for company, ticker in listed
            if ticker in company.prices_usd or company.unquoted
        ]


def _close(day: date) -> datetime:
    return _at(day, time(16))


def _at(day: date, hour: time) -> datetime:
    return datetime.combine(day, hour, EASTERN).astimezone(UTC)
