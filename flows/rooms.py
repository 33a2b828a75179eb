"""The blocks a run works with, loaded once, with the operators' switches applied."""

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Self, TypeVar, cast

from prefect.blocks.core import Block

from blocks.analyst import Analyst
from blocks.answers import AnswerFolder
from blocks.budget import Budget
from blocks.edgar import EdgarClient
from blocks.errors import ConfigurationError
from blocks.prices import PriceSource
from blocks.settings import Settings
from blocks.store import SeenStore
from tasks.enrich import Bench

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
            AnswerCacheUnusable: answers could not be kept, so none may be bought.
        """
        rooms = cls(
            edgar=_load(EdgarClient, profile),
            prices=_load(PriceSource, profile),
            analyst=_load(Analyst, profile),
            answers=_load(AnswerFolder, profile),
            store=_store(profile, settings) if settings.seen_store_enabled else None,
        )
        if settings.feature_sec_llm_cache:
            rooms.answers.probe()
        with ExitStack() as closing:
            for room in (rooms.edgar, rooms.analyst):
                if room is not None:
                    closing.callback(room.close)
            yield rooms

    @property
    def max_attempts(self) -> float:
        """How often a filing may be claimed before it is parked; no end without a store."""
        return math.inf if self.store is None else self.store.max_attempts

    def bench(self, run_id: str, excerpt_tokens: int, budget_usd: float | None) -> Bench:
        """Lay out what every enrichment of the run shares."""
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
    except ValueError as error:  # Prefect's "unable to find", and pydantic's refusals
        raise ConfigurationError(
            f"block {name} cannot be used: {error}. `make up` creates the blocks of profile "
            "'default'; create or correct this one on the Blocks page of the Prefect UI",
            subject=name,
        ) from error
