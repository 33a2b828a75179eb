"""A small market, its stand-ins and a store: where runs are killed and come back."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal
from uuid import UUID

from installation import Installation, installed
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.states import Pending, Scheduled
from prefect_sqlalchemy import SqlAlchemyConnector
from store_backends import Backend

from blocks.forms import DEFAULT_FORMS
from blocks.models import ACCESSION_PATTERN
from blocks.store import SeenStore
from faults.boundaries import AT_HALF_PRICE, BY_NAME, RSS, OnTheWire, Server, Way
from faults.interpreter import Interpreter, Process
from faults.on_the_wire import Killer, trap
from flows.filings import sec_filings
from sandbox.faults import Faults
from sandbox.market import Market
from sandbox.market_day import generated_day

LEASE_S: Final = 5  # the shortest there is
CONCURRENCY: Final = 4
FILINGS: Final = 10
MOST_RUNS: Final = 6  # to recover in; a filing is parked once so many runs have died of it
Comeback = Literal["next run", "retry"]


@dataclass(frozen=True)
class Kill:
    """When a run was killed (Unix seconds), and what was paid by then and what was kept.

    Its calls are those in the model's ledger from ``first_call`` to before
    ``end_of_calls``; ``kept`` are the accession numbers of all answers on file.
    """

    at_s: float
    first_call: int
    end_of_calls: int
    kept: frozenset[str]


@dataclass
class House:
    """Runs the flow in processes that die as asked. One at a time."""

    installation: Installation
    market: Market
    backend: Backend
    interpreter: Interpreter
    kills: list[Kill] = field(default_factory=list)
    _last: UUID | None = None

    @property
    def offered(self) -> frozenset[str]:
        """What EDGAR shows of the chosen forms: in the feed by now, and in the indexes."""
        now = self.installation.sec.now
        return frozenset(
            one.accession
            for one in self.market.filings
            if one.form in DEFAULT_FORMS and one.disseminated_at <= now
        )

    def killed(
        self,
        way: Way,
        boundary: str | None = None,
        passage: int = 1,
        *,
        comeback: Comeback = "next run",
        after_s: float | None = None,
    ) -> bool:
        """A run that is killed at a boundary, or after some seconds; False: it ended before."""
        flow_run = self._scheduled(way, comeback)
        first_call = len(self.installation.model.ledger)
        with self._trap(boundary, passage) as killer:
            process = self.interpreter.begin(flow_run, boundary, passage)
            killer.take(process)
            self._wait(process, after_s)
        if process.code == 0:
            return False
        assert process.code == -signal.SIGKILL, f"{flow_run} ended by itself: {process.code}"
        at_s = time.time()
        self._let_the_wire_rest()
        kept = frozenset(one.name for one in self.answers())
        self.kills.append(Kill(at_s, first_call, len(self.installation.model.ledger), kept))
        return True

    def ran(self, way: Way, *, comeback: Comeback = "next run") -> None:
        """A run that nobody kills."""
        assert not self.killed(way, comeback=comeback)

    def leases_run_out(self) -> None:
        """Wait until what the last killed run held is free."""
        if self.kills:
            time.sleep(max(0.0, self.kills[-1].at_s + LEASE_S + 0.2 - time.time()))

    def ended(self) -> dict[str, datetime]:
        """When the outcome of each filing was stored, of those that have one."""
        rows = self.backend.rows("SELECT accession, max(recorded_at) FROM outcome GROUP BY 1")
        return {accession: moment.astimezone(UTC) for accession, moment in rows}

    def answers(self) -> list[Path]:
        """The files that bear an answer's name; what was never finished bears another."""
        files = self.installation.answers()
        return [one for one in files if ACCESSION_PATTERN.fullmatch(one.name)]

    def recovers(self, *ways: Way, comeback: Comeback = "next run") -> float | None:
        """Run on these ways in turn until every filing has an outcome.

        Returns:
            Seconds from the last kill until then; None: it never came to that.
        """
        for number in range(MOST_RUNS):
            if comeback == "next run" or number:
                self.leases_run_out()
            self.ran(ways[number % len(ways)], comeback="next run" if number else comeback)
            ended = self.ended()
            if self.offered <= ended.keys():
                last = max(ended[one] for one in self.offered).timestamp()
                return max(0.0, last - self.kills[-1].at_s) if self.kills else 0.0
        return None

    def faults_of(self, server: Server) -> Faults:
        """What is to happen to requests of this kind."""
        sec, model = self.installation.sec, self.installation.model
        return {"sec": sec.faults, "model": model.faults, "batches": model.batch_faults}[server]

    def _scheduled(self, way: Way, comeback: Comeback) -> UUID:
        """A flow run about to begin: a new one, or the last one again, as Retry makes it."""
        with get_client(sync_client=True) as client:
            if comeback == "retry" and self._last is not None:
                again: State[Any] = Scheduled(name="AwaitingRetry")
                client.set_flow_run_state(self._last, again, force=True)
                return self._last
            run = client.create_flow_run(
                sec_filings, parameters=self._parameters(way), state=Pending()
            )
        self._last = run.id
        return run.id

    def _parameters(self, way: Way) -> dict[str, Any]:
        common = {
            "profile": self.installation.profile,
            "lease_s": LEASE_S,
            "concurrency": CONCURRENCY,
        }
        if way == RSS:
            return {"source": "rss", **common}
        days = [one.filed_on for one in self.market.filings]
        dates = {"start_date": f"{min(days)}", "end_date": f"{max(days)}"}
        asked = {"ask_by": "batch"} if way == AT_HALF_PRICE else {}
        return {"source": "batch", **dates, **asked, **common}

    def _trap(self, boundary: str | None, passage: int) -> AbstractContextManager[Killer]:
        at = BY_NAME[boundary].at if boundary is not None else None
        if isinstance(at, OnTheWire):
            return trap(self.faults_of(at.server), at, passage)
        return nullcontext(Killer())

    def _wait(self, process: Process, kill_after_s: float | None) -> None:
        timer = threading.Timer(kill_after_s or 0.0, process.kill)
        if kill_after_s is not None:
            timer.start()
        self.interpreter.wait(process)
        timer.cancel()

    def _let_the_wire_rest(self) -> None:
        """What the dead process has sent is still read and answered, to nobody."""
        model = self.installation.model
        before, now = -1, len(model.ledger)
        while before != now or model.load.current:
            time.sleep(0.05)
            before, now = now, len(model.ledger)


@contextmanager
def opened(
    folder: Path, interpreter: Interpreter, *, seed: int, store_url: str = ""
) -> Iterator[House]:
    """A house of its own; needs a Prefect server. ``store_url`` empty: a DuckDB file."""
    market = generated_day(seed, FILINGS, noise=0.1)
    folder.mkdir(parents=True, exist_ok=True)
    with installed(market, folder) as installation:
        url = store_url or f"duckdb:///{folder / 'store.duckdb'}"
        if store_url:
            connector = SqlAlchemyConnector(connection_info=store_url)
            SeenStore(connector=connector).save(installation.profile, overwrite=True)
        installation.model.latency_s = 0.1
        installation.model.batches.looks = 2
        yield House(installation, market, Backend(url), interpreter)
