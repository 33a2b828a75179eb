"""Setting a server up: block documents from the environment, and what a person changed kept."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest
from prefect.blocks.core import Block
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import BlockDocumentUpdate
from prefect_sqlalchemy import SqlAlchemyConnector
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from blocks.analyst import Analyst
from blocks.answers import AnswerFolder
from blocks.edgar import EdgarClient
from blocks.errors import ConfigurationError
from blocks.prices import PriceSource
from blocks.store import SeenStore
from flows import setup
from flows.setup import connection_of, put_blocks

BlockT = TypeVar("BlockT", bound=Block)
KINDS: tuple[type[Block], ...] = (EdgarClient, PriceSource, Analyst, AnswerFolder, SeenStore)
DATABASE_PASSWORD = "p@ss/word:planted"  # noqa: S105 - planted, to be looked for


@pytest.fixture
def profile(prefect_server: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:  # noqa: ARG001 - the server must be up
    """Names of documents that no other test uses; the code under test uses fixed ones."""
    name = f"setup-{uuid.uuid4().hex[:12]}"
    monkeypatch.setattr(setup, "PROFILE", name)
    monkeypatch.setattr(setup, "STORE_CONNECTOR", f"{name}-store")
    yield name
    for kind in (*KINDS, SqlAlchemyConnector):
        for document in (name, f"{name}-store", f"{name}-by-hand"):
            remove(kind, document)


def remove(kind: type[Block], document: str) -> None:
    try:
        kind.delete(document)
    except ValueError:
        return


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"SEC_STATE": str(tmp_path), "SEC_USER_AGENT": "Tests tests@example.com"}


def loaded(kind: type[BlockT], profile: str) -> BlockT:
    return cast("BlockT", kind.load(profile))


def shown(kind: type[Block], document: str) -> dict[str, Any]:
    """A document's fields as the API gives them to the UI, secrets masked."""
    with get_client(sync_client=True) as client:
        found = client.read_block_document_by_name(
            document, kind.get_block_type_slug(), include_secrets=False
        )
    return found.data


def test_one_document_of_each_kind_is_made_and_can_be_worked_with(
    profile: str, environment: dict[str, str], tmp_path: Path
) -> None:
    put_blocks(environment)
    edgar, prices, analyst, answers, store = (kind.load(profile) for kind in KINDS)
    assert isinstance(edgar, EdgarClient)
    assert edgar.user_agent == "Tests tests@example.com"
    assert edgar.base_url == "https://www.sec.gov"
    assert isinstance(prices, PriceSource)
    assert prices.kind == "nasdaq"
    assert isinstance(analyst, Analyst)
    assert analyst.name == "rules", "there is no key"
    assert isinstance(answers, AnswerFolder)
    assert answers.basepath == str(tmp_path / "answers")
    assert isinstance(store, SeenStore)
    assert store.lookup(["0001193125-25-000001"]).done == frozenset()
    assert (tmp_path / "store.duckdb").is_file()


def test_a_variable_amends_its_field_and_keeps_what_a_person_changed(
    profile: str, environment: dict[str, str]
) -> None:
    chosen = {"SEC_LLM_MODEL": "small-model", "SEC_LLM_DAILY_CAP_USD": "2.50"}
    put_blocks(environment | {"OPENAI_API_KEY": "first-key"} | chosen)
    loaded(Analyst, profile).model_copy(update={"timeout_s": 7.5}).save(profile, overwrite=True)
    put_blocks(environment | {"OPENAI_API_KEY": "second-key"})
    analyst = loaded(Analyst, profile)
    assert analyst.api_key == SecretStr("second-key")
    assert (analyst.model, analyst.timeout_s) == ("small-model", 7.5)
    assert analyst.daily_cap_usd == 2.5


def test_a_variable_taken_away_leaves_its_field_as_it_is(
    profile: str, environment: dict[str, str]
) -> None:
    put_blocks(environment)
    del environment["SEC_USER_AGENT"]
    put_blocks(environment | {"OPENAI_API_KEY": ""})
    assert loaded(EdgarClient, profile).user_agent == "Tests tests@example.com"
    assert loaded(Analyst, profile).api_key is None


