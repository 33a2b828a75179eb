"""What the doctor finds on Prefect's server. Pure."""

from collections.abc import Iterator, Sequence

from blocks.models import Value
from tasks.findings import Finding, Level, counted


class PrefectState(Value):
    """What the server has of this installation.

    ``silent``: runs that count as running and have sent no heartbeat, as id and name.
    ``missing``: blocks, deployments and automations that are not there, or cannot be used.
    ``paused``: deployments, schedules, the pool or the automation, that a person switched off.
    """

    silent: tuple[tuple[str, str], ...] = ()
    missing: tuple[str, ...] = ()
    paused: tuple[str, ...] = ()
    worker_is_up: bool = True


def check_prefect(state: PrefectState) -> tuple[Finding, ...]:
    """Findings about what runs the flow."""
    return (*_silent(state.silent), *_missing(state.missing), *_not_running(state))


def _silent(silent: Sequence[tuple[str, str]]) -> Iterator[Finding]:
    if silent:
        yield Finding(
            kind="silent-runs",
            level=Level.MEND,
            title=f"{counted(len(silent), 'run')} that died and still count as running",
            names=tuple(f"{name}, {run_id}" for run_id, name in silent),
            meaning="No heartbeat has come from them. Such a run of rss holds the only place of "
            "its deployment, and no other starts.",
            remedy="marks them Crashed.",
            mended=True,
        )


def _missing(missing: Sequence[str]) -> Iterator[Finding]:
    if missing:
        yield Finding(
            kind="missing-on-server",
            level=Level.PERSON,
            title=f"{counted(len(missing), 'thing')} missing on Prefect's server",
            names=tuple(missing),
            meaning="Blocks, deployments or the automation that `make up` makes. Without a block "
            "every run fails; without the automation a run that died is not noticed.",
            remedy="run `make up` again, which makes what is missing and changes nothing else.",
        )


def _not_running(state: PrefectState) -> Iterator[Finding]:
    if state.paused:
        yield Finding(
            kind="paused",
            level=Level.NOTE,
            title=f"{counted(len(state.paused), 'thing')} switched off by hand",
            names=state.paused,
            meaning="It stays so until somebody switches it on in the UI.",
            remedy="nothing, if it is meant.",
        )
    if not state.worker_is_up:
        yield Finding(
            kind="no-worker",
            level=Level.PERSON,
            title="No worker is up",
            names=(),
            meaning="The server answers, and nothing executes its runs.",
            remedy="see logs/worker.log in the state folder; end `make up` and start it again.",
        )
