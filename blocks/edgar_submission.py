"""A full submission text file: bytes in, :class:`blocks.models.Submission` out. Pure.

Read as bytes and decoded document by document, so that a binary (uuencoded)
document is never decoded and one odd document does not spoil the others.
"""

import codecs
import re
from collections.abc import Iterator
from itertools import pairwise

from blocks.edgar_answers import describe
from blocks.edgar_header import Header, read_header
from blocks.errors import SubmissionUnreadable
from blocks.models import Document, Submission

# At the start of a line, which may end with LF, CR LF or (some .nc files) a bare CR.
# Literal first and the look behind after it: ten times as fast over megabytes.
_OPEN = re.compile(rb"<DOCUMENT>(?<![^\r\n]<DOCUMENT>)[ \t]*(?=[\r\n])")
_TEXT = re.compile(rb"<TEXT>(?<![^\r\n]<TEXT>)")
_TAG = re.compile(r"<(TYPE|SEQUENCE|FILENAME|DESCRIPTION)>(.*)")
_UUENCODED = re.compile(rb"\s*(?:<PDF>\s*)?begin [0-7]{3,4} \S")
_CLOSED = re.compile(rb"</(?:SEC-DOCUMENT|IMS-DOCUMENT|SUBMISSION)>")
_TAIL_BYTES = 256


def read_submission(body: bytes, accession: str, *, complete: bool = True) -> Submission:
    """Read the submission ``accession``; ``complete`` is False where reading was cut short.

    The bodies of binary documents (graphics, spreadsheets, archives, PDF) are
    empty. Fewer documents than the header announces are accepted: EDGAR counts
    documents it does not show.

    Raises:
        SubmissionUnreadable: there is no readable document, or it is another filing.
    """
    opens = [found.start() for found in _OPEN.finditer(body)]
    documents = tuple(_documents(body, opens, complete=complete))
    if not any(document.body.strip() for document in documents):
        raise SubmissionUnreadable(_nothing(accession, body, documents), subject=accession)
    header = read_header(_decoded(body[: opens[0]], complete=True))
    _refuse_other(header, accession)
    return Submission(
        accession=accession,
        form=header.form or documents[0].type,
        parties=header.parties,
        accepted_at=header.accepted_at,
        period=header.period,
        items=header.items,
        documents=documents,
        complete=complete and _CLOSED.search(body[-_TAIL_BYTES:]) is not None,
    )


def _documents(body: bytes, opens: list[int], *, complete: bool) -> Iterator[Document]:
    for start, following in pairwise([*opens, len(body)]):
        end = body.find(b"</DOCUMENT>", start, following)
        whole = complete or end >= 0
        yield _document(body[start : end if end >= 0 else following], complete=whole)


def _document(block: bytes, *, complete: bool) -> Document:
    text = _TEXT.search(block)
    head = block if text is None else block[: text.start()]
    tags = dict(_tags(_decoded(head, complete=True)))
    sequence = tags.get("SEQUENCE", "")
    return Document(
        type=tags.get("TYPE", ""),
        sequence=int(sequence) if re.fullmatch(r"[0-9]{1,9}", sequence) else None,
        filename=tags.get("FILENAME"),
        description=tags.get("DESCRIPTION"),
        body="" if text is None else _body(block[text.end() :], complete=complete),
    )


def _tags(head: str) -> Iterator[tuple[str, str]]:
    for line in re.split(r"[\r\n]+", head):
        if found := _TAG.fullmatch(line.strip()):
            yield found[1], found[2].strip()


def _body(text: bytes, *, complete: bool) -> str:
    if _UUENCODED.match(text):
        return ""
    end = text.rfind(b"</TEXT>")
    return _decoded(text if end < 0 else text[:end], complete=complete or end >= 0)


def _decoded(data: bytes, *, complete: bool) -> str:
    # EDGAR declares ISO-8859-1, documents now and then UTF-8; a cut may split a character
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(data, final=complete)
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _refuse_other(header: Header, accession: str) -> None:
    if header.accession not in {None, accession}:
        raise SubmissionUnreadable(
            f"asked for filing {accession}, EDGAR sent {header.accession}: the address leads to"
            " another filing; check the CIK and accession number.",
            subject=accession,
        )


def _nothing(accession: str, body: bytes, documents: tuple[Document, ...]) -> str:
    if documents:
        held = ", ".join(sorted({document.type or "untyped" for document in documents}))
        return f"filing {accession} holds no text to read, only {held}; look at it on sec.gov."
    return (
        f"what EDGAR sent for filing {accession} is no submission but {describe(body)}."
        " Look whether the filing is still on sec.gov; a later run asks again."
    )
