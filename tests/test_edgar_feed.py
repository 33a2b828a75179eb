"""The getcurrent feed: every captured entry is read, and nothing else passes for a feed."""

import calendar
import io
import re
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

import feedparser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.edgar_feed import merge, read_entries, read_page
from blocks.errors import FeedUnreadable
from blocks.forms import KNOWN_FORMS
from blocks.models import Filing, FoundBy, Party

FEED = (
    '<?xml version="1.0" encoding="ISO-8859-1" ?>\n'
    '<feed xmlns="http://www.w3.org/2005/Atom">\n<title>Latest Filings</title>\n{}</feed>\n'
)


def entry(**changed: str) -> str:
    """A feed entry as EDGAR writes it, with the given parts changed."""
    part = {
        "form": "8-K",
        "name": "Acme Corp",
        "cik": "0000012345",
        "role": "Filer",
        "accession": "0001193125-25-000001",
        "facts": "<b>Filed:</b> 2025-12-12 <b>AccNo:</b> {accession} <b>Size:</b> 24 KB\n",
        "updated": "2025-12-12T17:32:17-05:00",
        "title": "{form} - {name} ({cik}) ({role})",
        "id": "urn:tag:sec.gov,2008:accession-number={accession}",
    } | changed
    title = escape(part["title"].format(**part))
    facts = escape(part["facts"].format(**part))
    return (
        f'<entry>\n<title>{title}</title>\n<summary type="html">\n {facts}</summary>\n'
        f"<updated>{part['updated']}</updated>\n"
        f'<category scheme="https://www.sec.gov/" label="form type" term="{part["form"]}"/>\n'
        f"<id>{part['id'].format(**part)}</id>\n</entry>\n"
    )


def feed(*entries: str) -> bytes:
    return FEED.format("".join(entries)).encode("latin-1")


def captured_feeds(captures: Path) -> list[Path]:
    return sorted([*captures.glob("feeds/getcurrent*.xml"), *captures.glob("feeds/sweep*/*.xml")])


def sweep(captures: Path, name: str) -> list[Filing]:
    pages = sorted((captures / "feeds" / name).glob("start_*.xml"))
    starts = [int(page.stem.removeprefix("start_")) for page in pages]
    return [
        filing
        for start, page in zip(starts, pages, strict=True)
        for filing in read_page(page.read_bytes(), start, 100).filings
    ]


def independent(raw: Any) -> tuple[object, ...]:  # noqa: ANN401 - feedparser has no types
    """What an entry says, taken apart in another way than the product does."""
    left, _, role = raw.title.rpartition(" (")
    name, _, cik = left.rpartition(" (")
    instant = datetime.fromtimestamp(calendar.timegm(raw.updated_parsed), UTC)
    size, unit = raw.summary.split("Size:</b> ")[1].split()[:2]
    return (
        raw.id.split("=")[1],
        raw.category,
        int(cik.rstrip(")")),
        role.rstrip(")"),
        name.split(" - ", 1)[1],
        instant,
        raw.summary.split("Filed:</b> ")[1][:10],
        int(size) * {"KB": 1024, "MB": 1024**2}[unit],
        re.findall(r"Item (\d\.\d\d): ", raw.summary) if raw.category[:3] == "8-K" else [],
    )


def test_every_captured_entry_says_what_feedparser_says_of_it(edgar_captures: Path) -> None:
    files = captured_feeds(edgar_captures)
    assert len(files) > 80
    for file in files:
        raw = feedparser.parse(io.BytesIO(file.read_bytes()))
        ours = [
            (
                filing.accession,
                filing.form,
                filing.parties[0].cik,
                filing.parties[0].role,
                filing.parties[0].name,
                filing.accepted_at,
                f"{filing.filed_on}",
                filing.size_bytes,
                list(filing.items),
            )
            for filing in read_entries(file.read_bytes()).filings
        ]
        assert ours == [independent(one) for one in raw.entries], file.name
        assert ours


def test_every_captured_form_is_a_known_one(edgar_captures: Path) -> None:
    texts = [file.read_text("latin-1") for file in captured_feeds(edgar_captures)]
    forms = {
        form for text in texts for form in re.findall(r'label="form type" term="(.+?)"', text)
    }
    assert len(forms) > 100
    assert not {form for form in forms if form.removesuffix("/A") not in KNOWN_FORMS} - KNOWN_FORMS


