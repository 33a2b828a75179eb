"""How a process dies at a boundary: by SIGKILL, when a callable is passed for the nth time.

The callable is wrapped in the process that is to die; the product has no hooks for this.
"""

import os
import signal
import threading
from collections.abc import Callable
from functools import partial, wraps
from typing import Any, Protocol


def nothing() -> None:
    """What most processes do last."""


class Passing(Protocol):
    """Is told of each passage, and does not return from the one at which the process dies."""

    def __call__(self, last_deed: Callable[[], object] = nothing) -> None:
        """``last_deed`` is done only by the process that dies here."""


class Death:
    """Kills this process when it is called for the ``passage``th time, by whatever thread."""

    def __init__(self, passage: int) -> None:
        self._left = passage
        self._lock = threading.Lock()

    def __call__(self, last_deed: Callable[[], object] = nothing) -> None:
        with self._lock:
            self._left -= 1
            if self._left == 0:
                last_deed()
                os.kill(os.getpid(), signal.SIGKILL)


Arming = Callable[[Passing], None]  # has ``Passing`` told of each passage of the boundary
Chosen = Callable[..., bool]  # by a call's arguments, whether it counts


def before(owner: Any, name: str) -> Arming:  # noqa: ANN401 - a class or a module
    """Each call of ``owner.name``, before anything of it is done."""

    def arm(passing: Passing) -> None:
        real = getattr(owner, name)

        @wraps(real)
        def dying(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as the callable has it
            passing()
            return real(*args, **kwargs)

        setattr(owner, name, dying)

    return arm


def after(owner: Any, name: str, *, only: Chosen = lambda *_, **__: True) -> Arming:  # noqa: ANN401 - as above
    """Each of these calls of ``owner.name``, when it has done its work."""

    def arm(passing: Passing) -> None:
        real = getattr(owner, name)

        @wraps(real)
        def dying(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as the callable has it
            result = real(*args, **kwargs)
            if only(*args, **kwargs):
                passing()
            return result

        setattr(owner, name, dying)

    return arm


def within(
    owner: Any,  # noqa: ANN401 - as above
    name: str,
    *inner: Arming,
    only: Chosen = lambda *_, **__: True,
) -> Arming:
    """What ``inner`` counts, while its thread is in one of these calls of ``owner.name``."""
    here = threading.local()

    def arm(passing: Passing) -> None:
        real = getattr(owner, name)

        @wraps(real)
        def entering(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as the callable has it
            here.entered = only(*args, **kwargs)
            try:
                return real(*args, **kwargs)
            finally:
                here.entered = False

        def passing_here(last_deed: Callable[[], object] = nothing) -> None:
            if getattr(here, "entered", False):
                passing(last_deed)

        setattr(owner, name, entering)
        for arm_inner in inner:
            arm_inner(passing_here)

    return arm


def half_on_disk(passing: Passing) -> None:
    """Each file that is about to be whole on the disk: who dies here leaves half of it."""
    real = os.fsync

    def dying(handle: int) -> None:
        passing(partial(os.ftruncate, handle, os.fstat(handle).st_size // 2))
        real(handle)

    os.fsync = dying  # type: ignore[assignment]
