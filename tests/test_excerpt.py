"""What the analyst is shown of a submission, on made-up and on real filings."""

import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from submission_text import read_submission

from blocks.document_text import text_of
from blocks.errors import ConfigurationError, SubmissionUnreadable
from blocks.excerpt import MIN_BUDGET_TOKENS, excerpt_of, token_count
from blocks.models import ACCESSION_PATTERN, Document, Excerpt, Submission

ACCESSION = "0001213900-25-032135"

COVER = "UNITED STATES\n\nFORM 8-K\n\nCheck the appropriate box below\n\n"
SIGNATURE = "\n\nSIGNATURES\n\nPursuant to the requirements\n\nBy: /s/ A. Person"


def submission(*documents: tuple[str, str], form: str = "8-K") -> Submission:
    return Submission(
        accession=ACCESSION,
        form=form,
        documents=tuple(Document(type=kind, body=body) for kind, body in documents),
    )


def shown(*documents: tuple[str, str], form: str = "8-K", budget_tokens: int = 2_000) -> Excerpt:
    return excerpt_of(submission(*documents, form=form), budget_tokens=budget_tokens)


def prose(words: int) -> str:
    return "\n\n".join("The company said so again today." for _ in range(words // 6))


def capture(folder: Path, name: str, budget_tokens: int = 6_000) -> Excerpt:
    path = next((folder / "filings").glob(f"*{name}*.txt"))
    found = ACCESSION_PATTERN.search(path.name)
    assert found
    return excerpt_of(read_submission(path.read_bytes(), found[0]), budget_tokens=budget_tokens)


def test_an_8k_is_shown_by_its_items_without_cover_and_signatures() -> None:
    body = f"{COVER}Item 1.01 Entry.\n\nWe agreed.\n\nItem 8.01 Other.\n\nWe moved.{SIGNATURE}"
    excerpt = shown(("8-K", body))
    assert excerpt.parts == ("8-K item 1.01", "8-K item 8.01")
    assert "We agreed." in excerpt.text
    assert "We moved." in excerpt.text
    assert "Check the appropriate box" not in excerpt.text
    assert "/s/" not in excerpt.text
    assert not excerpt.shortened


def test_a_reference_to_an_item_is_not_a_heading() -> None:
    body = "Item 1.01 Entry.\n\nItem 2.03 of this report and\nItem 1.01, above, tell more."
    assert shown(("8-K", body)).parts == ("8-K item 1.01",)


def test_items_that_report_nothing_and_lists_of_exhibits_are_left_out() -> None:
    body = (
        "ITEM 1. CHANGES IN CONTROL.\n\nNone.\n\nITEM 5. OTHER EVENTS.\n\nA fire.\n\n"
        "ITEM 7. EXHIBITS.\n\n(c) Press release"
    )
    assert shown(("8-K", body)).parts == ("8-K item 5",)


def test_a_list_of_exhibits_is_shown_where_there_is_nothing_else() -> None:
    body = "Item 9.01 Exhibits.\n\n99.1 Investor presentation"
    assert shown(("8-K", body)).parts == ("8-K item 9.01",)


def test_press_releases_come_before_the_heads_of_contracts_and_letters() -> None:
    excerpt = shown(
        ("8-K", "Item 1.01 Entry.\n\nA loan."),
        ("EX-10.1", prose(2_000)),
        ("EX-99.1", "We have news."),
        ("EX-23.1", "Consent."),
    )
    assert excerpt.parts == ("8-K item 1.01", "EX-99.1", "EX-10.1")
    contract = excerpt.text.partition("=== EX-10.1 ===")[2]
    assert token_count(contract) <= 400
    assert "Consent" not in excerpt.text


def test_a_long_agreement_leaves_room_for_the_press_release() -> None:
    excerpt = shown(
        ("8-K", "Item 1.01 Entry.\n\n" + prose(4_000)),
        ("EX-99.1", "HEADLINE\n\n" + prose(4_000)),
        budget_tokens=1_000,
    )
    item, _, release = excerpt.text.partition("=== EX-99.1 ===")
    assert token_count(release) > 400
    assert token_count(item) > 400
    assert "HEADLINE" in release
    assert excerpt.shortened


def test_room_a_short_part_leaves_goes_to_the_long_one() -> None:
    excerpt = shown(
        ("8-K", "Item 2.02 Results.\n\nSee the release."),
        ("EX-99.1", prose(4_000)),
        budget_tokens=1_000,
    )
    assert excerpt.tokens > 950


def test_more_items_than_any_8k_has_cost_no_more_time() -> None:
    token_count("warm")
    began = time.process_time()
    excerpt = shown(("8-K", "Item 1.01\n" * 20_000), budget_tokens=100)
    assert time.process_time() - began < 1
    assert excerpt.shortened


def test_of_an_annual_report_beside_a_10k_the_discussion_is_shown() -> None:
    excerpt = shown(
        ("10-K", "Annual report.\n\nItem 7. Management's Discussion: see exhibit 13."),
        ("EX-13", "Letter.\n\nManagement's Discussion and Analysis\n\nSales doubled.\n"),
        ("EX-21", "Subsidiaries."),
        ("EX-99.1", "Reserves.\n\n" + prose(9_000)),
        form="10-K",
    )
    assert excerpt.parts == ("10-K", "EX-13 MD&A", "EX-99.1")
    assert "Sales doubled." in excerpt.text
    assert token_count(excerpt.text.partition("=== EX-99.1 ===")[2]) <= 400


def test_a_cut_falls_between_paragraphs_and_is_marked() -> None:
    excerpt = shown(("8-K", "Item 8.01 Other.\n\n" + prose(4_000)), budget_tokens=300)
    assert excerpt.text.endswith("The company said so again today. […]")


def test_a_submission_cut_at_the_byte_cap_is_a_shortened_excerpt() -> None:
    whole = submission(("8-K", "Item 8.01 Other.\n\nNews."))
    cut = whole.model_copy(update={"complete": False})
    assert excerpt_of(cut, budget_tokens=500).shortened


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("GRAPHIC", "begin 644 logo.jpg\nM_]C_X"),
        ("EX-99.1", "\nbegin 644 slides.pdf\nM_]C_X"),
        ("EX-99.2", "<PDF>\nbegin 644 x.pdf"),
        ("EX-101.INS", "<xbrl>12</xbrl>"),
        ("XML", "<html><body>R1.htm</body></html>"),
        ("EXCEL", "UEsDBBQ"),
        ("ZIP", "UEsDBBQ"),
    ],
)
def test_documents_that_are_not_words_are_never_shown(kind: str, body: str) -> None:
    excerpt = shown(("8-K", "Item 8.01 Other.\n\nNews."), (kind, body))
    assert excerpt.parts == ("8-K item 8.01",)


