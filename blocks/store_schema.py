"""The store's tables, as a list of small named steps that only ever grows.

A step that has been released is never edited: stores out there have taken it.
"""

import re
from typing import LiteralString, NamedTuple

from blocks.errors import StoreTooNew, StoreUnavailable
from blocks.store_windows import Transaction


class Step(NamedTuple):
    """One change of the schema.

    ``shared`` runs everywhere; ``postgres`` is for what DuckDB's column store
    neither needs nor knows, such as partial indexes.
    """

    name: str
    shared: tuple[LiteralString, ...]
    postgres: tuple[LiteralString, ...] = ()


_SEEN: LiteralString = """
CREATE TABLE seen (
  k BIGINT PRIMARY KEY,        -- the accession number, packed year first
  owner TEXT,                  -- the run that holds the claim, if any
  lease_until TIMESTAMPTZ,     -- when that claim runs out
  done_at TIMESTAMPTZ,         -- when the latest outcome was stored; never unset
  done_by TEXT,                -- the run that stored it
  attempts SMALLINT NOT NULL,  -- claims since the latest outcome
  found_by TEXT NOT NULL,
  filing TEXT                  -- JSON, kept until the outcome is stored
)"""
_OUTCOME: LiteralString = """
CREATE TABLE outcome (
  k BIGINT NOT NULL,
  accession TEXT NOT NULL,
  recorded_at TIMESTAMPTZ NOT NULL,
  owner TEXT NOT NULL,
  attempts SMALLINT NOT NULL,
  status TEXT NOT NULL,
  reason TEXT NOT NULL,
  form TEXT NOT NULL,
  filer TEXT NOT NULL,
  verdict TEXT,
  ticker TEXT,
  price_usd DOUBLE PRECISION,
  filing TEXT NOT NULL,        -- JSON
  decision TEXT,               -- JSON
  fingerprint TEXT,
  answered_at TIMESTAMPTZ,
  from_cache BOOLEAN NOT NULL
)"""
_ANALYSIS: LiteralString = """
CREATE TABLE analysis (
  k BIGINT NOT NULL,
  fingerprint TEXT NOT NULL,
  answered_at TIMESTAMPTZ NOT NULL,
  summary TEXT NOT NULL,
  sentiment DOUBLE PRECISION NOT NULL,
  confidence DOUBLE PRECISION NOT NULL,
  risk_level TEXT NOT NULL,
  model TEXT NOT NULL,
  cost_usd DOUBLE PRECISION,
  answer TEXT NOT NULL,        -- JSON
  PRIMARY KEY (k, fingerprint, answered_at)
)"""
_FAILURE: LiteralString = """
CREATE TABLE failure (
  k BIGINT NOT NULL,
  accession TEXT NOT NULL,
  failed_at TIMESTAMPTZ NOT NULL,
  owner TEXT NOT NULL,
  attempt SMALLINT NOT NULL,   -- which one, of those that count
  error TEXT NOT NULL,
  message TEXT NOT NULL,
  cost_usd DOUBLE PRECISION
)"""
_ANALYSES: LiteralString = """
CREATE VIEW analyses AS
SELECT o.accession, o.form, o.filer, o.ticker, o.price_usd, a.summary, a.sentiment,
  a.confidence, a.risk_level, a.model, a.cost_usd, a.answered_at, o.recorded_at, o.from_cache
FROM outcome o JOIN analysis a
  ON a.k = o.k AND a.fingerprint = o.fingerprint AND a.answered_at = o.answered_at"""

