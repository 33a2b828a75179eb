"""The code of modules of this package, as something to hash: what an answer was made by."""

import ast
import hashlib
from functools import cache
from importlib.resources import files


@cache
def digest_of(names: tuple[str, ...]) -> str:
    """Hash the code of these files, the same however they are commented and laid out.

    Computed once a process, since a program does not change while it runs.
    """
    return hashlib.sha256("\0".join(code_of(_read(name)) for name in names).encode()).hexdigest()


def code_of(source: str) -> str:
    """Python source without comments, docstrings and layout."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            node.body = node.body[1:]
    return ast.unparse(tree)


def _read(name: str) -> str:
    return files("blocks").joinpath(name).read_text(encoding="utf-8")
