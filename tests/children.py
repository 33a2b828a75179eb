"""A function of the tests in an interpreter of its own, which may be killed."""

import subprocess
import sys
from pathlib import Path


def child(
    call: str, *arguments: float | str, module: str = "store_children"
) -> "subprocess.Popen[str]":
    """Start it; what it prints can be read and what it waits for be written."""
    root = Path(__file__).resolve().parents[1]
    return subprocess.Popen(  # noqa: S603 - our own code
        [sys.executable, "-c", f"import {module}; {module}.{call}(*{arguments})"],
        env={"PYTHONPATH": f"{root}:{root / 'tests'}", "PATH": ""},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
