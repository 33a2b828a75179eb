"""How a transaction on the store is run, whichever database is behind it."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, LiteralString, Protocol

from sqlalchemy.engine import URL

from blocks.errors import ConfigurationError
from blocks.store_duckdb import DuckDbWindow
from blocks.store_postgres import PostgresWindow

Row = tuple[Any, ...]


class Transaction(Protocol):
    """What a statement needs: a way to be run."""

    def rows(self, sql: LiteralString, *parameters: object) -> list[Row]:
        """Run one statement with ``$1``, ``$2``, ... and fetch all it returns."""
        ...

    def exclusive(self) -> None:
        """Wait until no other transaction of this program writes; to be asked before writing."""
        ...


class Window(Protocol):
    """A place where transactions can be run, one after the other or at once."""

    @property
    def dedicated(self) -> bool:
        """Whether everything in there is this program's own."""
        ...

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Open, begin, and commit at the end or roll back on an error.

        Raises:
            StoreUnavailable: the store cannot be opened, reached or written, or
                its holder kept it too long. Nothing was written.
        """
        ...


def window_for(
    url: URL, connect_args: Mapping[str, Any] | None, *, lock_timeout_s: float
) -> Window:
    """The window a database address asks for.

    Raises:
        ConfigurationError: neither a DuckDB file nor Postgres through psycopg.
    """
    shown = url.set(query={}).render_as_string(hide_password=True)
    if url.drivername == "postgresql+psycopg":
        return PostgresWindow(url, connect_args or {}, lock_timeout_s)
    if url.drivername != "duckdb":
        raise ConfigurationError(
            f"The store cannot be kept at {shown}: give duckdb:///PATH for a file on this "
            "machine, or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE.",
            subject="connector",
        )
    if url.database in {None, "", ":memory:"} or url.host or url.query or connect_args:
        raise ConfigurationError(
            f"The store at {shown} must be a DuckDB file and nothing more: write duckdb:///PATH, "
            "without host, query or connection arguments.",
            subject="connector",
        )
    return DuckDbWindow(Path(str(url.database)), lock_timeout_s)
