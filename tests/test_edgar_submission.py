"""Full submissions: every captured one is read, whatever its age and line ends."""

import re
from datetime import UTC, date, datetime
from itertools import takewhile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from submission_text import (
    ACCESSION,
    captured,
    document,
    documents_at_once,
    read,
    read_submission,
    submission,
)

from blocks.errors import SubmissionUnreadable
from blocks.models import Party, Submission


def one(captures: Path, name: str) -> Submission:
    return read(captures / "filings" / name)


def test_every_captured_submission_is_read_to_where_enough_was_read(edgar_captures: Path) -> None:
    files = captured(edgar_captures)
    assert len(files) >= 57
    for file in files:
        raw = file.read_bytes()
        found = read(file)
        assert found.complete, file.name
        assert found.form.replace("/", "_").replace(" ", "_") == file.stem.rsplit("_", 1)[0]
        sent = [kind for kind, _ in documents_at_once(raw)]
        assert len(sent) == raw.count(b"<DOCUMENT>"), file.name
        assert [document.type for document in found.documents] == needed(sent), file.name
        assert found.parties, file.name
        assert all(party.name and party.role for party in found.parties), file.name
        assert found.accepted_at or b"<ACCEPTANCE-DATETIME>" not in raw, file.name
        assert found.period or b"PERIOD OF REPORT" not in raw, file.name


def needed(types: list[str]) -> list[str]:
    """Those before what EDGAR made itself; of a prospectus, the prospectus."""
    if types[0].startswith("424B"):
        return types[:1]
    return list(takewhile(lambda kind: kind not in {"XML", "EXCEL", "JSON", "ZIP"}, types))


def test_binary_documents_are_listed_but_never_shown(edgar_captures: Path) -> None:
    for file in captured(edgar_captures):
        for found in read(file).documents:
            binary = found.type in {"GRAPHIC", "PDF"} or found.type.startswith("EX-101")
            assert not (binary and found.body), file.name
            assert not re.search(r"^begin 644 ", found.body, re.MULTILINE), file.name
            assert found.body or binary or (found.filename or "").endswith("pdf"), file.name


def test_bodies_are_what_stands_between_the_text_tags(edgar_captures: Path) -> None:
    file = edgar_captures / "filings" / "8-K_0000066740-24-000023.txt"
    raw = file.read_text("latin-1")
    for found in read(file).documents:
        assert not found.body or f"<TEXT>{found.body}</TEXT>" in raw


def test_a_modern_header_is_read(edgar_captures: Path) -> None:
    found = one(edgar_captures, "8-K_0000320193-24-000005.txt")
    assert found.accepted_at == datetime(2024, 2, 1, 21, 30, 30, tzinfo=UTC)
    assert found.period == date(2024, 2, 1)
    assert found.items == (
        "Results of Operations and Financial Condition",
        "Financial Statements and Exhibits",
    )
    assert found.parties == (Party(cik=320193, name="Apple Inc.", role="Filer"),)
    assert found.documents[1].type == "EX-99.1"


@pytest.mark.parametrize(
    ("name", "roles"),
    [
        ("4_0000320193-22-000061.txt", ["Reporting", "Issuer"]),
        ("4_0001094891-00-000193.txt", ["Subject", "Reporting"]),
        ("SC_13G_A_0000895421-24-000024.txt", ["Subject", "Filed by"]),
        ("SC_13G_0001076809-24-000144.nc", ["Subject", "Filed by"]),
        ("SC_TO-T_A_0001104659-25-002604.txt", ["Subject", "Filed by"]),
        ("424B2_0001213900-25-026186.txt", ["Filer", "Filer"]),
        ("8-K_0000092122-05-000042.txt", ["Filer"] * 7),
    ],
)
def test_parties_have_the_roles_the_feed_gives_them(
    edgar_captures: Path, name: str, roles: list[str]
) -> None:
    assert [party.role for party in one(edgar_captures, name).parties] == roles


def test_both_forms_of_one_filing_read_alike(edgar_captures: Path) -> None:
    text = one(edgar_captures, "SC_TO-T_A_0001104659-25-002604.txt")
    tagged = one(edgar_captures, "SC_TO-T_A_0001104659-25-002604.nc")
    assert text.parties == tagged.parties
    assert [d.filename for d in text.documents] == [d.filename for d in tagged.documents]
    assert [" ".join(d.body.split()) for d in text.documents] == [
        " ".join(d.body.split()) for d in tagged.documents
    ]


