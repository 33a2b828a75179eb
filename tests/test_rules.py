"""The rule-based analyst: right in sign or silent, and always with the words it matched."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from submission_text import read_submission

from blocks.excerpt import excerpt_of
from blocks.models import ACCESSION_PATTERN, Analysis, Excerpt, Filing, FoundBy, Party
from blocks.phrase_rules import ITEM_MEANINGS
from blocks.prompt import stands_in
from blocks.rules import analysis_by_rules

ACCESSION = "0001213900-25-032135"


def judged(text: str, *, form: str = "8-K", parts: tuple[str, ...] = ()) -> Analysis:
    filing = Filing(
        accession=ACCESSION,
        form=form,
        parties=(Party(cik=1, name="Example Corp", role="Filer"),),
        found_by=FoundBy.FEED,
    )
    excerpt = Excerpt(text=text, parts=parts, tokens=1, shortened=False)
    return analysis_by_rules(filing, excerpt)


def kinds(analysis: Analysis) -> list[str]:
    return [str(said.kind) for said in analysis.catalysts]


@pytest.mark.parametrize(
    ("kind", "sign", "text"),
    [
        ("bankruptcy", -1, "The Company filed voluntary petitions for relief under Chapter 11."),
        ("going_concern", -1, "Losses raise substantial doubt about our being a going concern."),
        (
            "delisting_notice",
            -1,
            "On May 5 Example Corp. received a letter from Nasdaq: it is not in compliance.",
        ),
        ("other", 1, "Nasdaq confirmed that the Company has regained compliance with the rule."),
        (
            "reverse_split",
            -1,
            "The board approved a 1-for-20 reverse stock split of the common stock.",
        ),
        (
            "offering",
            -1,
            "The Company announced the pricing of a registered direct offering of shares.",
        ),
        (
            "warrants",
            -1,
            "The Company agreed to sell shares and warrants to purchase up to 900,000 shares.",
        ),
        (
            "convertible",
            -1,
            "We issued to the holder a senior secured convertible promissory note for $2 million.",
        ),
        ("default", -1, "The Company received a notice of default from the lender."),
        (
            "merger",
            1,
            "Each share of common stock was converted into the right to receive $4.50 in cash.",
        ),
        ("guidance_up", 1, "The company raised its full-year revenue guidance to $90 million."),
        ("guidance_down", -1, "Example lowers fiscal 2026 outlook on weak demand."),
        ("earnings_beat", 1, "Revenue of $30 million exceeded the high end of our guidance."),
        ("earnings_miss", -1, "Revenue was below the low end of our prior guidance range."),
        ("fda_clinical", 1, "The trial met its primary endpoint with significance."),
        ("fda_clinical", -1, "The FDA placed the program on clinical hold."),
        ("buyback", 1, "The Board authorized a new share repurchase program of $10 million."),
        ("dividend", 0, "The Board declared a quarterly cash dividend of $0.05 per share."),
        ("executive_change", 0, "Jane Doe, Chief Financial Officer, resigned on May 2."),
    ],
)
def test_a_clear_phrase_is_read_with_its_sign_and_quoted(kind: str, sign: int, text: str) -> None:
    analysis = judged(f"An opening remark. {text} A closing remark.")
    assert kinds(analysis) == [kind]
    assert analysis.catalysts[0].quote == text
    clear = 0 if abs(analysis.sentiment) < 0.15 else 1 if analysis.sentiment > 0 else -1
    assert clear == sign


@pytest.mark.parametrize(
    "text",
    [
        "We may receive a notice that we are not in compliance with Nasdaq rules.",
        "If Nasdaq notified us that we do not meet the bid price, we could be delisted.",
        "There is no assurance that the FDA approved label will be extended.",
        "The previously announced public offering of shares was entered into in May.",
        "All share counts are adjusted for the reverse stock split that became effective in May.",
        "Management has alleviated substantial doubt about the going concern.",
        "The Company was awarded a plaque and held its annual meeting.",
        "The selling stockholders are offering shares of common stock.",
        "WHEREAS, the Board appointed Loeb as Chief Executive Officer in 2016;",
        "The Board approved the 2027 variable compensation plan.",
        "The trial has not met its primary endpoint yet.",
        "",
        "\u2603",
    ],
)
def test_suppositions_old_news_and_routine_get_no_judgement(text: str) -> None:
    analysis = judged(f"Opening. {text} Closing.")
    assert analysis.catalysts == ()
    assert analysis.sentiment == 0.0
    assert analysis.confidence <= 0.1
    assert analysis.summary.startswith("NEUTRAL: Example Corp (8-K)")


def test_an_item_that_tells_by_its_number_is_quoted_from_its_section() -> None:
    text = (
        "=== 8-K item 2.02 ===\nItem 2.02 Results.\n\nWe had results.\n\n"
        "=== 8-K item 4.02 ===\nItem 4.02 Non-Reliance on Statements.\n\nOn April 10, 2025 the"
        " Board concluded that the statements should no longer be relied upon.\n\n=== EX-99.1 ==="
    )
    analysis = judged(text, parts=("8-K item 2.02", "8-K item 4.02", "EX-99.1"))
    assert analysis.catalysts[0].quote.startswith("On April 10, 2025 the Board concluded")
    assert analysis.sentiment == ITEM_MEANINGS["4.02"].sentiment
    assert analysis.risk_level == "high"
    assert analysis.summary.startswith("BEARISH: Example Corp (8-K): past statements")


def test_news_for_both_sides_is_mixed_and_unsure() -> None:
    analysis = judged(
        "We raised our guidance for the year. The Company received a notice of default."
    )
    assert analysis.summary.startswith("MIXED")
    assert sorted(kinds(analysis)) == ["default", "guidance_up"]
    assert analysis.confidence == 0.2


def test_a_prospectus_tells_of_new_shares_and_warrants() -> None:
    analysis = judged(
        "We are offering 330,000 shares of our common stock and warrants to purchase up to 9"
        " shares. The gross proceeds of the offering are $7.0 million.\n\nCommon stock offered by"
        " us  330,000 shares\n\nThe number of shares outstanding after this offering is based on"
        " 3,000,000 shares outstanding.",
        form="424B5",
    )
    assert kinds(analysis) == ["offering", "warrants"]
    assert analysis.has_warrants is True
    assert analysis.deal_size_usd == 7_000_000
    assert analysis.dilution_pct == 11.0


def test_amounts_that_disagree_or_depend_are_not_stated() -> None:
    analysis = judged(
        "We are offering shares of our common stock and pre-funded warrants. Gross proceeds of"
        " $7 million were agreed. Gross proceeds of $9 million were agreed. Common stock offered"
        " by us 1 shares; outstanding after this offering is based on 2 shares.",
        form="424B5",
    )
    assert analysis.deal_size_usd is None
    assert analysis.dilution_pct is None


def test_proceeds_of_an_earlier_deal_are_not_this_filings_deal_size() -> None:
    analysis = judged("Gross proceeds of $4.0 million were received in 2023.", form="S-1")
    assert analysis.deal_size_usd is None


def test_has_warrants_is_unknown_where_none_are_named() -> None:
    assert judged("We moved our office.").has_warrants is None


def test_a_phrase_counts_only_in_the_forms_it_is_meant_for() -> None:
    assert kinds(judged("percentOfClass: 9.9", form="SCHEDULE 13D/A")) == ["stake"]
    assert not judged("percentOfClass: 9.9").catalysts
    assert not judged("The Board declared a dividend of $1.", form="424B2").catalysts


_TELLING = (
    "We are offering common stock",
    "received a notice of default",
    "Gross proceeds of $",
    "1,,.",
    ",",
    "declared a dividend of $",
    "=== 8-K item 4.02 ===\n",
    "A " * 300,
    ". ",
    "\n\n",
)
_SCRAPS = st.lists(st.text(max_size=40) | st.sampled_from(_TELLING), min_size=1, max_size=12)


@given(_SCRAPS.map("".join).filter(bool), st.sampled_from(["8-K", "424B5", "SC 13D", "10-Q"]))
def test_any_text_is_judged_and_every_quote_stands_in_it(text: str, form: str) -> None:
    analysis = judged(text, form=form, parts=("8-K item 4.02",))
    assert Analysis.model_validate_json(analysis.model_dump_json()) == analysis
    folded = " ".join(text.split())
    assert all(said.quote in folded for said in analysis.catalysts)


def captured(folder: Path) -> dict[str, tuple[Analysis, Excerpt]]:
    judgements = {}
    for path in sorted((folder / "filings").glob("8-K_*.txt")):
        found = ACCESSION_PATTERN.search(path.name)
        if found:
            read = read_submission(path.read_bytes(), found[0])
            excerpt = excerpt_of(read, budget_tokens=6_000)
            filing = Filing(
                accession=read.accession,
                form=read.form,
                parties=read.parties or (Party(cik=1, name="Example Corp"),),
                found_by=FoundBy.LIST,
            )
            judgements[read.accession] = analysis_by_rules(filing, excerpt), excerpt
    return judgements


def test_of_the_captured_8ks_those_with_clear_news_are_judged_and_no_other(
    edgar_captures: Path,
) -> None:
    judgements = captured(edgar_captures)
    told = {accession: kinds(said) for accession, (said, _) in judgements.items() if kinds(said)}
    assert told == {
        "0000320193-24-000005": ["dividend"],
        "0000950117-01-501415": ["executive_change"],
        "0001164150-07-000163": ["reverse_split"],
        "0001213900-09-002194": ["auditor_change"],
        "0001213900-25-032135": ["other"],
    }
    for analysis, excerpt in judgements.values():
        assert all(stands_in(said.quote, excerpt.text) for said in analysis.catalysts)
