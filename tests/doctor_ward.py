"""A copy of an installation for the doctor's tests to break."""

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, LiteralString

from installation import Installation
from prefect_sqlalchemy import SqlAlchemyConnector

from blocks.analyst import Analyst
from blocks.answers import AnswerFolder
from blocks.edgar import EdgarClient
from blocks.models import Answer, Filing, accession_key
from blocks.prices import PriceSource
from blocks.settings import Settings
from blocks.store import SeenStore
from blocks.store_windows import Row
from flows.checkup import Patient, examine
from flows.mending import mend
from flows.rooms import load
from sandbox.market_day import generated_day
from tasks.findings import Finding
from tasks.report import Funnel

SMALL = generated_day(7, 14, noise=0.2)
DAY = SMALL.day

_FORGET: Final[tuple[LiteralString, ...]] = (
    "DELETE FROM outcome WHERE k = $1::bigint",
    "DELETE FROM seen WHERE k = $1::bigint",
    "DELETE FROM analysis WHERE k = $1::bigint",
)


@dataclass(frozen=True)
class Ward:
    """A copy of an installation, its stand-ins, and a doctor."""

    house: Installation
    folder: Path

    @property
    def store(self) -> SeenStore:
        address = f"duckdb:///{self.folder / 'store.duckdb'}"
        return SeenStore(connector=SqlAlchemyConnector(connection_info=address))

    @property
    def answers(self) -> AnswerFolder:
        return AnswerFolder(basepath=str(self.folder / "answers"))

    @property
    def patient(self) -> Patient:
        return Patient(self.store, self.answers, Settings.from_environment())

    def files(self) -> list[Path]:
        """Files of kept answers."""
        return sorted((self.folder / "answers" / "enrich").glob("*/*"))

    def answer(self, file: Path) -> Answer:
        """The recorded answer behind a file."""
        [one] = self.store.answers([file.name])
        return one

    def sql(self, statement: LiteralString, *parameters: object) -> list[Row]:
        with self.store._window.transaction() as transaction:
            return transaction.rows(statement, *parameters)

    def unrecorded(self, accession: str) -> Filing:
        """Let the store forget a filing, as if its run had been killed before it recorded it."""
        key = accession_key(accession)
        [(kept,)] = self.sql("SELECT filing FROM outcome WHERE k = $1::bigint", key)
        for statement in _FORGET:
            self.sql(statement, key)
        return Filing.model_validate_json(kept)

    def findings(self) -> dict[str, Finding]:
        """What the doctor finds, by kind."""
        return {one.kind: one for one in examine(self.patient).findings}

    def mend(self) -> None:
        mend(self.patient, examine(self.patient))

    def run(self, **parameters: Any) -> Funnel:  # noqa: ANN401 - any parameter of the flow
        """Run the flow on the copy."""
        profile = f"test-{uuid.uuid4().hex[:12]}"
        house = self.house
        requests = {"limiter_path": self.folder / "requests.sqlite"}
        load(EdgarClient, house.profile).model_copy(update=requests).save(profile)
        load(PriceSource, house.profile).save(profile)
        load(Analyst, house.profile).save(profile)
        self.answers.save(profile)
        self.store.save(profile)
        return Installation(house.sec, house.model, profile, self.folder).run(**parameters)

    def paid(self) -> int:
        """Calls that the model was paid for so far, by any copy."""
        return self.house.model.paid_calls.total()