def test_the_oldest_form_is_read_without_filenames(edgar_captures: Path) -> None:
    found = one(edgar_captures, "8-K_0000950117-94-000182.txt")
    assert [d.type for d in found.documents] == ["8-K", "EX-99"]
    assert found.documents[0].filename is None
    assert found.documents[0].description == "UCC 8-K"
    assert found.accepted_at is None


def test_tagged_headers_give_period_and_item_numbers(edgar_captures: Path) -> None:
    found = one(edgar_captures, "8-K_0001493152-25-001317.nc")
    assert (found.period, found.items) == (date(2025, 1, 6), ("5.02", "9.01"))


def test_what_holds_no_submission_is_named(edgar_captures: Path) -> None:
    others = [*edgar_captures.glob("errors/*.*ml"), *edgar_captures.glob("filings/S*.xml")]
    for file in others:
        with pytest.raises(SubmissionUnreadable, match=f"{ACCESSION} is no submission but") as got:
            read_submission(file.read_bytes(), ACCESSION)
        assert got.value.subject == ACCESSION


def test_acceptance_is_eastern_in_summer_too() -> None:
    found = read_submission(submission(document("x")), ACCESSION)
    assert found.accepted_at == datetime(2025, 7, 1, 20, 30, tzinfo=UTC)
    assert found.parties == (Party(cik=12345, name="Acme (Old) Corp: The", role="Filer"),)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_do_not_matter(end: str) -> None:
    body = submission(document("first"), document("second", "EX-99.1", "2"))
    found = read_submission(body.replace(b"\n", end.encode()), ACCESSION)
    assert [(d.type, d.sequence, d.body.strip()) for d in found.documents] == [
        ("8-K", 1, "first"),
        ("EX-99.1", 2, "second"),
    ]


def test_another_filing_than_the_one_asked_for_is_refused() -> None:
    with pytest.raises(SubmissionUnreadable, match=f"asked for filing .*, EDGAR sent {ACCESSION}"):
        read_submission(submission(document("x")), "0001193125-25-000002")


def test_a_submission_of_nothing_but_binaries_is_named_with_what_it_holds() -> None:
    binary = document("begin 644 a.pdf\nM)5!$1BTQ\nend", "PDF")
    with pytest.raises(SubmissionUnreadable, match="no text to read, only PDF"):
        read_submission(submission(binary), ACCESSION)


def test_each_document_is_decoded_by_itself() -> None:
    body = submission(document("cafA"), document("cafB", "EX-99"))
    body = body.replace(b"cafA", "café €".encode()).replace(b"cafB", "café".encode("latin-1"))
    found = read_submission(body, ACCESSION)
    assert [d.body.strip() for d in found.documents] == ["café €", "café"]


def test_a_cut_keeps_what_came_before_it_and_says_so() -> None:
    whole = submission(document("first"), document("x" * 500 + "é" * 500, "EX-99", "2"))
    whole = whole.decode("latin-1").encode()
    for cut in (len(whole) - 601, len(whole) - 600):
        found = read_submission(whole[:cut], ACCESSION, complete=False)
        assert not found.complete
        assert found.documents[0].body == "\nfirst\n"
        assert re.fullmatch(r"\nx{500}é+", found.documents[1].body)


def test_a_document_that_is_never_closed_ends_where_the_next_begins() -> None:
    body = submission(document("first"), document("second", "EX-99", "2"))
    found = read_submission(body.replace(b"</TEXT>\n</DOCUMENT>\n", b"", 1), ACCESSION)
    assert [d.body for d in found.documents] == ["\nfirst\n", "\nsecond\n"]


def test_a_submission_without_its_closing_tag_is_not_complete() -> None:
    whole = submission(document("first"))
    assert read_submission(whole, ACCESSION).complete
    assert not read_submission(whole[:-20], ACCESSION).complete


def test_a_header_that_says_little_is_enough() -> None:
    found = read_submission(submission(document("x", "10-K"), header=""), ACCESSION)
    assert (found.form, found.parties, found.period) == ("10-K", (), None)


@given(st.binary(max_size=400), st.integers(0, 900))
def test_any_bytes_are_a_submission_or_a_named_error(noise: bytes, at: int) -> None:
    whole = submission(document("first"), document("second", "EX-99", "2"))
    for body in (noise, whole[:at] + noise, whole[:at] + noise + whole[at:]):
        for complete in (True, False):
            try:
                found = read_submission(body, ACCESSION, complete=complete)
            except SubmissionUnreadable:
                continue
            assert found.accession == ACCESSION