def test_a_submission_with_nothing_to_read_is_refused_by_name() -> None:
    with pytest.raises(SubmissionUnreadable, match=ACCESSION) as caught:
        shown(("8-K", "  "), ("GRAPHIC", "begin 644 a.jpg"))
    assert caught.value.subject == ACCESSION


def test_a_budget_that_shows_nothing_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="at least 100"):
        shown(("8-K", "Item 8.01 Other."), budget_tokens=MIN_BUDGET_TOKENS - 1)


def test_html_tables_keep_a_row_on_a_line_and_hidden_xbrl_is_gone() -> None:
    body = (
        "<XBRL><?xml version='1.0'?><html><body><div style='display:none'><ix:header>0001 hidden"
        "</ix:header></div><p>Results&nbsp;of the year</p><table><tr><td>Net sales</td>"
        "<td>$</td><td>1,234</td></tr><tr><td>Loss</td><td>(</td><td>56</td><td>)</td></tr>"
        "</table></body></html></XBRL>"
    )
    text = text_of(Document(type="EX-99.1", body=body))
    assert "hidden" not in text
    assert re.search(r"Results of the year\n+Net sales +\$1,234\nLoss +\(56\)", text)


def test_a_value_in_xml_goes_by_the_name_of_what_it_is_the_value_of() -> None:
    body = (
        "<XML>\n<?xml version='1.0'?><ownershipDocument><transactionShares>\n<value>9136</value>\n"
        "</transactionShares><officerTitle>CFO</officerTitle></ownershipDocument></XML>"
    )
    assert text_of(Document(type="4", body=body)) == "transactionShares: 9136\nofficerTitle: CFO"


