"""What is shown to a test here, in ``make test``, and what is left to ``make soak``."""

from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from hypothesis import settings

SOAK = "soak"
_Test = TypeVar("_Test", bound=Callable[..., None])


def in_soak(*values: object) -> list[Any]:
    """Parameters of a test that differ from its others in nothing but the way to the same code."""
    return [pytest.param(value, marks=pytest.mark.soak) for value in values]


def examples(here: int, *, in_soak: int, **terms: Any) -> Callable[[_Test], _Test]:  # noqa: ANN401 - any setting
    """Show a property so many examples, without a deadline, and have the soak run it as well."""
    count = in_soak if settings.get_current_profile_name() == SOAK else here

    def shown(test: _Test) -> _Test:
        swept: _Test = pytest.mark.swept(
            settings(max_examples=count, deadline=None, **terms)(test)
        )
        return swept

    return shown
