"""What a fetch has found: the value that the other stages work on."""

from datetime import date

from blocks.models import Filing, UtcDatetime, Value
from blocks.store_values import FeedMark


class IndexedDay(Value):
    """What a day's index says there is, of the chosen forms, and the rows nobody can read."""

    day: date
    accessions: tuple[str, ...]
    unreadable: tuple[str, ...]


class Fetched(Value):
    """The filings one fetch found, one per accession, and what reading them met.

    ``notes`` are sentences for the run's report: where paging stopped short,
    accession numbers that no index knows, entries and rows that could not be
    read. Of the feed: ``polls`` counts the run's looks up to this one, with
    those left out, ``read_at`` is EDGAR's clock at the last whole look, and
    ``mark`` what may be said of the feed once these filings are claimed. Of an
    index: ``index`` is what it lists.
    """

    filings: tuple[Filing, ...]
    notes: tuple[str, ...] = ()
    polls: int = 0
    read_at: UtcDatetime | None = None
    mark: FeedMark | None = None
    index: IndexedDay | None = None
