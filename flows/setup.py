"""Create what the flow needs on a Prefect server: pool, block documents, deployments, automation.

Run as ``python -m flows.setup``; running it again does no harm. Environment
variables seed the block documents of profile ``default``; a document that
exists keeps every field whose variable is not set.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, TypeVar, cast

from prefect.blocks.core import Block
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect_sqlalchemy import ConnectionComponents, SqlAlchemyConnector
from pydantic import SecretStr, ValidationError
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from blocks.analyst import Analyst
from blocks.answers import AnswerFolder
from blocks.edgar import EdgarClient
from blocks.errors import ConfigurationError, SecFilingsError
from blocks.prices import PriceSource
from blocks.store import SeenStore
from flows.automations import put_automations
from flows.stack import POOL, PROJECT

PROFILE: Final = "default"
STORE_CONNECTOR: Final = "sec-filings-store"
DEPLOYMENTS: Final = ("sec_filings/rss", "sec_filings/batch")

BlockT = TypeVar("BlockT", bound=Block)
Environment = Mapping[str, str]

# which field of which block document a variable seeds
VARIABLES: Final[Mapping[type[Block], Mapping[str, str]]] = {
    EdgarClient: {"user_agent": "SEC_USER_AGENT", "base_url": "SEC_BASE_URL"},
    PriceSource: {"location": "SEC_PRICES"},
    Analyst: {
        "api_key": "OPENAI_API_KEY",
        "base_url": "OPENAI_BASE_URL",
        "model": "SEC_LLM_MODEL",
        "price_provider": "SEC_LLM_PRICES_OF",
        "daily_cap_usd": "SEC_LLM_DAILY_CAP_USD",
    },
}
_STORE_VARIABLES: Final = {"connection_info": "SEC_STORE_URL"}


@dataclass(frozen=True)
class Draft(Generic[BlockT]):
    """A block document to be, checked; ``is_new`` False: it is on the server as it is here."""

    block: BlockT
    name: str
    is_new: bool


def main() -> int:
    """Set the server up and say what was done; 1 and a message where that failed."""
    try:
        with get_client(sync_client=True) as client:
            create_pool(client)
            put_blocks(os.environ)
            with pauses_kept(client):
                deploy()
            check_deployments(client)
            put_automations(client)
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
    """Create or amend the block documents of profile ``default``, all or none.

    Raises:
        ConfigurationError: a value is missing or refused; names variable and remedy.
    """
    state, store_url = Path(environment["SEC_STATE"]), environment.get("SEC_STORE_URL")
    drafts = [_draft(kind, PROFILE, fields) for kind, fields in seeds(environment).items()]
    folder = {"basepath": str(state / "answers")}
    drafts.append(_draft(AnswerFolder, PROFILE, {}, folder))
    connector = _draft(SqlAlchemyConnector, STORE_CONNECTOR, *connection_of(store_url, state))
    connected = {"connector": connector.block}
    store = _draft(SeenStore, PROFILE, connected if store_url else {}, connected)
    for draft in (*drafts, connector, store):
        if draft.is_new:
            draft.block.save(draft.name, overwrite=True)


def seeds(environment: Environment) -> dict[type[Block], dict[str, Any]]:
    """Block fields as the environment gives them; a variable not set gives none."""
    given = {
        kind: {field: environment[name] for field, name in names.items() if environment.get(name)}
        for kind, names in VARIABLES.items()
    }
    if given[PriceSource]:
        given[PriceSource] = _price_file(given[PriceSource]["location"])
    return given


def _price_file(location: str) -> dict[str, Any]:
    """A price file's fields; of an address the query is a secret, for it may hold a key."""
    if "://" not in location:
        return {"kind": "file", "location": location, "secret_query": None}
    shown, _, query = location.partition("?")
    return {"kind": "file", "location": shown, "secret_query": query or None}


