"""The one flow: fetch -> dedup -> price filter -> enrich -> record -> report.

Both deployments, ``rss`` and ``batch``, are this flow with other parameters.
Every decision is taken elsewhere by a pure function; this file only sequences.
"""

from datetime import date
from typing import Annotated, Any, Literal

from prefect import State, flow
from prefect.runtime import flow_run
from pydantic import Field

from blocks.errors import SecFilingsError
from blocks.models import EASTERN, eastern_day
from blocks.plan import (
    AskBy,
    DaysPlan,
    FeedPlan,
    FetchPlan,
    Refresh,
    plan_fetch,
    see_that_a_refresh_makes_sense,
    see_that_batches_can_be_asked,
)
from blocks.settings import Settings
from flows.announcer import Announcer
from flows.batched import ask_in_batches
from flows.days import day_by_day
from flows.ending import end_of
from flows.funnel import draw_funnel
from flows.housekeeping import prune_what_is_past
from flows.laid_out import Wishes, laid_out
from flows.listed import ciks_asked_for, work_through_a_list
from flows.live import watch_the_feed
from flows.only_process import only_process_of
from flows.planning import plan_the_cost
from flows.progress import Progress
from flows.quiet_exit import close_standard_error_at_exit
from flows.rooms import Rooms
from flows.run import Run
from tasks.passing import as_is
from tasks.price_filter import PriceRule
from tasks.report import publish_report

close_standard_error_at_exit()


def run_name() -> str:
    """Name a run by its source and scheduled start, Eastern: ``rss 2025-12-12 18:04``."""
    start = flow_run.get_scheduled_start_time().astimezone(EASTERN)
    asked = flow_run.get_parameters()
    plan = "plan of " if asked.get("plan_only") else ""
    return f"{plan}{asked.get('source', 'rss')} {start:%Y-%m-%d %H:%M}"


