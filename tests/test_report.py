"""The report a person reads: every count is in it, nothing in it breaks the page."""

import re
from collections.abc import Mapping
from typing import Any, Final

import pytest
from store_filings import accession, answer, enriched, filing, rejected

from blocks.models import Failure, Party, Usage
from blocks.spending import Balance, Cap
from blocks.store_values import Succession
from tasks.report import Funnel, analyses_table, funnel_markdown

EDGAR: Final = "https://www.sec.gov"
# Each value is met nowhere else in the report.
EVERY_FIELD: Final[Mapping[str, Any]] = {
    "source": "batch",
    "analyst": "model-of-this-test",
    "fingerprint": "f00d",
    "fetched": 10_001,
    "requests": 10_003,
    "known": 10_009,
    "held": 10_037,
    "backlog": 10_039,
    "claimed": 10_061,
    "rejected": {"above_ceiling": 10_067, "unknown_price_rejected": 10_069},
    "unknown_price": 10_079,
    "from_cache": 10_091,
    "same_text": 10_092,
    "at_batch": 10_094,
    "standing": 10_096,
    "unanswered": 10_095,
    "enriched": 10_093,
    "failed": 10_099,
    "parked": 10_103,
    "untouched": 10_111,
    "lost": 10_133,
    "model_calls": 10_139,
    "usage": Usage(input_tokens=10_141, cached_input_tokens=10_151, output_tokens=10_159),
    "spent_usd": 10_163.25,
    "unpriced_calls": 10_169,
    "saved_usd": 10_177.75,
    "switched_off": ("SEEN_STORE_ENABLED", "SEC_PRICE_FILTER_ENABLED"),
    "stopped_by": "the quota is used up",
    "next_step": "buy more of it",
    "closed_door": True,
    "balances": (
        Balance(cap=Cap.RUN, cap_usd=None, spent_usd=10_193.25, open_usd=0, unpriced_calls=0),
        Balance(cap=Cap.DAY, cap_usd=None, spent_usd=10_211.25, open_usd=0, unpriced_calls=0),
    ),
    "switches": {"PRICE_CEILING": "$10,191"},
    "days": ("2025-12-11 is complete",),
    "open_days": ("2025-12-12 has two filings left",),
    "pruned": {"fetched lists": 10_301, "torn files": 10_302},
    "notes": ("no daily index for 2025-12-25",),
}
EXCUSED: Final = {"closed_door"}  # not shown: only how the run ends depends on it


def funnel(**changes: object) -> Funnel:
    """A run in which nothing happened, but for these."""
    nothing: dict[str, Any] = {
        name: "" if isinstance(value, str) else 0
        for name, value in EVERY_FIELD.items()
        if isinstance(value, str | int | float) and name not in EXCUSED
    }
    quiet = {"rejected": {}, "usage": Usage(), "switched_off": (), "switches": {}}
    quiet |= {"days": (), "open_days": (), "notes": ()}
    return Funnel.model_validate(nothing | {"source": "rss", "analyst": "rules"} | quiet | changes)


def test_a_cap_is_reported_with_what_is_spent_what_may_be_and_what_is_left() -> None:
    capped = Balance(cap=Cap.DAY, cap_usd=5.0, spent_usd=1.25, open_usd=0.5, unpriced_calls=3)
    assert rows_of(funnel_markdown(funnel(balances=(capped,))))[-2] == [
        "spent today (Eastern) by all runs",
        (
            "$1.2500 of its cap of $5.0000, $3.2500 left; calls not settled yet may cost"
            " $0.5000; not in it: 3 calls of unknown price"
        ),
    ]


def failure(number: int, message: str = "no answer") -> Failure:
    return Failure(filing=filing(number), error="AnswerInvalid", message=message)


def parts_of(value: object) -> list[str]:
    """The ways a value may be written, smallest parts first."""
    if isinstance(value, Usage):
        return [f"{count:,}" for count in value.model_dump().values()]
    if isinstance(value, Mapping):
        return [f"| {count} | {reason.replace('_', ' ')} |" for reason, count in value.items()]
    if isinstance(value, Balance):
        return [f"${value.spent_usd:.4f}"]
    if isinstance(value, tuple):
        return [
            part for one in value for part in ([one] if isinstance(one, str) else parts_of(one))
        ]
    return [f"{value:.4f}" if isinstance(value, float) else str(value)]


