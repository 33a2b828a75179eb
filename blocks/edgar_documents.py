"""The documents of a submission, while their bytes come in pieces cut anywhere. Pure.

:class:`MarkSplitter` finds the marks that divide a submission, also where a
mark lies in two pieces; :class:`OpenDocument` keeps of one document what may
be read, and lets the rest go by.
"""

import codecs
import re
from collections.abc import Iterator
from enum import StrEnum

from blocks.document_types import is_data
from blocks.models import Document

_MOST_BLANKS = 64
# DOCUMENT and TEXT count at the start of a line, which may end with LF, CR LF or (some .nc
# files) a bare CR. The look behind stands after the literal: thirty times as fast.
_MARK = re.compile(
    rb"<(?:DOCUMENT>(?<![^\r\n]<DOCUMENT>)[ \t]{0,%d}(?=[\r\n])"
    rb"|/DOCUMENT>"
    rb"|TEXT>(?<![^\r\n]<TEXT>))" % _MOST_BLANKS
)
_LONGEST_MARK = len(b"<DOCUMENT>") + _MOST_BLANKS + 1
_TAG = re.compile(r"<(TYPE|SEQUENCE|FILENAME|DESCRIPTION)>(.*)")
_UUENCODED = re.compile(rb"\s*(?:<PDF>\s*)?begin [0-7]{3,4} \S")
_BEGINNING_BYTES = 1024  # a binary says so well within these
_MAX_HEAD_BYTES = 64 * 1024  # real ones have a few lines


class Piece(StrEnum):
    """What a piece of a submission is: a mark, or what stands between two."""

    OPEN = "<DOCUMENT>"
    TEXT = "<TEXT>"
    CLOSE = "</DOCUMENT>"
    BETWEEN = ""


class MarkSplitter:
    """Divides a stream of bytes at its marks; the same, however the stream was cut.

    Holds back under a hundred bytes: what may be the beginning of a mark.
    """

    def __init__(self) -> None:
        self._held = b"\n"  # one byte for the look behind; the stream begins a line

    def split(self, data: bytes) -> Iterator[tuple[Piece, bytes]]:
        """The pieces that are certain now; to be taken to the last before the next call."""
        window = self._held + data
        done = 1
        for mark in _MARK.finditer(window, done):
            yield Piece.BETWEEN, window[done : mark.start()]
            yield Piece(mark[0].rstrip(b" \t").decode()), mark[0]
            done = mark.end()
        undecided = window.rfind(b"<", max(done, len(window) - _LONGEST_MARK))
        certain = undecided if undecided >= 0 else len(window)
        yield Piece.BETWEEN, window[done:certain]
        self._held = window[certain - 1 :]

    def rest(self) -> bytes:
        """What was held back, once no more comes."""
        return self._held[1:]


class FirstBytes:
    """The first ``room`` bytes of what is added."""

    def __init__(self, room: int) -> None:
        self.data = bytearray()
        self.overflowed = False
        self._room = room

    def add(self, data: bytes) -> None:
        """Keep as much as there is room for."""
        left = self._room - len(self.data)
        self.overflowed = self.overflowed or len(data) > left
        self.data += data[:left]


class OpenDocument:
    """A document whose end has not come yet.

    Keeps at most ``room`` bytes of its text, and none where its type or its
    first bytes say that it is data.
    """

    def __init__(self, room: int) -> None:
        self._head = FirstBytes(_MAX_HEAD_BYTES)
        self._text = FirstBytes(room)
        self._told: Document | None = None
        self._is_data = False

    @property
    def told(self) -> Document | None:
        """The document without its text, once its head is complete."""
        return self._told

    @property
    def is_cut(self) -> bool:
        """Whether there was more text than room."""
        return self._text.overflowed and not self._is_data

    def text_begins(self) -> Document:
        """The head is complete: what it tells of the document."""
        self._told = _document_of(self._head)
        self._is_data = is_data(self._told.type)
        return self._told

    def add(self, data: bytes) -> None:
        """More of the head or, once that is complete, of the text."""
        if self._told is None:
            self._head.add(data)
        elif not self._is_data:
            is_young = len(self._text.data) < _BEGINNING_BYTES
            self._text.add(data)
            self._is_data = is_young and _UUENCODED.match(self._text.data) is not None

    def closed(self, *, complete: bool) -> Document:
        """The document; ``complete`` False: the stream was cut within it."""
        if self._told is None:
            return _document_of(self._head)
        if self._is_data or _UUENCODED.match(self._text.data):
            return self._told
        text, end = self._text.data, self._text.data.rfind(b"</TEXT>")
        if end >= 0:
            del text[end:]
        whole = end >= 0 or (complete and not self.is_cut)
        return self._told.model_copy(update={"body": decoded(text, complete=whole)})


def decoded(data: bytes | bytearray, *, complete: bool) -> str:
    """Text of a submission; where it is not ``complete``, a character may be cut."""
    # EDGAR declares ISO-8859-1, documents are now and then UTF-8
    try:
        return codecs.utf_8_decode(data, "strict", complete)[0]
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _document_of(head: FirstBytes) -> Document:
    tags = dict(_tags(decoded(head.data, complete=True)))
    sequence = tags.get("SEQUENCE", "")
    return Document(
        type=tags.get("TYPE", ""),
        sequence=int(sequence) if re.fullmatch(r"[0-9]{1,9}", sequence) else None,
        filename=tags.get("FILENAME"),
        description=tags.get("DESCRIPTION"),
        body="",
    )


def _tags(head: str) -> Iterator[tuple[str, str]]:
    for line in re.split(r"[\r\n]+", head):
        if found := _TAG.fullmatch(line.strip()):
            yield found[1], found[2].strip()
