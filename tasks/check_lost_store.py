"""What the doctor says where the store is gone and answers are left. Pure.

An answer does not hold its filing (form, parties), so no outcome is made up from it. A batch
run over the days finds the filings in EDGAR's indexes, and takes their answers from their
files.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

from blocks.models import eastern_day
from tasks.findings import Finding, Level, counted


def days_of(accepted_at: Sequence[datetime]) -> tuple[date, date] | None:
    """First and last day whose indexes list filings accepted at these moments; None: no moment.

    What is accepted in the evening is listed on the next business day, some days later at most.
    """
    if not accepted_at:
        return None
    return eastern_day(min(accepted_at)), eastern_day(max(accepted_at)) + timedelta(days=4)


def lost_store(path: Path, answers: int, accepted_at: Sequence[datetime]) -> Finding:
    """The finding about a store whose file is not there."""
    days = days_of(accepted_at)
    over = f"start_date={days[0]} and end_date={days[1]}" if days else "the days they are of"
    return Finding(
        kind="store-lost",
        level=Level.PERSON,
        title=f"The store is gone, and {counted(answers, 'answer')} of it on file",
        names=(str(path),),
        meaning="The next run begins an empty one. Nothing that is on file is paid for again. "
        "Certificates, rejections, bookings and attempts are lost with the store.",
        remedy=f"put a backup back; or run sec_filings/batch with {over}: every filing of these "
        "days has its outcome again, and what is on file is taken from there.",
    )
