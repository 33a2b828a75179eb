"""fetch: which filings there are, from the live feed, a day's index or a list.

What the feed or a list gave is kept per flow run, so that a retry of the run works
on what it failed on, not on the feed as it is by then.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any, Final

from prefect import Task, task
from prefect.cache_policies import NO_CACHE, CachePolicy
from prefect.context import TaskRunContext
from pydantic import ValidationError

from blocks.answers import AnswerFolder
from blocks.edgar import EdgarClient
from blocks.edgar_index import DayIndex
from blocks.models import Filing
from blocks.plan import DaysPlan, FeedPlan, ListPlan
from blocks.store import SeenStore
from tasks.feed import FeedRead, Reach, mark_after, reach_of, reach_within_a_run, read_feed
from tasks.fetched import Fetched
from tasks.indexes import read_day, read_list


@dataclass
class Rhythm:
    """When a run looks at the feed: at moments fixed by the first look it really makes.

    A look that the work of an earlier one has delayed past the next look's
    moment is left out. Looks that a retry finds on record take no time.
    """

    looks: int
    every_s: float
    _first: tuple[int, float] | None = None

    def waits_s(self, made: int, now_s: Callable[[], float]) -> Iterator[tuple[int, float]]:
        """After ``made`` looks: how many there are with the next one, and the wait before it."""
        self._first = self._first or (made, now_s())
        first, began_s = self._first
        for number in range(made, self.looks):
            due_s = began_s + (number - first) * self.every_s
            is_late = self.every_s > 0 and now_s() >= due_s + self.every_s
            if not is_late:
                yield number + 1, max(0.0, due_s - now_s())


@dataclass(frozen=True)
class Watch:
    """Looking at the feed, for one flow run.

    ``handled`` are the filings this run has met. Without a store they are all
    that is known.
    """

    plan: FeedPlan
    rhythm: Rhythm
    edgar: EdgarClient
    store: SeenStore | None
    handled: frozenset[str] = frozenset()
    looks_made: int = 0
    read_at: datetime | None = None

    def look(self) -> Fetched:
        """The first look of a run; or later ones, until one finds something: only what is new."""
        found = Fetched(filings=(), polls=self.rhythm.looks, read_at=self.read_at)
        for looks, wait_s in self.rhythm.waits_s(self.looks_made, time.monotonic):
            time.sleep(wait_s)
            if looks == 1:
                return self._first_look()
            read = self._short_look(found.read_at)
            found = Fetched(
                filings=self._news(read),
                notes=tuple(dict.fromkeys((*found.notes, *read.notes))),
                polls=looks,
                read_at=read.read_at if read.complete else found.read_at,
            )
            if found.filings:
                break
        return found

    def _first_look(self) -> Fetched:
        """Read as far back as the feed's mark asks for."""
        feed = f"{self.edgar.base_url} {self.plan.forms_key}"
        before = self.store.feed_mark(feed) if self.store else None
        read = self._read(partial(reach_of, mark=before))
        return Fetched(
            filings=read.filings,
            notes=read.notes,
            polls=1,
            read_at=read.read_at,
            mark=mark_after(read, feed, before),
        )

    def _short_look(self, read_at: datetime | None) -> FeedRead:
        return self._read(lambda now: reach_within_a_run(read_at or now))

    def _read(self, reach_at: Callable[[datetime], Reach]) -> FeedRead:
        return read_feed(self.plan, self.edgar.feed_page, self._known, reach_at)

    def _news(self, read: FeedRead) -> tuple[Filing, ...]:
        known = self._known([filing.accession for filing in read.filings])
        return tuple(filing for filing in read.filings if filing.accession not in known)

    def _known(self, accessions: Sequence[str]) -> frozenset[str]:
        unmet = [name for name in accessions if name not in self.handled]
        if self.store is None or not unmet:
            return self.handled
        standing = self.store.lookup(unmet)
        return standing.done | standing.backlog | self.handled


class OncePerRun(CachePolicy):
    """Key a result by flow run and unit of work, so that a retry of the run finds it again."""

    def compute_key(
        self,
        task_ctx: TaskRunContext,  # noqa: ARG002 - Prefect's signature
        inputs: dict[str, Any],
        flow_parameters: dict[str, Any],  # noqa: ARG002
        **_: Any,  # noqa: ANN401
    ) -> str:
        """Return ``runs/<flow run id>/<unit>``."""
        return _place(inputs["run_id"], inputs["unit"])


_kept: Final = partial(
    task,
    name="fetch",
    task_run_name="fetch {unit}",
    cache_policy=OncePerRun(),
    persist_result=True,
    result_serializer="json",
    cache_result_in_memory=False,
)


def kept_or_read(
    fetch: Task[..., dict[str, Any]],
    folder: AnswerFolder,
    unit: str,
    run_id: str,
    *arguments: object,
) -> Fetched:
    """What this run has fetched of the unit already, or fetches now.

    What is kept under its name and is no such list is set aside.
    """
    task_of_the_run = fetch.with_options(result_storage=folder)
    try:
        return Fetched.model_validate(task_of_the_run(unit, run_id, *arguments))
    except ValidationError as error:
        folder.set_aside(_place(run_id, unit), str(error))
        return Fetched.model_validate(task_of_the_run(unit, run_id, *arguments))


def _place(run_id: str, unit: str) -> str:
    return f"runs/{run_id}/{unit}"


@_kept
def fetch_feed(unit: str, run_id: str, watch: Watch) -> dict[str, Any]:  # noqa: ARG001 - the key
    """Look at the feed, see :meth:`Watch.look`; a :class:`Fetched` as JSON."""
    return watch.look().model_dump(mode="json")


@_kept
def fetch_list(  # noqa: PLR0913, PLR0917 - what a list is made of
    unit: str,  # noqa: ARG001 - the key
    run_id: str,  # noqa: ARG001 - the key
    plan: ListPlan,
    edgar: EdgarClient,
    ciks: frozenset[int],
    today: date,
) -> dict[str, Any]:
    """The listed filings, found through the indexes; a :class:`Fetched` as JSON."""
    return read_list(plan, edgar.quarterly_index, ciks, today).model_dump(mode="json")


@task(name="fetch", task_run_name="fetch {day}", cache_policy=NO_CACHE, persist_result=False)
def fetch_day(
    day: date, plan: DaysPlan, index_of: Callable[[date], DayIndex], ciks: frozenset[int]
) -> Fetched:
    """The filings of one day's index.

    Not kept for a retry: what is certified is the index as EDGAR has it by then.
    """
    return read_day(plan, day, index_of(day), ciks)
