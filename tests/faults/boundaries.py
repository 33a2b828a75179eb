"""The table of boundaries: every place between two steps of a run at which it may be killed.

Those of the run itself are callables of the product, wrapped in the process that is to
die. Those of the wire are where a stand-in kills: what is on its way then is neither
here nor there.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import blocks.store_ledger
import flows.days
import flows.filings
import flows.stages
import tasks.enrich
import tasks.report
from blocks.analyst import Analyst
from blocks.answers import AnswerFolder
from blocks.budget import Budget
from blocks.edgar import EdgarClient
from blocks.store import SeenStore
from blocks.store_duckdb import DuckDbTransaction, DuckDbWindow
from blocks.store_postgres import PostgresTransaction, PostgresWindow
from faults.dying import Arming, after, before, half_on_disk, within
from tasks.at_batch import AtBatch
from tasks.same_text import SameText

Way = Literal["rss", "batch", "ask_by=batch"]
RSS: Final[Way] = "rss"
BATCH: Final[Way] = "batch"
AT_HALF_PRICE: Final[Way] = "ask_by=batch"
BY_CALLS: Final = (RSS, BATCH)
BY_DAYS: Final = (BATCH, AT_HALF_PRICE)
EVERY: Final = (RSS, BATCH, AT_HALF_PRICE)

ONCE: Final = (1, 1)
OF_SEVERAL: Final = (1, 3)
Server = Literal["sec", "model", "batches"]  # and whose requests: of the model, about batches


@dataclass(frozen=True)
class OnTheWire:
    """A request that a stand-in kills at: ``match`` is looked for in its subject.

    ``answered``: what was asked is done and the answer lost, else neither;
    ``halfway``: half of the answer's body is sent.
    """

    server: Server
    match: str
    answered: bool = True
    halfway: bool = False


@dataclass(frozen=True)
class Boundary:
    """A place to die at, on these ways, at each of these passages (a run's first is 1)."""

    name: str
    ways: tuple[Way, ...]
    passages: tuple[int, ...]
    at: Arming | OnTheWire


def _is_answer(_: AnswerFolder, path: str, *__: Any, **___: Any) -> bool:  # noqa: ANN401
    """Whether the file of the answer folder that is written is an answer."""
    return bool(re.search(r"(^|/)enrich/\w+/\d{10}-\d\d-\d{6}$", path))


def _in_a_transaction_of(method: str) -> Arming:
    """After each statement of it, the look at the schema included."""
    statements = (after(DuckDbTransaction, "rows"), after(PostgresTransaction, "rows"))
    return within(SeenStore, method, *statements)


_COMMITTED: Final = within(
    SeenStore, "record", before(DuckDbWindow, "_detach"), after(PostgresWindow, "_commit")
)


BOUNDARIES: Final = (
    Boundary("before the claim", EVERY, ONCE, before(SeenStore, "claim")),
    Boundary("in the claim's transaction", EVERY, (4, 30), _in_a_transaction_of("claim")),
    Boundary("claimed", EVERY, ONCE, after(SeenStore, "claim")),
    Boundary("filtered by price", EVERY, ONCE, after(flows.stages, "filter_by_price")),
    Boundary(
        "half of a submission sent", EVERY, OF_SEVERAL, OnTheWire("sec", r"\.txt$", halfway=True)
    ),
    Boundary("submission read", EVERY, OF_SEVERAL, after(EdgarClient, "submission")),
    Boundary("payment booked", EVERY, OF_SEVERAL, after(Budget, "reserve")),
    Boundary("request sent", BY_CALLS, OF_SEVERAL, OnTheWire("model", "", answered=False)),
    Boundary("answer sent, not received", BY_CALLS, OF_SEVERAL, OnTheWire("model", "")),
    Boundary("answer received, not kept", BY_CALLS, OF_SEVERAL, after(Analyst, "analyse")),
    Boundary("payment settled, answer not kept", BY_CALLS, OF_SEVERAL, after(Budget, "settle")),
    Boundary(
        "half of an answer written",
        EVERY,
        OF_SEVERAL,
        within(AnswerFolder, "write_path", half_on_disk, only=_is_answer),
    ),
    Boundary("answer kept", EVERY, OF_SEVERAL, after(AnswerFolder, "write_path", only=_is_answer)),
    Boundary("its text noted", BY_CALLS, OF_SEVERAL, after(SameText, "remember")),
    Boundary("its task run not over", BY_CALLS, OF_SEVERAL, after(tasks.enrich, "enrich_one")),
    Boundary("before the record", EVERY, (1, 2), before(SeenStore, "record")),
    Boundary("in the record's transaction", EVERY, (4, 14), _in_a_transaction_of("record")),
    Boundary("before its commit", EVERY, (1, 2), after(blocks.store_ledger, "record")),
    Boundary("record committed, its log not folded in", EVERY, (1, 2), _COMMITTED),
    Boundary("recorded", EVERY, (1, 2), after(SeenStore, "record")),
    Boundary("before a day's certificate", BY_DAYS, (1, 2), before(flows.days, "certify_day")),
    Boundary("certificate kept", BY_DAYS, (1, 2), after(SeenStore, "keep_certificate")),
    Boundary("before the report", EVERY, ONCE, before(flows.filings, "publish_report")),
    Boundary("in the report", EVERY, ONCE, after(tasks.report, "create_markdown_artifact")),
    Boundary("reported", EVERY, ONCE, after(flows.filings, "publish_report")),
    Boundary(
        "question noted, not sent", (AT_HALF_PRICE,), OF_SEVERAL, after(AtBatch, "_note_down")
    ),
    Boundary(
        "questions uploaded, no batch",
        (AT_HALF_PRICE,),
        ONCE,
        OnTheWire("batches", "POST /v1/files$"),
    ),
    Boundary(
        "batch created, not known of",
        (AT_HALF_PRICE,),
        ONCE,
        OnTheWire("batches", "POST /v1/batches$"),
    ),
    Boundary(
        "waiting for a batch", (AT_HALF_PRICE,), (2, 3), OnTheWire("batches", "GET /v1/batches")
    ),
    Boundary(
        "half of a batch's output sent",
        (AT_HALF_PRICE,),
        ONCE,
        OnTheWire("batches", "GET /v1/files/.+/content", halfway=True),
    ),
    Boundary(
        "some of a batch's answers kept", (AT_HALF_PRICE,), OF_SEVERAL, after(AtBatch, "_keep")
    ),
    Boundary("batch taken in", (AT_HALF_PRICE,), ONCE, after(AtBatch, "_take_in")),
)
BY_NAME: Final[Mapping[str, Boundary]] = {one.name: one for one in BOUNDARIES}
