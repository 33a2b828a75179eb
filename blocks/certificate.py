"""The certificate of a day: what became of every filing that EDGAR's index lists."""

from collections.abc import Mapping
from datetime import date
from typing import Self

from pydantic import model_validator

from blocks.models import Accession, UtcDatetime, Value


class Remark(Value):
    """A filing, and a word on how it stands."""

    accession: Accession
    why: str


class LeftOver(Remark):
    """A filing without any account; ``held_until``: a living run works on it until then."""

    held_until: UtcDatetime | None = None


class Spread(Value):
    """How late so many filings were, in seconds; ``worst`` is the latest of them.

    The percentiles are by nearest rank: the smallest lateness that at least so
    many percent of the filings do not exceed. All are None where nothing was
    measured.
    """

    filings: int = 0
    p50_s: float | None = None
    p99_s: float | None = None
    worst_s: float | None = None
    worst: Accession | None = None


class Lateness(Value):
    """From acceptance by EDGAR until the live path showed a filing, and until its analysis.

    Only filings that the live path showed, as far as both moments are known.
    """

    shown: Spread = Spread()
    enriched: Spread = Spread()


class Certificate(Value):
    """Every filing of the chosen forms in a day's index, under exactly one account.

    ``rejected`` counts by reason. ``failed`` have been tried, and are again;
    ``left_over`` have neither outcome nor failure. ``unreadable`` are rows of
    the index, any of which may hide a filing. ``index_only`` cuts across the
    accounts: filings that the live path has not shown. ``overnight`` is the
    lateness of filings that EDGAR accepted on an evening before and showed no
    earlier than this day; ``same_day`` that of all others.

    Kept certificates are read again by later versions: a new field needs a default.
    """

    day: date
    forms: tuple[str, ...]
    in_index: int
    enriched: int
    rejected: Mapping[str, int]
    parked: tuple[Remark, ...]
    failed: tuple[Remark, ...]
    left_over: tuple[LeftOver, ...]
    unreadable: tuple[str, ...]
    index_only: tuple[Accession, ...]
    same_day: Lateness
    overnight: Lateness

    @property
    def closed(self) -> bool:
        """Whether the day is proven complete: nothing left over, and every row was read."""
        return not self.left_over and not self.unreadable

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        named = len(self.parked) + len(self.failed) + len(self.left_over)
        if self.enriched + sum(self.rejected.values()) + named != self.in_index:
            raise ValueError(f"the accounts of {self.day} do not add up to {self.in_index}")
        return self


class Issued(Value):
    """A certificate as it is kept: a day may have several, each as of its moment."""

    issued_at: UtcDatetime
    certificate: Certificate
