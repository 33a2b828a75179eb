"""The reviewed list of dependencies is the one that is installed."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NAME = re.compile(r"[A-Za-z0-9-]+")


def test_every_direct_dependency_was_reviewed_in_the_version_that_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    direct = {found[0] for text in project["dependencies"] if (found := NAME.match(text))}
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = dict(re.findall(r"(?m)^([a-z0-9-]+)(?:\[\w+\])?==([^\s;\\]+)", lock))
    table = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    reviewed = dict(re.findall(r"(?m)^\| ([a-z0-9-]+) \| ([0-9][^ ]*) \|", table))
    assert reviewed == {name: locked[name] for name in direct}


def test_everything_that_is_installed_is_held_to_a_hash() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pinned = re.findall(r"(?m)^[a-z0-9].*(?:\n    .*)*", lock)
    assert len(pinned) > 50
    assert [one.split(" ")[0] for one in pinned if "--hash=sha256:" not in one] == []