def test_a_sweep_gives_every_accession_once_with_all_its_parties(edgar_captures: Path) -> None:
    name = "sweep_20251212T180234_all"
    text = "".join(
        page.read_text("latin-1") for page in (edgar_captures / "feeds" / name).glob("*.xml")
    )
    accessions = set(re.findall(r"accession-number=([\d-]+)</id>", text))
    parties = set(re.findall(r"\((\d{10})\) \(([^)]+)\)</title>", text))
    merged = merge(sweep(edgar_captures, name))
    assert len(merged) == len(accessions)
    assert {filing.accession for filing in merged} == accessions
    assert {
        (f"{party.cik:010}", party.role) for filing in merged for party in filing.parties
    } == parties


def test_only_the_page_at_the_end_of_the_feed_is_the_last(edgar_captures: Path) -> None:
    pages = sorted((edgar_captures / "feeds" / "sweep_20251212T180234_all").glob("*.xml"))
    read = [read_page(page.read_bytes(), int(page.stem[-4:]), 100) for page in pages]
    assert [page.entries for page in read] == [100] * len(pages)
    assert [page.is_last for page in read] == [page.stem == "start_5000" for page in pages]


def test_a_short_page_is_the_last() -> None:
    assert read_page(feed(entry()), 0, 100).is_last
    assert read_page(feed(), 0, 100) == read_page(feed(), 300, 100)


@pytest.mark.parametrize(
    "name",
    [
        "Mind Medicine (MindMed) Inc.",
        "BANK OF AMERICA CORP /DE/",
        "AT&T INC.",
        "Series A - 8-K - Holdings (Filer)",
        "O'Brien <Sons>",
        "A (0000000001) (Filer) B",
        "",
    ],
)
def test_odd_names_survive(name: str) -> None:
    ((filing,), *_) = read_entries(feed(entry(name=name)))
    assert filing.parties == (Party(cik=12345, name=name, role="Filer"),)


def test_parties_on_one_page_and_on_two_are_one_filing() -> None:
    subject = entry(form="SC 13D", name="Target", cik="0000000002", role="Subject")
    holder = entry(form="SC 13D", name="Holder", cik="0000000003", role="Filed by")
    other = entry(accession="0001193125-25-000002")
    page = read_page(feed(subject, subject, holder, other), 0, 100)
    assert page.entries == 4
    assert [len(filing.parties) for filing in page.filings] == [2, 1]
    later = read_page(feed(holder, entry(accession="0001193125-25-000003")), 100, 100)
    merged = merge([*page.filings, *later.filings])
    assert [filing.accession[-1] for filing in merged] == ["1", "2", "3"]
    assert [party.role for party in merged[0].parties] == ["Subject", "Filed by"]


def test_acceptance_time_becomes_utc_and_the_filed_date_stays_eastern() -> None:
    ((filing,), *_) = read_entries(feed(entry(updated="2025-07-01T22:10:00-04:00")))
    assert filing.accepted_at == datetime(2025, 7, 2, 2, 10, tzinfo=UTC)
    assert str(filing.filed_on) == "2025-12-12"
    assert filing.found_by is FoundBy.FEED


@pytest.mark.parametrize(("size", "n_bytes"), [("24 KB", 24576), ("2 MB", 2097152), ("9 B", 9)])
def test_sizes_are_bytes(size: str, n_bytes: int) -> None:
    facts = f"<b>Filed:</b> 2025-12-12 <b>AccNo:</b> {{accession}} <b>Size:</b> {size}"
    assert read_entries(feed(entry(facts=facts))).filings[0].size_bytes == n_bytes


def test_items_are_read_from_8_k_forms_only() -> None:
    facts = (
        "<b>Filed:</b> 2025-12-12 <b>AccNo:</b> {accession} <b>Size:</b> 24 KB"
        "\n<br>Item 2.02: Results\n<br>Item 9.01: Exhibits\n<br>Item 3C.7: Fund\n<br>Item 1: Old"
    )
    assert read_entries(feed(entry(facts=facts))).filings[0].items == ("2.02", "9.01")
    assert read_entries(feed(entry(facts=facts, form="8-K/A"))).filings[0].items == (
        "2.02",
        "9.01",
    )
    assert read_entries(feed(entry(facts=facts, form="D"))).filings[0].items == ()


