"""What the doctor finds in the answer folder that is no answer. Pure."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final

from blocks.answer_inventory import Inventory, KeptFile, Kind
from tasks.findings import Finding, Level, counted

WRITING: Final = timedelta(minutes=30)  # longer than a living run holds room for an answer
BATCH_OVER: Final = timedelta(hours=48)  # a batch has 24, and is taken in soon after
RESULTS_LIVE: Final = timedelta(days=31)  # at OpenAI


def left_behind(inventory: Inventory, now: datetime) -> tuple[KeptFile, ...]:
    """What dead writers left, and may be deleted."""
    dead = (
        *inventory.of(Kind.HALF_WRITTEN),
        *inventory.of(Kind.FREE_TURN),
    )
    old_notes = (one for one in inventory.of(Kind.NOTE) if now - one.written_at > RESULTS_LIVE)
    return (*(one for one in dead if now - one.written_at > WRITING), *old_notes)


def check_leftovers(
    inventory: Inventory, is_taken_up: Callable[[KeptFile], bool], now: datetime
) -> Iterator[Finding]:
    """Findings about everything in the folder that is no answer."""
    gone = left_behind(inventory, now)
    if gone:
        number = len(gone)
        yield Finding(
            kind="left-behind",
            level=Level.NOTE,
            title=f"{counted(number, 'file')} that dead processes left behind",
            names=tuple(one.path for one in gone),
            meaning="Half-written files, turns that nobody holds, and notes of batches whose "
            "results are deleted by now. They harm nobody.",
            remedy="deletes them.",
            mended=True,
        )
    if aside := inventory.of(Kind.SET_ASIDE):
        yield Finding(
            kind="set-aside",
            level=Level.NOTE,
            title=f"{counted(len(aside), 'unreadable file')} set aside",
            names=tuple(one.path for one in aside),
            meaning="Not used any more; kept so that you may look at them.",
            remedy="delete them when you have.",
        )
    if strangers := inventory.of(Kind.STRANGER):
        yield Finding(
            kind="strangers",
            level=Level.NOTE,
            title=f"{counted(len(strangers), 'file')} among the answers, called like none",
            names=tuple(one.path for one in strangers),
            meaning="Nothing reads them.",
            remedy="move them away.",
        )
    yield from _overdue(inventory, is_taken_up, now)


def overdue_notes(inventory: Inventory, now: datetime) -> list[KeptFile]:
    """Notes of batches that are over, and whose results are still to be had."""
    notes = inventory.of(Kind.NOTE)
    return [one for one in notes if BATCH_OVER < now - one.written_at <= RESULTS_LIVE]


def _overdue(
    inventory: Inventory, is_taken_up: Callable[[KeptFile], bool], now: datetime
) -> Iterator[Finding]:
    overdue = overdue_notes(inventory, now)
    for passes in (True, False):
        some = sorted(
            (one for one in overdue if is_taken_up(one) is passes), key=lambda one: one.written_at
        )
        if some:
            last_day = (some[0].written_at + RESULTS_LIVE).date() - timedelta(days=1)
            yield Finding(
                kind="batches-not-taken-in",
                level=Level.PASSES if passes else Level.PERSON,
                title=f"{counted(len(some), 'filing')} may have an answer waiting at OpenAI",
                names=tuple(one.path for one in some),
                meaning="They were asked about in a batch that is over, and no run has taken "
                f"its answers in. They are deleted from {last_day} on, and paid again then.",
                remedy="nothing: the next rss run looks for them."
                if passes
                else "run sec_filings/batch with these accessions: it takes them in.",
            )
