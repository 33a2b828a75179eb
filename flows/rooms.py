"""The blocks a run works with, loaded once, with the operators' switches applied."""

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Self, TypeVar, cast

from prefect.blocks.core import Block
from pydantic import ValidationError

from blocks.analyst import Analyst
from blocks.answers import AnswerFolder
from blocks.budget import Budget
from blocks.edgar import EdgarClient
from blocks.errors import ConfigurationError, ParameterError
from blocks.prices import PriceSource
from blocks.settings import Settings
from blocks.store import SeenStore
from tasks.bench import Bench
from tasks.reference import ReferenceTables

BlockT = TypeVar("BlockT", bound=Block)


@dataclass(frozen=True)
class Rooms:
    """One document of each block type; ``store`` is None where it is switched off."""

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
            ConfigurationError: one is missing or holds a bad value; names it and the remedy.
        """
        rooms = cls(
            edgar=_load(EdgarClient, profile),
            prices=_load(PriceSource, profile),
            analyst=_load(Analyst, profile),
            answers=_load(AnswerFolder, profile),
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

    def bench(self, run_id: str, excerpt_tokens: int, budget_usd: float | None) -> Bench:
        """Lay out what every enrichment of the run shares.

        Raises:
            ParameterError: a budget that could not be kept.
        """
        if budget_usd is not None and not self.analyst.knows_its_price:
            raise ParameterError(
                f"parameter budget_usd: the price of {self.analyst.name} at this address is not "
                "known, so no budget can be kept; say whose prices hold in the analyst block "
                "(price_provider), or leave the budget empty",
                subject="budget_usd",
            )
        return Bench(
            edgar=self.edgar,
            analyst=self.analyst,
            budget=Budget(budget_usd),
            excerpt_tokens=excerpt_tokens,
            run_id=run_id,
        )

    def cost_usd_of(self, accessions: frozenset[str]) -> float:
        """What the stored answers of these filings cost; unknown prices count as nothing."""
        if self.store is None or not accessions:
            return 0.0
        return float(self.store.outcomes(sorted(accessions))["cost_usd"].sum())


def _store(profile: str, settings: Settings) -> SeenStore:
    return _load(SeenStore, profile).with_switches(
        lru_enabled=settings.seen_store_cache_enabled,
        lru_size=settings.seen_store_cache_size,
        ttl=settings.seen_ttl,
    )


def _load(kind: type[BlockT], profile: str) -> BlockT:
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
