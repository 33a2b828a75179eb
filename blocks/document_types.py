"""What the ``<TYPE>`` of a document tells of it: whether it is words, and who made it. Pure."""

import re

# Exhibits 100 to 104 are XBRL and asset data (Regulation S-K, item 601).
_DATA = re.compile(r"(?:GRAPHIC|ZIP|EXCEL|PDF|XML|JSON)$|EX-10[0-4]\b")
_RENDERINGS = frozenset({"XML", "EXCEL", "JSON", "ZIP"})


def is_data(document_type: str) -> bool:
    """Whether it is a picture, an archive, a workbook, a PDF or XBRL: nothing to read."""
    return _DATA.match(document_type) is not None


def is_rendering(document_type: str) -> bool:
    """Whether EDGAR made it from the XBRL of the filer: ``R1.htm``, ``MetaLinks.json``, ...

    EDGAR puts these behind everything that the filer sent: in all 11 captures
    that have any, only more of them follow.
    """
    return document_type in _RENDERINGS
