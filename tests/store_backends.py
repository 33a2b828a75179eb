"""A database for the store's tests, and short ways to use a store on it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

from prefect_sqlalchemy import SqlAlchemyConnector
from sqlalchemy.engine import make_url
from store_filings import filings

from blocks.store import SeenStore
from blocks.store_windows import Row, window_for


@dataclass(frozen=True)
class Backend:
    """An empty database of its own for one test."""

    url: str

    @property
    def path(self) -> Path:
        return Path(str(make_url(self.url).database))

    def store(self, **fields: float) -> SeenStore:
        connector = SqlAlchemyConnector(connection_info=self.url)
        return SeenStore(connector=connector, **fields)

    def unremembering(self, **fields: float) -> SeenStore:
        return self.store(**fields).with_switches(lru_enabled=False, lru_size=1, ttl=None)

    def rows(self, sql: LiteralString, *parameters: object) -> list[Row]:
        window = window_for(make_url(self.url), None, lock_timeout_s=5)
        with window.transaction() as transaction:
            return transaction.rows(sql, *parameters)


def take(
    seen: SeenStore,
    *numbers: int,
    owner: str,
    lease_s: int = 60,
    **terms: Any,  # noqa: ANN401 - claim's own keywords
) -> list[int]:
    """Claim and return the numbers granted."""
    claim = seen.claim(filings(*numbers), owner=owner, lease_s=lease_s, **terms)
    return [int(granted.filing.accession[-6:]) for granted in claim.granted]
