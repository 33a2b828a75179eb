"""What the doctor finds about claims and unfinished filings. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from blocks.store_health_values import LeaseState, StoreState, Unfinished
from tasks.findings import Finding, Level, counted, has_or_have

PATIENCE: Final = timedelta(hours=1)  # rss comes by every minute; a run of it may take a while


def check_claims(state: StoreState, max_attempts: int) -> tuple[Finding, ...]:
    """Who holds what, and what waits for whom."""
    return (*_claims(state), *_unfinished(state.unfinished, max_attempts), *_parked(state))


def ago(since: timedelta) -> str:
    """A time that has passed, in its largest unit: ``3 days``."""
    for unit, one in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if since.total_seconds() >= one:
            return counted(int(since.total_seconds() // one), unit)
    return counted(max(0, int(since.total_seconds())), "second")


def _claims(state: StoreState) -> Iterator[Finding]:
    over = [one for one in state.claims if one.is_over and not one.anew]
    refreshes = [one for one in state.claims if one.is_over and one.anew]
    held = [one for one in state.claims if not one.is_over]
    if over:
        yield _over(over, state.as_of)
    if refreshes:
        yield Finding(
            kind="dead-refreshes",
            level=Level.MEND,
            title=f"{counted(len(refreshes), 'filing')} held by refreshes that died",
            names=tuple(_lease(one, state.as_of) for one in refreshes),
            meaning="Their earlier outcome stands, and nothing is lost. No run takes a refresh "
            "up by itself.",
            remedy="lets them go. To refresh them, run the refresh again: what it paid for "
            "under a new fingerprint is on file.",
            mended=True,
        )
    if held:
        yield Finding(
            kind="held-claims",
            level=Level.NOTE,
            title=f"{counted(len(held), 'filing')} held by a run now",
            names=tuple(
                f"{one.accession}, run {one.run}, until {_clock(one.lease_until)}" for one in held
            ),
            meaning="A run that lives renews its leases. One that was killed does not: then "
            "they run out at the time named.",
            remedy="nothing.",
        )


def _over(over: Sequence[LeaseState], as_of: datetime) -> Finding:
    oldest = as_of - over[0].lease_until
    passes = oldest <= PATIENCE
    number = len(over)
    return Finding(
        kind="stale-claims",
        level=Level.PASSES if passes else Level.PERSON,
        title=f"{counted(number, 'claim')} of dead runs {has_or_have(number)} run out, the "
        f"oldest {ago(oldest)} ago",
        names=tuple(_lease(one, as_of) for one in over),
        meaning="A run that was killed holds its filings until their lease is over. They are "
        "free now, and the next rss run takes them up; an answer it finds on file is not paid "
        "for again.",
        remedy="nothing."
        if passes
        else "no rss run has come by for an hour. See that `make up` runs and that the rss "
        "deployment is not paused, or run sec_filings/rss once.",
    )


def _lease(one: LeaseState, as_of: datetime) -> str:
    since = ago(as_of - one.lease_until)
    return f"{one.accession}, run {one.run}, over for {since}"


def _unfinished(unfinished: Sequence[Unfinished], max_attempts: int) -> Iterator[Finding]:
    near = [one for one in unfinished if one.attempts >= max(1, max_attempts - 1)]
    waiting = [one for one in unfinished if one.is_backlog and one not in near]
    left = [one for one in unfinished if not one.is_backlog]
    if near:
        yield Finding(
            kind="near-parking",
            level=Level.NOTE,
            title=f"{counted(len(near), 'filing')} one failure away from being parked",
            names=tuple(map(_attempts, near)),
            meaning=f"After {counted(max_attempts, 'attempt')} that failed a filing is "
            "parked, with its last error as the reason.",
            remedy="see whether its last error is the filing's own.",
        )
    if waiting:
        yield Finding(
            kind="waiting",
            level=Level.PASSES,
            title=f"{counted(len(waiting), 'unfinished filing')} for the next rss run",
            names=tuple(map(_attempts, waiting)),
            meaning="They failed, or were handed back by a run that stopped.",
            remedy="nothing.",
        )
    if left:
        yield Finding(
            kind="named-not-begun",
            level=Level.NOTE,
            title=f"{counted(len(left), 'filing')} named by a backfill and not begun",
            names=tuple(one.accession for one in left),
            meaning="A backfill that reached its budget, or was stopped, left them. The live "
            "path does not take them up at its own expense.",
            remedy="run that backfill again.",
        )


def _attempts(one: Unfinished) -> str:
    return f"{one.accession}, attempts {one.attempts}, {one.last_error or 'no error recorded'}"


def _parked(state: StoreState) -> Iterator[Finding]:
    if state.parked:
        yield Finding(
            kind="parked",
            level=Level.NOTE,
            title=f"{counted(len(state.parked), 'filing')} parked",
            names=state.parked,
            meaning="Their attempts are used up. Their outcome tells the last error.",
            remedy="to try them again, run sec_filings/batch with accessions and refresh=all.",
        )


def _clock(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
