"""Nobody waits for ever for what a dead process held: the kernel lets go with it.

The locks of this program: the store's turn (flock; on Postgres its advisory lock),
the turn of a text or of the batches, and of a flow run's process (flock), EDGAR's request
limit and breaker (SQLite's write lock), and the installation's (flock).
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest
from children import child
from lock_children import RUN, SERVER, TURN
from store_backends import Backend, take

from blocks.answers import AnswerFolder
from blocks.edgar_breaker import Breaker
from blocks.edgar_pace import RequestPace
from flows.up import _only_one

pytest_plugins = ["store_fixtures"]


def waiters(backend: Backend, folder: Path) -> dict[str, Callable[[], object]]:
    """What comes to wait for each lock."""
    answers = AnswerFolder(basepath=str(folder))

    def take_turn() -> None:
        with answers.turns([TURN], patience_s=60):
            pass

    def work_on_the_run() -> bool:
        with answers.alone(RUN, patience_s=60) as is_alone:
            return is_alone

    def ask_edgar() -> None:
        pace = RequestPace(folder / "pace", SERVER, 8)
        pace.wait()
        pace.close()

    def bring_up() -> None:
        is_first = False
        while not is_first:
            time.sleep(0.05)
            with _only_one(folder) as is_first:
                pass

    return {
        "the store": lambda: take(backend.store(lock_timeout_s=60), 1, owner="next"),
        "a turn": take_turn,
        "a run": work_on_the_run,
        "EDGAR's request limit": ask_edgar,
        "EDGAR's breaker": lambda: Breaker(folder / "breaker", SERVER).check("a page"),
        "the installation": bring_up,
    }


def test_what_a_killed_process_held_is_free_at_once(backend: Backend, tmp_path: Path) -> None:
    if backend.url.startswith("duckdb"):
        backend.path.parent.mkdir()
    with (
        child("hold_everything", backend.url, str(tmp_path), module="lock_children") as holder,
        ThreadPoolExecutor(8) as pool,
    ):
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        waiting = {name: pool.submit(go) for name, go in waiters(backend, tmp_path).items()}
        done, _ = wait(waiting.values(), timeout=0.5)
        held = {name for name, future in waiting.items() if future not in done}
        holder.kill()
        got_on = {name: future.result(timeout=60) for name, future in waiting.items()}
    assert held == waiting.keys()
    assert (got_on["the store"], got_on["a run"]) == ([1], True)


@pytest.mark.parametrize("patience_s", [0.0, 0.2])
def test_a_run_whose_process_lives_has_no_second_one(tmp_path: Path, patience_s: float) -> None:
    answers = AnswerFolder(basepath=str(tmp_path))
    with (
        answers.alone(RUN, patience_s=0) as first,
        answers.alone(RUN, patience_s=patience_s) as second,
    ):
        assert (first, second) == (True, False)
    with answers.alone(RUN, patience_s=0) as later:
        assert later
    assert list(tmp_path.rglob("*.turn")) == [], "nothing is left behind"


def test_what_killed_runs_left_is_removed_and_what_a_living_one_holds_is_not(
    tmp_path: Path,
) -> None:
    answers = AnswerFolder(basepath=str(tmp_path))
    with answers.alone(RUN, patience_s=0):
        dead, living = tmp_path / "at-work" / "dead.turn", tmp_path / f"{RUN}.turn"
        dead.touch()
        answers.clear_turns("at-work")
        assert (dead.exists(), living.exists()) == (False, True)


def test_a_folder_that_cannot_be_written_keeps_no_run_from_its_work(tmp_path: Path) -> None:
    """What needs it finds out by itself, and says what to do."""
    (tmp_path / "file").touch()
    with AnswerFolder(basepath=str(tmp_path / "file")).alone(RUN, patience_s=0) as is_alone:
        assert is_alone
