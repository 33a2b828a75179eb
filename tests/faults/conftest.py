"""What the short and the long tests of kills share."""

from collections.abc import Iterator

import pytest

from faults.interpreter import Interpreter


@pytest.fixture(scope="module")
def interpreter(
    prefect_server: None,  # noqa: ARG001 - has to run
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Interpreter]:
    with Interpreter(tmp_path_factory.mktemp("interpreter") / "errors.txt") as running:
        yield running
