"""The import rule, from one table: what each room may import of ours."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# A block module and the pure or private modules that only it uses, by prefix.
BLOCK_ROOMS = {
    "edgar": {"edgar", "edgar_answers", "edgar_breaker", "edgar_conditional"}
    | {"edgar_documents", "edgar_failures", "edgar_feed", "gzip_pieces", "edgar_header"}
    | {"edgar_http", "edgar_index", "edgar_kept", "edgar_pace", "edgar_sink", "edgar_submission"}
    | {"document_types", "ticker_table"},
    "prices": {"prices", "price_file", "price_table", "gzip_pieces"},
    "analyst": {"analyst", "answer_json", "completion", "completion_checks", "model_complaints"}
    | {"model_failures", "model_faults", "model_http", "model_request", "prompt", "sources"}
    | {"model_batches", "model_batch_calls", "model_batch_lines", "model_batch_results"}
    | {"model_batch_values", "acceptance", "label", "plain_text", "question", "quotes"}
    | {"rules", "rule_findings", "rule_sentences", "rule_values", "item_rules"}
    | {"phrases_of_business", "phrases_of_capital", "phrases_of_deals", "phrases_of_trouble"},
    "excerpt": {"excerpt", "excerpt_boilerplate", "excerpt_fit", "excerpt_passages"}
    | {"excerpt_sections", "document_layout", "document_text", "document_types"},
    "certificate": {"certificate"},
    "store": {"store", "amendments", "store_amendments", "store_duckdb", "store_flock"}
    | {"store_ledger", "store_memory"}
    | {"store_postgres", "store_rows", "store_schema", "store_sql", "store_values"}
    | {
        "store_windows",
        "store_copy",
        "store_days",
        "store_pruning",
        "certificate",
        "store_spending",
        "spending",
    }
    | {"announcements", "store_announcements", "store_outbox"}
    | {"store_health", "store_health_sql", "store_health_values", "store_mending"},
    "answers": {"answers", "answer_inventory", "answer_pruning", "answer_seal", "answer_turns"},
    "budget": {"budget", "budget_memory", "spending"},
    "settings": {"settings"},
    "forms": {"forms"},
    "business_days": {"business_days"},
    "plan": {"plan", "forms", "business_days"},
}
TASK_ROOMS = (
    {"fetch", "feed", "indexes", "fetched"},
    {"enrich", "ask", "at_batch", "await_batches", "bench", "answer_cache", "leases"}
    | {"same_text"},
    {"certify", "certificate_text", "lateness"},
    {"cost_plan", "cost_plan_text"},
    {"check_answers", "check_claims", "check_days", "check_leftovers", "check_lost_store"}
    | {"check_prefect", "check_store", "findings", "findings_text", "answer_cache"},
)
EVERYWHERE = {"blocks.models", "blocks.errors"}
PRODUCT = ("blocks", "tasks", "flows", "sandbox")


def modules(room: str) -> list[Path]:
    return sorted((ROOT / room).glob("*.py"))


def imports_of(path: Path) -> set[str]:
    """Modules of ours that a file imports, by full name."""
    return {
        name
        for name in imported_by(path)
        if name.split(".")[0] in {*PRODUCT, "tests", "benchmarks"}
    }


def imported_by(path: Path) -> set[str]:
    """Every module that a file imports, by full name."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
        elif isinstance(node, ast.Import):
            found.update(name.name for name in node.names)
    return found


def room_of_block(module: str) -> str:
    owners = [room for room, members in BLOCK_ROOMS.items() if module in members]
    return owners[0] if owners else module


def test_every_block_module_belongs_to_a_room() -> None:
    known = set().union(*BLOCK_ROOMS.values()) | {"models", "errors", "__init__"}
    assert {path.stem for path in modules("blocks")} <= known


@pytest.mark.parametrize("path", modules("blocks"), ids=lambda path: path.stem)
def test_a_block_imports_only_its_own_room_and_the_shared_values(path: Path) -> None:
    if path.stem in {"models", "errors", "__init__"}:
        allowed: set[str] = set()
    else:
        room = BLOCK_ROOMS[room_of_block(path.stem)]
        allowed = EVERYWHERE | {f"blocks.{name}" for name in room}
    assert imports_of(path) <= allowed


@pytest.mark.parametrize("path", modules("tasks"), ids=lambda path: path.stem)
def test_a_task_imports_blocks_and_no_other_task(path: Path) -> None:
    allowed = {"tasks.passing", "tasks.markdown"}  # handing over arguments, setting reports
    for room in TASK_ROOMS:
        if path.stem in room:
            allowed |= {f"tasks.{name}" for name in room}
    assert {name for name in imports_of(path) if not name.startswith("blocks.")} <= allowed


@pytest.mark.parametrize("path", modules("flows"), ids=lambda path: path.stem)
def test_the_flow_imports_tasks_and_blocks_only(path: Path) -> None:
    assert {name.split(".")[0] for name in imports_of(path)} <= {"flows", "tasks", "blocks"}


@pytest.mark.parametrize("path", modules("sandbox"), ids=lambda path: path.stem)
def test_the_sandbox_knows_the_values_only(path: Path) -> None:
    allowed = {"sandbox", "blocks.models"}
    if path.stem == "demo":
        allowed |= {"flows.stack"}  # the demo is a user of the installation
    assert {name for name in imports_of(path) if name.split(".")[0] not in allowed} <= allowed


@pytest.mark.parametrize(
    "path",
    [path for room in ("blocks", "tasks", "flows") for path in modules(room)],
    ids=lambda path: f"{path.parent.name}.{path.stem}",
)
def test_annotations_are_values_where_prefect_reads_them(path: Path) -> None:
    assert "from __future__ import annotations" not in path.read_text()


def test_no_flow_file_borrows_a_name_from_a_library() -> None:
    """Prefect puts the flow file's folder first on the import path."""
    taken = {"prefect", "openai", "duckdb", "pandas", "feedparser", "httpx", "edgar", "stamina"}
    stems = {path.stem for path in modules("flows")} - {"__init__"}
    assert not stems & (taken | set(sys.stdlib_module_names))


def test_the_time_zone_of_edgar_and_the_exchanges_is_named_once() -> None:
    files = (path for room in ("blocks", "tasks", "flows") for path in modules(room))
    assert [path.stem for path in files if "America/New_York" in path.read_text()] == ["models"]
