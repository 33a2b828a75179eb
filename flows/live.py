"""The live path: several looks at the feed in one run."""

from blocks.plan import FeedPlan
from flows.run import Run
from flows.stages import through_the_stages
from tasks.fetch import Rhythm, Watch, fetch_feed, kept_or_read
from tasks.fetched import Fetched
from tasks.passing import as_is


def watch_the_feed(plan: FeedPlan, run: Run) -> None:
    """Look, work on what is new, and look again, until all looks are made.

    The first look always goes through the stages, with the backlog of earlier
    runs; later ones only where they found something, so that a quiet minute
    costs a request a look and no task run.
    """
    rhythm = Rhythm(plan.polls, plan.poll_every_s)
    fetched = look_at_the_feed(plan, rhythm, run, Fetched(filings=()))
    through_the_stages(fetched, run, backlog=True)
    while fetched.polls < plan.polls and run.stopped_by is None:
        fetched = look_at_the_feed(plan, rhythm, run, fetched)
        if fetched.filings:
            through_the_stages(fetched, run)
        else:
            run.met(fetched)


def look_at_the_feed(plan: FeedPlan, rhythm: Rhythm, run: Run, last: Fetched) -> Fetched:
    """The run's first look after none, or the looks after ``last`` until one finds something."""
    watch = Watch(
        plan=plan,
        rhythm=rhythm,
        edgar=run.rooms.edgar,
        store=run.rooms.store,
        handled=frozenset(run.progress.met),
        looks_made=last.polls,
        read_at=last.read_at,
    )
    unit = f"poll-{last.polls + 1}"
    return kept_or_read(fetch_feed, run.rooms.answers, unit, run.id, as_is(watch))