def rows_of(markdown: str) -> list[list[str]]:
    """The cells of every table row as a reader of GitHub's markdown splits them."""
    lines = [line for line in markdown.splitlines() if line.startswith("|")]
    cells = [re.findall(r"\|((?:\\.|[^|\\])*)(?=\|)", line) for line in lines]
    return [[cell.strip() for cell in line] for line in cells]


def test_the_table_of_values_above_names_every_field_of_the_funnel() -> None:
    assert set(EVERY_FIELD) == set(Funnel.model_fields)


@pytest.mark.parametrize("name", sorted(set(EVERY_FIELD) - EXCUSED - {"switches"}))
def test_every_field_of_the_funnel_is_in_the_report(name: str) -> None:
    markdown = funnel_markdown(Funnel.model_validate(EVERY_FIELD))
    missing = [part for part in parts_of(EVERY_FIELD[name]) if part not in markdown]
    assert missing == []


def test_every_switch_is_in_the_report_with_its_value() -> None:
    assert "`PRICE_CEILING=$10,191`" in funnel_markdown(Funnel.model_validate(EVERY_FIELD))


@pytest.mark.parametrize("name", ["rejected", "switched_off", "stopped_by", "notes"])
def test_what_did_not_happen_is_not_warned_of(name: str) -> None:
    markdown = funnel_markdown(funnel())
    assert not any(part in markdown for part in parts_of(EVERY_FIELD[name]))
    assert "**Switched off" not in markdown
    assert "**Stopped early" not in markdown
    assert "**Note" not in markdown


@pytest.mark.parametrize(
    "switch",
    [
        *("FEATURE_SEC_LLM_CACHE", "SEEN_STORE_ENABLED"),
        *("SEEN_STORE_CACHE_ENABLED", "SEC_PRICE_FILTER_ENABLED"),
    ],
)
def test_each_switch_that_is_off_is_said(switch: str) -> None:
    assert f"**Switched off: {switch}.**" in funnel_markdown(funnel(switched_off=(switch,)))


def test_every_note_is_said_on_a_line_of_its_own() -> None:
    notes = ("paging stopped", "no index\nfor | Friday")
    lines = funnel_markdown(funnel(notes=notes)).splitlines()
    assert [line for line in lines if line.startswith("**Note")] == [
        "**Note:** paging stopped",
        r"**Note:** no index for \| Friday",
    ]


def test_calls_of_unknown_price_make_the_sum_a_lower_bound() -> None:
    assert "| spent | $0.2500 |" in funnel_markdown(funnel(spent_usd=0.25))
    unknown = funnel(spent_usd=0.25, unpriced_calls=3, model_calls=5)
    assert "| spent | at least $0.2500 (3 calls of unknown price) |" in funnel_markdown(unknown)
    assert "at least $0.2500" in unknown.summary


@pytest.mark.parametrize(
    "message",
    [
        "a | b || c",
        "first line\nsecond line\r\n\tthird",
        "a backslash before a pipe \\| and at the end \\",
        "| --- | --- |\n| forged | row |",
        "x" * 5_000,
        "| " * 2_000,
    ],
)
def test_no_message_breaks_its_row_of_the_table(message: str) -> None:
    markdown = funnel_markdown(funnel(), [failure(1, message)])
    header, _, row = rows_of(markdown.partition("## Failed")[2])
    assert header == ["accession", "form", "error", "message"]
    assert len(row) == 4
    assert row[:3] == [accession(1), "8-K", "AnswerInvalid"]
    assert len(row[3]) <= 1_000


@pytest.mark.parametrize(
    "message", ["<img src=x onerror=alert(1)>", "[click](https://evil.example)", "*bold* `code`"]
)
def test_markup_in_a_message_is_shown_and_not_rendered(message: str) -> None:
    """What a server answered must not become an image or a link in the UI."""
    markdown = funnel_markdown(funnel(), [failure(1, message)])
    assert message not in markdown
    for word in ("onerror", "evil.example", "bold"):
        assert (word in markdown) == (word in message), "escaped, not dropped"


def test_fifty_failures_are_shown_and_the_others_counted() -> None:
    markdown = funnel_markdown(funnel(failed=83), [failure(number) for number in range(83)])
    table = markdown.partition("## Failed")[2]
    assert len(rows_of(table)) == 2 + 50
    assert "and 33 more; all of them are in the store" in table
    assert "more; all of them" not in funnel_markdown(funnel(), [failure(1)] * 50)


def test_without_failures_there_is_no_section_for_them() -> None:
    assert "## Failed" not in funnel_markdown(funnel())


