"""The two invariants, checked from the stand-ins' ledgers and the store's tables."""

import json
from collections import Counter
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from faults.house import CONCURRENCY, House

DOLLARS_A_TOKEN: Final = (0.10 / 1e6, 0.50 / 1e6)  # gpt-6-luna: read, written
BATCH_SHARE: Final = 0.5


@dataclass(frozen=True)
class Audit:
    """What became of the filings offered, and of the money.

    ``lost`` have no outcome, or are parked; ``doubled`` have several; ``bare`` are
    enriched without an analysis. ``paid_twice`` counts payments beyond the first
    of a filing, but for those after a call that a kill cut off between the
    model's answer and its saving: those are ``ambiguous``, at most ``CONCURRENCY``
    a kill. ``torn`` are answers that are not whole.
    """

    lost: tuple[str, ...]
    doubled: tuple[str, ...]
    bare: tuple[str, ...]
    torn: tuple[str, ...]
    open_days: tuple[date, ...]
    paid_twice: int
    ambiguous: tuple[int, ...]
    booked_usd: float
    billed_usd: float

    @property
    def amiss(self) -> int:
        """How many filings have not exactly one outcome, whole."""
        return len({*self.lost, *self.doubled, *self.bare})

    @property
    def holds(self) -> bool:
        """Whether both invariants do, and the books cover the bill."""
        return (
            not self.amiss
            and not self.torn
            and not self.open_days
            and not self.paid_twice
            and all(of_a_kill <= CONCURRENCY for of_a_kill in self.ambiguous)
            and self.booked_usd >= self.billed_usd - 1e-9
        )


def audited(house: House) -> Audit:
    """Look at the ledgers and tables of a house whose runs are over."""
    rows = house.backend.rows
    outcomes = Counter(name for (name,) in rows("SELECT accession FROM outcome"))
    parked = {name for (name,) in rows("SELECT accession FROM outcome WHERE status = 'parked'")}
    with_analysis = {name for (name,) in rows("SELECT accession FROM analyses")}
    enriched = {
        name for (name,) in rows("SELECT accession FROM outcome WHERE status = 'enriched'")
    }
    ((booked_nano,),) = rows(
        "SELECT coalesce(sum(coalesce(actual_nano, worst_nano)), 0)::bigint FROM spending"
    )
    closed: dict[date, bool] = dict(rows("SELECT day, closed FROM certificate ORDER BY issued_at"))
    cut_off = [_cut_off(house, number) for number in range(len(house.kills))]
    return Audit(
        lost=tuple(sorted((house.offered - outcomes.keys()) | parked)),
        doubled=tuple(sorted(name for name, count in outcomes.items() if count > 1)),
        bare=tuple(sorted(enriched - with_analysis)),
        torn=tuple(sorted(one.name for one in house.answers() if not _is_whole(one))),
        open_days=tuple(day for day, is_closed in closed.items() if not is_closed),
        paid_twice=_paid_twice(house, cut_off),
        ambiguous=tuple(map(len, cut_off)),
        booked_usd=booked_nano / 1e9,
        billed_usd=_billed_usd(house),
    )


def _cut_off(house: House, number: int) -> frozenset[str]:
    """The filings whose paid answer this kill kept from being saved."""
    kill = house.kills[number]
    calls = house.installation.model.ledger.entries[kill.first_call : kill.end_of_calls]
    paid = {call.accession for call in calls if call.paid and not call.batch}
    return frozenset(paid - kill.kept)


def _paid_twice(house: House, cut_off: list[frozenset[str]]) -> int:
    excused = Counter(name for of_a_kill in cut_off for name in of_a_kill)
    paid = house.installation.model.paid_calls
    return sum(max(0, count - 1 - excused[name]) for name, count in paid.items())


def _billed_usd(house: House) -> float:
    read_usd, written_usd = DOLLARS_A_TOKEN
    return sum(
        (BATCH_SHARE if call.batch else 1.0)
        * (call.prompt_tokens * read_usd + call.completion_tokens * written_usd)
        for call in house.installation.model.ledger
        if call.paid
    )


def _is_whole(answer: Path) -> bool:
    try:
        json.loads(answer.read_text())
    except ValueError:
        return False
    return True
