"""What a measured run lives in: a Prefect server, block documents, operators' switches."""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings
from prefect_sqlalchemy import SqlAlchemyConnector
from pydantic import SecretStr

from blocks.analyst import Analyst
from blocks.answers import AnswerFolder
from blocks.edgar import EdgarClient
from blocks.prices import PriceSource
from blocks.store import SeenStore
from flows.stack import Stack
from sandbox.demo import free_port
from sandbox.model import StandInModel
from sandbox.sec import StandInSec


@contextmanager
def prefect_server(state: Path) -> Iterator[None]:
    """A server as ``make up`` starts it; flows of this process run against it."""
    with Stack(state, free_port()) as stack:
        stack.start_server()
        settings = {PREFECT_API_URL: stack.api_url, PREFECT_HOME: state / "prefect"}
        with temporary_settings(settings):
            _hush(logging.getLogger())
            yield
            for handler in logging.getLogger("prefect.flow_runs").handlers:
                handler.flush()  # what is still to be sent needs the server


def _hush(console: logging.Logger) -> None:
    """Show errors only, between the tables; the server is sent everything as ever."""
    for handler in console.handlers:
        handler.setLevel(logging.ERROR)


def furnish(profile: str, sec: StandInSec, model: StandInModel, limiter: Path) -> None:
    """Save the block documents of a profile that ask the stand-ins."""
    EdgarClient(
        user_agent="Make Bench bench@example.com", base_url=sec.url, limiter_path=limiter
    ).save(profile, overwrite=True)
    PriceSource(kind="file", location=f"{sec.url}/prices.csv").save(profile, overwrite=True)
    Analyst(
        api_key=SecretStr("no-key-needed-by-the-stand-in"),
        base_url=model.url,
        price_provider="openai",
    ).save(profile, overwrite=True)


def settle(profile: str, folder: Path) -> None:
    """Save the block documents of a profile that keep its state, from now on in ``folder``."""
    AnswerFolder(basepath=str(folder / "answers")).save(profile, overwrite=True)
    connector = SqlAlchemyConnector(connection_info=f"duckdb:///{folder / 'store.duckdb'}")
    SeenStore(connector=connector).save(profile, overwrite=True)


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """These environment variables, for a while."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
