"""What the doctor finds about certificates: each day's latest against the store as it is. Pure."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Final

from blocks.business_days import business_days
from blocks.certificate import Certificate
from blocks.store_health_values import CertifiedDay
from tasks.findings import Finding, Level, counted, has_or_have, is_or_are

NIGHTLY_DAYS: Final = 3  # so many business days the batch deployment goes over each night


def check_days(days: Sequence[CertifiedDay], today: date) -> tuple[Finding, ...]:
    """Days that are open, and days that have less than their certificate says."""
    return (*_short(days), *_open(days, today))


def _short(days: Sequence[CertifiedDay]) -> Iterator[Finding]:
    short = [one for one in days if _lost(one)]
    number = len(short)
    if number:
        yield Finding(
            kind="days-lost-outcomes",
            level=Level.PERSON,
            title=f"{counted(number, 'day')} {has_or_have(number)} lost outcomes since "
            f"{'its certificate' if number == 1 else 'their certificates'}",
            names=tuple(map(_how_short, short)),
            meaning="The store knows fewer filings of these days than were certified: an older "
            "backup was restored, or rows were deleted.",
            remedy="run sec_filings/batch over these days (start_date, end_date). It finds what "
            "is missing in EDGAR's index, takes kept answers without paying, and certifies anew.",
        )


def _lost(one: CertifiedDay) -> int:
    """How many filings, at least, have lost their outcome or their analysis."""
    certificate = one.issued.certificate
    return max(
        _ended(certificate) - one.ended, certificate.enriched - one.enriched, len(one.lost), 0
    )


def _ended(certificate: Certificate) -> int:
    return certificate.enriched + sum(certificate.rejected.values()) + len(certificate.parked)


def _how_short(one: CertifiedDay) -> str:
    certificate = one.issued.certificate
    named = f", {', '.join(one.lost[:2])} among them" if one.lost else ""
    return (
        f"{certificate.day}: {_ended(certificate)} ended and {certificate.enriched} enriched by "
        f"the certificate, {one.ended} and {one.enriched} in the store{named}"
    )


def _open(days: Sequence[CertifiedDay], today: date) -> Iterator[Finding]:
    nightly = set(business_days(today - timedelta(days=14), today)[-NIGHTLY_DAYS:])
    is_open = [one.issued.certificate for one in days if not one.issued.certificate.closed]
    for soon in (True, False):
        some = [one for one in is_open if (one.day in nightly) is soon]
        if some:
            yield _open_days(some, soon=soon)


def _open_days(some: Sequence[Certificate], *, soon: bool) -> Finding:
    number = len(some)
    return Finding(
        kind="open-days",
        level=Level.PASSES if soon else Level.PERSON,
        title=f"{counted(number, 'day')} {is_or_are(number)} not complete",
        names=tuple(
            f"{one.day}: {len(one.left_over)} left over, {len(one.unreadable)} rows unreadable"
            for one in some
        ),
        meaning="The latest certificate names filings without an outcome, or rows of the index "
        "that could not be read.",
        remedy="nothing: the nightly batch run goes over these days again."
        if soon
        else "run sec_filings/batch over these days (start_date, end_date); the nightly run "
        f"goes back {NIGHTLY_DAYS} business days only.",
    )