_FEED_MARK: LiteralString = """
CREATE TABLE feed_mark (
  feed TEXT PRIMARY KEY,       -- its address, and the form types that were looked for
  read_at TIMESTAMPTZ NOT NULL,  -- EDGAR's clock at the latest poll that skipped nothing
  swept_at TIMESTAMPTZ NOT NULL  -- and at the latest that went back to the evening before
)"""
_CERTIFICATE: LiteralString = """
CREATE TABLE certificate (
  day DATE NOT NULL,
  forms TEXT NOT NULL,
  issued_at TIMESTAMPTZ NOT NULL,
  closed BOOLEAN NOT NULL,
  body TEXT NOT NULL           -- JSON
)"""
_REPORTED: LiteralString = """
CREATE TABLE reported (        -- what was analysed with a period of report, a row per filer
  k BIGINT NOT NULL,
  cik BIGINT NOT NULL,
  base_form TEXT NOT NULL,     -- without /A
  period DATE NOT NULL,
  form TEXT NOT NULL,
  filed_at TIMESTAMPTZ NOT NULL,
  items TEXT NOT NULL,         -- JSON, titles
  PRIMARY KEY (k, cik)
)"""
_AMENDMENT_LINK: LiteralString = """
CREATE TABLE amendment_link (
  k BIGINT PRIMARY KEY,
  amends TEXT,                 -- accession number
  superseded_by TEXT           -- likewise, of the newest amendment
)"""
# replaced, not dropped: views and grants that others have put on it stay
_ANALYSES_WITH_LINKS: LiteralString = """
CREATE OR REPLACE VIEW analyses AS
SELECT o.accession, o.form, o.filer, o.ticker, o.price_usd, a.summary, a.sentiment,
  a.confidence, a.risk_level, a.model, a.cost_usd, a.answered_at, o.recorded_at, o.from_cache,
  l.amends, l.superseded_by
FROM outcome o JOIN analysis a
  ON a.k = o.k AND a.fingerprint = o.fingerprint AND a.answered_at = o.answered_at
LEFT JOIN amendment_link l ON l.k = o.k"""
# the answer's filing whose same text was paid for; stands in the answer, so nothing is filled in
_ANALYSES_WITH_SAME_TEXT: LiteralString = """
CREATE OR REPLACE VIEW analyses AS
SELECT o.accession, o.form, o.filer, o.ticker, o.price_usd, a.summary, a.sentiment,
  a.confidence, a.risk_level, a.model, a.cost_usd, a.answered_at, o.recorded_at, o.from_cache,
  l.amends, l.superseded_by, a.answer::json ->> 'same_text_as' AS same_text_as
FROM outcome o JOIN analysis a
  ON a.k = o.k AND a.fingerprint = o.fingerprint AND a.answered_at = o.answered_at
LEFT JOIN amendment_link l ON l.k = o.k"""

_SPENDING: LiteralString = """
CREATE TABLE spending (        -- a row per call that was to be paid
  key TEXT PRIMARY KEY,
  run TEXT NOT NULL,
  day DATE NOT NULL,           -- Eastern, on which it was reserved
  model TEXT NOT NULL,
  worst_nano BIGINT,           -- whole nano-dollars; null: the price is unknown
  actual_nano BIGINT,          -- likewise; null until settled
  reserved_at TIMESTAMPTZ NOT NULL,
  open_until TIMESTAMPTZ NOT NULL,  -- then it counts as its worst case: its process died
  settled_at TIMESTAMPTZ
)"""
_SPENT_BY_DAY: LiteralString = """
CREATE VIEW spent_by_day AS
SELECT day, model,
  count(CASE WHEN actual_nano = 0 THEN NULL ELSE 1 END) AS calls,
  coalesce(sum(CASE WHEN settled_at IS NOT NULL THEN actual_nano
    WHEN open_until <= now() THEN worst_nano END), 0)::double precision / 1e9 AS spent_usd,
  coalesce(sum(CASE WHEN settled_at IS NULL AND open_until > now()
    THEN worst_nano END), 0)::double precision / 1e9 AS open_worst_usd,
  count(CASE WHEN settled_at IS NOT NULL AND actual_nano IS NULL THEN 1
    WHEN open_until <= now() AND worst_nano IS NULL THEN 1 END) AS unpriced_calls
FROM spending GROUP BY day, model"""

_ANNOUNCEMENT: LiteralString = """
CREATE TABLE announcement (    -- an event that is to be sent; its row goes once it was
  id TEXT PRIMARY KEY,         -- the event's
  occurred_at TIMESTAMPTZ NOT NULL,
  place INTEGER NOT NULL,      -- among those recorded together
  event TEXT NOT NULL,         -- JSON, all the rest of it
  sender TEXT NOT NULL,        -- the run that is to send it
  held_until TIMESTAMPTZ NOT NULL  -- then any run may
)"""

