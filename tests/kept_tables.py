"""Kept reference tables as files, for tests that age or break them."""

import json
from pathlib import Path


def kept_file(folder: Path, name: str) -> Path:
    """The one file below an answer folder in which the table of this name is kept."""
    (file,) = (folder / "reference").glob(f"{name}-*")
    return file


def expire(folder: Path, name: str) -> None:
    """As if the freshness window of a kept table had passed."""
    file = kept_file(folder, name)
    record = json.loads(file.read_text())
    assert record["metadata"]["expiration"]
    record["metadata"]["expiration"] = "2025-12-11T21:00:00Z"
    file.write_text(json.dumps(record))
