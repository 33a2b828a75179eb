"""What dedup and record decide without an engine, and what they do with the store off."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_filings import accession, answer, failure, filing, filings
from store_filings import rejected as a_rejection

from blocks.models import Claimed, Decision, OutcomeStatus, Verdict
from tasks.dedup import claim_unseen, triage
from tasks.record import enriched, record_outcomes, rejected, survivors


def decisions(**verdicts: Verdict) -> dict[str, Decision]:
    """Decisions by accession: ``_1=Verdict.WITHIN_RANGE`` is on filing 1."""
    return {
        accession(int(number[1:])): Decision(verdict=verdict, ticker="ONS")
        for number, verdict in verdicts.items()
    }


def attempted(*counts: int) -> list[Claimed]:
    """A claim for each count; filing n is on its nth attempt."""
    return [Claimed(filing=filing(count), attempts=count) for count in counts]


class TestTriage:
    """A filing that kills its run records no failure; only its count of claims tells."""

    def test_up_to_the_last_attempt_a_filing_is_worked_on_like_any_other(self) -> None:
        sorted_out = triage(attempted(1, 2, 3), max_attempts=3)
        assert sorted_out == (tuple(filings(1, 2, 3)), (), ())

    def test_after_it_a_filing_is_a_suspect_for_as_many_attempts_again(self) -> None:
        sorted_out = triage(attempted(3, 4, 6), max_attempts=3)
        assert sorted_out.fresh == (filing(3),)
        assert sorted_out.suspects == (filing(4), filing(6))
        assert sorted_out.worn_out == ()

    def test_then_it_is_parked_and_the_reason_counts_the_runs_before_this_one(self) -> None:
        (parked,) = triage(attempted(7), max_attempts=3).worn_out
        assert parked.status is OutcomeStatus.PARKED
        assert parked.filing == filing(7)
        assert "claimed 6 times" in parked.reason
        assert (parked.decision, parked.answer) == (None, None)

    @given(st.lists(st.integers(1, 50), unique=True), st.integers(1, 20))
    def test_every_claim_is_in_exactly_one_of_the_three_in_its_order(
        self, counts: list[int], max_attempts: int
    ) -> None:
        fresh, suspects, worn_out = triage(attempted(*counts), max_attempts)
        order = [filing(count).accession for count in counts]
        parked = [outcome.filing for outcome in worn_out]
        parts = [[one.accession for one in part] for part in (fresh, suspects, parked)]
        assert sorted(name for part in parts for name in part) == sorted(order)
        assert all(part == sorted(part, key=order.index) for part in parts)

    def test_without_a_store_nothing_wears_out(self) -> None:
        assert triage(attempted(10_000), math.inf) == ((filing(10_000),), (), ())


class TestOutcomes:
    """Each filing goes on or is rejected, by the verdict alone; order is kept."""

    def test_every_filing_survives_or_is_rejected_and_never_both(self) -> None:
        verdicts = {f"_{n}": verdict for n, verdict in enumerate(Verdict)}
        found, decided = filings(*range(len(Verdict))), decisions(**verdicts)
        on = [one.accession for one in survivors(found, decided)]
        out = [one.filing.accession for one in rejected(found, decided)]
        assert sorted(on + out) == sorted(one.accession for one in found)
        assert on == [name for name, one in decided.items() if one.verdict.keeps]

    def test_a_rejection_keeps_the_decision_and_its_reason(self) -> None:
        decided = decisions(_1=Verdict.ABOVE_CEILING)
        (outcome,) = rejected(filings(1), decided)
        assert outcome.status is OutcomeStatus.REJECTED
        assert outcome.decision == decided[accession(1)]
        assert outcome.reason == "above_ceiling"
        assert outcome.answer is None

    @pytest.mark.parametrize("from_cache", [True, False])
    def test_only_filings_with_an_answer_are_enriched(self, *, from_cache: bool) -> None:
        decided = decisions(_1=Verdict.WITHIN_RANGE, _2=Verdict.WITHIN_RANGE)
        (outcome,) = enriched(
            filings(1, 2), decided, {accession(2): answer(2)}, from_cache=from_cache
        )
        assert outcome.filing == filing(2)
        assert outcome.status is OutcomeStatus.ENRICHED
        assert outcome.answer == answer(2)
        assert outcome.from_cache is from_cache


class TestWithTheStoreSwitchedOff:
    """Everything is claimed, everything counts as stored, and nothing is remembered."""

    @pytest.mark.parametrize("refresh", [True, False])
    def test_everything_is_claimed_as_a_first_attempt(self, *, refresh: bool) -> None:
        claim = claim_unseen.fn(
            filings(1, 2),
            None,
            owner="run",
            lease_s=60,
            refresh=refresh,
            outdated_by="f2",
            backlog=True,
            mark=None,
        )
        assert claim.granted == tuple(Claimed(filing=filing(n), attempts=1) for n in (1, 2))
        assert (claim.done, claim.held) == (frozenset(), frozenset())

    def test_what_ended_is_counted_as_if_it_were_stored(self) -> None:
        recorded = record_outcomes.fn([a_rejection(1)], [failure(2)], None, owner="run")
        assert recorded.stored == {accession(1)}
        assert recorded.failed == {accession(2)}
        assert (recorded.parked, recorded.lost) == (frozenset(), frozenset())
