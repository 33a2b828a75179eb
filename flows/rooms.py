"""The blocks a run works with, loaded once, with the operators' switches applied."""

import math
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Self, TypeVar, cast

from prefect.blocks.core import Block
from pydantic import ValidationError

from blocks.analyst import Analyst
from blocks.answers import AnswerFolder
from blocks.budget import Budget, Ledger
from blocks.edgar import EdgarClient
from blocks.errors import ConfigurationError, ParameterError
from blocks.models import Excerpt
from blocks.prices import PriceSource
from blocks.settings import Settings
from blocks.store import SeenStore
from tasks.bench import Bench
from tasks.leases import Leases
from tasks.reference import ReferenceTables
from tasks.same_text import SameText

# What Prefect lets a document be called; the name stands in the path of a request to its server.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,99}")

BlockT = TypeVar("BlockT", bound=Block)


@dataclass(frozen=True)
class Rooms:
    """One document of each block type; ``store`` is None where it is switched off."""

    profile: str
    edgar: EdgarClient
    prices: PriceSource
    analyst: Analyst
    answers: AnswerFolder
    store: SeenStore | None

    @classmethod
    @contextmanager
    def opened(cls, profile: str, settings: Settings) -> Iterator[Self]:
        """Load the documents named ``profile``; their connections are closed at the end.

        Raises:
            ParameterError: that is no name of a document.
            ConfigurationError: one is missing or holds a bad value; names it and the remedy.
        """
        if not _NAME.fullmatch(profile):
            raise ParameterError(
                f"parameter profile: {profile[:80]!r} is no name of block documents; they have"
                " letters, digits and dashes",
                subject="profile",
            )
        rooms = cls(
            profile=profile,
            edgar=load(EdgarClient, profile),
            prices=load(PriceSource, profile),
            analyst=load(Analyst, profile),
            answers=load(AnswerFolder, profile),
            store=_store(profile, settings) if settings.seen_store_enabled else None,
        )
        with ExitStack() as closing:
            closing.callback(rooms.edgar.close)
            closing.callback(rooms.analyst.close)
            yield rooms

    @cached_property
    def tables(self) -> ReferenceTables:
        """The reference tables of the run, which remember what they were given."""
        return ReferenceTables.of(self.edgar, self.prices, self.answers)

    @property
    def max_attempts(self) -> float:
        """How often a filing may be claimed before it is parked; no end without a store."""
        return math.inf if self.store is None else self.store.max_attempts

    def bench(
        self,
        leases: Leases,
        excerpt_tokens: int,
        budget_usd: float | None,
        answers: AnswerFolder | None,
        same_text: SameText | None,
    ) -> Bench:
        """Lay out what every enrichment of the run shares.

        Raises:
            ParameterError: a budget that could not be kept.
            ConfigurationError: a daily cap that could not be kept.
        """
        self._see_that_caps_can_be_kept(budget_usd)
        return Bench(
            edgar=self.edgar,
            analyst=self.analyst,
            budget=Budget(
                budget_usd,
                self.analyst.daily_cap_usd,
                ledger=self._ledger(budget_usd),
                run=leases.owner,
                model=self.analyst.name,
            ),
            excerpt_tokens=excerpt_tokens,
            run_id=leases.owner,
            leases=leases,
            answers=answers,
            same_text=same_text,
        )

    def _ledger(self, budget_usd: float | None) -> Ledger | None:
        """The store's ledger: with a cap, though the store be switched off; none for the rules."""
        if not self.analyst.may_cost:
            return None
        if self.store is not None:
            return self.store.spending
        if budget_usd is None and self.analyst.daily_cap_usd is None:
            return None
        return load(SeenStore, self.profile).spending

    def _see_that_caps_can_be_kept(self, budget_usd: float | None) -> None:
        cap_usd = self.analyst.daily_cap_usd
        if budget_usd is not None and (why := self._why_not_kept(budget_usd)):
            raise ParameterError(f"parameter budget_usd: {why}", subject="budget_usd")
        if cap_usd is not None and (why := self._why_not_kept(cap_usd)):
            raise ConfigurationError(
                f"daily_cap_usd of the analyst block: {why}", subject="daily_cap_usd"
            )

    def _why_not_kept(self, cap_usd: float) -> str:
        """Why a cap of so many dollars could not be kept; empty: it could."""
        if not self.analyst.knows_its_price:
            return (
                f"the price of {self.analyst.name} at this address is not known, so it cannot be"
                " kept; say whose prices hold in the analyst block (price_provider), or leave it"
                " empty"
            )
        least_usd = self.analyst.worst_case_cost_usd(Excerpt.longest(1)) or 0.0
        if cap_usd >= least_usd:
            return ""
        return (
            f"it covers no call: the shortest may cost ${least_usd:.4f}; raise it, or lower the"
            " analyst block's max_output_tokens"
        )

    def cost_usd_of(self, accessions: frozenset[str]) -> float:
        """What the stored answers of these filings cost; unknown prices count as nothing."""
        if self.store is None or not accessions:
            return 0.0
        return float(self.store.outcomes(sorted(accessions))["cost_usd"].sum())


def _store(profile: str, settings: Settings) -> SeenStore:
    return load(SeenStore, profile).with_switches(
        lru_enabled=settings.seen_store_cache_enabled,
        lru_size=settings.seen_store_cache_size,
        ttl=settings.seen_ttl,
    )


def load(kind: type[BlockT], profile: str) -> BlockT:
    """The document of this kind named ``profile``.

    Raises:
        ConfigurationError: it is missing or holds a bad value; names it and the remedy.
    """
    name = f"{kind.get_block_type_slug()}/{profile}"
    try:
        return cast("BlockT", kind.load(profile))
    except (ValueError, RuntimeError) as error:  # Prefect: no such document; one that is refused
        raise ConfigurationError(
            f"block {name} cannot be used: {_without_values(error)}. `make up` creates the "
            "blocks of profile 'default'; create or correct this one on the Blocks page of the "
            "Prefect UI",
            subject=name,
        ) from None  # pydantic's own message shows values, secrets among them


def _without_values(error: Exception) -> str:
    refusal = error.__cause__
    if not isinstance(refusal, ValidationError):
        return str(error)
    first = refusal.errors(include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
