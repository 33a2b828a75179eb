"""Kept results as files, for tests that age or break them."""

import json
from pathlib import Path
from typing import Any


def kept_file(folder: Path, name: str) -> Path:
    """The one file below an answer folder in which the table of this name is kept."""
    (file,) = (folder / "reference").glob(f"{name}-*")
    return file


def record_in(file: Path) -> dict[str, Any]:
    """What Prefect wrote into a result file."""
    record: dict[str, Any] = json.loads(file.read_bytes())
    return {name: value for name, value in record.items() if name != "sha256"}


def rewrite(file: Path, record: dict[str, Any]) -> None:
    """Put another record in its place, without a seal, as earlier versions wrote them."""
    file.write_text(json.dumps(record))


def expire(folder: Path, name: str) -> None:
    """As if the freshness window of a kept table had passed."""
    file = kept_file(folder, name)
    record = record_in(file)
    assert record["metadata"]["expiration"]
    record["metadata"]["expiration"] = "2025-12-11T21:00:00Z"
    rewrite(file, record)
