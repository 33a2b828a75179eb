"""Keep DuckDB's leak report out of the worker's log.

The binding of DuckDB 2.0 counts its Python objects when the interpreter is gone,
and where Prefect's background threads still hold some it prints about 60 lines:
harmless, but with a run a minute a gigabyte a year. It has no switch for that,
so a process that runs the flow closes its standard error as its last act,
after every handler that might still have something to say.
"""

import atexit
import os
import sys


def close_standard_error_at_exit() -> None:
    """Let nothing be printed to standard error once Python's own exit handlers have run."""
    atexit.register(_close)


def _close() -> None:
    sys.stderr.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
