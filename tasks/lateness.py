"""How late the live path was: pure, from the moments the store knows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime

from blocks.certificate import Lateness, Spread
from blocks.models import eastern_day
from blocks.store_values import Standing


def lateness(day: date, standings: Iterable[Standing]) -> tuple[Lateness, Lateness]:
    """The lateness of a day's filings, of the same day and of those held overnight.

    What EDGAR accepts after about 17:30 Eastern it dates, indexes and shows the
    next business day, but for ownership forms. So a filing in the index of
    ``day`` that was accepted on an earlier Eastern date was kept back by EDGAR.
    The clock alone does not tell: of 164 filings of other forms accepted after
    17:30:00, in feeds captured on 2025-12-12, 19 were dated the same day. One whose
    acceptance is not known is measured nowhere.
    """
    shown = [one for one in standings if one.in_feed]
    overnight = [one for one in shown if _accepted_before(day, one)]
    same_day = [one for one in shown if not _accepted_before(day, one)]
    return _lateness_of(same_day), _lateness_of(overnight)


def spread(seconds: Mapping[str, float]) -> Spread:
    """The percentiles of some seconds, each by its accession number."""
    if not seconds:
        return Spread()
    ordered = sorted(seconds.values())
    worst = max(seconds, key=seconds.__getitem__)
    return Spread(
        filings=len(ordered),
        p50_s=nearest_rank(ordered, 50),
        p99_s=nearest_rank(ordered, 99),
        worst_s=seconds[worst],
        worst=worst,
    )


def nearest_rank(ordered: Sequence[float], percent: int) -> float:
    """The smallest of some ordered values that ``percent`` (1 to 100) of them do not exceed."""
    rank = -(-percent * len(ordered) // 100)  # upwards, in whole numbers
    return ordered[rank - 1]


def _accepted_before(day: date, standing: Standing) -> bool:
    accepted = standing.accepted_at
    return accepted is not None and eastern_day(accepted) < day


def _lateness_of(standings: Sequence[Standing]) -> Lateness:
    return Lateness(
        shown=spread(_seconds(standings, lambda one: one.in_feed_at)),
        enriched=spread(_seconds(standings, lambda one: one.enriched_at)),
    )


def _seconds(
    standings: Iterable[Standing], moment_of: Callable[[Standing], datetime | None]
) -> dict[str, float]:
    """From acceptance to a moment, as far as both are known."""
    return {
        one.accession: (moment - one.accepted_at).total_seconds()
        for one in standings
        if one.accepted_at is not None and (moment := moment_of(one)) is not None
    }
