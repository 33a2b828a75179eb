"""The key of an answer: no input that changes the answer is missing from it."""

import ast
import inspect
import json
import shutil
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import pytest
from model_endpoint import ACCESSION, ANSWER, EXCERPT, FILING, GOOD, Endpoint, Make, ask
from prefect.blocks.core import Block
from pydantic import SecretStr
from test_architecture import ROOT, imported_by, imports_of

from blocks import sources
from blocks.acceptance import analysis_from
from blocks.analyst import Analyst
from blocks.excerpt import excerpt_of
from blocks.models import Answer, Reply
from blocks.rules import analysis_by_rules
from blocks.sources import BY_MODEL, BY_RULES, LIBRARIES, made_by

pytest_plugins = ("model_fixtures",)

BUDGET_TOKENS: Final = 4_000
STANDARD_LIBRARY: Final = sys.stdlib_module_names
BLOCKS: Final = ROOT / "blocks"
# Where a filing becomes an answer: all that shapes the answer is reached from here.
BEGINNINGS: Final = ("tasks.ask", "blocks.analyst", "blocks.edgar_submission")
# Reached from there and not hashed, with the reason.
NOT_HASHED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "tasks.ask": "puts hashed parts together; test_question shows that it adds nothing",
        "tasks.bench": "holds the blocks of a run",
        "tasks.answer_cache": "finds kept answers, and keeps them as they are",
        "blocks.analyst": "decided below: its fields, the request it sends, what it hands on",
        "blocks.models": "hashed by definition, for those that hashed modules use",
        "blocks.errors": "words of errors, and an error is no answer",
        "blocks.edgar_answers": "reached for the words of an error",
        "blocks.model_batches": "sends the same requests at another price, as do its parts",
        "blocks.model_batch_calls": "likewise",
        "blocks.model_batch_lines": "likewise",
        "blocks.model_batch_results": "likewise",
        "blocks.model_batch_values": "likewise",
        "blocks.model_complaints": "reads errors",
        "blocks.model_faults": "judges errors",
        "blocks.model_failures": "says what is tried again; what was asked stays the same",
        "blocks.model_http": "carries bytes",
        "blocks.sources": "makes the key",
    }
)
RULES: Final = {
    *("rules", "rule_findings", "rule_sentences", "rule_values", "item_rules"),
    *("phrases_of_business", "phrases_of_capital", "phrases_of_deals", "phrases_of_trouble"),
}
# money, and how bytes are carried and kept
NOT_WALKED: Final = {"tasks.bench", "tasks.answer_cache"}
# Libraries that hashed modules use and whose versions are not hashed, with the reason.
NOT_VERSIONED: Final = {
    "pydantic": "checks values, and hands them on as they are",
    "pydantic_core": "likewise",
    "genai_prices": "says what an answer costs",
}


def path_of(module: str) -> Path:
    return ROOT / f"{module.replace('.', '/')}.py"


def reached() -> set[str]:
    """Every module of ours on the way from a submission to an answer."""
    found, waiting = set[str](), list(BEGINNINGS)
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += imports_of(path_of(module)) if module not in NOT_WALKED else ()
    return found


def hashed(entries: tuple[str, ...]) -> set[str]:
    return {f"blocks.{name}" for name in made_by(entries, BLOCKS).modules}


