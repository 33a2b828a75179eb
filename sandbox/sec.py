"""A stand-in sec.gov over real HTTP on loopback."""

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

from sandbox import sec_pages
from sandbox.captures import CapturedFolder
from sandbox.clock import Clock
from sandbox.faults import Fault, Faults
from sandbox.gate import BLOCK_FOR, Gate
from sandbox.ledger import Ledger, Served, peak_rate
from sandbox.loopback import LoopbackServer, Request, Response
from sandbox.market import Market
from sandbox.market_source import MarketSource
from sandbox.paging import Quirks
from sandbox.paths import PRICES
from sandbox.revalidation import revalidated

_CONTACT = re.compile(r"\S@\S+\.\S")


class Source(Protocol):
    """What the stand-in serves from."""

    def answer(self, request: Request, now: datetime) -> Response:
        """Answer as EDGAR would at ``now``."""


class StandInSec(LoopbackServer):
    """Serves a market or a folder of captures as sec.gov does; a context manager.

    Every request must declare a contact in its User-Agent and is written to
    ``ledger``. It may meet an outage or a block, else one of ``faults``; the
    prices, which another site has, know neither outage nor block. ``clock`` is
    the time of the market; it starts when the last index is out.
    """

    def __init__(self, source: Market | CapturedFolder) -> None:
        super().__init__()
        self.ledger: Ledger[Served] = Ledger()
        self.faults = Faults()
        self._gate = Gate()
        self._source: Source = MarketSource(source) if isinstance(source, Market) else source
        self.clock = Clock(source.ends_at if isinstance(source, Market) else datetime.now(UTC))

    @property
    def now(self) -> datetime:
        """The moment the stand-in lives in, in UTC."""
        return self.clock.now

    @now.setter
    def now(self, moment: datetime) -> None:
        self.clock.now = moment

    def show(self, sweep: str) -> None:
        """Serve the feed from another sweep of the captured folder from now on."""
        if not isinstance(self._source, CapturedFolder):
            raise TypeError("only a CapturedFolder has sweeps: set `now` for a market")
        self._source.show(sweep)

    def misbehave(self, quirks: Quirks) -> None:
        """Serve the market's feed with these quirks, and no others, from now on."""
        if not isinstance(self._source, MarketSource):
            raise TypeError("only a market's feed has quirks: captured pages are as they are")
        self._source.quirks = quirks

    def outage(self, start: datetime, end: datetime) -> None:
        """Drop every connection to sec.gov while ``now`` is in this window (aware)."""
        self._gate.outage(start, end)

    def block_for(self, minutes: float = BLOCK_FOR / timedelta(minutes=1)) -> None:
        """Answer with the rate page from ``now`` on, for that long.

        As SEC does, whoever asks in that time is blocked for ten minutes more.
        """
        self._gate.block(self.now, timedelta(minutes=minutes))

    @property
    def blocked_until(self) -> datetime | None:
        """When the block ends if nobody asks before; None where there was none."""
        return self._gate.blocked_until

    def peak_requests_per_second(self) -> int:
        """Most requests that arrived within any one second."""
        return peak_rate(served.at_s for served in self.ledger)

    def count(self, pattern: str) -> int:
        """How many requests so far had this regular expression in path or query."""
        return sum(bool(re.search(pattern, served.target)) for served in self.ledger)

    def met(self, fault: str) -> int:
        """How many requests so far met this fault: its name, ``block`` or ``outage``."""
        return sum(served.fault == fault for served in self.ledger)

    def answer(self, request: Request) -> Response:
        """Answer one request, whatever stands in its way first, and write it down."""
        at_s, now = time.monotonic(), self.clock.arrival(request)
        fault = self._obstacle(request, now)
        normal = Response() if fault and fault.replaces else self._normal(request, now)
        response = revalidated(request, fault.spoil(normal) if fault else normal)
        self.ledger.add(
            Served(
                at_s=at_s,
                now=now,
                method=request.method,
                target=request.target,
                status=0 if response.dropped else response.status,
                user_agent=request.user_agent,
                fault=fault.name if fault else "",
            )
        )
        return response

    def _obstacle(self, request: Request, now: datetime) -> Fault | None:
        refusal = self._gate.refusal(now) if _asks_sec(request) else None
        return refusal or self.faults.take(request.target)

    def _normal(self, request: Request, now: datetime) -> Response:
        if _asks_sec(request) and not _CONTACT.search(request.user_agent):
            return sec_pages.undeclared_tool()
        return self._source.answer(request, now)


def _asks_sec(request: Request) -> bool:
    return request.path != PRICES  # those come from a vendor, who asks for no name
