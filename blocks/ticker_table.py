"""SEC's ticker table: the value, and how it is kept. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pandas import DataFrame

from blocks.errors import IndexUnreadable

_COLUMNS = {"cik": "int64", "ticker": "str", "name": "str"}


@dataclass(frozen=True, eq=False)
class TickerTable:
    """Which company has which tickers, as SEC listed them at one moment.

    Attributes:
        frame: ``cik`` (int64), ``ticker`` and ``name`` (str), in SEC's order: the first
            ticker of a CIK is its main one.
        as_of: When it was fetched, UTC; the file itself gives no time.
        stale: It is used past its freshness window, since EDGAR did not give a newer one.
    """

    frame: DataFrame
    as_of: datetime
    stale: bool = False

    def dump(self) -> dict[str, Any]:
        """The table as plain JSON values; :meth:`load` undoes it, and no kept table is stale."""
        columns = {name: self.frame[name].tolist() for name in _COLUMNS}
        return {"as_of": self.as_of.isoformat(), **columns}

    @classmethod
    def load(cls, kept: Mapping[str, Any]) -> "TickerTable":
        """Undo :meth:`dump`.

        Raises:
            IndexUnreadable: what was kept is not a dumped ticker table.
        """
        try:
            frame = DataFrame({name: kept[name] for name in _COLUMNS}).astype(_COLUMNS)
            return cls(frame, datetime.fromisoformat(kept["as_of"]).astimezone(UTC))
        except (KeyError, TypeError, ValueError) as error:
            raise IndexUnreadable(
                f"A kept ticker table cannot be read back ({type(error).__name__}: {error}). "
                "Remove the kept result; the next run fetches the tickers again.",
            ) from error
