"""A flow run has one process at work at a time.

Its claims are the flow run's, so that a retry has them again at once. That is safe
only if the process before it is gone, and Prefect may be wrong about that: a run whose
heartbeats got lost is marked Crashed while it lives, and can be retried from then on.
Two processes would then hold the same claims and pay for the same filings.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from blocks.answers import AnswerFolder
from blocks.errors import StillAtWork

PATIENCE_S: Final = 30.0  # so long Prefect lets a cancelled process end by itself
_AT_WORK: Final = "at-work"  # below the answer folder


@contextmanager
def only_process_of(run_id: str, folder: AnswerFolder) -> Iterator[None]:
    """Work on a flow run, unless another process that shares the folder does; for its whole life.

    The kernel tells whether one does: the lock goes with its process.

    Raises:
        StillAtWork: another process is, also after half a minute.
    """
    with folder.alone(f"{_AT_WORK}/{run_id}", patience_s=PATIENCE_S) as is_alone:
        if not is_alone:
            raise StillAtWork(
                f"flow run {run_id}: the process of an earlier attempt is still at work on it, "
                "whatever its state says, and nothing was begun beside it. Wait until its log "
                "ends, or end that process on its machine, and retry the run then; any other "
                "run may be started meanwhile",
                subject=run_id,
            )
        folder.clear_turns(_AT_WORK)
        yield
