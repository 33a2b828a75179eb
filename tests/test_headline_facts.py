"""The headline facts of the captured filings: real, and still there in what is shown."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks import excerpts, same_text
from benchmarks.captured import FACTS, Captured, captured_filings
from benchmarks.tables import Table
from blocks.excerpt import excerpt_of
from blocks.models import Document, Filing, FoundBy, Party, Submission
from blocks.quotes import stands_in

TERMINAL = 80
LEAST_KEPT = 0.96  # of the facts, as measured when the rules were written: 247 of 250


def fits(table: Table) -> bool:
    return max(map(len, str(table).splitlines())) <= TERMINAL


@pytest.fixture(scope="module")
def filings(edgar_captures: Path) -> list[Captured]:
    return list(captured_filings(edgar_captures))


def test_every_fact_stands_in_its_filing(filings: list[Captured]) -> None:
    assert len(filings) == 59
    assert all(1 <= len(filing.facts) <= 6 for filing in filings)
    for filing in filings:
        assert [fact for fact in filing.facts if not stands_in(fact, filing.readable)] == []


@pytest.mark.parametrize("held_back", [True, False])
def test_the_excerpt_keeps_nearly_all_facts(filings: list[Captured], *, held_back: bool) -> None:
    part = [filing for filing in filings if filing.is_held_back is held_back]
    kept = [
        stands_in(fact, excerpt.text)
        for filing in part
        if (excerpt := excerpt_of(filing.submission, budget_tokens=excerpts.DEFAULT_BUDGET))
        for fact in filing.facts
    ]
    assert sum(kept) / len(kept) >= LEAST_KEPT


def test_a_filing_is_measured_in_every_way(tmp_path: Path) -> None:
    (tmp_path / "filings").mkdir()
    (tmp_path / "filings" / "8-K_made_up.txt").write_text(
        "<SEC-DOCUMENT>0000000000-00-000000.txt\n<SEC-HEADER>\n"
        "ACCESSION NUMBER:\t\t0000000000-00-000000\n"
        "CONFORMED SUBMISSION TYPE:\t8-K\n</SEC-HEADER>\n"
        f"<DOCUMENT>\n<TYPE>8-K\n<TEXT>\n{'UNITED STATES ' * 90}\n\nItem 8.01 Other.\n\n"
        "We sold the mill for $5 million.\n</TEXT>\n</DOCUMENT>\n"
    )
    facts = tmp_path / "facts.csv"
    facts.write_text("file,kind,fact\n8-K_made_up.txt,deal,sold the mill for $5 million\n")
    (filing,) = captured_filings(tmp_path, facts)
    measured = excerpts.measure(filing)
    assert measured.kept("excerpt of 4,000 tokens") == 1
    assert measured.kept("first 500 characters, as text") == 0
    whole, shown = "whole submission, as text", "excerpt of 4,000 tokens"
    assert measured.shown[whole].tokens > measured.shown[shown].tokens > 0
    for table in (excerpts.by_way, excerpts.by_class, excerpts.by_part, excerpts.missing):
        assert fits(table([measured]))


def test_without_captures_the_tables_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(excerpts, "CAPTURES", tmp_path / "none")
    (table,) = excerpts.tables(tmp_path)
    assert "../shared/edgar) is not here" in str(table)
    assert fits(table)


def test_the_facts_are_listed_once_each() -> None:
    rows = FACTS.read_text(encoding="utf-8").splitlines()
    assert len(rows) == len(set(rows))


def submission(number: int, news: str) -> Submission:
    document = Document(type="8-K", body=f"Item 8.01 Other.\n\n{news}")
    return Submission(accession=f"0000000000-00-00000{number}", form="8-K", documents=(document,))


def test_the_same_excerpt_is_counted_once() -> None:
    news = [submission(1, "We won."), submission(2, "We lost."), submission(3, "We won.")]
    assert same_text.repeated(news) == (3, 1)
    assert fits(same_text.same_excerpts({"made up": news}))


def filing(number: int, size_bytes: int = 70_000, second: int = 0, form: str = "FWP") -> Filing:
    return Filing(
        accession=f"0001839882-25-{number:06d}",
        form=form,
        parties=(Party(cik=number, name="Bank", role="Filer"),),
        found_by=FoundBy.FEED,
        accepted_at=datetime(2025, 12, 12, 21, 30, second, tzinfo=UTC),
        size_bytes=size_bytes,
    )


def test_twins_are_filed_in_a_row_in_one_minute_with_one_size() -> None:
    twins = [filing(1), filing(2, second=50)]
    others = [filing(30), filing(31, 80_000), filing(32, form="6-K"), filing(33, 2**21)]
    assert list(same_text.twins_in([*others, filing(34, 2**21), *twins])) == [twins[1]]
    assert fits(same_text.twins_by_form([*twins, *others]))