def test_lines_set_flush_right_are_prose_and_rows_keep_their_gaps() -> None:
    body = "We  agreed  to  buy  the shop.\n\nNet sales ..........  $1,945    $1,530"
    assert text_of(Document(type="10-Q", body=body)) == (
        "We agreed to buy the shop.\n\nNet sales  $1,945  $1,530"
    )


def test_a_schedule_filed_as_xml_reads_as_names_and_values() -> None:
    body = (
        "<XML>\n<?xml version='1.0'?><edgarSubmission xmlns='http://x'><com:percentOfClass>9.9"
        "</com:percentOfClass><a>Smith &amp; Sons</a><b> </b></edgarSubmission></XML>"
    )
    assert (
        text_of(Document(type="SCHEDULE 13D", body=body)) == "percentOfClass: 9.9\na: Smith & Sons"
    )


def test_lawyers_boilerplate_is_left_out_and_marked_and_news_beside_it_kept() -> None:
    text = text_of(
        Document(
            type="EX-99.1",
            body="<p>We won.</p><p>This press release contains forward-looking statements.</p>"
            "<p>The information in Item 2.02 shall not be deemed filed.</p><p>We paid.</p>",
        )
    )
    assert text.split() == ["We", "won.", "[…]", "We", "paid."]


def test_every_exhibit_of_a_6k_is_news() -> None:
    excerpt = shown(("6-K", "Report of foreign issuer"), ("EX-1", "News."), form="6-K")
    assert excerpt.parts == ("6-K", "EX-1")


def test_of_an_auditors_consent_only_the_doubt_is_shown() -> None:
    consent = "We consent.\n\nOur report tells of substantial doubt about Acme Corp going on.\n\nX"
    excerpt = shown(
        ("S-3/A", "Only a consent is filed. " * 50 + "\n\nPART II\n\nWe undertake."),
        ("EX-23.1", consent),
        ("EX-23.2", "We consent."),
        form="S-3/A",
    )
    assert excerpt.parts == ("S-3/A", "EX-23.1 Going Concern")
    assert "undertake" not in excerpt.text


def test_signatures_are_left_out_of_every_other_form_too() -> None:
    excerpt = shown(("SC 13G", "Acme holds 5%. " * 9 + SIGNATURE), form="SC 13G")
    assert "Acme holds 5%." in excerpt.text
    assert "/s/" not in excerpt.text


def test_a_part_does_not_end_in_a_mark_for_what_nobody_reads() -> None:
    furnished = "The information here shall not be deemed filed."
    body = f"Item 2.02 Results.\n\nSee exhibit.\n\n{furnished}\n\nItem 8.01 Other.\n\nNews."
    assert "See exhibit.\n\n=== 8-K item 8.01 ===" in shown(("8-K", body)).text


def test_a_prospectus_is_shown_with_its_terms_from_further_back() -> None:
    body = (
        "We are offering shares.\n\n"
        + prose(6_000)
        + "\n\nUse of Proceeds  S-7\n\nTHE OFFERING\n\nWarrants offered: 5\n\nRISK FACTORS\n\n"
        + prose(600)
        + "\n\nDILUTION\n\nYour interest will be diluted."
    )
    excerpt = shown(("424B5", body), form="424B5", budget_tokens=1_500)
    assert excerpt.parts == ("424B5", "424B5 The Offering", "424B5 Dilution")
    assert "Warrants offered: 5" in excerpt.text
    assert "RISK FACTORS" not in excerpt.text


_TEXTS = st.text(max_size=3_000) | st.sampled_from(
    ["x" * 5_000, "é" * 5_000, "Item 1.01\n" * 900, "<p>a</p>" * 900, "漢字。" * 900, "😀" * 900]
)


@given(
    bodies=st.lists(
        st.tuples(st.sampled_from(["8-K", "EX-99.1", "EX-10", "10-Q", "GRAPHIC"]), _TEXTS),
        max_size=4,
    ),
    form=st.sampled_from(["8-K", "10-Q", "424B5", "6-K", "SC 13D"]),
    budget_tokens=st.integers(MIN_BUDGET_TOKENS, 700),
)
def test_an_excerpt_never_exceeds_its_budget(
    bodies: list[tuple[str, str]], form: str, budget_tokens: int
) -> None:
    try:
        excerpt = shown(*bodies, form=form, budget_tokens=budget_tokens)
    except SubmissionUnreadable:
        return
    assert token_count(excerpt.text) == excerpt.tokens <= budget_tokens
    assert excerpt.parts


