"""A process that holds every lock this program knows, until it is killed."""

import sys
import time
from contextlib import ExitStack
from pathlib import Path

from store_children import window_at

import blocks.store_ledger as ledger
from blocks.answers import AnswerFolder
from blocks.edgar_breaker import Breaker
from blocks.edgar_pace import RequestPace, _exclusive
from flows.up import _only_one

SERVER = "http://127.0.0.1:1"
TURN, RUN = "same-text/f1/a", "at-work/r1"


def hold_everything(store_url: str, folder: str) -> None:
    """Take them all, say so, and stay."""
    below = Path(folder)
    answers, pace = AnswerFolder(basepath=folder), RequestPace(below / "pace", SERVER, 8)
    pace.wait()
    with ExitStack() as held:
        held.enter_context(ledger.opened(window_at(store_url), writes=True))
        held.enter_context(answers.turns([TURN], patience_s=0))
        held.enter_context(answers.alone(RUN, patience_s=0))
        assert pace._bucket
        held.enter_context(_exclusive(pace._bucket.conn))
        held.enter_context(Breaker(below / "breaker", SERVER)._held())
        assert held.enter_context(_only_one(below))
        sys.stdout.write("held\n")
        sys.stdout.flush()
        time.sleep(600)
