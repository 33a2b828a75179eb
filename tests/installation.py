"""A whole installation for a test: stand-ins, block documents of its own, and the flow."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

from prefect.blocks.core import Block
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import BlockDocumentCreate
from prefect.client.schemas.objects import State
from prefect.flow_engine import run_flow
from prefect.settings import PREFECT_API_URL
from prefect.states import Scheduled
from prefect_sqlalchemy import SqlAlchemyConnector
from pydantic import SecretStr

from blocks.analyst import Analyst
from blocks.answers import AnswerFolder
from blocks.edgar import EdgarClient
from blocks.prices import PriceSource
from blocks.store import SeenStore
from flows.filings import sec_filings
from sandbox.captures import CapturedFolder
from sandbox.market import Market
from sandbox.model import StandInModel
from sandbox.sec import StandInSec
from tasks.report import Funnel

TOO_LITTLE_USD = 0.002472  # covers a call about nothing, and none about a filing


@dataclass(frozen=True)
class Installation:
    """Stand-ins and the profile whose blocks point at them."""

    sec: StandInSec
    model: StandInModel
    profile: str
    folder: Path

    def run(self, **parameters: Any) -> Funnel:  # noqa: ANN401 - any parameter of the flow
        """Run the flow in this process; its funnel."""
        return Funnel.model_validate(sec_filings(profile=self.profile, **parameters))

    @property
    def store(self) -> SeenStore:
        return cast("SeenStore", SeenStore.load(self.profile))

    def answers(self) -> list[Path]:
        """Files of kept answers."""
        return sorted((self.folder / "answers" / "enrich").glob("*/[!.]*"))


@contextmanager
def installed(
    source: Market | CapturedFolder, folder: Path, *, key: str | None = "test-key"
) -> Iterator[Installation]:
    """Stand-ins on loopback and a profile of blocks for them; needs a Prefect server."""
    profile = f"test-{uuid.uuid4().hex[:12]}"
    with StandInSec(source) as sec, StandInModel() as model:
        connector = SqlAlchemyConnector(connection_info=f"duckdb:///{folder / 'store.duckdb'}")
        save(
            profile,
            EdgarClient(
                user_agent="Tests tests@example.com",
                base_url=sec.url,
                limiter_path=folder / "requests.sqlite",
                max_attempts=2,
            ),
            PriceSource(kind="file", location=f"{sec.url}/prices.csv"),
            Analyst(
                api_key=SecretStr(key) if key else None,
                base_url=model.url if key else None,
                price_provider="openai" if key else None,
                max_retries=0,
            ),
            AnswerFolder(basepath=str(folder / "answers")),
            SeenStore(connector=connector),
        )
        yield Installation(sec, model, profile, folder)


def save(profile: str, *blocks: Block) -> None:
    """Save each as ``Block.save`` does, which registers its type anew every time: 20 requests."""
    with get_client(sync_client=True) as client:
        for block in blocks:
            register(type(block), str(PREFECT_API_URL.value()))
            document = block._to_block_document(name=profile, include_secrets=True)
            fields = {"name", "block_schema_id", "block_type_id", "data", "is_anonymous"}
            created = BlockDocumentCreate.model_validate(document.model_dump(include=fields))
            client.create_block_document(created)


@cache
def register(kind: type[Block], api_url: str) -> None:  # noqa: ARG001 - once for each server
    """Tell the server of this kind of block."""
    kind.register_type_and_schema()


def retry(state: State[Any]) -> State[Any]:
    """Run a flow run again, as its Retry button does, in this process; how it ends."""
    run_id = state.state_details.flow_run_id
    assert run_id is not None
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run_id, Scheduled(name="AwaitingRetry"), force=True)
        run = client.read_flow_run(run_id)
    ended = run_flow(sec_filings, flow_run=run, parameters=run.parameters, return_type="state")
    return cast("State[Any]", ended)
