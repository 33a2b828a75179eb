"""The header of a full submission, in either of its two forms. Pure.

``.txt`` files write ``COMPANY CONFORMED NAME:<tab>Apple Inc.`` under sections
such as ``FILER:``; ``.nc`` files write ``<CONFORMED-NAME>Apple Inc.`` under
``<FILER>``. Some headers of the year 2000 mix the two.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime

from pydantic import BaseModel, ConfigDict

from blocks.models import EASTERN, Party

_FIELD = re.compile(r"\s*(?:<([A-Z][A-Z -]*)>|([A-Z][A-Z -]*):)(.*)")
_ACCESSION = re.compile(r"[0-9]{10}-[0-9]{2}-[0-9]{6}")

# EDGAR's section names, and the words its feed uses for the same roles.
_ROLES = {
    "FILER": "Filer",
    "SUBJECT COMPANY": "Subject",
    "FILED BY": "Filed by",
    "FILED FOR": "Filed for",
    "ISSUER": "Issuer",
    "REPORTING OWNER": "Reporting",
    "DEPOSITOR": "Depositor",
    "SECURITIZER": "Securitizer",
    "ISSUING ENTITY": "Issuing Entity",
    "UNDERWRITER": "Underwriter",
    "SERIAL COMPANY": "Serial Company",
}
_NAMES = {"COMPANY CONFORMED NAME", "CONFORMED NAME"}
_CIKS = {"CENTRAL INDEX KEY", "CIK"}


class Header(BaseModel):
    """What the header of a submission says; empty or None where it says nothing."""

    model_config = ConfigDict(frozen=True)

    accession: str | None
    form: str
    parties: tuple[Party, ...]
    accepted_at: datetime | None
    period: date | None
    items: tuple[str, ...]


def read_header(text: str) -> Header:
    """Read what stands before the first document of a submission."""
    fields = tuple(_fields(text))
    return Header(
        accession=_accession(fields),
        form=_first(fields, "CONFORMED SUBMISSION TYPE", "TYPE"),
        parties=tuple(dict.fromkeys(_parties(fields))),
        accepted_at=_moment(_first(fields, "ACCEPTANCE DATETIME")),
        period=_day(_first(fields, "CONFORMED PERIOD OF REPORT", "PERIOD")),
        items=tuple(
            value for key, value in fields if key in {"ITEM INFORMATION", "ITEMS"} and value
        ),
    )


def _fields(text: str) -> Iterator[tuple[str, str]]:
    for line in re.split(r"[\r\n]+", text):
        if found := _FIELD.fullmatch(line):
            yield (found[1] or found[2]).replace("-", " ").strip(), found[3].strip()


def _parties(fields: tuple[tuple[str, str], ...]) -> Iterator[Party]:
    role = name = ""
    for key, value in fields:
        if key in _ROLES and not value:
            role, name = _ROLES[key], ""
        elif key in _NAMES:
            name = value
        elif key in _CIKS and re.fullmatch(r"[0-9]{1,10}", value) and int(value):
            yield Party(cik=int(value), name=name, role=role)


def _accession(fields: tuple[tuple[str, str], ...]) -> str | None:
    for key, value in fields:
        if key in {"ACCESSION NUMBER", "SEC DOCUMENT", "IMS DOCUMENT"} and (
            found := _ACCESSION.match(value)
        ):
            return found[0]
    return None


def _first(fields: tuple[tuple[str, str], ...], *keys: str) -> str:
    return next((value for key, value in fields if key in keys), "")


def _moment(digits: str) -> datetime | None:
    # Eastern wall time, like <updated> of the feed, but written without a zone
    try:
        local = datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=EASTERN)
    except ValueError:
        return None
    return local.astimezone(UTC)


def _day(digits: str) -> date | None:
    try:
        return datetime.strptime(digits, "%Y%m%d").replace(tzinfo=EASTERN).date()
    except ValueError:
        return None