@given(st.text(alphabet=st.characters(), max_size=300), st.sampled_from(["", "<p>", "<?xml ?>"]))
def test_any_document_has_a_text(body: str, opening: str) -> None:
    assert isinstance(text_of(Document(type="8-K", body=opening + body)), str)


def test_nested_html_of_any_depth_has_a_text() -> None:
    body = "<div>" * 20_000 + "deep" + "</div>" * 20_000
    assert isinstance(text_of(Document(type="8-K", body=body)), str)


def test_every_captured_filing_is_read_in_time(edgar_captures: Path) -> None:
    token_count("warm")  # the token table takes 0.2 s to load, once
    for path in sorted((edgar_captures / "filings").glob("*")):
        found = ACCESSION_PATTERN.search(path.name)
        if not found or path.suffix not in {".txt", ".nc"}:
            continue
        read = read_submission(path.read_bytes(), found[0])
        began = time.process_time()
        excerpt = excerpt_of(read, budget_tokens=6_000)
        assert time.process_time() - began < 1, path.name
        assert 50 < excerpt.tokens <= 6_000, path.name
        assert not re.search(r"</?(?:p|div|td|font|ix:\w+)\b", excerpt.text), path.name


def test_a_restatement_is_shown_with_its_reasons_and_its_press_release(
    edgar_captures: Path,
) -> None:
    excerpt = capture(edgar_captures, "0001213900-25-032135")
    assert excerpt.parts == (
        "8-K item 2.02",
        "8-K item 4.02",
        "8-K item 7.01",
        "EX-99.1",
    )
    assert "should no longer be relied upon" in excerpt.text
    assert "Net loss attributable to ABVC narrowed from $7.79 million" in excerpt.text


def test_an_earnings_release_is_shown_with_its_tables(edgar_captures: Path) -> None:
    excerpt = capture(edgar_captures, "0000320193-24-000005")
    assert "Total net sales (1)  119,575  117,154" in excerpt.text
    assert not excerpt.shortened


def test_an_offering_is_shown_with_price_share_count_and_dilution(edgar_captures: Path) -> None:
    excerpt = capture(edgar_captures, "0001493152-25-029712")
    assert "Offering price  $3.6100  $3.6099  $7,000,040.63" in excerpt.text
    assert "based on 2,896,723 shares of common stock outstanding" in excerpt.text
    assert "Dilution per share to investors" in excerpt.text


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("0001108205-25-000026", "substantial doubt about our ability to continue"),
        ("0001641172-25-001350", "Employee Benefit Plans Securities Registration"),
        ("0001641172-25-001566", "we received notice from Nasdaq"),
        ("0001104659-24-132924", "after November 11, 2024."),
    ],
)
def test_an_offering_is_shown_with_what_stands_far_behind_its_cover(
    edgar_captures: Path, name: str, words: str
) -> None:
    excerpt = capture(edgar_captures, name, budget_tokens=4_000)
    assert words in excerpt.text
    assert "Dilution per share to" in excerpt.text or "dilution" in excerpt.text
    assert "You should rely only on the information" not in excerpt.text.partition("THE OFF")[2]
    assert "\u200b" not in excerpt.text


def test_an_annual_report_is_shown_with_the_doubt_and_what_came_after_its_year(
    edgar_captures: Path,
) -> None:
    excerpt = capture(edgar_captures, "10-K_0001010412-10-000078", budget_tokens=4_000)
    assert excerpt.parts[1:] == (
        "10-K Going Concern",
        "10-K Statement of Operations",
        "10-K MD&A",
        "10-K Subsequent Events",
    )
    assert "cash reserves of $23,505" in excerpt.text
    assert "who resigned with no disputes" in excerpt.text
    assert "Indicate by check mark" not in excerpt.text


def test_a_quarterly_report_is_shown_with_its_discussion(edgar_captures: Path) -> None:
    excerpt = capture(edgar_captures, "10-Q_0000912057-00-023442")
    assert "Macintosh CPU unit sales" in excerpt.text
    assert excerpt.parts == (
        "10-Q",
        "10-Q Statement of Operations",
        "10-Q MD&A",
        "10-Q Subsequent Events",
    )
    assert "authorized a two-for-one stock split" in " ".join(excerpt.text.split())
