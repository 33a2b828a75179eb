"""The full submission text file, line for line in EDGAR's shape."""

from collections.abc import Iterable
from datetime import date, datetime

from blocks.models import Document, Party
from sandbox.dissemination import EASTERN
from sandbox.stories import item_titles

_HEADINGS = {
    "Subject": "SUBJECT COMPANY",
    "Filed by": "FILED BY",
    "Issuer": "ISSUER",
    "Reporting": "REPORTING-OWNER",
}


def render_submission(  # noqa: PLR0913  (everything the header tells)
    *,
    accession: str,
    form: str,
    accepted_at: datetime,
    filed_on: date,
    period: date,
    parties: Iterable[Party],
    items: Iterable[str],
    documents: tuple[Document, ...],
    industry: str = "",
) -> bytes:
    """Write the file as EDGAR serves it, in ISO-8859-1."""
    lines = [
        f"<SEC-DOCUMENT>{accession}.txt : {filed_on:%Y%m%d}",
        f"<SEC-HEADER>{accession}.hdr.sgml : {filed_on:%Y%m%d}",
        f"<ACCEPTANCE-DATETIME>{accepted_at.astimezone(EASTERN):%Y%m%d%H%M%S}",
        f"ACCESSION NUMBER:\t\t{accession}",
        f"CONFORMED SUBMISSION TYPE:\t{form}",
        f"PUBLIC DOCUMENT COUNT:\t\t{len(documents)}",
        f"CONFORMED PERIOD OF REPORT:\t{period:%Y%m%d}",
        *(f"ITEM INFORMATION:\t\t{item_titles()[item]}" for item in items),
        f"FILED AS OF DATE:\t\t{filed_on:%Y%m%d}",
        f"DATE AS OF CHANGE:\t\t{filed_on:%Y%m%d}",
        *(line for party in dict.fromkeys(parties) for line in _party(party, form, industry)),
        "</SEC-HEADER>",
        *(line for document in documents for line in _document(document)),
        "</SEC-DOCUMENT>",
    ]
    return ("\n".join(lines) + "\n").encode("latin-1", "xmlcharrefreplace")


def _party(party: Party, form: str, industry: str) -> list[str]:
    person = party.role == "Reporting"
    trade = (
        [] if person or not industry else [f"\t\tSTANDARD INDUSTRIAL CLASSIFICATION:\t{industry}"]
    )
    registered = [] if person else ["\t\tSTATE OF INCORPORATION:\t\t\tDE"]
    return [
        "",
        f"{_HEADINGS.get(party.role, 'FILER')}:",
        "",
        "\tOWNER DATA:\t" if person else "\tCOMPANY DATA:\t",
        f"\t\tCOMPANY CONFORMED NAME:\t\t\t{party.name}",
        f"\t\tCENTRAL INDEX KEY:\t\t\t{party.cik:010d}",
        *trade,
        *registered,
        "",
        "\tFILING VALUES:",
        f"\t\tFORM TYPE:\t\t{form}",
        "\t\tSEC ACT:\t\t1934 Act",
    ]


def _document(document: Document) -> list[str]:
    return [
        "<DOCUMENT>",
        f"<TYPE>{document.type}",
        f"<SEQUENCE>{document.sequence}",
        f"<FILENAME>{document.filename}",
        f"<DESCRIPTION>{document.description}",
        f"<TEXT>{document.body}</TEXT>",
        "</DOCUMENT>",
    ]
