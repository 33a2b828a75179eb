"""A plan: the run rehearsed up to the first filing it would download; the store is only read.

It fetches what the run would fetch, asks the store what a claim would grant, decides
by price and looks for kept answers with the run's own functions; what then is left
to ask about is counted and priced. A day is not a flow run here: a plan of a year is
to be quick, and has nothing to retry.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

from prefect import State
from prefect.states import Completed

from blocks.errors import EdgarNotFound, IndexUnreadable
from blocks.models import Excerpt
from blocks.plan import DaysPlan, FeedPlan, FetchPlan
from flows.days import indexes_of
from flows.ending import see_that_a_day_was_read
from flows.funnel import notes_of, open_days_of
from flows.listed import ciks_asked_for, found_in_the_indexes
from flows.live import look_at_the_feed
from flows.run import Run
from flows.stages import decide_by_price, met_now
from tasks.cost_plan import Rates, Rehearsal, Scope, plan_of, rehearsed
from tasks.cost_plan_text import publish_plan, sentence
from tasks.dedup import preview_claim, triage
from tasks.fetch import Rhythm
from tasks.fetched import Fetched
from tasks.indexes import read_day
from tasks.passing import as_is
from tasks.record import survivors


def plan_the_cost(source: str, plan: FetchPlan, run: Run, today: date) -> State[dict[str, Any]]:
    """Say what the run would pay for, as an artifact and as the final state.

    ``today`` is the Eastern date.

    Raises:
        SecFilingsError: what the plan is made of could not be had. A part of it
            would look like a smaller sum, so there is no plan then.
    """
    units = list(_rehearse(plan, run, today))
    see_that_a_day_was_read(run)
    scope = _scope(source, run)
    notes = (*_store_is_off(run), *open_days_of(run, today), *notes_of(run, today))
    costs = plan_of(scope, units, _rates(scope, run), notes)
    publish_plan(as_is(costs))
    return Completed(message=sentence(costs), data=costs.model_dump(mode="json"))


def _rehearse(plan: FetchPlan, run: Run, today: date) -> Iterator[Rehearsal]:
    """Count every unit that the run would work on, the feed by its first look."""
    if isinstance(plan, FeedPlan):
        fetched = look_at_the_feed(plan, Rhythm(1, 0.0), run, Fetched(filings=()))
        yield _through_the_stages("feed", fetched, run, backlog=True)
    elif isinstance(plan, DaysPlan):
        for day, fetched in _days(plan, ciks_asked_for(plan, run), run):
            yield _through_the_stages(f"{day}", fetched, run)
    else:
        listed = found_in_the_indexes(plan, ciks_asked_for(plan, run), run, today)
        yield _through_the_stages("list", listed, run)


def _days(plan: DaysPlan, ciks: frozenset[int], run: Run) -> Iterator[tuple[date, Fetched]]:
    """What each day's index lists; the days without one, or with none that can be read, noted."""
    index_of = indexes_of(plan, run.rooms.edgar)
    for day in plan.days:
        try:
            fetched = read_day(plan, day, index_of(day), ciks)
        except EdgarNotFound as error:
            run.no_index[day] = error
        except IndexUnreadable as error:
            run.unread[day] = error
        else:
            run.days_read.append(day)
            yield day, fetched


def _through_the_stages(
    unit: str, fetched: Fetched, run: Run, *, backlog: bool = False
) -> Rehearsal:
    """As :func:`flows.stages.through_the_stages`, up to what it would pay for."""
    unmet = met_now(fetched, run)
    claim = preview_claim(
        unmet,
        run.rooms.store,
        owner=run.id,
        refresh=run.enrichment.refresh == "all",
        outdated_by=run.enrichment.outdated_by,
        backlog=backlog,
    )
    sorted_out = triage(claim.granted, run.rooms.max_attempts)
    to_decide = (*sorted_out.fresh, *sorted_out.suspects)
    kept = survivors(to_decide, decide_by_price(to_decide, run))
    return rehearsed(
        unit,
        unmet,
        claim,
        parked=sorted_out.worn_out,
        kept=kept,
        on_file=run.enrichment.on_file(kept),
    )


def _scope(source: str, run: Run) -> Scope:
    bench = run.enrichment.bench
    return Scope(
        source=source,
        refresh=run.enrichment.refresh,
        analyst=bench.analyst.name,
        fingerprint=bench.fingerprint,
        excerpt_tokens=bench.excerpt_tokens,
        switched_off=run.settings.switched_off(),
    )


def _rates(scope: Scope, run: Run) -> Rates:
    """What a question costs this analyst at most, and what it has cost before."""
    analyst, store = run.rooms.analyst, run.rooms.store
    excerpt = Excerpt.longest(scope.excerpt_tokens)
    return Rates(
        most_usd=analyst.worst_case_cost_usd(excerpt),
        guess_usd=analyst.usual_cost_usd(excerpt),
        kept=store.answer_costs(scope.analyst, scope.fingerprint) if store else (),
    )


def _store_is_off(run: Run) -> Iterator[str]:
    if run.rooms.store is None:
        yield (
            "the seen store is switched off, so nothing is known of earlier runs but their kept "
            "answers: every filing counts as new"
        )
