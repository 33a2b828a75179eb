"""`make up`: server, blocks, deployments and worker of this machine, until Ctrl-C.

Run again while it is up, it only brings blocks and deployments up to date.
"""

import argparse
import fcntl
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from blocks.errors import ConfigurationError, SecFilingsError
from blocks.settings import Settings
from flows.stack import Stack, answers
from flows.upkeep import Upkeep

_LOCK: Final = "up.lock"


def main() -> int:
    """Bring the installation up; 0 after Ctrl-C, 1 and a message where that failed."""
    arguments = _arguments()
    try:
        with Stack(arguments.state, arguments.port) as stack:
            return up(stack)
    except SecFilingsError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1


def up(stack: Stack) -> int:
    """Start what is not running, set it up, and stay while the worker does."""
    with _only_one(stack.state) as first:
        if not first:
            if not answers(stack.api_url):
                raise ConfigurationError(
                    f"another `make up` holds {stack.state} but does not answer on port "
                    f"{stack.port}; use the PORT it was started with, or end it first",
                    subject="PORT",
                )
            stack.run("flows.setup")
            print(f"Already up, blocks and deployments are fresh: {stack.ui_url}")
            return 0
        if answers(stack.api_url):
            raise ConfigurationError(
                f"a Prefect server that is not this installation's answers on port {stack.port}; "
                "choose another port: make up PORT=4300",
                subject="PORT",
            )
        print("Starting Prefect's server ...", flush=True)
        stack.start_server()
        stack.run("flows.dead_runs")
        stack.run("flows.setup")
        worker = stack.start_worker()
        print(_welcome(stack), flush=True)
        upkeep = Upkeep(stack.state, Settings.from_environment().runs_kept)
        ended = _on_signal()
        while not ended.wait(1):
            if worker.poll() is not None:
                raise ConfigurationError(
                    f"the worker ended by itself; see {stack.state / 'logs' / 'worker.log'}"
                )
            upkeep.look()
        print("\nStopping; what was claimed comes free when its lease runs out.")
        return 0


def is_up(state: Path) -> bool:
    """Whether a process holds the installation in this folder."""
    if not (state / _LOCK).exists():
        return False
    with _only_one(state) as first:
        return not first


@contextmanager
def _only_one(state: Path) -> Iterator[bool]:
    """Hold this installation; False where another process does. Dropped with the process."""
    with (state / _LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _on_signal() -> threading.Event:
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    return ended


def _welcome(stack: Stack) -> str:
    return f"""
Up. Runs, deployments and blocks: {stack.ui_url}
State (store, answers, logs):     {os.path.relpath(stack.state)}
The rss deployment polls every minute; batch runs on weekdays at 22:30 Eastern.
Ctrl-C ends server and worker; `make up` starts them again where they were."""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=4200, help="port of Prefect's server")
    parser.add_argument("--state", type=Path, default=Path(".state/live"), help="state folder")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
