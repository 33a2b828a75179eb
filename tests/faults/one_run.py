"""What the process of one run does: arm the boundary it is to die at, and run the flow."""

import importlib
import os
import traceback
from datetime import timedelta
from typing import Final
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.flow_engine import run_flow
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from pydantic import SecretStr

import blocks.model_batches
import tasks.await_batches
from blocks.analyst import Analyst
from blocks.models import Excerpt
from faults.boundaries import BY_NAME, OnTheWire
from faults.dying import Death
from flows.filings import sec_filings

SURELY_LISTED_S: Final = 3.0
_IMPORTED_LATE: Final = (
    "anyio._backends._asyncio",
    "graphviz",
    "openai.resources.chat.completions",
    "openai.resources.batches",
    "openai.resources.files",
    "prefect.task_engine",
    "prefect.utilities.visualization",
    "prefect.concurrency._sync",
    "xml.sax.expatreader",
)


def work(flow_run: str, boundary: str | None, passage: int) -> None:
    """Never returns."""
    os.dup2(2, 1)  # what is printed is no answer to who gave the order
    code = 1
    try:
        _shorten_waits()
        if boundary is not None:
            _arm(boundary, passage)
        with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):  # it is waited for
            with get_client(sync_client=True) as client:
                run = client.read_flow_run(UUID(flow_run))
            run_flow(sec_filings, flow_run=run, parameters=run.parameters, return_type="state")
        code = 0
    except BaseException:  # noqa: BLE001 - a fork must not go on as what it was forked from
        traceback.print_exc()
    finally:
        os._exit(code)


def _arm(name: str, passage: int) -> None:
    at = BY_NAME[name].at
    if not isinstance(at, OnTheWire):
        at(Death(passage))


def _shorten_waits() -> None:
    """The stand-in's batches are quick, and list a new one at once."""
    tasks.await_batches.FIRST_WAIT_S = 0.2  # type: ignore[misc]
    tasks.await_batches.ASK_AGAIN_S = 0.5  # type: ignore[misc]
    blocks.model_batches._SURELY_LISTED = timedelta(seconds=SURELY_LISTED_S)  # type: ignore[misc]


def warm() -> None:
    """Do once what a process does once: hash the code, load prices, import what is used late."""
    for module in _IMPORTED_LATE:
        importlib.import_module(module)
    analyst = Analyst(
        api_key=SecretStr("none"), base_url="http://127.0.0.1:9/v1", price_provider="openai"
    )
    analyst.fingerprint(1)
    analyst.worst_case_cost_usd(Excerpt.longest(1))
    analyst.close()
