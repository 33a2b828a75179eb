"""A full submission text file: bytes in, :class:`blocks.models.Submission` out. Pure.

A submission may pass 100 MB, nearly all of it pictures and XBRL, so it is read
while it streams in: only what may be read as text is kept, and reading ends
where nothing more is needed.
"""

import re

from blocks.document_types import is_rendering
from blocks.edgar_answers import describe
from blocks.edgar_documents import FirstBytes, MarkSplitter, OpenDocument, Piece, decoded
from blocks.edgar_header import Header, read_header
from blocks.errors import SubmissionUnreadable
from blocks.models import Document, Submission

_MEBIBYTE = 1024 * 1024
_MAX_HEADER_BYTES = 4 * _MEBIBYTE  # hundreds of co-registrants take a few hundred KB
_MAX_DOCUMENT_BYTES = 16 * _MEBIBYTE
_MAX_TEXT_BYTES = 24 * _MEBIBYTE  # of all documents together

_PROSPECTUS = re.compile(r"424B[1-8]$")
_CLOSED = re.compile(rb"</(?:SEC-DOCUMENT|IMS-DOCUMENT|SUBMISSION)>")
_TAIL_BYTES = 256


class SubmissionReader:
    """Reads the submission ``accession`` from pieces of any size, until it has enough.

    It has enough

    - where the documents begin that EDGAR made itself, once a document of words was
      read (see :func:`blocks.document_types.is_rendering`). Pictures and the filer's
      XBRL are no such border: the filer puts them where it likes, so an exhibit may follow;
    - of a prospectus (424B), at the end of its main document: in no capture does
      anything but pictures follow, and no rule asks for more than a fee table beside it;
    - when the header names another filing, when no document begins within 4 MiB, and
      when 24 MiB of text are kept.

    The number of documents that the header declares ends nothing: EDGAR counts
    documents it does not show, and shows some it did not count.
    """

    def __init__(self, accession: str) -> None:
        self._accession = accession
        self._splitter = MarkSplitter()
        self._head = FirstBytes(_MAX_HEADER_BYTES)
        self._header: Header | None = None
        self._open: OpenDocument | None = None
        self._documents: list[Document] = []
        self._room = _MAX_TEXT_BYTES
        self._tail = b""
        self._has_enough = False
        self._is_shortened = False

    def take(self, data: bytes) -> bool:
        """Read on. True when nothing more is needed; what comes then is not looked at."""
        self._tail = (self._tail + data[-_TAIL_BYTES:])[-_TAIL_BYTES:]
        if not self._has_enough:
            for piece, content in self._splitter.split(data):
                self._step(piece, content)
                if self._has_enough:
                    break
        return self._has_enough

    def submission(self, *, complete: bool) -> Submission:
        """What was read; ``complete`` is False where the stream ended before its time.

        The bodies of data (pictures, workbooks, archives, PDF, XBRL) are empty. A
        submission is complete if enough of it was read, or all up to its closing tag;
        it is not if some text found no room.

        Raises:
            SubmissionUnreadable: there is no readable document, or it is another filing.
        """
        if not self._has_enough:
            self._step(Piece.BETWEEN, self._splitter.rest())
            self._end_document(complete=complete)
        header = self._header
        if header is not None:
            _refuse_other(header, self._accession)
        if header is None or not any(has_words(document) for document in self._documents):
            raise SubmissionUnreadable(self._nothing(), subject=self._accession)
        is_closed = complete and _CLOSED.search(self._tail) is not None
        return Submission(
            accession=self._accession,
            form=header.form or self._documents[0].type,
            parties=header.parties,
            accepted_at=header.accepted_at,
            period=header.period,
            items=header.items,
            documents=tuple(self._documents),
            complete=(is_closed or self._has_enough) and not self._is_shortened,
        )

    def _step(self, piece: Piece, content: bytes) -> None:
        if piece is Piece.OPEN:
            self._begin_document()
        elif self._header is None:
            self._head.add(content)
            self._has_enough = self._head.overflowed
        elif self._open is None:
            return  # between two documents stands nothing
        elif piece is Piece.CLOSE:
            self._end_document(complete=True)
        elif piece is Piece.TEXT and self._open.told is None:
            self._begin_text(self._open)
        else:
            self._open.add(content)

    def _begin_document(self) -> None:
        self._end_document(complete=True)
        if self._header is None:
            self._header = read_header(decoded(self._head.data, complete=True))
            self._has_enough = self._header.accession not in {None, self._accession}
        self._open = OpenDocument(min(self._room, _MAX_DOCUMENT_BYTES))

    def _begin_text(self, document: OpenDocument) -> None:
        told = document.text_begins()
        if is_rendering(told.type) and any(has_words(read) for read in self._documents):
            self._open, self._has_enough = None, True

    def _end_document(self, *, complete: bool) -> None:
        if self._open is None:
            return
        document = self._open.closed(complete=complete)
        self._documents.append(document)
        self._room -= len(document.body)
        self._is_shortened = self._is_shortened or self._open.is_cut or self._room <= 0
        self._has_enough = self._room <= 0 or _is_prospectus(document)
        self._open = None

    def _nothing(self) -> str:
        if self._documents:
            held = ", ".join(sorted({document.type or "untyped" for document in self._documents}))
            return (
                f"filing {self._accession} holds no text to read, only {held};"
                " look at it on sec.gov."
            )
        return (
            f"what EDGAR sent for filing {self._accession} is no submission but"
            f" {describe(bytes(self._head.data))}."
            " Look whether the filing is still on sec.gov; a later run asks again."
        )


def has_words(document: Document) -> bool:
    """Whether there is anything in it but white space."""
    return bool(document.body) and not document.body.isspace()


def _is_prospectus(document: Document) -> bool:
    return has_words(document) and _PROSPECTUS.match(document.type) is not None


def _refuse_other(header: Header, accession: str) -> None:
    if header.accession not in {None, accession}:
        raise SubmissionUnreadable(
            f"asked for filing {accession}, EDGAR sent {header.accession}: the address leads to"
            " another filing; check the CIK and accession number.",
            subject=accession,
        )
