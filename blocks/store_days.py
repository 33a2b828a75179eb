"""What the store knows of a day's filings, and of a day, within one transaction."""

from collections.abc import Sequence
from datetime import date

import blocks.store_sql as sql
from blocks.certificate import Certificate, Issued
from blocks.models import accession_of
from blocks.store_values import Standing
from blocks.store_windows import Transaction


def standings(transaction: Transaction, keys: Sequence[int]) -> tuple[Standing, ...]:
    """How each of these filings stands, in their order."""
    found = {key: columns for key, *columns in transaction.rows(sql.STANDINGS, list(keys))}
    return tuple(_standing(key, found.get(key)) for key in keys)


def _standing(key: int, columns: Sequence[object] | None) -> Standing:
    accession = accession_of(key)
    if columns is None:
        return Standing(accession=accession)
    known = dict(zip(sql.STANDING_COLUMNS, columns, strict=True))
    return Standing.model_validate({"accession": accession, "in_store": True, **known})


def keep_certificate(transaction: Transaction, certificate: Certificate) -> None:
    """Add a certificate to the history."""
    transaction.rows(
        sql.ADD_CERTIFICATE,
        certificate.day,
        ", ".join(certificate.forms),
        certificate.closed,
        certificate.model_dump_json(),
    )


def certificates(transaction: Transaction, day: date | None) -> tuple[Issued, ...]:
    """The history, oldest first."""
    rows = transaction.rows(sql.CERTIFICATES, day)
    return tuple(
        Issued(issued_at=issued_at, certificate=Certificate.model_validate_json(body))
        for issued_at, body in rows
    )