class TestCode:
    def test_every_module_on_the_way_to_an_answer_is_hashed_or_named_with_a_reason(self) -> None:
        in_a_key = hashed(BY_MODEL) | hashed(BY_RULES)
        assert reached() - in_a_key == set(NOT_HASHED)

    def test_what_only_the_other_analyst_uses_is_in_no_key_of_this_one(self) -> None:
        assert hashed(BY_RULES) - hashed(BY_MODEL) == {f"blocks.{name}" for name in RULES}
        assert hashed(BY_MODEL) - hashed(BY_RULES) >= {"blocks.prompt", "blocks.acceptance"}

    @pytest.mark.parametrize("entries", [BY_MODEL, BY_RULES], ids=["model", "rules"])
    def test_a_change_in_any_of_these_modules_is_another_key(
        self, entries: tuple[str, ...], tmp_path: Path
    ) -> None:
        folder = shutil.copytree(BLOCKS, tmp_path / "blocks")
        before = made_by(entries, folder)
        for name in before.modules:
            file = folder / f"{name}.py"
            source = file.read_text()
            file.write_text(f"{source}\n# a remark\n")
            assert made_by(entries, folder) == before
            file.write_text(f"{source}\n_ANOTHER = 1\n")
            assert made_by(entries, folder) != before, name
            file.write_text(source)

    @pytest.mark.parametrize(
        ("written", "instead", "is_another"),
        [
            ('BUYBACK = "buyback"', 'BUYBACK = "repurchase"', True),
            ('_ISSUER_ROLES = ("Subject",', '_ISSUER_ROLES = ("Underwriter",', True),
            ("max_length=600", "max_length=500", True),
            ("attempts: int", "attempts: float", False),
            ("paid_by_run: str", "paid_by: str", False),
        ],
    )
    def test_of_the_values_only_those_count_that_shape_an_answer(
        self, written: str, instead: str, *, is_another: bool, tmp_path: Path
    ) -> None:
        folder = shutil.copytree(BLOCKS, tmp_path / "blocks")
        source = (folder / "models.py").read_text()
        assert source.count(written) == 1
        before = made_by(BY_MODEL, folder)
        (folder / "models.py").write_text(source.replace(written, instead))
        assert (made_by(BY_MODEL, folder) != before) is is_another

    def test_what_is_kept_beside_the_analysis_is_no_part_of_the_key(self) -> None:
        definitions = made_by(BY_MODEL, BLOCKS).definitions
        assert "Analysis" in definitions
        assert not {Answer.__name__, Reply.__name__} & set(definitions)

    def test_our_modules_are_imported_in_the_one_way_that_is_followed(self) -> None:
        for module in hashed(BY_MODEL) | hashed(BY_RULES):
            for node in ast.walk(ast.parse(path_of(module).read_text())):
                if isinstance(node, ast.Import):
                    assert not any(name.name.startswith("blocks") for name in node.names)
                if isinstance(node, ast.ImportFrom):
                    assert node.level == 0
                    assert node.module != "blocks"

    def test_comments_docstrings_and_layout_of_the_code_change_nothing(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / "models.py").touch()

        def made(source: str) -> object:
            (tmp_path / "one.py").write_text(source)
            return made_by(["one"], tmp_path)

        plain = made("def f(x):\n    return x\n")
        dressed = '"""A module."""\n\ndef f(x):  # why\n    """Give it."""\n\n    return (x)\n'
        assert made(dressed) == plain != made("def f(x):\n    return -x\n")