def connection_of(url: str | None, state: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The store's connection: as asked for (first) or, for a new document, by default.

    The URL is taken apart so that its password becomes a secret field; inside a
    URL string Prefect would show it, and likewise among the options behind it.

    Raises:
        ConfigurationError: SEC_STORE_URL is no URL, or holds what could not be kept secret.
    """
    if not url:
        return {}, {"connection_info": f"duckdb:///{state / 'store.duckdb'}"}
    try:
        return {"connection_info": _components(make_url(url))}, {}
    except (ArgumentError, ValueError):
        raise ConfigurationError(
            "SEC_STORE_URL is not a URL; write duckdb:////folder/store.duckdb or "
            "postgresql+psycopg://user:password@host/database",
            subject="SEC_STORE_URL",
        ) from None  # SQLAlchemy's frames and words hold the password


@contextmanager
def pauses_kept(client: SyncPrefectClient) -> Iterator[None]:
    """Pause again afterwards the deployments that are paused now, as every deploy resumes them."""
    paused = [one.id for one in client.read_deployments() if one.paused]
    try:
        yield
    finally:
        for deployment_id in paused:
            client.pause_deployment(deployment_id)


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


def _components(url: URL) -> ConnectionComponents:
    options = cast("dict[str, str]", dict(url.query))
    password = url.password or options.pop("password", None)
    if "sslpassword" in options:
        raise ConfigurationError(
            "SEC_STORE_URL: sslpassword would be shown in clear text; use a key file without one"
            " that only you can read",
            subject="SEC_STORE_URL",
        )
    return ConnectionComponents(
        driver=url.drivername,
        username=url.username,
        password=SecretStr(str(password)) if password else None,
        host=url.host,
        port=url.port,
        database=url.database,
        query=options or None,
    )


def _draft(
    kind: type[BlockT],
    name: str,
    amended: Mapping[str, Any],
    defaults: Mapping[str, Any] | None = None,
) -> Draft[BlockT]:
    """Draw a document up from defaults and amendments, or amend the one that exists."""
    existing = _existing(kind, name)
    if existing is not None and not amended:
        return Draft(existing, name, is_new=False)
    known = dict(defaults or {}) if existing is None else _fields_of(existing)
    try:
        block = kind(**(known | dict(amended)))
    except (ValidationError, SecFilingsError) as error:
        raise _refusal(kind, name, error) from None  # pydantic's own message shows values
    return Draft(block, name, is_new=True)


def _existing(kind: type[BlockT], name: str) -> BlockT | None:
    """The document as it is on the server; one that cannot be used is not taken for none."""
    try:
        return cast("BlockT", kind.load(name))
    except (SecFilingsError, RuntimeError) as error:  # RuntimeError: Prefect's, from pydantic's
        slug = f"{kind.get_block_type_slug()}/{name}"
        raise ConfigurationError(
            f"block {slug} on the server: {_reason(error.__cause__ or error)[1]}. Correct it on "
            "the Blocks page of the Prefect UI, or delete it there to have it made anew",
            subject=slug,
        ) from None  # pydantic's own message shows values, secrets among them
    except ValueError:  # Prefect's way to say that there is none
        return None


def _fields_of(block: Block) -> dict[str, Any]:
    return {name: getattr(block, name) for name in type(block).model_fields}


def _refusal(kind: type[Block], name: str, error: Exception) -> ConfigurationError:
    """Say which variable to correct, or which block where the value is not from a variable."""
    slug = f"{kind.get_block_type_slug()}/{name}"
    field, reason = _reason(error)
    names = VARIABLES.get(kind, _STORE_VARIABLES)
    variable = names.get(field) or " or ".join(names.values())
    return ConfigurationError(f"{variable} (block {slug}): {reason}", subject=variable)


def _reason(error: BaseException) -> tuple[str, str]:
    """The field at fault, empty where it is several, and what is wrong with it."""
    if not isinstance(error, ValidationError):
        return str(getattr(error, "subject", "")), str(error)
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    return field, f"{field} {first['msg'].removeprefix('Value error, ')}".strip()


if __name__ == "__main__":
    sys.exit(main())
