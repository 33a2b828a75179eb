"""The end of a batch run: what has had its day is pruned, and the report says what."""

from flows.run import Run
from tasks.housekeeping import HousekeepingPolicy, Pruned, keep_house
from tasks.passing import as_is


def prune_what_is_past(run: Run) -> None:
    """Keep house by the operators' switches; whatever goes wrong there is a note, no failure."""
    policy = HousekeepingPolicy(runs=run.settings.runs_kept, answers=run.settings.answer_ttl)
    state = keep_house(policy, as_is(run.rooms.answers), as_is(run.rooms.store), return_state=True)
    ended: object = state.result(raise_on_failure=False)
    run.pruned = (
        ended if isinstance(ended, Pruned) else Pruned(left=(f"housekeeping broke off: {ended}",))
    )