def test_a_state_folder_elsewhere_does_not_move_a_document_that_exists(
    profile: str, environment: dict[str, str], tmp_path: Path
) -> None:
    put_blocks(environment)
    before = [loaded(AnswerFolder, profile), loaded(SeenStore, profile).connector.connection_info]
    put_blocks(environment | {"SEC_STATE": str(tmp_path / "elsewhere")})
    assert [
        loaded(AnswerFolder, profile),
        loaded(SeenStore, profile).connector.connection_info,
    ] == before


def test_amending_the_store_keeps_its_other_fields(
    profile: str, environment: dict[str, str], tmp_path: Path
) -> None:
    put_blocks(environment)
    store = loaded(SeenStore, profile)
    patient = SeenStore(connector=store.connector, max_attempts=9)
    patient.save(profile, overwrite=True)
    put_blocks(environment | {"SEC_STORE_URL": f"duckdb:///{tmp_path}/other.duckdb"})
    again = loaded(SeenStore, profile)
    assert again.max_attempts == 9
    assert again.lookup(["0001193125-25-000001"]).done == frozenset()
    assert (tmp_path / "other.duckdb").is_file()


def test_a_store_that_a_person_connected_elsewhere_stays_connected_there(
    profile: str, environment: dict[str, str], tmp_path: Path
) -> None:
    put_blocks(environment)
    elsewhere = SqlAlchemyConnector(connection_info=f"duckdb:///{tmp_path}/by-hand.duckdb")
    elsewhere.save(f"{profile}-by-hand")
    SeenStore(connector=elsewhere).save(profile, overwrite=True)
    put_blocks(environment)
    kept = loaded(SeenStore, profile).connector
    assert kept.connection_info == elsewhere.connection_info


def test_a_document_that_a_person_broke_is_named_and_not_made_anew(
    profile: str, environment: dict[str, str]
) -> None:
    put_blocks(environment | {"OPENAI_API_KEY": "sk-planted"})
    write_in_the_ui(Analyst, profile, timeout_s=-1)
    with pytest.raises(ConfigurationError, match=rf"analyst/{profile}.*timeout_s") as raised:
        put_blocks(environment | {"SEC_LLM_MODEL": "small-model"})
    assert "sk-planted" not in str(raised.value)
    write_in_the_ui(Analyst, profile, timeout_s=5)
    assert loaded(Analyst, profile).api_key == SecretStr("sk-planted")


def write_in_the_ui(kind: type[Block], document: str, **fields: object) -> None:
    """Change fields of a document as the UI does: no validator of ours runs."""
    with get_client(sync_client=True) as client:
        found = client.read_block_document_by_name(document, kind.get_block_type_slug())
        update = BlockDocumentUpdate(
            block_schema_id=found.block_schema_id, data=fields, merge_existing_data=True
        )
        client.update_block_document(found.id, update)


@pytest.mark.usefixtures("profile")
def test_without_a_user_agent_nothing_can_be_set_up_and_the_message_says_what_to_set(
    environment: dict[str, str],
) -> None:
    del environment["SEC_USER_AGENT"]
    with pytest.raises(ConfigurationError, match="SEC_USER_AGENT") as raised:
        put_blocks(environment)
    assert "@" in str(raised.value), "an example of what SEC asks for"


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("SEC_USER_AGENT", "nobody in particular", "e-mail"),
        ("SEC_BASE_URL", "www.sec.gov", "base_url"),
        ("SEC_PRICES", "ftp://prices.example.com/all.csv", "price"),
        ("OPENAI_BASE_URL", "not an address", "base_url"),
        ("SEC_LLM_PRICES_OF", "nobody", "price_provider"),
        ("SEC_LLM_DAILY_CAP_USD", "0", "greater than 0"),
        ("SEC_LLM_DAILY_CAP_USD", "five dollars", "daily_cap_usd"),
        ("SEC_STORE_URL", "store.duckdb", "SEC_STORE_URL"),
        ("SEC_STORE_URL", "mysql://user:hidden-word@host/db", "mysql"),
        ("SEC_STORE_URL", "duckdb:///:memory:", "DuckDB file"),
        ("SEC_STORE_URL", "postgresql+psycopg://u:hidden-word@host:port/db", "SEC_STORE_URL"),
        ("SEC_STORE_URL", "postgresql+psycopg://u@h/db?sslpassword=hidden-word", "sslpassword"),
        ("SEC_BASE_URL", "https://user:hidden-word@www.sec.gov", "base_url"),
        ("SEC_PRICES", "https://user:hidden-word@prices.example.com/all.csv", "location"),
        ("SEC_PRICES", "javascript://prices", "location"),
        ("SEC_PRICES", "file:///etc/hosts?key=hidden-word", "location"),
        ("OPENAI_BASE_URL", "https://user:hidden-word@models.example.com/v1", "credentials"),
        ("OPENAI_BASE_URL", "https://models.example.com/v1?key=hidden-word", "query"),
        ("OPENAI_BASE_URL", "file:///etc/hosts", "base_url"),
    ],
)
@pytest.mark.usefixtures("profile")
def test_a_value_that_cannot_be_used_is_refused_by_name_and_without_secrets(
    environment: dict[str, str], variable: str, value: str, named: str
) -> None:
    with pytest.raises(ConfigurationError, match=named) as raised:
        put_blocks(environment | {variable: value})
    assert variable in str(raised.value), "the variable is what a person can correct"
    assert "hidden-word" not in str(raised.value)