class TestLibraries:
    def test_each_one_that_hashed_modules_use_is_in_the_key_or_named_with_a_reason(self) -> None:
        used = {
            name.split(".")[0]
            for module in hashed(BY_MODEL) | hashed(BY_RULES)
            for name in _foreign_imports(path_of(module))
        }
        assert used == ({*LIBRARIES} - {"lxml"}) | set(NOT_VERSIONED)  # inscriptis reads by lxml

    @pytest.mark.parametrize("name", LIBRARIES)
    def test_another_version_is_another_key(
        self, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        digest: Callable[[tuple[str, ...]], str] = sources.digest_of.__wrapped__
        before = digest(BY_MODEL)
        bumped = {name: version(name) + ".post1"}
        monkeypatch.setattr("blocks.sources.version", lambda one: bumped.get(one) or version(one))
        assert digest(BY_MODEL) != before


def _foreign_imports(path: Path) -> set[str]:
    ours = {"blocks", *STANDARD_LIBRARY}
    return {name for name in imported_by(path) if name.split(".")[0] not in ours}


class Decision(NamedTuple):
    """Another value of a field, and why it may change without a new key; empty: it may not."""

    other: object
    excused: str = ""


FIELDS: Final[Mapping[str, Decision]] = MappingProxyType(
    {
        "model": Decision("gpt-6-sol"),
        "base_url": Decision("http://127.0.0.2:1/v1"),
        "api_key": Decision(SecretStr("sk-2"), "says who pays"),
        "price_provider": Decision(None, "says what it costs"),
        "timeout_s": Decision(5.0, "an answer that is late is none"),
        "max_retries": Decision(3, "the same is asked again"),
        "max_output_tokens": Decision(9_000, "an answer that runs into it is none"),
        "response_format": Decision("object"),
        "reasoning_effort": Decision("medium"),
        "daily_cap_usd": Decision(1.0, "says what may be spent"),
        "output_limit": Decision("max_tokens", "is the name of a limit"),
    }
)


class TestFields:
    def test_every_field_of_the_analyst_is_decided(self) -> None:
        assert set(FIELDS) == set(Analyst.model_fields) - set(Block.model_fields)

    @pytest.mark.parametrize("field", FIELDS)
    def test_a_field_is_in_the_key_unless_it_is_excused(self, field: str, make: Make) -> None:
        decision = FIELDS[field]
        changed = make(**{field: decision.other}).fingerprint(BUDGET_TOKENS)
        assert (changed == make().fingerprint(BUDGET_TOKENS)) is bool(decision.excused)

    @pytest.mark.parametrize("field", sorted(set(FIELDS) - {"base_url"}))
    def test_what_changes_the_request_changes_the_key_but_for_the_limit_of_the_answer(
        self, field: str, make: Make, endpoint: Endpoint
    ) -> None:
        endpoint.script = [GOOD]
        first, second = make(), make(**{field: FIELDS[field].other})
        ask(first)
        ask(second)
        asked, changed = (_shaping(body) for body in endpoint.asked)
        if first.fingerprint(BUDGET_TOKENS) == second.fingerprint(BUDGET_TOKENS):
            assert asked == changed

    def test_what_was_accepted_is_handed_on_as_it_is(self, make: Make, endpoint: Endpoint) -> None:
        endpoint.script = [GOOD]
        accepted = analysis_from(json.dumps(ANSWER), EXCERPT, accession=ACCESSION)
        assert ask(make()).analysis == accepted
        assert ask(Analyst()).analysis == analysis_by_rules(FILING, EXCERPT)

    def test_another_server_of_the_same_host_is_another_endpoint(self, make: Make) -> None:
        moved = make(base_url="http://127.0.0.1:1/v1")
        assert moved.fingerprint(BUDGET_TOKENS) != make().fingerprint(BUDGET_TOKENS)

    def test_all_of_the_request_that_is_the_same_for_every_filing_is_in_the_key(
        self, make: Make, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        endpoint.script = [GOOD]
        analyst = make()
        ask(analyst)
        told: list[object] = []

        def keep(value: object) -> str:
            told.append(value)
            return ""

        with monkeypatch.context() as patch:
            patch.setattr(json, "dumps", keep)
            analyst.fingerprint(BUDGET_TOKENS)
        in_the_key = set(_leaves(told[0]))
        assert set(_leaves(_shaping(endpoint.asked[0]))) <= in_the_key


def _shaping(body: dict[str, Any]) -> dict[str, Any]:
    """A request without the question itself, and without the limit of the answer."""
    kept = {name: value for name, value in body.items() if not name.startswith("max_")}
    return kept | {"messages": body["messages"][:-1]}


def _leaves(value: object) -> list[object]:
    if isinstance(value, dict):
        return [leaf for one in value.values() for leaf in _leaves(one)]
    if isinstance(value, list | tuple):
        return [leaf for one in value for leaf in _leaves(one)]
    return [value]


def test_another_budget_of_tokens_is_another_key_for_a_model_and_for_the_rules(
    make: Make,
) -> None:
    for analyst in (make(), Analyst()):
        assert analyst.fingerprint(3_999) != analyst.fingerprint(4_000)


def test_a_key_is_16_hex_digits_and_the_rules_have_their_own(make: Make) -> None:
    keys = {make().fingerprint(BUDGET_TOKENS), Analyst().fingerprint(BUDGET_TOKENS)}
    assert len(keys) == 2
    assert all(len(key) == 16 and int(key, 16) >= 0 for key in keys)


def test_an_excerpt_is_made_from_a_submission_and_a_budget_and_nothing_else() -> None:
    assert set(inspect.signature(excerpt_of).parameters) == {"submission", "budget_tokens"}
