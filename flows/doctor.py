"""`make doctor`: find and explain what is amiss in an installation, and mend it when asked.

Run as ``python -m flows.doctor``; with ``make up`` running or without. It asks nobody but
Prefect's own server, pays nothing, and without ``--mend`` changes nothing. Exit code 0: nothing
needs mending; 1: something does; 2: it could not look, and says why.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect_sqlalchemy import SqlAlchemyConnector

from blocks.answers import AnswerFolder
from blocks.errors import ConfigurationError, SecFilingsError, StoreUnavailable
from blocks.settings import Settings
from blocks.store import SeenStore
from flows.checkup import Checkup, Patient, examine
from flows.mending import mend
from flows.prefect_health import close_silent_runs, prefect_state
from flows.quiet_exit import close_standard_error_at_exit
from flows.rooms import load
from flows.setup import PROFILE, connection_of
from flows.stack import answers as answers_at
from flows.up import is_up
from tasks.check_prefect import check_prefect
from tasks.findings import Finding, needs_mending
from tasks.findings_text import findings_text, heading, verdict

_HOW_TO_MEND = "make doctor MEND=1 (or python -m flows.doctor --mend)"
_OR_ELSE = (
    "If only the table `seen` is damaged, make doctor REBUILD=1 makes it anew from the stored "
    "outcomes. With last night's copy put in the place of the store's file, or with neither, "
    "batch runs over the days since record every answer that is on file again, and pay nothing "
    "for it."
)


@dataclass(frozen=True)
class Practice:
    """Whom the doctor sees, and with what; ``client`` None: Prefect's server is not up."""

    patient: Patient
    profile: str
    prefect: str
    client: SyncPrefectClient | None = None


def main(words: Sequence[str] | None = None) -> int:
    """Examine, mend if asked, and say so."""
    asked = _arguments(words)
    try:
        with _opened(asked) as practice:
            return see(practice, to_mend=asked.mend, to_rebuild=asked.rebuild_seen)
    except StoreUnavailable as error:
        print(f"The doctor cannot look. {error}\n{_OR_ELSE}", file=sys.stderr)
    except SecFilingsError as error:
        print(f"The doctor cannot look. {error}", file=sys.stderr)
    return 2


def see(practice: Practice, *, to_mend: bool = False, to_rebuild: bool = False) -> int:
    """Say what is found, mend it if asked, and say what is left; the exit code."""
    patient = practice.patient
    print(heading(_looked_at(practice)), end="\n\n")
    if to_rebuild:
        _rebuild(patient)
    checkup, findings = _findings(practice)
    print(findings_text(findings))
    if to_mend and any(one.mended for one in findings):
        mend(patient, checkup)
        if practice.client is not None:
            close_silent_runs(practice.client)
        print("\nMended. What is left:\n")
        checkup, findings = _findings(practice)
        print(findings_text(findings))
    print(f"\n{verdict(findings, how_to_mend=_HOW_TO_MEND)}")
    return 1 if needs_mending(findings) else 0


def _findings(practice: Practice) -> tuple[Checkup, tuple[Finding, ...]]:
    checkup = examine(practice.patient)
    if practice.client is None:
        return checkup, checkup.findings
    of_prefect = check_prefect(prefect_state(practice.client, practice.profile))
    return checkup, (*checkup.findings, *of_prefect)


def _rebuild(patient: Patient) -> None:
    if patient.store.file is not None and not patient.store.file.exists():
        return  # there are no outcomes to make it from, and the findings say so
    rebuilt = patient.store.health.rebuild_seen()
    print(f"seen was made anew from the outcomes: {rebuilt.rows:,} filings.")
    if not rebuilt.kept_unfinished:
        print(
            "The old table could not be read, so unfinished filings are not in it: the next\n"
            "batch run over their days finds them."
        )
    print()


def _looked_at(practice: Practice) -> Iterator[tuple[str, str]]:
    patient = practice.patient
    yield "Store", str(patient.store.file or "on a database server")
    yield "Answers", str(patient.answers.root)
    yield "Prefect", practice.prefect


@contextmanager
def _opened(asked: argparse.Namespace) -> Iterator[Practice]:
    state, settings = asked.state.resolve(), Settings.from_environment()
    api_url = _api_url(state, asked.port)
    if api_url is None:
        not_up = "not up; store and answers are looked for where `make up` puts them"
        yield Practice(_by_default(state, settings), asked.profile, not_up)
        return
    with (
        temporary_settings({PREFECT_API_URL: api_url}),
        get_client(sync_client=True) as client,
    ):
        patient = Patient(
            load(SeenStore, asked.profile), load(AnswerFolder, asked.profile), settings
        )
        yield Practice(patient, asked.profile, api_url, client)


def _api_url(state: Path, port: int) -> str | None:
    """Where Prefect's server is; None: this installation's is not up.

    Raises:
        ConfigurationError: it should be up, and does not answer.
    """
    if given := os.environ.get("PREFECT_API_URL"):
        if answers_at(given):
            return given
        raise ConfigurationError(
            f"Prefect's server does not answer at {given}. Start it, or unset PREFECT_API_URL to "
            "look without it",
            subject="PREFECT_API_URL",
        )
    if not is_up(state):
        return None
    api_url = f"http://127.0.0.1:{port}/api"
    if answers_at(api_url):
        return api_url
    raise ConfigurationError(
        f"`make up` holds {state} and does not answer on port {port}; give the port it was "
        "started with: make doctor PORT=4300",
        subject="PORT",
    )


def _by_default(state: Path, settings: Settings) -> Patient:
    """Store and answers where a new installation has them."""
    if not state.is_dir():
        raise ConfigurationError(
            f"there is no state folder {state}; give the one of `make up`: make doctor STATE=...",
            subject="STATE",
        )
    given, default = connection_of(os.environ.get("SEC_STORE_URL"), state)
    store = SeenStore(connector=SqlAlchemyConnector(**(default | given)))
    return Patient(store, AnswerFolder(basepath=str(state / "answers")), settings)


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=4200, help="port of Prefect's server")
    parser.add_argument("--state", type=Path, default=Path(".state/live"), help="state folder")
    parser.add_argument("--profile", default=PROFILE, help="name of the block documents")
    parser.add_argument("--mend", action="store_true", help="mend what can be mended")
    parser.add_argument(
        "--rebuild-seen", action="store_true", help="make seen anew from the outcomes, first"
    )
    return parser.parse_args(words)


if __name__ == "__main__":
    close_standard_error_at_exit()
    sys.exit(main())
