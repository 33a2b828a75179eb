"""The rule-based analyst: right in sign or silent, and always with the words it matched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.item_rules import ITEM_RULES
from blocks.models import Analysis, Excerpt, Filing, FoundBy, Party
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
    assert analysis.sentiment == ITEM_RULES["4.02"].meaning.sentiment
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


def test_what_was_sold_before_under_a_sales_agreement_is_not_this_filings_deal_size() -> None:
    text = (
        "We are offering shares of our common stock. Since then we have offered and sold 9,000"
        " shares for gross proceeds of $6.1 million pursuant to the Sales Agreement."
    )
    assert judged(text, form="424B5").deal_size_usd is None


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
    "should no longer be relied upon",
    " […]",
    ", ",
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
