"""A submission that streams in: the same however it is cut, and cut where enough was read."""

import re
from itertools import cycle
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from submission_text import (
    ACCESSION,
    HEADER,
    captured,
    document,
    documents_at_once,
    read,
    read_submission,
    submission,
)

from blocks.edgar_documents import MarkSplitter, Piece
from blocks.edgar_submission import SubmissionReader
from blocks.errors import SubmissionUnreadable
from blocks.models import Submission

MEBIBYTE = 1024 * 1024
BINARY = "begin 644 x.jpg\nM_]C_X\nend"
NEWS = document("We have news.", "EX-99.1", "9")
SKIPPED = re.compile(r"GRAPHIC|ZIP|EXCEL|PDF|XML|JSON|EX-101")


def fed(raw: bytes, sizes: list[int], accession: str = ACCESSION) -> tuple[SubmissionReader, int]:
    """The reader and how many bytes it was given: it is asked after every piece."""
    reader, given_bytes = SubmissionReader(accession), 0
    for size in cycle(sizes):
        piece = raw[given_bytes : given_bytes + size]
        given_bytes += len(piece)
        if not piece or reader.take(piece):
            break
    return reader, given_bytes


def outcome(reader: SubmissionReader, *, complete: bool = True) -> Submission | str:
    try:
        return reader.submission(complete=complete)
    except SubmissionUnreadable as error:
        return str(error)


_MARKS = (
    *(b"<DOCUMENT>", b"\n<DOCUMENT>\n", b"\r<DOCUMENT> \t\r\n", b"</DOCUMENT>\n", b"</DOCUMENT>"),
    *(b"<TEXT>", b"\n<TEXT>\n", b"\r<TEXT>\r", b"</TEXT>", b"</SEC-DOCUMENT>\n", b"<", b"</"),
    *(b"<TYPE>8-K\n", b"<TYPE>EX-99.1\r", b"<TYPE>GRAPHIC\n", b"<TYPE>EX-101.INS\n", b"<TYPE>"),
    *(b"<TYPE>XML\n<TEXT>\n", b"<TYPE>424B5\n<TEXT>\nx", b"\nbegin 644 x.jpg\n", b"<PDF>\n"),
    *(b"words<DOCUMENT>\n", b"words<TEXT>\n", b"</TEXT>\n</DOCUMENT>\n<DOCUMENT>\n<TYPE>"),
    *(b"\n", b"\r\n", b" ", b"words", "é€".encode(), b"\xe9", HEADER.encode()),
)
_SUBMISSIONS = st.lists(st.sampled_from(_MARKS) | st.binary(max_size=4), max_size=30).map(b"".join)
_SIZES = st.lists(st.integers(1, 40), min_size=1, max_size=20)


@settings(deadline=None)
@given(raw=_SUBMISSIONS, sizes=_SIZES, complete=st.booleans())
def test_a_submission_reads_the_same_however_it_is_cut(
    raw: bytes, sizes: list[int], *, complete: bool
) -> None:
    at_once, _ = fed(raw, [len(raw) + 1])
    in_pieces, _ = fed(raw, sizes)
    assert outcome(in_pieces, complete=complete) == outcome(at_once, complete=complete)


def test_it_does_not_matter_where_a_submission_is_cut_in_two() -> None:
    tricky = "one <DOCUMENT>\n<TEXT>\rtwo <TEXT>\n</TEXT> é".encode().decode("latin-1")
    raw = (
        document(tricky).replace("<DOCUMENT>\n<TYPE>", "<DOCUMENT> \t\r\n<TYPE>").encode("latin-1")
    )
    raw += document("three", "EX-99.1").replace("</TEXT>\n</DOCUMENT>\n", "").encode()
    raw += submission(document("four"), header="")
    whole = read_submission(raw, ACCESSION)
    assert [found.type for found in whole.documents] == ["8-K", "EX-99.1", "8-K"]
    for cut in range(1, len(raw)):
        assert fed(raw, [cut, len(raw)])[0].submission(complete=True) == whole, cut
    assert fed(raw, [1])[0].submission(complete=True) == whole


