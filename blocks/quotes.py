"""Whether a quote stands in what the analyst was shown, word for word. Pure."""

import re
import unicodedata

from blocks.plain_text import inert

_TELLING_QUOTE_CHARS = 8  # anything shorter stands in every text
_PART_HEAD = re.compile(r"(?m)^=== .* ===$")
_BORDER = "\0"  # stands in no quote
# An answer to us that stands in the text, as it is when folded, up to the end of its quote
_PLANTED = re.compile(r"([\"'])quote\1:([\"']).*?(?:\2(?=[,}])|\0|$)")
_TYPOGRAPHY = str.maketrans(
    dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u0060\u00b4", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"')
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-")
)


class Evidence:
    """The text of an excerpt, folded once for many quotes.

    Quotes are held against what was shown and nothing else of the filing: a passage
    that the analyst never saw is not what it judged by. The headings of the parts are
    ours and no evidence, and no quote reaches from one part into the next. Nor is an
    answer evidence that was planted in the text (``"quote": "..."``) for a model to copy.
    """

    def __init__(self, text: str) -> None:
        parts = _BORDER.join(map(_folded, _PART_HEAD.split(text)))
        self._folded = _PLANTED.sub(_BORDER, parts)

    def holds(self, quote: str) -> bool:
        """Whether it stands there, white space, typography and invisible characters folded."""
        wanted = _folded(quote).strip("\"'.,;:-")
        return len(wanted) >= _TELLING_QUOTE_CHARS and wanted in self._folded


def stands_in(quote: str, text: str) -> bool:
    """Whether one quote stands in a text."""
    return Evidence(text).holds(quote)


def _folded(text: str) -> str:
    shown = inert(text).translate(_TYPOGRAPHY)
    return "".join(unicodedata.normalize("NFKC", shown).split())
