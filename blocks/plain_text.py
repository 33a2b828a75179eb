"""Words of others, made harmless to those who read them: a model, a person, a page. Pure."""

import re

_LINE_BREAK = re.compile("\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
# Control characters, halves of pairs, and what Unicode lists as Default_Ignorable: zero-width
# and bidirectional marks, fillers, variation selectors, tags.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# What looks like "<", also spelt as an entity; but where a number follows it is arithmetic.
_TAG_OPENS = re.compile(
    r"(?:[<\u02c2\u1438\u2039\u2329\u276c\u276e\u2770\u27e8\u3008\ufe64\uff1c]"
    r"|&(?:amp;)*(?:lt|#0*60|#x0*3c)(?:;|(?=/)))(?!\s{0,2}(?:=|[$\u20ac\u00a3-]?\s?\.?\d))",
    re.IGNORECASE,
)
_TEMPLATE_MARK_OPENS = re.compile(r"\[(?=/?[A-Z_]{3,30}\])")  # [INST], [TOOL_CALLS]


def visible(text: str) -> str:
    """The text without characters that nobody sees: they hide words, or turn them round.

    Line breaks of every kind become line feeds; tabs and blanks stay.
    """
    return _INVISIBLE.sub("", _LINE_BREAK.sub("\n", text))


def inert(text: str) -> str:
    """The visible text, in which nothing is a tag or a mark of a chat template.

    What would open one is written as ``(``: ``</x>`` as ``(/x>``, ``<|im_end|>`` as
    ``(|im_end|>``, ``[INST]`` as ``(INST]``. ``p < 0.05`` stays. Servers of local
    models may take such marks for the end of a message wherever they stand.
    """
    return _TEMPLATE_MARK_OPENS.sub("(", _TAG_OPENS.sub("(", visible(text)))