@settings(deadline=None)
@given(raw=_SUBMISSIONS, sizes=_SIZES)
def test_what_is_kept_is_what_stands_in_the_whole_body(raw: bytes, sizes: list[int]) -> None:
    found = outcome(fed(raw, sizes)[0])
    if isinstance(found, str):
        return
    for kept, (kind, text) in zip(found.documents, documents_at_once(raw), strict=False):
        assert kept.type == kind
        if kept.body:
            assert kept.body.encode("utf-8") == text or kept.body.encode("latin-1") == text
        else:
            assert not text or SKIPPED.match(kind) or b"begin 644 " in text


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(data=st.data())
def test_a_captured_submission_reads_the_same_however_it_is_cut(
    edgar_captures: Path, data: st.DataObject
) -> None:
    file = data.draw(st.sampled_from(captured(edgar_captures)), label="capture")
    sizes = data.draw(st.lists(st.integers(50, 70_000), min_size=1, max_size=9), label="sizes")
    found, _ = fed(file.read_bytes(), sizes, read(file).accession)
    assert found.submission(complete=True) == read(file)


def test_nothing_a_reader_could_use_follows_where_reading_a_capture_ends(
    edgar_captures: Path,
) -> None:
    read_bytes = all_bytes = 0
    for file in captured(edgar_captures):
        raw = file.read_bytes()
        sent = documents_at_once(raw)
        kept = read(file).documents
        assert [kind for kind, _ in sent[: len(kept)]] == [document.type for document in kept]
        assert all(SKIPPED.match(kind) for kind, _ in sent[len(kept) :]), file.name
        read_bytes += fed(raw, [4096], read(file).accession)[1]
        all_bytes += len(raw)
    assert read_bytes < 0.9 * all_bytes


@pytest.mark.parametrize("kind", ["XML", "EXCEL", "JSON", "ZIP"])
def test_reading_ends_where_the_documents_that_edgar_made_begin(kind: str) -> None:
    raw = submission(document("Words."), document("x" * 9_000, kind, "2"), document("never seen"))
    reader, given_bytes = fed(raw, [100])
    found = reader.submission(complete=True)
    assert [document.type for document in found.documents] == ["8-K"]
    assert found.complete
    assert given_bytes < len(raw) - 9_000


@pytest.mark.parametrize("kind", ["GRAPHIC", "PDF", "EX-101.INS", "EX-102", "EX-27"])
def test_what_the_filer_sent_may_be_followed_by_news(kind: str) -> None:
    raw = submission(document("Words."), document(BINARY, kind), NEWS)
    found = fed(raw, [100])[0].submission(complete=True)
    assert [document.type for document in found.documents] == ["8-K", kind, "EX-99.1"]
    assert found.documents[2].body.strip() == "We have news."


def test_nothing_ends_before_a_document_of_words() -> None:
    raw = submission(document(BINARY, "GRAPHIC"), document("x", "XML"), document("Words.", "6-K"))
    found = fed(raw, [100])[0].submission(complete=True)
    assert found.documents[2].body.strip() == "Words."


@pytest.mark.parametrize("declared", ["1", "2", "17"])
def test_the_declared_number_of_documents_ends_nothing(declared: str) -> None:
    header = HEADER.replace("COUNT:\t\t9", f"COUNT:\t\t{declared}")
    raw = submission(document("Words."), document("More.", "EX-10"), NEWS, header=header)
    found = fed(raw, [100])[0].submission(complete=True)
    assert len(found.documents) == 3
    assert found.complete


def test_of_a_prospectus_nothing_is_read_behind_it() -> None:
    raw = submission(document("Offer.", "424B5"), document(BINARY + "x" * 9_000, "GRAPHIC"))
    reader, given_bytes = fed(raw, [100])
    assert [found.type for found in reader.submission(complete=True).documents] == ["424B5"]
    assert given_bytes < len(raw) - 8_000


