"""How blocks and frames are handed to tasks."""

from typing import TypeVar, cast

from prefect.utilities.annotations import opaque

T = TypeVar("T")


def as_is(value: T) -> T:
    """Hand a value to a task by reference.

    Prefect otherwise walks through every argument looking for futures, which
    for a long list of filings costs more than the task itself. The annotation
    is taken off again before the task's function sees the value.
    """
    return cast("T", opaque(value))