def test_a_refused_store_address_leaves_the_documents_of_the_store_as_they_were(
    profile: str, environment: dict[str, str]
) -> None:
    put_blocks(environment)
    before = loaded(SeenStore, profile).connector.connection_info
    with pytest.raises(ConfigurationError):
        put_blocks(environment | {"SEC_STORE_URL": "mysql://user:word@host/db"})
    assert loaded(SeenStore, profile).connector.connection_info == before
    assert loaded(SqlAlchemyConnector, f"{profile}-store").connection_info == before


@pytest.mark.parametrize("how", ["user:hidden-word@host/db", "user@host/db?password=hidden-word"])
def test_a_password_is_a_secret_wherever_it_stands_in_the_address_of_the_store(how: str) -> None:
    ((amended, _), state) = connection_of(f"postgresql+psycopg://{how}", Path()), "hidden-word"
    assert amended["connection_info"].password == SecretStr(state)
    assert "hidden-word" not in repr(amended)


def test_the_query_of_a_price_address_is_a_secret_and_goes_with_its_address(
    profile: str, environment: dict[str, str]
) -> None:
    put_blocks(environment | {"SEC_PRICES": "https://prices.example.com/a.csv?key=hidden-word"})
    source = loaded(PriceSource, profile)
    assert source.location == "https://prices.example.com/a.csv"
    assert source.secret_query == SecretStr("key=hidden-word")
    put_blocks(environment | {"SEC_PRICES": "https://other.example.com/b.csv"})
    assert loaded(PriceSource, profile).secret_query is None


def test_the_password_of_the_store_and_the_key_are_masked_wherever_the_ui_shows_them(
    profile: str, environment: dict[str, str]
) -> None:
    url = "postgresql+psycopg://seen:p%40ss%2Fword%3Aplanted@db.example.com:5433/filings"
    put_blocks(environment | {"SEC_STORE_URL": url, "OPENAI_API_KEY": "sk-planted"})
    visible = str([shown(kind, profile) for kind in KINDS])
    visible += str(shown(SqlAlchemyConnector, f"{profile}-store"))
    assert "db.example.com" in visible
    assert "planted" not in visible
    assert loaded(Analyst, profile).api_key == SecretStr("sk-planted")
    connector = loaded(SqlAlchemyConnector, f"{profile}-store")
    assert connector.connection_info.create_url().password == DATABASE_PASSWORD


@pytest.mark.parametrize(
    "url",
    [
        "duckdb:////var/lib/store.duckdb",
        "duckdb:///store.duckdb",
        "postgresql+psycopg://seen:word@db.example.com/filings",
        "postgresql+psycopg://seen:word@/filings?host=%2Frun%2Fpostgresql",
    ],
)
def test_the_store_accepts_the_address_and_it_means_the_same(url: str, tmp_path: Path) -> None:
    asked_for, by_default = connection_of(url, tmp_path)
    assert by_default == {}
    assert asked_for["connection_info"].create_url() == make_url(url)
    SeenStore(connector=SqlAlchemyConnector(**asked_for))


def test_without_an_address_a_new_store_lies_in_the_state_folder(tmp_path: Path) -> None:
    asked_for, by_default = connection_of(None, tmp_path)
    assert asked_for == {}
    assert by_default == {"connection_info": f"duckdb:///{tmp_path}/store.duckdb"}
