"""Create what the flow needs on a Prefect server: work pool, block documents, deployments.

Run as ``python -m flows.setup``; running it again does no harm. Environment
variables seed the block documents of profile ``default``; a document that
exists keeps every field whose variable is not set.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from prefect.blocks.core import Block
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect_sqlalchemy import ConnectionComponents, SqlAlchemyConnector
from pydantic import SecretStr, ValidationError
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from blocks.analyst import Analyst
from blocks.answers import AnswerFolder
from blocks.edgar import EdgarClient
from blocks.errors import ConfigurationError, SecFilingsError
from blocks.prices import PriceSource
from blocks.store import SeenStore
from flows.stack import POOL, PROJECT

PROFILE: Final = "default"
STORE_CONNECTOR: Final = "sec-filings-store"
DEPLOYMENTS: Final = ("sec_filings/rss", "sec_filings/batch")

BlockT = TypeVar("BlockT", bound=Block)
Environment = Mapping[str, str]


def main() -> int:
    """Set the server up and say what was done; 1 and a message where that failed."""
    try:
        with get_client(sync_client=True) as client:
            create_pool(client)
            put_blocks(os.environ)
            deploy()
            check_deployments(client)
    except SecFilingsError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def create_pool(client: SyncPrefectClient) -> None:
    """Create the process work pool, unless it is there."""
    try:
        client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
    except ObjectAlreadyExists:
        return


def put_blocks(environment: Environment) -> None:
    """Create or amend the block documents of profile ``default``.

    Raises:
        ConfigurationError: a value is missing or refused; names variable and remedy.
    """
    state = Path(environment["SEC_STATE"])
    for kind, fields in seeds(environment).items():
        _put(kind, PROFILE, fields)
    _put(AnswerFolder, PROFILE, {}, {"basepath": str(state / "answers")})
    connection = connection_of(environment.get("SEC_STORE_URL"), state)
    connector = _put(SqlAlchemyConnector, STORE_CONNECTOR, *connection)
    _put(SeenStore, PROFILE, {}, {"connector": connector})


def seeds(environment: Environment) -> dict[type[Block], dict[str, Any]]:
    """Block fields as the environment gives them; a variable not set gives none."""
    key = environment.get("OPENAI_API_KEY")
    prices = environment.get("SEC_PRICES")
    return {
        EdgarClient: _given(
            user_agent=environment.get("SEC_USER_AGENT"), base_url=environment.get("SEC_BASE_URL")
        ),
        PriceSource: _given(kind="file" if prices else None, location=prices),
        Analyst: _given(
            api_key=SecretStr(key) if key else None,
            base_url=environment.get("OPENAI_BASE_URL"),
            model=environment.get("SEC_LLM_MODEL"),
            price_provider=environment.get("SEC_LLM_PRICES_OF"),
        ),
    }


def connection_of(url: str | None, state: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The store's connection: as asked for (first) or, for a new document, by default.

    The URL is taken apart so that its password becomes a secret field; inside a
    URL string Prefect would show it.

    Raises:
        ConfigurationError: SEC_STORE_URL is no URL.
    """
    if not url:
        return {}, {"connection_info": f"duckdb:///{state / 'store.duckdb'}"}
    try:
        parts = make_url(url)
    except ArgumentError as error:
        raise ConfigurationError(
            "SEC_STORE_URL is not a URL; write duckdb:////folder/store.duckdb or "
            "postgresql+psycopg://user:password@host/database",
            subject="SEC_STORE_URL",
        ) from error
    components = ConnectionComponents(
        driver=parts.drivername,
        username=parts.username,
        password=SecretStr(str(parts.password)) if parts.password else None,
        host=parts.host,
        port=parts.port,
        database=parts.database,
        query={key: str(value) for key, value in parts.query.items()} or None,
    )
    return {"connection_info": components}, {}


def deploy() -> None:
    """Deploy what prefect.yaml describes.

    Raises:
        ConfigurationError: Prefect refused; the message is what it printed.
    """
    done = subprocess.run(
        (sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"),
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ConfigurationError(f"prefect deploy failed:\n{done.stdout}{done.stderr}")


def check_deployments(client: SyncPrefectClient) -> None:
    """Ask the server for both deployments: a misspelt key in prefect.yaml deploys quietly.

    Raises:
        ConfigurationError: one is not there, or has no schedule.
    """
    for name in DEPLOYMENTS:
        try:
            deployment = client.read_deployment_by_name(name)
        except ObjectNotFound as error:
            raise ConfigurationError(
                f"deployment {name} is not on the server; check its spelling in prefect.yaml",
                subject=name,
            ) from error
        if not deployment.schedules:
            raise ConfigurationError(
                f"deployment {name} has no schedule; check 'schedules' in prefect.yaml",
                subject=name,
            )


def _put(
    kind: type[BlockT],
    name: str,
    amended: Mapping[str, Any],
    defaults: Mapping[str, Any] | None = None,
) -> BlockT:
    """Create a document from defaults and amendments, or amend the one that exists."""
    slug = f"{kind.get_block_type_slug()}/{name}"
    try:
        existing = cast("BlockT", kind.load(name))
    except ValueError:  # Prefect's way to say that there is none
        known = dict(defaults or {})
    else:
        if not amended:
            return existing
        known = _fields_of(existing)
    try:
        block = kind(**(known | dict(amended)))
    except (ValidationError, SecFilingsError) as error:
        raise ConfigurationError(f"block {slug}: {_reason(error)}", subject=slug) from error
    block.save(name, overwrite=True)
    return block


def _fields_of(block: Block) -> dict[str, Any]:
    return {name: getattr(block, name) for name in type(block).model_fields}


def _reason(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    return f"{field}: {first['msg']}"


def _given(**fields: object) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None and value != ""}


if __name__ == "__main__":
    sys.exit(main())