def test_a_prospectus_that_cannot_be_read_does_not_end_the_reading() -> None:
    raw = submission(document(f"<PDF>\n{BINARY}", "424B5"), document("Offer.", "424B5"))
    assert len(fed(raw, [100])[0].submission(complete=True).documents) == 2


def test_another_filing_is_refused_before_its_documents_are_read() -> None:
    raw = submission(document("x" * 9_000))
    reader, given_bytes = fed(raw, [100], "0001193125-25-000002")
    assert given_bytes < len(raw) - 8_000
    with pytest.raises(SubmissionUnreadable, match=f"EDGAR sent {ACCESSION}"):
        reader.submission(complete=False)


def test_what_begins_no_document_for_4_mib_is_not_read_on() -> None:
    page = b"<html><head><title>Something else</title></head>" + b"x" * 100 * MEBIBYTE
    reader, given_bytes = fed(page, [MEBIBYTE])
    assert given_bytes == 5 * MEBIBYTE
    with pytest.raises(SubmissionUnreadable, match="a web page titled 'Something else'"):
        reader.submission(complete=False)


def test_a_document_is_kept_up_to_16_mib_and_the_next_one_still_read() -> None:
    raw = submission(document("word " * (4 * MEBIBYTE)), NEWS)
    found = fed(raw, [MEBIBYTE])[0].submission(complete=True)
    assert len(found.documents[0].body) == 16 * MEBIBYTE
    assert found.documents[1].body.strip() == "We have news."
    assert not found.complete


def test_reading_ends_when_24_mib_of_text_are_kept() -> None:
    long = document("word " * (3 * MEBIBYTE))
    raw = submission(long, long, NEWS, document("x" * MEBIBYTE))
    reader, given_bytes = fed(raw, [MEBIBYTE // 4])
    found = reader.submission(complete=True)
    assert sum(len(document.body) for document in found.documents) == 24 * MEBIBYTE
    assert given_bytes < len(raw) - MEBIBYTE // 2
    assert not found.complete


def test_data_is_not_kept_however_much_there_is() -> None:
    pictures = [document(BINARY + "x" * 30 * MEBIBYTE, kind) for kind in ("GRAPHIC", "EX-99.2")]
    raw = submission(document("Words."), *pictures, NEWS)
    found = fed(raw, [MEBIBYTE])[0].submission(complete=True)
    assert found.complete
    assert [bool(document.body) for document in found.documents] == [True, False, False, True]


def test_a_stream_that_breaks_off_before_enough_was_read_is_not_complete() -> None:
    raw = submission(document("Words."), NEWS, document("x", "XML"))
    border = raw.index(b"<TEXT>", raw.index(b"<TYPE>XML")) + len(b"<TEXT>")
    for end, is_complete in ((border - 1, False), (border, True)):
        found = fed(raw[:end], [100])[0].submission(complete=False)
        assert found.complete is is_complete


@settings(deadline=None)
@given(st.lists(st.sampled_from([*_MARKS, b" " * 90, b"<DOCUMENT>" + b" " * 64]), max_size=40))
def test_little_is_held_back_and_nothing_lost(pieces: list[bytes]) -> None:
    splitter, seen = MarkSplitter(), b""
    for piece in pieces:
        seen += b"".join(content for _, content in splitter.split(piece))
        assert len(splitter.rest()) < 100
    assert seen + splitter.rest() == b"".join(pieces)


def test_a_mark_in_two_pieces_is_one_mark() -> None:
    splitter = MarkSplitter()
    found = [p for data in (b"a\r<DOCU", b"MENT> ", b"\rb") for p in splitter.split(data)]
    assert [mark for mark, _ in found if mark is not Piece.BETWEEN] == [Piece.OPEN]
