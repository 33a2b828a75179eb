"""Certificates for the tests of what keeps, shows and answers for them."""

from datetime import date
from typing import Any

from store_filings import accession

from blocks.certificate import Certificate, Lateness, LeftOver, Remark

DAY = date(2025, 12, 12)


def certificate(**changes: object) -> Certificate:
    """A day of three filings, all enriched, but for these."""
    plain: dict[str, Any] = {
        "day": DAY,
        "forms": ("8-K", "8-K/A"),
        "in_index": 3,
        "enriched": 3,
        "rejected": {},
        "parked": (),
        "failed": (),
        "left_over": (),
        "unreadable": (),
        "index_only": (),
        "same_day": Lateness(),
        "overnight": Lateness(),
    }
    return Certificate.model_validate(plain | changes)


def remarks(*numbers: int, why: str = "AnswerInvalid: no JSON") -> tuple[Remark, ...]:
    return tuple(Remark(accession=accession(number), why=why) for number in numbers)


def left_over(*numbers: int, why: str = "not in the store") -> tuple[LeftOver, ...]:
    return tuple(LeftOver(accession=accession(number), why=why) for number in numbers)
