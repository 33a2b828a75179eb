"""One poll of the live feed: how far back it has to read, and the reading. Pure.

The feed lists newest acceptance first, and what is new is not always on top:

- Entries appear up to a minute or so after their acceptance, at its place.
- What EDGAR holds overnight appears the next business day, hundreds of places
  down. From when on is not known, so the feed is swept several times a morning.
- While pages are read one after the other, new filings push entries onto the
  next page, and a page from an older copy of the feed begins too far down.

So a poll stops only at a page that is known *and* older than what an earlier
poll can be trusted with, and every page must join on to the one before it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, time, timedelta
from statistics import median_low
from typing import Final

from blocks.business_days import (
    EASTERN,
    HELD_FROM,
    OPENS,
    business_day_before,
    eastern,
    is_business_day,
)
from blocks.edgar_feed import MAX_START, FeedPage, merge
from blocks.forms import wanted
from blocks.models import Filing, UtcDatetime, Value, eastern_day, utc_now
from blocks.plan import FeedPlan
from blocks.store_values import FeedMark
from tasks.markdown import first

PAGE_ENTRIES: Final = 100  # the most EDGAR puts on a page
STEP_ENTRIES: Final = 95  # pages overlap, which shows that nothing fell out between them

# Captures show entries 18 to 75 s after their acceptance; ten times that is for bad days.
LATE_BY: Final = timedelta(minutes=10)
LATE_BY_WITHIN_A_RUN: Final = timedelta(minutes=2)  # the next run's first poll looks further back
OUTAGE: Final = timedelta(minutes=10)
SWEEPS: Final = (OPENS, time(6, 5), time(6, 15), time(6, 30), time(7), time(8), time(9), time(10))

PageAt = Callable[[int], FeedPage]
Known = Callable[[Sequence[str]], frozenset[str]]


class Reach(Value):
    """How far back a poll reads at least; ``back_to`` None: to the end of the feed.

    A sweep also finds what EDGAR held overnight.
    """

    back_to: UtcDatetime | None
    is_sweep: bool


class FeedRead(Value):
    """What one poll found, by EDGAR's clock at ``read_at``.

    ``complete`` False: it ended before it may be trusted with having seen all.
    """

    filings: tuple[Filing, ...]
    read_at: UtcDatetime
    complete: bool
    is_sweep: bool
    notes: tuple[str, ...]


def reach_of(now: datetime, mark: FeedMark | None) -> Reach:
    """How far back the first poll of a run reads, by EDGAR's clock.

    A sweep is due with a new store, after an outage, and at the first poll
    after each of ``SWEEPS`` on a business day.
    """
    if mark is None or mark.read_at > now + OUTAGE:  # a clock was wrong, then or now
        return Reach(back_to=None, is_sweep=True)
    recent = mark.read_at - LATE_BY
    if now - mark.read_at <= OUTAGE and mark.swept_at >= _last_sweep_due(now):
        return Reach(back_to=recent, is_sweep=False)
    return Reach(back_to=min(recent, _held_since(now, mark.swept_at)), is_sweep=True)


def reach_within_a_run(read_at: datetime) -> Reach:
    """How far back a later poll of a run reads; ``read_at`` is the poll before it."""
    return Reach(back_to=read_at - LATE_BY_WITHIN_A_RUN, is_sweep=False)


def mark_after(read: FeedRead, feed: str, before: FeedMark | None) -> FeedMark | None:
    """What may be marked once the first poll of a run is claimed; None: it ended too soon."""
    if not read.complete:
        return None
    swept_at = read.read_at if before is None or read.is_sweep else before.swept_at
    return FeedMark(feed=feed, read_at=read.read_at, swept_at=swept_at)


def read_feed(
    plan: FeedPlan, page_at: PageAt, known: Known, reach_at: Callable[[datetime], Reach]
) -> FeedRead:
    """Read back until a page that is known and beyond reach, or to the end of the feed.

    A page is known when all its filings of the chosen forms are. A filing with
    an entry that cannot be read is left to the batch run: without all its
    parties it would be decided by the wrong one's price.

    Args:
        plan: the forms, and how many pages are read at most.
        page_at: gives the page that begins at an entry.
        known: tells which of some accession numbers are known already.
        reach_at: gives the reach, from EDGAR's clock on the first page.
    """
    to_come = _joined(page_at, plan.max_pages)
    pages = [next(to_come)]
    read_at = min(pages[0].updated_at or utc_now(), utc_now())  # a mark must not lie ahead
    reach = reach_at(read_at)
    while not (complete := _is_enough(pages[-1], reach, plan, known)):
        following = next(to_come, None)
        if following is None:
            break
        pages.append(following)
    unreadable = [told for page in pages for told in page.unreadable]
    found = merge(filing for page in pages for filing in page.filings)
    return FeedRead(
        filings=wanted(_without(found, unreadable), plan.forms),
        read_at=read_at,
        complete=complete,
        is_sweep=reach.is_sweep,
        notes=tuple(_notes(plan, pages, reach, unreadable, complete=complete)),
    )


def _last_sweep_due(now: datetime) -> datetime:
    """The latest moment at or before ``now`` from which on a sweep is due."""
    today = eastern_day(now)
    if is_business_day(today):
        passed = [moment for hour in SWEEPS if (moment := eastern(today, hour)) <= now]
        if passed:
            return passed[-1]
    return eastern(business_day_before(today), SWEEPS[-1])


def _held_since(now: datetime, swept_at: datetime) -> datetime:
    """From when on held filings may have appeared since a sweep: a 17:30 Eastern.

    The last sweep of a morning is trusted to have found all that was held until
    then, an earlier one is not.
    """
    swept = swept_at.astimezone(EASTERN)
    morning_is_over = is_business_day(swept.date()) and swept.time() >= SWEEPS[-1]
    evening = swept.date() if morning_is_over else business_day_before(swept.date())
    last_evening = business_day_before(eastern_day(now))
    return eastern(min(evening, last_evening), HELD_FROM)


def _joined(page_at: PageAt, most: int) -> Iterator[FeedPage]:
    """Pages that overlap; where entries fell out between two, step back and read there again.

    ``most`` pages are asked for, and none after the last of the feed.
    """
    start, before = 0, None
    for _ in range(most):
        page = page_at(start)
        if before is not None and _gap_between(before, page):
            start = max(0, start - STEP_ENTRIES)
            continue
        yield page
        if page.is_last:
            return
        before, start = page, min(start + STEP_ENTRIES, MAX_START)


def _gap_between(before: FeedPage, page: FeedPage) -> bool:
    """Whether the page begins further down than the one before it ended.

    That is so where they share no filing and all on it is older. Where all is
    newer, the feed has grown by a page meanwhile, and nothing fell out.
    """
    if {one.accession for one in before.filings} & {one.accession for one in page.filings}:
        return False
    above, below = _accepted(before), _accepted(page)
    return bool(above and below) and max(below) <= min(above)


def _is_enough(page: FeedPage, reach: Reach, plan: FeedPlan, known: Known) -> bool:
    """Whether the poll has seen all it must: it is beyond reach, or EDGAR keeps no more.

    A last page with room on it is the end of a short feed, or EDGAR's mistake:
    short of the reach it is trusted only with a new store, and empty never.
    """
    if page.is_last:
        is_full = page.entries >= PAGE_ENTRIES
        return bool(page.entries) and (is_full or reach.back_to is None or _beyond(page, reach))
    return _beyond(page, reach) and _all_known(page, plan, known)


def _beyond(page: FeedPage, reach: Reach) -> bool:
    """Whether the page is older than the poll must read: half of it, for one entry may be odd."""
    accepted = _accepted(page)
    return reach.back_to is not None and bool(accepted) and median_low(accepted) < reach.back_to


def _accepted(page: FeedPage) -> list[datetime]:
    return [one.accepted_at for one in page.filings if one.accepted_at is not None]


def _all_known(page: FeedPage, plan: FeedPlan, known: Known) -> bool:
    chosen = [filing.accession for filing in wanted(page.filings, plan.forms)]
    return known(chosen) >= set(chosen)


def _without(filings: Iterable[Filing], unreadable: Sequence[str]) -> tuple[Filing, ...]:
    """The filings that no unreadable entry names (an entry is named by its id)."""
    told = "\n".join(unreadable)
    return tuple(filing for filing in filings if filing.accession not in told)


def _notes(
    plan: FeedPlan,
    pages: Sequence[FeedPage],
    reach: Reach,
    unreadable: Sequence[str],
    *,
    complete: bool,
) -> Iterator[str]:
    if not complete and not pages[-1].is_last:
        yield (
            f"paging stopped at max_pages={plan.max_pages} before the known part of the feed; "
            "older filings are left to the nightly batch run. Raise max_pages if it happens again"
        )
    elif reach.back_to is not None and not _beyond(pages[-1], reach):
        yield (
            f"the feed ends before {reach.back_to:%Y-%m-%d %H:%M} UTC, up to which it was to be "
            "read; older filings are left to the nightly batch run"
        )
    if unreadable:
        yield (
            "unreadable entries of the feed, whose filings are left to the nightly batch run "
            f"({len(unreadable)}): {first(unreadable)}"
        )
