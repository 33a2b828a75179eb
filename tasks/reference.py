"""Reference tables: SEC's tickers and the market's last prices, fetched once per window.

Both are kept in Prefect's task cache with an expiry, so that a poll every
minute does not download a megabyte of prices every minute. Where a source
gives no newer table the one kept last is used, and the run's report says so.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, Final, Generic, Self, TypeVar

from prefect import Task, task
from prefect.cache_policies import CachePolicy
from prefect.context import TaskRunContext
from prefect.results import ResultStore
from prefect.serializers import JSONSerializer

from blocks.answers import AnswerFolder
from blocks.edgar import EdgarClient
from blocks.errors import EdgarBlocked, EdgarError, PriceError
from blocks.models import utc_now
from blocks.price_table import PriceTable
from blocks.prices import PriceSource
from blocks.ticker_table import TickerTable
from tasks.passing import as_is

TICKERS_WINDOW: Final = timedelta(hours=24)  # SEC renews the file about once a day
PRICES_WINDOW: Final = timedelta(minutes=15)  # the delay of a free quote

_NEVER: Final = datetime.max.replace(tzinfo=UTC)

TableT = TypeVar("TableT", bound=TickerTable | PriceTable)


class OncePerSource(CachePolicy):
    """Key a table by the block it comes from: another source is another table."""

    def compute_key(
        self,
        task_ctx: TaskRunContext,
        inputs: dict[str, Any],
        flow_parameters: dict[str, Any],  # noqa: ARG002 - Prefect's signature
        **_: Any,  # noqa: ANN401
    ) -> str:
        """Return :func:`table_key` of the task and its input."""
        return table_key(task_ctx.task.name, inputs["source"])


def table_key(name: str, source: EdgarClient | PriceSource) -> str:
    """Where Prefect keeps a table: ``reference/<task name>-<hash of the block document>``."""
    identity = source.model_dump_json(exclude={"user_agent"})
    return f"reference/{name}-{blake2b(identity.encode(), digest_size=8).hexdigest()}"


_KEPT: Final[dict[str, Any]] = {
    "cache_policy": OncePerSource(),
    "persist_result": True,
    "result_serializer": "json",
    "cache_result_in_memory": False,
}


@task(name="tickers", cache_expiration=TICKERS_WINDOW, **_KEPT)
def load_tickers(source: EdgarClient) -> dict[str, Any]:
    """SEC's ticker table as JSON; :meth:`TickerTable.load` reads it."""
    return TickerTable(source.tickers(), as_of=utc_now()).dump()


@task(name="prices", cache_expiration=PRICES_WINDOW, **_KEPT)
def load_prices(source: PriceSource) -> dict[str, Any]:
    """The market's price table as JSON; :meth:`PriceTable.load` reads it."""
    return source.fetch_prices().dump()


@dataclass(frozen=True)
class _Held(Generic[TableT]):
    """A table, and until when this run needs no other."""

    table: TableT
    until: datetime


class ReferenceTable(Generic[TableT]):
    """One table of one run: what is kept while it is fresh, else fetched, else what is kept.

    Remembers its table, and that its source is down, for as long as it lives,
    which is a run. For one thread.
    """

    def __init__(
        self,
        fetch: Task[[Any], dict[str, Any]],
        source: EdgarClient | PriceSource,
        load: Callable[[Mapping[str, Any]], TableT],
        folder: AnswerFolder,
    ) -> None:
        self.note = ""
        self._fetch = fetch
        self._source = source
        self._load = load
        self._folder = folder
        self._held: _Held[TableT] | None = None
        self._down: EdgarError | PriceError | None = None

    def get(self) -> TableT:
        """The table. Its source is asked once per window, and once per run while it is down.

        A table used past its window is ``stale``, and ``note`` says so. A block
        by SEC is raised even where a table is kept: whatever the run asked
        EDGAR for next would prolong it, and a person has to know.

        Raises:
            EdgarBlocked: SEC refuses this client.
            EdgarError: EDGAR gave no table, and none was ever kept.
            PriceError: likewise of the price source.
        """
        if self._held is None or self._held.until <= utc_now():
            self._held = self._current()
        return self._held.table

    def _current(self) -> _Held[TableT]:
        if self._down is not None:
            raise self._down
        kept = self._kept()
        if kept is not None and kept.until > utc_now():
            return kept
        try:
            return self._fetched(over_another_shape=kept is None)
        except (EdgarError, PriceError) as error:
            if kept is None or isinstance(error, EdgarBlocked):
                self._down = error
                raise
            self.note = _stale(self._fetch.name, kept.table, error)
            return _Held(replace(kept.table, stale=True), _NEVER)

    def _kept(self) -> _Held[TableT] | None:
        """What Prefect keeps, expired or not; something torn or of another shape is no table.

        Prefect's store minds the expiry when asked what exists, not when it reads.
        """
        store = ResultStore(
            result_storage=self._folder,
            serializer=JSONSerializer(),
            cache_result_in_memory=False,
        )
        key = table_key(self._fetch.name, self._source)
        try:
            record = store.read(key)
            return _Held(self._load(record.result), record.expiration or _NEVER)
        except (ValueError, EdgarError, PriceError) as error:
            if self._folder.is_taken(key):
                self._folder.set_aside(key, str(error))
            return None

    def _fetched(self, *, over_another_shape: bool) -> _Held[TableT]:
        """Ask the source in a task run, whose result Prefect keeps; a failed one changes nothing.

        Prefect would hand out a result of another shape as long as it is fresh,
        so the task is told to write over it.
        """
        fetch = self._fetch.with_options(
            result_storage=self._folder, refresh_cache=over_another_shape
        )
        table = self._load(fetch(as_is(self._source)))
        return _Held(table, utc_now() + (self._fetch.cache_expiration or timedelta()))


@dataclass(frozen=True)
class ReferenceTables:
    """The reference tables of one run."""

    tickers: ReferenceTable[TickerTable]
    prices: ReferenceTable[PriceTable]

    @classmethod
    def of(cls, edgar: EdgarClient, prices: PriceSource, folder: AnswerFolder) -> Self:
        """The tables of these sources, kept in ``folder``; nothing is asked for yet."""
        return cls(
            tickers=ReferenceTable(load_tickers, edgar, TickerTable.load, folder),
            prices=ReferenceTable(load_prices, prices, PriceTable.load, folder),
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for the run's report: which table is stale, as of when, and why."""
        return tuple(note for note in (self.tickers.note, self.prices.note) if note)


def _stale(name: str, table: TickerTable | PriceTable, why: Exception) -> str:
    return (
        f"the {name} are those as of {table.as_of:%Y-%m-%d %H:%M} UTC, kept past their "
        f"freshness window, for there are none newer to be had: {why}"
    )
