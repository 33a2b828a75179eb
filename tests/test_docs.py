"""What a person reads: README, run form and block forms say everything there is to set."""

import inspect
import re
from pathlib import Path

import pytest
from prefect.blocks.core import Block
from prefect.utilities.callables import parameter_schema

from blocks.analyst import Analyst
from blocks.answers import AnswerFolder
from blocks.edgar import EdgarClient
from blocks.prices import PriceSource
from blocks.settings import Settings
from blocks.store import SeenStore
from flows.filings import sec_filings

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = (EdgarClient, PriceSource, Analyst, AnswerFolder, SeenStore)


@pytest.mark.parametrize("name", list(inspect.signature(sec_filings.fn).parameters))
def test_every_parameter_is_in_the_readme_and_explains_itself_in_the_run_form(name: str) -> None:
    assert f"`{name}`" in README
    assert parameter_schema(sec_filings).properties[name].get("description")


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_every_switch_is_in_the_readme(name: str) -> None:
    assert f"`{name.upper()}`" in README


def test_the_readme_names_no_switch_and_no_seed_that_does_not_exist() -> None:
    setup = (ROOT / "flows" / "setup.py").read_text()
    switches = {name.upper() for name in Settings.model_fields}
    named = set(re.findall(r"^\| `([A-Z][A-Z_]+)` \|", README, re.MULTILINE))
    assert len(named) > len(switches)
    assert {name for name in named - switches if f'"{name}"' not in setup} == set()


@pytest.mark.parametrize("kind", BLOCKS, ids=lambda kind: kind.__name__)
def test_every_block_field_explains_itself_in_the_block_form(kind: type[Block]) -> None:
    assert kind.get_description()
    for name, field in kind.model_fields.items():
        assert field.description, f"{kind.__name__}.{name}"


@pytest.mark.parametrize("path", re.findall(r"`((?:blocks|tasks|flows|sandbox)/\w+\.py)`", README))
def test_the_module_map_names_files_that_are_there(path: str) -> None:
    assert (ROOT / path).is_file()


@pytest.mark.parametrize("target", re.findall(r"\]\((docs/[^)#]+)", README))
def test_links_into_the_docs_lead_somewhere(target: str) -> None:
    assert (ROOT / target).is_file()
