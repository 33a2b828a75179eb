"""Reference tables: SEC's tickers and the market's last prices, fetched once per window.

Both are kept in Prefect's task cache with an expiry, so that a poll every
minute does not download a megabyte of prices every minute.
"""

from datetime import timedelta
from hashlib import blake2b
from typing import Any, Final

import pandas as pd
from prefect import task
from prefect.cache_policies import CachePolicy
from prefect.context import TaskRunContext

from blocks.edgar import EdgarClient
from blocks.prices import PriceSource

TICKERS_MAX_AGE: Final = timedelta(hours=24)  # SEC renews the file about once a day
PRICES_MAX_AGE: Final = timedelta(minutes=15)  # the delay of a free quote


class OncePerSource(CachePolicy):
    """Key a table by the block it comes from: another source is another table."""

    def compute_key(
        self,
        task_ctx: TaskRunContext,
        inputs: dict[str, Any],
        flow_parameters: dict[str, Any],  # noqa: ARG002 - Prefect's signature
        **_: Any,  # noqa: ANN401
    ) -> str:
        """Return ``reference/<task name>-<hash of the block document>``."""
        identity = inputs["source"].model_dump_json(exclude={"user_agent"})
        digest = blake2b(identity.encode(), digest_size=8).hexdigest()
        return f"reference/{task_ctx.task.name}-{digest}"


@task(
    name="tickers",
    cache_policy=OncePerSource(),
    cache_expiration=TICKERS_MAX_AGE,
    persist_result=True,
    result_serializer="json",
    cache_result_in_memory=False,
)
def load_tickers(source: EdgarClient) -> dict[str, Any]:
    """SEC's ticker table as JSON columns; :func:`tickers_frame` reads it."""
    frame = source.tickers()
    return {column: frame[column].tolist() for column in ("cik", "ticker", "name")}


@task(
    name="prices",
    cache_policy=OncePerSource(),
    cache_expiration=PRICES_MAX_AGE,
    persist_result=True,
    result_serializer="json",
    cache_result_in_memory=False,
)
def load_prices(source: PriceSource) -> dict[str, Any]:
    """The market's price table as JSON; :meth:`PriceTable.load` reads it."""
    return source.fetch_prices().dump()


def tickers_frame(columns: dict[str, Any]) -> pd.DataFrame:
    """SEC's ticker table: ``cik`` int64, ``ticker`` str, ``name`` str, in SEC's order."""
    frame = pd.DataFrame(columns)
    return frame.astype({"cik": "int64"})