STEPS: tuple[Step, ...] = (
    Step(
        "claims, outcomes, analyses and failures",
        (_SEEN, _OUTCOME, _ANALYSIS, _FAILURE, _ANALYSES),
        (
            "CREATE INDEX seen_open ON seen (found_by) WHERE done_at IS NULL",
            "CREATE INDEX outcome_k ON outcome (k, recorded_at)",
            "CREATE INDEX failure_k ON failure (k)",
        ),
    ),
    Step(
        "first sight, feed marks and certificates",
        (
            "ALTER TABLE seen ADD COLUMN first_seen_at TIMESTAMPTZ",  # by any path
            "ALTER TABLE seen ADD COLUMN in_feed_at TIMESTAMPTZ",  # by the live path
            _FEED_MARK,
            _CERTIFICATE,
        ),
    ),
    Step(
        "amendments",
        (_REPORTED, _AMENDMENT_LINK, _ANALYSES_WITH_LINKS),
        ("CREATE INDEX reported_kin ON reported (cik, base_form, period)",),
    ),
    Step(
        "spending",
        (_SPENDING, _SPENT_BY_DAY),
        (
            "CREATE INDEX spending_run ON spending (run)",
            "CREATE INDEX spending_day ON spending (day)",
        ),
    ),
    Step("same text", (_ANALYSES_WITH_SAME_TEXT,)),
    Step("announcements", (_ANNOUNCEMENT,)),
)
_OURS = frozenset(
    {"seen", "outcome", "analysis", "failure", "analyses", "feed_mark", "certificate"}
    | {"reported", "amendment_link", "spending", "spent_by_day", "announcement"}
)
_ON_SEEN = re.compile(r"(CREATE TABLE|ALTER TABLE|INDEX seen_\w+ ON) seen\b")
_TABLES: LiteralString = """
SELECT table_name FROM information_schema.tables
WHERE table_catalog = current_database() AND table_schema = current_schema()"""
_STEP_TABLE: LiteralString = """
CREATE TABLE schema_step (
  version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at TIMESTAMPTZ NOT NULL)"""


def bring_up_to_date(
    transaction: Transaction, *, dedicated: bool, steps: tuple[Step, ...] = STEPS
) -> None:
    """Apply the steps the store has not had yet, in the given transaction.

    Raises:
        StoreTooNew: the store has had steps this program does not know.
        StoreUnavailable: tables of something else are in the way.
    """
    if _version(transaction) == len(steps):
        return
    transaction.exclusive()  # and look again: another process may have been at it
    version = _version(transaction)
    if version is None:
        _begin(transaction, dedicated=dedicated)
        version = 0
    if version > len(steps):
        raise StoreTooNew(
            f"The store has schema version {version} and this program knows {len(steps)}: it was "
            "written by a later version. Update this program, or use another store."
        )
    for number, step in enumerate(steps[version:], version + 1):
        _apply(transaction, number, step, dedicated=dedicated)


def missing_tables(transaction: Transaction) -> tuple[str, ...]:
    """Tables and views that a store of this version has, and this one has not, by name."""
    present = {str(name) for (name,) in transaction.rows(_TABLES)}
    return tuple(sorted(_OURS - present))


def make_seen_anew(transaction: Transaction, *, dedicated: bool) -> None:
    """Drop ``seen`` and make it, empty, as all steps together do."""
    transaction.rows("DROP TABLE IF EXISTS seen")
    for step in STEPS:
        for statement in step.shared if dedicated else step.shared + step.postgres:
            if _ON_SEEN.search(statement):
                transaction.rows(statement)


def _version(transaction: Transaction) -> int | None:
    """How many steps the store has had; None where it was never opened by this program."""
    if ("schema_step",) not in transaction.rows(_TABLES):
        return None
    [(version,)] = transaction.rows("SELECT coalesce(max(version), 0) FROM schema_step")
    return int(version)


def _begin(transaction: Transaction, *, dedicated: bool) -> None:
    present = {str(name) for (name,) in transaction.rows(_TABLES)}
    in_the_way = present if dedicated else present & _OURS
    if in_the_way:
        raise StoreUnavailable(
            f"The database holds tables of something else ({', '.join(sorted(in_the_way)[:5])}), "
            "which are left alone. Give the store a file, database or schema of its own."
        )
    transaction.rows(_STEP_TABLE)


def _apply(transaction: Transaction, number: int, step: Step, *, dedicated: bool) -> None:
    for statement in step.shared if dedicated else step.shared + step.postgres:
        transaction.rows(statement)
    transaction.rows(
        "INSERT INTO schema_step VALUES ($1::int, $2::text, now())", number, step.name
    )
