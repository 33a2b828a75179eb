"""Submissions for tests: made up, captured, and read in the plainest way there is."""

import re
from pathlib import Path

from blocks.edgar_documents import decoded
from blocks.edgar_submission import SubmissionReader
from blocks.models import Submission

ACCESSION = "0001193125-25-000001"
HEADER = f"""<SEC-DOCUMENT>{ACCESSION}.txt : 20250701
<SEC-HEADER>{ACCESSION}.hdr.sgml : 20250701
<ACCEPTANCE-DATETIME>20250701163000
ACCESSION NUMBER:\t\t{ACCESSION}
CONFORMED SUBMISSION TYPE:\t8-K
PUBLIC DOCUMENT COUNT:\t\t9
CONFORMED PERIOD OF REPORT:\t20250630
ITEM INFORMATION:\t\tOther Events

FILER:

\tCOMPANY DATA:
\t\tCOMPANY CONFORMED NAME:\t\t\tAcme (Old) Corp: The
\t\tCENTRAL INDEX KEY:\t\t\t0000012345
</SEC-HEADER>
"""


def document(body: str, kind: str = "8-K", sequence: str = "1") -> str:
    return (
        f"<DOCUMENT>\n<TYPE>{kind}\n<SEQUENCE>{sequence}\n<FILENAME>a.htm\n<TEXT>\n"
        f"{body}\n</TEXT>\n</DOCUMENT>\n"
    )


def submission(*documents: str, header: str = HEADER) -> bytes:
    return (header + "".join(documents) + "</SEC-DOCUMENT>\n").encode("latin-1")


def captured(captures: Path) -> list[Path]:
    return sorted([*captures.glob("filings/*.txt"), *captures.glob("filings/*.nc")])


def read(file: Path) -> Submission:
    return read_submission(file.read_bytes(), file.stem.rsplit("_", 1)[1])


def read_submission(body: bytes, accession: str, *, complete: bool = True) -> Submission:
    """Read a submission that is at hand; ``complete`` is False where it was cut short.

    Raises:
        SubmissionUnreadable: there is no readable document, or it is another filing.
    """
    reader = SubmissionReader(accession)
    reader.take(body)
    return reader.submission(complete=complete)


def documents_at_once(raw: bytes) -> list[tuple[str, bytes]]:
    """Type and text of every document, data too, found in the whole body at once."""
    blocks = re.split(rb"(?<![^\r\n])<DOCUMENT>[ \t]*(?=[\r\n])", raw)[1:]
    return [_type_and_text(block.partition(b"</DOCUMENT>")[0]) for block in blocks]


def _type_and_text(block: bytes) -> tuple[str, bytes]:
    head, *text = re.split(rb"(?<![^\r\n])<TEXT>", block, maxsplit=1)
    lines = [line.strip() for line in re.split(r"[\r\n]+", decoded(head, complete=True))]
    kinds = [line.removeprefix("<TYPE>") for line in lines if line.startswith("<TYPE>")]
    body, closing, rest = text[0].rpartition(b"</TEXT>") if text else (b"", b"", b"")
    return kinds[-1].strip() if kinds else "", body if closing else rest