BROKEN_ENTRIES = pytest.mark.parametrize(
    ("part", "broken"),
    [
        ("id", "urn:something-else"),
        ("id", ""),
        ("form", ""),
        ("title", "8-K Acme Corp (0000012345) (Filer)"),
        ("title", "8-K - Acme Corp (Filer)"),
        ("title", "8-K - Acme Corp (0000012345)"),
        ("cik", "0000000000"),
        ("updated", "yesterday"),
        ("updated", "2025-12-12T17:32:17"),
        ("updated", "0001-01-01T00:00:00+05:00"),
        ("facts", "<b>Filed:</b> soon <b>AccNo:</b> {accession}"),
        ("facts", "<b>Filed:</b> 2025-13-40 <b>AccNo:</b> {accession}"),
        ("facts", "<b>Filed:</b> 2025-12-12 <b>AccNo:</b> 0001193125-25-999999"),
    ],
)


@BROKEN_ENTRIES
def test_an_entry_that_cannot_be_read_is_named_and_costs_no_other_entry(
    part: str, broken: str
) -> None:
    second = entry(**{"accession": "0001193125-25-000002", part: broken})
    page = read_page(feed(entry(), second, entry(accession="0001193125-25-000003")), 0, 3)
    assert [filing.accession[-1] for filing in page.filings] == ["1", "3"]
    (unreadable,) = page.unreadable
    assert re.search(r"entry .+: its \w+", unreadable)


def test_an_entry_that_cannot_be_read_counts_as_an_entry() -> None:
    page = read_page(feed(entry(), entry(id="urn:x")), 0, 2)
    assert (page.entries, page.is_last) == (2, False)


@BROKEN_ENTRIES
def test_a_page_none_of_whose_entries_can_be_read_is_not_the_feed(part: str, broken: str) -> None:
    spoilt = entry(**{part: broken})
    with pytest.raises(FeedUnreadable, match=r"none of the 2 .*first is entry .*daily index"):
        read_page(feed(spoilt, spoilt), 0, 2)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"", "an empty answer"),
        (b"<html><head><title>SEC.gov | Oops</title></head></html>", "titled 'SEC.gov | Oops'"),
        (feed(entry(), entry())[:-200], "unclosed|mismatched|no element"),
        (b'<?xml version="1.0"?><rss version="2.0"><channel/></rss>', "not an Atom feed"),
        (b"<Error><Code>AccessDenied</Code></Error>", "storage error AccessDenied"),
        (b"\x89PNG\r\n\x1a\n", "not the Atom feed"),
    ],
)
def test_what_is_not_the_feed_is_refused_and_said(body: bytes, named: str) -> None:
    with pytest.raises(FeedUnreadable, match=named):
        read_page(body, 0, 100)


def test_a_captured_web_page_in_place_of_the_feed_is_refused(edgar_captures: Path) -> None:
    for page in sorted((edgar_captures / "errors").glob("*.*ml")):
        with pytest.raises(FeedUnreadable, match=r"a web page titled|storage error"):
            read_page(page.read_bytes(), 0, 100)


def test_an_entity_bomb_is_refused_before_any_parsing() -> None:
    levels = "".join(f'<!ENTITY b{n} "{f"&b{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<?xml version="1.0"?><!DOCTYPE feed [<!ENTITY b0 "x">{levels}]>' + FEED.format(
        entry(name="&b11;")
    ).removeprefix('<?xml version="1.0" encoding="ISO-8859-1" ?>\n')
    with pytest.raises(FeedUnreadable, match="document type declaration"):
        read_page(bomb.encode(), 0, 100)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_page_or_a_named_error(noise: bytes) -> None:
    body = feed(entry(), entry(accession="0001193125-25-000002"))
    cut = len(noise) * 7 % len(body)
    for candidate in (noise, body[:cut] + noise + body[cut:]):
        try:
            page = read_page(candidate, 0, 100)
        except FeedUnreadable:
            continue
        assert {filing.accession[:16] for filing in page.filings} <= {"0001193125-25-00"}


name_texts = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)


@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(1, 9_999_999_999), name_texts), max_size=20)
)
def test_merging_is_idempotent_and_loses_no_party(
    seen: list[tuple[int, int, str]],
) -> None:
    filings = [
        Filing(
            accession=f"0001193125-25-{number:06}",
            form="8-K",
            parties=(Party(cik=cik, name=name),),
            found_by=FoundBy.FEED,
        )
        for number, cik, name in seen
    ]
    merged = merge(filings)
    assert merge(merged) == merged == merge([*filings, *filings])
    assert {(f.accession, p) for f in merged for p in f.parties} == {
        (f.accession, f.parties[0]) for f in filings
    }
    assert [f.accession for f in merged] == list(dict.fromkeys(f.accession for f in filings))