@flow(name="sec_filings", flow_run_name=run_name, persist_result=False)
def sec_filings(  # noqa: PLR0913, PLR0917 - flat parameters are what the UI's run form shows
    source: Literal["rss", "batch"] = "rss",
    forms: list[str] | None = None,
    max_pages: Annotated[int, Field(ge=1, le=60)] = 60,
    polls: Annotated[int, Field(ge=1, le=60)] = 1,
    poll_every_s: Annotated[float, Field(ge=0, le=60)] = 9.0,
    start_date: date | None = None,
    end_date: date | None = None,
    last_business_days: Annotated[int, Field(ge=1, le=30)] | None = None,
    accessions: list[str] | None = None,
    accessions_csv: str | None = None,
    ciks: list[int] | None = None,
    tickers: list[str] | None = None,
    price_ceiling_usd: Annotated[float, Field(ge=0)] | None = None,
    price_floor_usd: Annotated[float, Field(ge=0)] | None = None,
    unknown_price: Literal["keep", "reject"] = "keep",
    excerpt_tokens: Annotated[int, Field(ge=200, le=50_000)] = 4_000,
    concurrency: Annotated[int, Field(ge=1, le=100)] | None = None,
    budget_usd: Annotated[float, Field(gt=0)] | None = None,
    share_same_text: bool = True,  # noqa: FBT001, FBT002 - a check box in the run form
    refresh: Refresh = "none",
    ask_by: AskBy = "calls",
    plan_only: bool = False,  # noqa: FBT001, FBT002 - a check box in the run form
    lease_s: Annotated[int, Field(ge=5, le=86_400)] = 900,
    profile: str = "default",
) -> State[dict[str, Any]]:
    """Find new filings, analyse the ones worth it, pay for each once.

    Prefect shows the lines below beside the fields of the run form.

    Args:
        source: rss reads the live feed; batch reads daily indexes or a list.
        forms: Form types, exact ("8-K" is not "8-K/A"), or the family "424B". Empty: 8-K, 6-K,
            10-Q, 10-K, 424B, FWP, SC 13D/G and SCHEDULE 13D/G, with their amendments.
        max_pages: rss: how many feed pages of 100 entries a poll reads at most; 54 are all.
        polls: rss: how often this run looks at the feed.
        poll_every_s: rss: seconds from one look to the next.
        start_date: batch: first day whose daily index is read.
        end_date: batch: last such day, included. Empty: start_date alone.
        last_business_days: batch, without dates or a list: that many days up to today.
        accessions: batch, instead of dates: accession numbers like 0001193125-25-123456.
        accessions_csv: batch, instead of dates: a CSV file with a column "accession".
        ciks: batch: only filings with one of these CIKs.
        tickers: batch: only filings of companies with one of these tickers.
        price_ceiling_usd: Highest price that is enriched; 0: none. Empty: PRICE_CEILING (10).
        price_floor_usd: Lowest price that is enriched. Empty: PRICE_FLOOR (none).
        unknown_price: What becomes of a filing whose price is not known.
        excerpt_tokens: Tokens of a filing that the model is shown at most.
        concurrency: Filings enriched at once. Empty: SEC_LLM_MAX_CONCURRENT (10).
        budget_usd: Dollars this run may spend on the model at most. Empty: no cap.
        share_same_text: Pay once for filings of a company whose analysed text is the same.
        refresh: What is analysed again although it has an outcome. outdated: what was enriched
            under another fingerprint (model, prompt, schema, excerpt rules, budget) than the
            present one, and is paid once under this one. all: everything, and paid again.
        ask_by: batch: by OpenAI's Batch API, at half the price and within a day (source batch).
            batch_then_calls: likewise, and by ordinary calls what a batch left unanswered.
        plan_only: Pay for nothing: say how many filings this run would ask about, and what
            that would cost.
        lease_s: Seconds after which the filings of a run that was killed are free again.
        profile: Name of the block documents to work with.

    Returns:
        Completed, with the run in one line as its message and the funnel as its data; who
        calls the flow from Python is given the funnel. With plan_only, likewise the plan.

    Raises:
        RunNeedsAttention: the run is complete, and some of its filings failed, or a day is
            not complete; a retry of the run works on what is left.
        StillAtWork: it is a retry, and the process of the run that was retried lives.
    """
    today = eastern_day(flow_run.get_scheduled_start_time())  # also of a retry
    settings = Settings.from_environment()
    plan = plan_fetch(
        source=source,
        today=today,
        forms=forms,
        max_pages=max_pages,
        polls=polls,
        poll_every_s=poll_every_s,
        start_date=start_date,
        end_date=end_date,
        last_business_days=last_business_days,
        accessions=accessions or (),
        accessions_csv=accessions_csv,
        ciks=ciks or (),
        tickers=tickers or (),
    )
    rule = PriceRule(
        enabled=settings.sec_price_filter_enabled,
        ceiling_usd=_first_given(price_ceiling_usd, settings.price_ceiling),
        floor_usd=_first_given(price_floor_usd, settings.price_floor),
        unknown=unknown_price,
    )
    run_id = str(flow_run.get_id())
    with Rooms.opened(profile, settings) as rooms, only_process_of(run_id, rooms.answers):
        see_that_batches_can_be_asked(
            ask_by,
            source=source,
            keeps_answers=settings.feature_sec_llm_cache,
            asks_a_model=rooms.analyst.may_cost,
        )
        see_that_a_refresh_makes_sense(refresh, asks_a_model=rooms.analyst.may_cost)
        enrichment = laid_out(
            rooms,
            settings,
            run_id,
            Wishes(
                excerpt_tokens=excerpt_tokens,
                budget_usd=budget_usd,
                concurrency=concurrency or settings.sec_llm_max_concurrent,
                lease_s=lease_s,
                share_same_text=share_same_text,
                refresh=refresh,
                ask_by=ask_by,
            ),
        )
        progress = Progress(rooms.store, enrichment.bench.leases)
        announcer = Announcer(rooms.store, run_id)
        run = Run(run_id, rooms, settings, rule, enrichment, progress, announcer)
        if plan_only:
            return plan_the_cost(source, plan, run, today)
        enrichment.check()
        announcer.tell_what_waits()
        with progress.leases_kept():
            _work(plan, run, today)
        if source == "batch":
            prune_what_is_past(run)
        funnel = draw_funnel(source, run, today)
        publish_report(
            as_is(funnel),
            as_is(progress.outcomes),
            as_is(progress.failures),
            as_is(progress.successions),
            rooms.edgar.base_url,
        )
    return end_of(run, funnel)


def _work(plan: FetchPlan, run: Run, today: date) -> None:
    """Do what the plan asks for; what is cut short is reported as far as it came."""
    try:
        if isinstance(plan, FeedPlan):
            watch_the_feed(plan, run)
            return
        ciks = ciks_asked_for(plan, run)
        if run.enrichment.ask_by != "calls":
            ask_in_batches(plan, ciks, run, today)
        if isinstance(plan, DaysPlan):
            day_by_day(plan, ciks, run)
        else:
            work_through_a_list(plan, ciks, run, today)
    except SecFilingsError as error:
        run.ended_by = error


def _first_given(parameter: float | None, switch: float | None) -> float | None:
    """The parameter if it was given, else the operators' switch; 0 means no bound."""
    chosen = switch if parameter is None else parameter
    return chosen or None
