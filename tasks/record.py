"""record: outcome, analysis and the done mark in one store transaction."""

from collections.abc import Iterable, Mapping, Sequence

from prefect import task
from prefect.cache_policies import NO_CACHE

from blocks.models import Answer, Decision, Failure, Filing, Outcome, OutcomeStatus
from blocks.store import SeenStore
from blocks.store_values import Recorded


def survivors(filings: Iterable[Filing], decisions: Mapping[str, Decision]) -> tuple[Filing, ...]:
    """The filings the price filter lets through."""
    return tuple(one for one in filings if decisions[one.accession].verdict.keeps)


def rejected(filings: Iterable[Filing], decisions: Mapping[str, Decision]) -> tuple[Outcome, ...]:
    """Outcomes of the filings the price filter stopped, with its reasons."""
    return tuple(
        Outcome(
            filing=filing,
            status=OutcomeStatus.REJECTED,
            decision=decisions[filing.accession],
            reason=decisions[filing.accession].verdict.value,
        )
        for filing in filings
        if not decisions[filing.accession].verdict.keeps
    )


def enriched(
    filings: Iterable[Filing],
    decisions: Mapping[str, Decision],
    answers: Mapping[str, Answer],
    *,
    from_cache: bool,
) -> tuple[Outcome, ...]:
    """Outcomes of the filings that have an answer."""
    return tuple(
        Outcome(
            filing=filing,
            status=OutcomeStatus.ENRICHED,
            decision=decisions[filing.accession],
            answer=answers[filing.accession],
            from_cache=from_cache,
        )
        for filing in filings
        if filing.accession in answers
    )


@task(name="record", cache_policy=NO_CACHE, persist_result=False)
def record_outcomes(
    outcomes: Sequence[Outcome],
    failures: Sequence[Failure],
    store: SeenStore | None,
    *,
    owner: str,
) -> Recorded:
    """Store what became of each filing; with the store switched off, only count it."""
    if store is None:
        return Recorded(
            stored=frozenset(outcome.filing.accession for outcome in outcomes),
            failed=frozenset(failure.filing.accession for failure in failures),
            parked=frozenset(),
            lost=frozenset(),
        )
    return store.record(outcomes, failures, owner=owner)
