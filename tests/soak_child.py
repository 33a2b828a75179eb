"""Runs of the flow one after the other in one interpreter, as they are ordered.

A worker starts an interpreter for each run. Here one lives through all of them, since
that is where a leak would show.
"""

import json
import sys
import time

from flows.filings import sec_filings


def runs() -> None:
    """Read parameters of a run a line, run it, write its state and seconds a line."""
    for line in sys.stdin:
        began_s = time.monotonic()
        state = sec_filings(**json.loads(line), return_state=True)
        took_s = time.monotonic() - began_s
        told = {"state": state.name, "message": state.message, "took_s": took_s}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
