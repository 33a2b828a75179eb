"""Values as rows, in the order the statements of :mod:`blocks.store_sql` ask for."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from blocks.amendments import Analysed, Links
from blocks.models import Answer, Failure, Filing, Outcome, OutcomeStatus, accession_key

Columns = list[list[object]]


class Mark(NamedTuple):
    """What the store says of a claim it has just ended."""

    attempts: int
    done_at: datetime


def filing_columns(filings: Mapping[int, Filing]) -> Columns:
    """Key, found_by, filing."""
    return _transposed(
        [
            (key, filing.found_by.value, filing.model_dump_json())
            for key, filing in filings.items()
        ],
        width=3,
    )


def outcome_columns(outcomes: Mapping[int, Outcome], marks: Mapping[int, Mark]) -> Columns:
    """From key to from_cache, for ``ADD_OUTCOMES``."""
    rows = [_outcome_row(key, outcome, marks[key]) for key, outcome in outcomes.items()]
    return _transposed(rows, width=15)


def analysis_columns(outcomes: Mapping[int, Outcome]) -> Columns:
    """From key to answer, for ``ADD_ANALYSES``; outcomes without an answer give no row."""
    return answer_columns(
        {key: outcome.answer for key, outcome in outcomes.items() if outcome.answer}
    )


def answer_columns(answers: Mapping[int, Answer]) -> Columns:
    """From key to answer, for ``ADD_ANALYSES``."""
    return _transposed([_analysis_row(key, answer) for key, answer in answers.items()], width=10)


def failure_columns(failures: Mapping[int, Failure], marks: Mapping[int, Mark]) -> Columns:
    """From key to cost_usd, for ``ADD_FAILURES``."""
    rows = [_failure_row(key, failure, marks[key]) for key, failure in failures.items()]
    return _transposed(rows, width=6)


def reported_columns(filings: Mapping[int, Analysed]) -> Columns:
    """From key to items, for ``ADD_REPORTED``; a row per filer."""
    rows = [
        (key, *subject, one.form, one.filed_at, json.dumps(sorted(one.items)))
        for key, one in filings.items()
        for subject in one.subjects
    ]
    return _transposed(rows, width=7)


def link_columns(links: Mapping[str, Links]) -> Columns:
    """From key to superseded_by, for ``SET_LINKS``."""
    return _transposed(
        [(accession_key(one), link.amends, link.superseded_by) for one, link in links.items()],
        width=3,
    )


def parked_outcome(failure: Failure) -> Outcome:
    """The end of a filing whose last attempt was this failure."""
    return Outcome(
        filing=failure.filing,
        status=OutcomeStatus.PARKED,
        decision=failure.decision,
        reason=f"{failure.error}: {failure.message}",
    )


def _outcome_row(key: int, outcome: Outcome, mark: Mark) -> tuple[object, ...]:
    filing, answer = outcome.filing, outcome.answer
    decision = outcome.decision
    return (
        key,
        filing.accession,
        mark.attempts,
        outcome.status.value,
        _plain(outcome.reason),
        filing.form,
        _plain(filing.issuers[0].name),
        decision and decision.verdict.value,
        decision and decision.ticker,
        decision and decision.price_usd,
        filing.model_dump_json(),
        decision and decision.model_dump_json(),
        answer and answer.fingerprint,
        answer and answer.answered_at,
        outcome.from_cache,
    )


def _analysis_row(key: int, answer: Answer) -> tuple[object, ...]:
    analysis = answer.reply.analysis
    return (
        key,
        answer.fingerprint,
        answer.answered_at,
        _plain(analysis.summary),
        analysis.sentiment,
        analysis.confidence,
        analysis.risk_level.value,
        answer.reply.model,
        answer.reply.cost_usd,
        answer.model_dump_json(),
    )


def _failure_row(key: int, failure: Failure, mark: Mark) -> tuple[object, ...]:
    return (
        key,
        failure.filing.accession,
        mark.attempts,
        _plain(failure.error),
        _plain(failure.message),
        failure.cost_usd,
    )


def _plain(text: str) -> str:
    """Postgres takes no NUL in a text, and one in an error message must not cost a run."""
    return text.replace("\0", "")


def _transposed(rows: Sequence[tuple[object, ...]], *, width: int) -> Columns:
    return [[row[column] for row in rows] for column in range(width)]
