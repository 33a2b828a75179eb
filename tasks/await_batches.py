"""ask and wait: a task run for what is sent to batches, one while filings are at them."""

import time
from collections.abc import Callable
from typing import Final, cast
from uuid import UUID

from prefect import task
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from blocks.errors import AnalystUnavailable

FIRST_WAIT_S: Final = 5.0
LONGEST_WAIT_S: Final = 60.0
ASK_AGAIN_S: Final = 30.0
ASKING_PATIENCE_S: Final = 15 * 60.0  # an upload without a batch is waited for five minutes
PATIENCE_S: Final = 26 * 3600.0  # a batch has a day, and its results take a while to appear


@task(
    name="wait for batches",
    task_run_name="wait for {filings} filings at batches",
    cache_policy=NO_CACHE,
    persist_result=False,
)
def wait_for_batches(filings: int, look: Callable[[], int]) -> None:
    """Look until no filing is at a batch any more; ``look`` gives how many still are.

    An endpoint that cannot be asked is asked again, until patience is over: what
    is at a batch then is left to another run.

    Raises:
        AnalystError: no further look would help.
    """
    shown = cast("UUID", create_progress_artifact(0.0, key="batch-api", description="begun"))
    deadline, wait_s = time.monotonic() + PATIENCE_S, FIRST_WAIT_S
    while True:
        left = _left(look, filings)
        told = f"{filings - left} of {filings} filings have come back from batches"
        update_progress_artifact(shown, progress=100 * (1 - left / filings), description=told)
        if not left or time.monotonic() >= deadline:
            return
        time.sleep(wait_s)
        wait_s = min(1.5 * wait_s, LONGEST_WAIT_S)


@task(
    name="ask in batches",
    task_run_name="ask about {filings} filings in batches",
    cache_policy=NO_CACHE,
    persist_result=False,
)
def ask_in_a_batch(filings: int, ask: Callable[[], object]) -> None:  # noqa: ARG001 - in its name
    """Ask, and again for some minutes where the endpoint cannot take it or tell what it has.

    Raises:
        AnalystError: it takes none.
    """
    _until_it_is_told(ask)


@task(
    name="look at batches",
    task_run_name="look at batches for {filings} filings",
    cache_policy=NO_CACHE,
    persist_result=False,
)
def look_at_batches(filings: int, look: Callable[[], object]) -> None:  # noqa: ARG001 - as above
    """Look once for what earlier runs may have left, with the same patience.

    Raises:
        AnalystError: no look is possible.
    """
    _until_it_is_told(look)


def _until_it_is_told(ask: Callable[[], object]) -> None:
    deadline = time.monotonic() + ASKING_PATIENCE_S
    while True:
        try:
            ask()
        except AnalystUnavailable as error:
            if time.monotonic() > deadline:
                raise
            get_run_logger().warning("asking again in %.0f s: %s", ASK_AGAIN_S, error)
            time.sleep(ASK_AGAIN_S)
        else:
            return


def _left(look: Callable[[], int], all_of_them: int) -> int:
    try:
        return look()
    except AnalystUnavailable as error:
        get_run_logger().warning("batches cannot be looked at now: %s", error)
        return all_of_them
