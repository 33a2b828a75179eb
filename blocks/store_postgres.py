"""One transaction on Postgres."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
from sqlalchemy.engine import URL

from blocks.errors import StoreUnavailable

Row = tuple[Any, ...]

# One number for the one lock all writers of this program share in a database.
_ADVISORY_LOCK = int.from_bytes(b"seen")
_POSTGRES_TROUBLE = (
    psycopg.OperationalError,
    psycopg.errors.InsufficientPrivilege,
    psycopg.errors.InvalidSchemaName,
    psycopg.errors.ReadOnlySqlTransaction,
)
_HOLDER: LiteralString = """
SELECT string_agg(concat_ws(' ', 'server process', a.pid, 'of', a.application_name,
  'at', a.client_addr), ', ')
FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.classid = 0 AND l.objid = $1::bigint
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


class PostgresWindow:
    """Transactions on Postgres, a connection each.

    Readers run at once; writers take turns by an advisory lock, so that two
    overlapping claims wait for each other instead of locking each other out.
    """

    dedicated = False

    def __init__(self, url: URL, connect_args: Mapping[str, Any], lock_timeout_s: float) -> None:
        self._url = url
        self._connect_args = dict(connect_args)
        self._lock_timeout_s = lock_timeout_s

    @contextmanager
    def transaction(self) -> Iterator["PostgresTransaction"]:
        """See :meth:`blocks.store_windows.Window.transaction`."""
        with self._connected() as connection:
            try:
                opened = PostgresTransaction(connection, self._unavailable)
                opened.rows(
                    "SELECT set_config('lock_timeout', $1, true),"
                    " set_config('TimeZone', 'UTC', true)",
                    f"{int(self._lock_timeout_s * 1000)}ms",
                )
                yield opened
            except _POSTGRES_TROUBLE as error:
                raise self._unavailable(str(error)) from error
            self._commit(connection)

    def _commit(self, connection: psycopg.Connection[Row]) -> None:
        try:
            connection.commit()
        except psycopg.OperationalError as error:
            raise StoreUnavailable(
                f"The connection to the store was lost while it committed ({error}), so whether "
                "it did is unknown. Do the same again: what is written is not written twice.",
                subject=self._url.host,
            ) from error

    def _connected(self) -> psycopg.Connection[Row]:
        named = self._url.translate_connect_args(username="user", database="dbname")
        settings: dict[str, Any] = {
            "connect_timeout": 10,
            "application_name": "sec-filings",
            **named,
            **self._url.query,
            **self._connect_args,
        }
        try:
            return psycopg.connect(**settings, cursor_factory=psycopg.RawCursor)
        except psycopg.Error as error:
            raise self._unavailable(str(error)) from None  # its frames hold the password

    def _unavailable(self, why: str) -> StoreUnavailable:
        place = self._url.set(query={}).render_as_string(hide_password=True)
        return StoreUnavailable(
            f"The store {place} cannot be used: {why.strip()}. Nothing was written. Check that "
            "the server runs, that address, user and password are right, and that the user may "
            "create and write tables.",
            subject=place,
        )


class PostgresTransaction:
    """See :class:`blocks.store_windows.Transaction`."""

    def __init__(
        self, connection: psycopg.Connection[Row], unavailable: Callable[[str], StoreUnavailable]
    ) -> None:
        self._connection = connection
        self._unavailable = unavailable

    def rows(self, sql: LiteralString, *parameters: object) -> list[Row]:
        """Run one statement and fetch all it returns."""
        cursor = self._connection.execute(sql, parameters)
        return cursor.fetchall() if cursor.description else []

    def exclusive(self) -> None:
        """Wait for this database's other writers, until the transaction ends."""
        try:
            self.rows("SELECT pg_advisory_xact_lock($1::bigint)", _ADVISORY_LOCK)
        except psycopg.errors.LockNotAvailable as error:
            self._connection.rollback()
            [(holder,)] = self.rows(_HOLDER, _ADVISORY_LOCK)
            raise self._unavailable(f"{holder or 'a writer'} kept it too long") from error
