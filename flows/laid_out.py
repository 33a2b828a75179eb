"""Laying out how a run enriches, from what it was asked and the operators' switches."""

from typing import NamedTuple

from blocks.plan import AskBy, Refresh
from blocks.settings import Settings
from flows.enrichment import Enrichment
from flows.rooms import Rooms
from tasks.at_batch import AtBatch
from tasks.leases import Leases
from tasks.same_text import SameText


class Wishes(NamedTuple):
    """What a run was asked, as far as enriching goes: the flow's parameters of these names."""

    excerpt_tokens: int
    budget_usd: float | None
    concurrency: int
    lease_s: int
    share_same_text: bool
    refresh: Refresh
    ask_by: AskBy


def laid_out(rooms: Rooms, settings: Settings, run_id: str, wishes: Wishes) -> Enrichment:
    """The enrichment of a run.

    Raises:
        ParameterError: a budget that could not be kept.
        ConfigurationError: a daily cap that could not be kept.
    """
    paid_by = run_id if wishes.refresh == "all" else None
    same_text = SameText(rooms.answers, settings.answer_ttl, paid_by)
    shares = wishes.share_same_text and settings.feature_sec_llm_cache and rooms.analyst.may_cost
    bench = rooms.bench(
        Leases(rooms.store, owner=run_id, lease_s=wishes.lease_s),
        wishes.excerpt_tokens,
        wishes.budget_usd,
        rooms.answers if settings.feature_sec_llm_cache else None,
        same_text if shares else None,
    )
    return Enrichment(
        bench,
        rooms.answers,
        settings,
        concurrency=wishes.concurrency,
        refresh=wishes.refresh,
        at_batch=AtBatch(bench, rooms.answers, settings.answer_ttl),
        ask_by=wishes.ask_by,
    )
