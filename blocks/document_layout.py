"""HTML laid out as text, within bounds that no real document comes near. Pure.

Whoever files chooses the HTML, and a few kilobytes of it may ask for gigabytes of
text: a long cell above many rows, each padded to its width; margins of 100,000
lines; lists in lists, each indented further. Where a document asks for more than
``_MOST_TABLE_CHARS``, its tables are written cell by cell instead of laid out, and
what indents further than ``_MOST_INDENT`` is not indented more.
"""

import re
from collections.abc import Callable, Mapping
from html import unescape
from itertools import accumulate, chain
from typing import Any, Final

from inscriptis import get_text
from inscriptis.css_profiles import CSS_PROFILES
from inscriptis.model.attribute import Attribute
from inscriptis.model.config import ParserConfig
from inscriptis.model.html_document_state import HtmlDocumentState
from inscriptis.model.html_element import HtmlElement
from inscriptis.model.table import Table
from inscriptis.model.tag import CustomHtmlTagHandlerMapping
from inscriptis.model.tag.list_tag import li_start_handler, ol_start_handler, ul_start_handler
from inscriptis.model.tag.table_tag import (
    table_end_handler,
    table_start_handler,
    td_start_handler,
    tr_start_handler,
)

Started = Callable[[HtmlDocumentState, Mapping[str, str]], None]

_MOST_TABLE_CHARS: Final = 64 * 1024 * 1024  # of all tables; the largest report has a few millions
_MOST_CELLS: Final = 4_000_000  # rows times columns: what laying one out may take
_MOST_INDENT: Final = 100
_MOST_MARGIN_LINES: Final = 10
_TAG: Final = re.compile(r"<[^<>]*>")
_COUNT: Final = re.compile(r"[0-9]{1,9}")
_CSS: Final[Mapping[str, HtmlElement]] = CSS_PROFILES["relaxed"]
# What inscriptis itself does at these tags.
_STARTS: Final[Mapping[str, Started]] = {
    "table": table_start_handler,
    "tr": tr_start_handler,
    "td": td_start_handler,
    "th": td_start_handler,
    "ul": ul_start_handler,
    "ol": ol_start_handler,
    "li": li_start_handler,
}


def laid_out(html: str) -> str:
    """The text of an HTML document, its tables with aligned columns.

    What cannot be laid out at all is given without its tags.
    """
    try:
        return str(get_text(html, _config()))
    except (ValueError, OverflowError, RecursionError):  # numbers and styles that are none
        return unescape(_TAG.sub("\n", html))


def _config() -> ParserConfig:
    """A configuration for one document: it counts what its tables take."""
    config = ParserConfig(
        css=_CSS,
        custom_html_tag_handler_mapping=CustomHtmlTagHandlerMapping(
            start_tag_mapping={tag: _bounded(_STARTS.get(tag)) for tag in {*_CSS, *_STARTS}},
            end_tag_mapping={"table": _TableEnd(_MOST_TABLE_CHARS)},
        ),
    )
    config.attribute_handler = _BoundedAttributes()
    return config


class _BoundedAttributes(Attribute):  # type: ignore[misc]  # the library has no types
    """Styles, as far as a document may have them."""

    def apply_attributes(
        self, attributes: Mapping[str, str], html_element: HtmlElement
    ) -> HtmlElement:
        """Apply them; margins and indents are no larger than layouts need."""
        element: Any = super().apply_attributes(attributes, html_element)
        element.margin_before = min(element.margin_before, _MOST_MARGIN_LINES)
        element.margin_after = min(element.margin_after, _MOST_MARGIN_LINES)
        element.padding_inline = min(element.padding_inline, _MOST_INDENT)
        if element.tag not in _CSS:  # a block by its style alone, whose depth nobody looks at
            element.padding_inline = 0
        return element


def _bounded(start: Started | None) -> Started:
    """Begin a tag, indented no further than the bound."""

    def started(state: HtmlDocumentState, attributes: Mapping[str, str]) -> None:
        element = state.tags[-1]
        if element.canvas.left_margin + element.padding_inline > _MOST_INDENT:
            element.padding_inline = 0
        if start is not None:
            known = {**attributes}
            if not _COUNT.fullmatch(known.get("value", "0")):
                del known["value"]  # a number at a list's item, of any length
            start(state, known)

    return started


class _TableEnd:
    """Lays tables out as long as there is room for them, and writes the others cell by cell."""

    def __init__(self, room_chars: int) -> None:
        self._room_chars = room_chars

    def __call__(self, state: HtmlDocumentState) -> None:
        table = state.current_table[-1]
        area_chars = _area_chars(table)
        if area_chars > self._room_chars:
            state.current_table[-1] = _CellByCell(table)
        else:
            self._room_chars -= area_chars
        table_end_handler(state)


class _CellByCell(Table):  # type: ignore[misc]  # as above
    """A table whose cells stand one below the other."""

    def __init__(self, table: Table) -> None:
        super().__init__(table.left_margin_len, table.cell_separator)
        cells = chain.from_iterable(row.columns for row in table.rows)
        self._lines = list(chain.from_iterable(cell.blocks for cell in cells))

    def get_text(self) -> str:
        return "\n".join(self._lines) + "\n"


def _area_chars(table: Table) -> int:
    """How many characters the table has when its columns are aligned.

    More than any may have, where even aligning them would take too long.
    """
    widths: list[int] = []
    for row in table.rows:
        for at, cell in enumerate(row.columns):
            cell.normalize_blocks()
            if at == len(widths):
                widths.append(0)
            widths[at] = max(widths[at], cell.width)
    if len(widths) * len(table.rows) > _MOST_CELLS:
        return _MOST_TABLE_CHARS + 1
    reaches = [0, *accumulate(width + len(table.cell_separator) for width in widths)]
    return sum(
        reaches[len(row.columns)] * max((cell.height for cell in row.columns), default=0)
        for row in table.rows
    )
