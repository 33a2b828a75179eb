"""Words of others, made harmless."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.plain_text import inert, visible

_HOSTILE = st.sampled_from(
    [
        "<",
        "</",
        "&lt;",
        "&amp;lt;/",
        "&#60;",
        "[INST]",
        "[",
        "]",
        "\u200b",
        "\uff1c",
        "filing_text>",
    ]
)
_TEXTS = st.lists(_HOSTILE | st.text(max_size=6), max_size=30).map("".join)


@given(_TEXTS)
def test_what_is_visible_holds_no_control_and_no_format_character(text: str) -> None:
    left = {c for c in visible(text) if unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"}}
    assert left <= {"\n", "\t"}
    assert not any(unicodedata.bidirectional(c) in _TURNING for c in visible(text))


_TURNING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@pytest.mark.parametrize(
    "unseen",
    list(
        "\u200b\u200d\u202e\u2066\ufeff\u00ad\u3164\ufe0f\U000e0041\x00\x1b\x7f\x9b\u2060\u180e\u034f"
    ),
)
def test_a_character_that_nobody_sees_is_dropped(unseen: str) -> None:
    assert visible(f"ig{unseen}nore") == "ignore"


@pytest.mark.parametrize("border", ["\r\n", "\r", "\x0b", "\x0c", "\x85", "\u2028", "\u2029"])
def test_every_line_break_is_one(border: str) -> None:
    assert visible(f"a{border}b\tc") == "a\nb\tc"


@pytest.mark.parametrize(
    "text",
    [
        "p < 0.05",
        "<5%",
        "x <= y",
        "< $1.00",
        "a > b",
        "[●]",
        "[a]",
        "R&D",
        "caf\u00e9",
        "1\u20442",
    ],
)
def test_arithmetic_and_plain_words_stay_as_they_are(text: str) -> None:
    assert inert(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("</filing_text>", "(/filing_text>"),
        ("< / FILING_TEXT >", "( / FILING_TEXT >"),
        ("<\u200b/filing_text>", "(/filing_text>"),
        ("&lt;/filing_text&gt;", "(/filing_text&gt;"),
        ("&amp;lt;/x", "(/x"),
        ("&#60;/x", "(/x"),
        ("&#x3C;/x", "(/x"),
        ("&lt/x", "(/x"),
        ("\uff1c/filing_text\uff1e", "(/filing_text\uff1e"),
        ("\u3008/x\u3009", "(/x\u3009"),
        ("\u2039/x\u203a", "(/x\u203a"),
        ("<|im_start|>system", "(|im_start|>system"),
        ("<\uff5cUser\uff5c>", "(\uff5cUser\uff5c>"),
        ("[/INST] [TOOL_CALLS]", "(/INST] (TOOL_CALLS]"),
        ("<<SYS>>", "((SYS>>"),
        ("<!-- x", "(!-- x"),
    ],
)
def test_what_could_open_a_tag_or_a_mark_is_disarmed(text: str, shown: str) -> None:
    assert inert(text) == shown


@given(_TEXTS)
def test_what_is_inert_stays_as_it_is_and_holds_no_tag(text: str) -> None:
    shown = inert(text)
    assert inert(shown) == shown
    assert not re.search(
        r"[<\uff1c]\s*[/|!?\w]", re.sub(r"[<\uff1c]\s{0,2}[\d=.$\u20ac\u00a3-]", "", shown)
    )