def test_an_analysis_links_to_the_page_of_its_filing() -> None:
    (row,) = analyses_table([enriched(7)], {}, EDGAR)
    folder = accession(7).replace("-", "")
    page = f"{EDGAR}/Archives/edgar/data/320193/{folder}/{accession(7)}-index.htm"
    assert row["filing"] == f"[{accession(7)}]({page})"


def test_an_amendment_links_to_what_it_amends_and_what_is_superseded_to_the_newest() -> None:
    original, amendment, alone = enriched(1), enriched(2), enriched(3)
    successions = {
        accession(1): Succession(filing=original.filing, superseded_by=amendment.filing),
        accession(2): Succession(filing=amendment.filing, amends=original.filing),
    }
    rows = analyses_table([original, amendment, alone], successions, EDGAR)
    first, second, third = sorted(rows, key=lambda row: str(row["filing"]))
    assert (first["amends"], first["superseded_by"]) == (None, second["filing"])
    assert (second["amends"], second["superseded_by"]) == (first["filing"], None)
    assert (third["amends"], third["superseded_by"]) == (None, None)


def test_only_analysed_filings_have_a_row_strongest_and_surest_first() -> None:
    outcomes = [enriched(1), rejected(2), enriched(3), enriched(4)]
    weak, strong = (
        outcome.model_copy(update={"answer": with_sentiment(outcome.filing.accession, *how)})
        for outcome, how in ((outcomes[0], (0.9, 0.1)), (outcomes[2], (-0.8, 0.9)))
    )
    rows = analyses_table([weak, outcomes[1], strong, outcomes[3]], {}, EDGAR)
    assert [row["filing"][1:21] for row in rows] == [accession(3), accession(4), accession(1)]


def with_sentiment(number: str, sentiment: float, confidence: float) -> object:
    base = answer(int(number[-6:]))
    analysis = base.reply.analysis.model_copy(
        update={"sentiment": sentiment, "confidence": confidence}
    )
    return base.model_copy(update={"reply": base.reply.model_copy(update={"analysis": analysis})})


def test_a_row_tells_what_was_decided_found_and_paid() -> None:
    (row,) = analyses_table([enriched(1)], {}, EDGAR)
    assert (row["ticker"], row["price_usd"], row["form"]) == ("ONS", 4.25, "8-K")
    assert (row["sentiment"], row["confidence"], row["risk"]) == (0.7, 0.9, "low")
    assert (row["catalysts"], row["from_cache"]) == ("guidance_up", False)
    assert (row["model"], row["cost_usd"]) == ("small-model", 0.0004)
    assert row["summary"].startswith("Filing 1 raises guidance")


def test_an_answer_of_unknown_price_and_a_filing_without_decision_have_a_row_too() -> None:
    unknown = answer(1).model_copy(
        update={"reply": answer(1).reply.model_copy(update={"cost_usd": None})}
    )
    bare = enriched(1).model_copy(update={"decision": None, "answer": unknown})
    (row,) = analyses_table([bare], {}, EDGAR)
    assert (row["ticker"], row["price_usd"], row["cost_usd"]) == (None, None, None)


def test_a_filer_is_named_once_however_often_it_is_listed() -> None:
    party = Party(cik=320193, name="Twice Listed Co", role="Filer")
    outcome = enriched(1)
    double = outcome.filing.model_copy(update={"parties": (party, party)})
    (row,) = analyses_table([outcome.model_copy(update={"filing": double})], {}, EDGAR)
    assert row["filer"] == "Twice Listed Co"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, False),
        ({"failed": 1}, True),
        ({"parked": 1}, True),
        ({"closed_door": True, "stopped_by": "bad key"}, True),
        ({"stopped_by": "the budget is reached", "untouched": 3}, False),
        ({"rejected": {"above_ceiling": 4}, "known": 9, "lost": 1}, False),
    ],
)
def test_a_run_needs_attention_where_a_person_could_mend_something(
    changes: dict[str, object], *, expected: bool
) -> None:
    assert funnel(**changes).needs_attention is expected


def test_the_run_in_one_line_says_what_a_refresh_left_as_it_was() -> None:
    assert "3 keep their analysis, " in funnel(standing=3).summary
    assert "keep" not in funnel().summary
    assert funnel(standing=3, known=2).calls_not_made == 5


def test_calls_not_made_are_the_filings_that_were_dealt_with_without_one() -> None:
    one = funnel(known=5, held=2, rejected={"above_ceiling": 3, "below_floor": 1}, from_cache=4)
    assert one.calls_not_made == 15
    assert one.model_copy(update={"same_text": 6}).calls_not_made == 21
