"""Amendments in the store, on DuckDB and on Postgres: linked once, in whatever order they come."""

from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_backends import Backend, take
from store_filings import accession, enriched, names, rejected, reporting

from blocks.amendments import Links, analysed, links_among
from blocks.models import Outcome
from blocks.store import Recorded, SeenStore
from blocks.store_schema import STEPS, bring_up_to_date
from blocks.store_values import Succession

pytest_plugins = ["store_fixtures"]

properties = settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
fresh = count(1)  # so that no example meets the filings or the filers of another
NOON = datetime(2025, 12, 11, 17, tzinfo=UTC)


def filed(number: int, form: str = "8-K", **changes: Any) -> Outcome:  # noqa: ANN401 - reporting's own
    """An analysed filing; what is numbered higher was filed later."""
    return reporting(number, form, **{"accepted_at": NOON + timedelta(minutes=number)} | changes)


def record(
    store: SeenStore, *outcomes: Outcome, owner: str = "a", refresh: bool = False
) -> Recorded:
    found = [outcome.filing for outcome in outcomes]
    store.claim(found, owner=owner, lease_s=60, refresh=refresh)
    return store.record(outcomes, [], owner=owner)


def linked(store: SeenStore) -> dict[int, Links]:
    """The links of all filings that have any, by number, as the frame of outcomes shows them."""
    frame = store.outcomes().dropna(subset=["amends", "superseded_by"], how="all")
    shown = frame[["amends", "superseded_by"]].astype(object)
    pairs = shown.where(shown.notna(), None).to_dict("records")
    numbers = (int(name[-6:]) for name in frame["accession"])
    return {n: Links.model_validate(pair) for n, pair in zip(numbers, pairs, strict=True)}


def by(superseding: int) -> Links:
    return Links(superseded_by=accession(superseding))


def of(original: int, *, superseded_by: int | None = None) -> Links:
    by_name = None if superseded_by is None else accession(superseded_by)
    return Links(amends=accession(original), superseded_by=by_name)


ORIGINAL_FIRST = filed(1), filed(2, "8-K/A")


@pytest.mark.parametrize("outcomes", [ORIGINAL_FIRST, ORIGINAL_FIRST[::-1]])
def test_an_amendment_and_its_original_are_linked_whichever_is_recorded_first(
    store: SeenStore, outcomes: tuple[Outcome, ...]
) -> None:
    for outcome in outcomes:
        record(store, outcome)
    assert linked(store) == {1: by(2), 2: of(1)}


def test_a_batch_that_holds_both_links_them_too(store: SeenStore) -> None:
    record(store, *ORIGINAL_FIRST)
    assert linked(store) == {1: by(2), 2: of(1)}


def test_the_superseded_analysis_is_still_there_whole(store: SeenStore, backend: Backend) -> None:
    first, second = ORIGINAL_FIRST
    record(store, first)
    before = store.outcomes().drop(columns="superseded_by")
    record(store, second)
    after = store.outcomes([accession(1)]).drop(columns="superseded_by")
    pd.testing.assert_frame_equal(before, after)
    assert store.answers([accession(1)]) == (first.answer,)
    shown = "SELECT accession, amends, superseded_by FROM analyses ORDER BY accession"
    assert backend.rows(shown) == [
        (accession(1), None, accession(2)),
        (accession(2), accession(1), None),
    ]


def test_of_several_amendments_the_newest_is_shown_though_recorded_first(store: SeenStore) -> None:
    record(store, filed(3, "8-K/A"))
    record(store, filed(1))
    record(store, filed(2, "8-K/A"))
    assert linked(store) == {
        1: by(3),
        2: of(1, superseded_by=3),
        3: of(1),
    }


def test_an_original_that_fits_better_and_is_recorded_later_takes_the_link_over(
    store: SeenStore,
) -> None:
    record(store, filed(2, items=("Departure",)), filed(3, "8-K/A", items=("Results",)))
    assert linked(store)[3] == of(2)
    told = record(store, filed(1, items=("Results",))).successions
    assert linked(store) == {1: by(3), 3: of(1)}
    assert Succession(filing=filed(2).filing) in told, "superseded no more"


def test_whoever_records_is_told_what_changed_by_it(store: SeenStore) -> None:
    assert record(store, filed(1), enriched(9)).successions == ()
    first, second, third = (
        filed(n, form).filing for n, form in ((1, "8-K"), (2, "8-K/A"), (3, "8-K/A"))
    )
    assert set(record(store, filed(2, "8-K/A")).successions) == {
        Succession(filing=first, superseded_by=second),
        Succession(filing=second, amends=first),
    }
    assert set(record(store, filed(3, "8-K/A")).successions) == {
        Succession(filing=first, superseded_by=third),
        Succession(filing=second, amends=first, superseded_by=third),
        Succession(filing=third, amends=first),
    }


def test_who_records_an_original_late_is_told_that_it_is_superseded(store: SeenStore) -> None:
    record(store, filed(2, "8-K/A"))
    told = {one.filing.accession: one for one in record(store, filed(1)).successions}
    assert told[accession(1)].superseded_by == filed(2, "8-K/A").filing
    assert told[accession(2)].amends == filed(1).filing


def test_recording_again_links_nothing_twice_and_changes_nothing(
    store: SeenStore, backend: Backend
) -> None:
    record(store, *ORIGINAL_FIRST)
    held = everything(backend)
    assert record(store, *ORIGINAL_FIRST).successions == ()
    assert everything(backend) == held


def everything(backend: Backend) -> list[Any]:
    return [
        backend.rows("SELECT * FROM reported ORDER BY k, cik"),
        backend.rows("SELECT * FROM amendment_link ORDER BY k"),
    ]


def test_a_filing_that_is_analysed_anew_keeps_its_links_and_its_run_is_told(
    store: SeenStore, backend: Backend
) -> None:
    record(store, *ORIGINAL_FIRST)
    held = everything(backend)
    again = record(store, filed(2, "8-K/A", fingerprint="f2"), owner="b", refresh=True)
    assert [one.filing.accession for one in again.successions] == [accession(2)]
    assert everything(backend) == held
    shown = backend.rows("SELECT accession, amends FROM analyses WHERE form = '8-K/A'")
    pair = accession(2), accession(1)
    assert shown == [pair, pair], "each of its analyses says so"


def test_an_answer_from_before_there_was_a_period_is_linked_once_it_is_refreshed(
    store: SeenStore,
) -> None:
    record(store, enriched(1), filed(2, "8-K/A"))
    assert linked(store) == {}
    record(store, filed(1, fingerprint="f2"), owner="b", refresh=True)
    assert linked(store) == {1: by(2), 2: of(1)}


def test_what_was_rejected_is_neither_amended_nor_superseded(store: SeenStore) -> None:
    record(store, rejected(1), filed(2, "8-K/A"))
    assert linked(store) == {}


def test_what_is_no_longer_ours_is_not_linked_either(store: SeenStore) -> None:
    record(store, filed(1))
    take(store, 2, owner="late", lease_s=0)
    take(store, 2, owner="next")
    late = store.record([filed(2, "8-K/A")], [], owner="late")
    assert (late.lost, late.successions) == (names(2), ())
    assert linked(store) == {}


def test_co_registrants_are_linked_by_whom_they_share(store: SeenStore) -> None:
    record(store, filed(1, ciks=(1, 2)), filed(2, ciks=(3, 4)))
    record(store, filed(5, "8-K/A", ciks=(2, 9)), filed(6, "8-K/A", ciks=(7,)))
    assert linked(store) == {1: by(5), 5: of(1)}


@st.composite
def batches(draw: st.DrawFn) -> list[list[Outcome]]:
    """Filings that are easily taken for each other, recorded in any order and grouping."""
    outcomes = [
        filed(
            number,
            draw(st.sampled_from(["8-K", "8-K/A", "8-K/A"])),
            ciks=tuple(draw(st.sets(st.integers(1, 3), min_size=1, max_size=2))),
            period=date(2025, 12, draw(st.integers(10, 11))),
            items=tuple(draw(st.sets(st.sampled_from(["a", "b", "c"])))),
            accepted_at=NOON + timedelta(minutes=draw(st.integers(0, 3))),
        )
        for number in range(draw(st.integers(2, 7)))
    ]
    shuffled = draw(st.permutations(outcomes))
    cuts = sorted(draw(st.sets(st.integers(1, len(outcomes)), max_size=3)))
    return [shuffled[start:end] for start, end in zip([0, *cuts], [*cuts, None], strict=True)]


def moved(outcome: Outcome, base: int) -> Outcome:
    """The same filing of other filers under another number."""
    number = base + int(outcome.filing.accession[-6:])
    answer = outcome.answer
    assert answer
    changes = {
        "accession": accession(number),
        "filer_ciks": tuple(base + cik for cik in answer.filer_ciks),
    }
    return outcome.model_copy(
        update={
            "filing": outcome.filing.model_copy(update={"accession": accession(number)}),
            "answer": answer.model_copy(update=changes),
        }
    )


@given(batches())
@properties
def test_the_order_of_recording_does_not_matter_and_the_store_links_as_the_rule_says(
    backend: Backend, batches: list[list[Outcome]]
) -> None:
    base = next(fresh) * 10
    ours = [[moved(outcome, base) for outcome in batch] for batch in batches]
    store = backend.unremembering()
    told: dict[int, Links] = {}
    for batch in ours:
        told |= dict(map(said, record(store, *batch).successions))
    facts = filter(None, (analysed(outcome) for batch in ours for outcome in batch))
    ruled = {int(name[-6:]): link for name, link in links_among(facts).items() if link.named}
    assert {n: link for n, link in linked(store).items() if n // 10 == base // 10} == ruled
    assert {n: link for n, link in told.items() if link.named} == ruled, "each last word"


def said(succession: Succession) -> tuple[int, Links]:
    amends, by = succession.amends, succession.superseded_by
    return int(succession.filing.accession[-6:]), Links(
        amends=amends.accession if amends else None,
        superseded_by=by.accession if by else None,
    )


def test_a_view_that_others_have_put_on_the_analyses_lives_through_the_step(
    backend: Backend,
) -> None:
    store = backend.store()
    before = next(number for number, step in enumerate(STEPS) if step.name == "amendments")
    with store._window.transaction() as transaction:
        bring_up_to_date(transaction, dedicated=store._window.dedicated, steps=STEPS[:before])
        transaction.rows(
            "CREATE VIEW bullish AS SELECT accession FROM analyses WHERE sentiment > 0"
        )
    record(store, *ORIGINAL_FIRST)
    assert sorted(backend.rows("SELECT * FROM bullish")) == [(accession(1),), (accession(2),)]


def test_a_thousand_filings_of_one_filer_and_day_are_kin_and_hinder_nobody(
    store: SeenStore, backend: Backend
) -> None:
    record(store, *(filed(number, "424B2") for number in range(1, 1001)))
    record(store, filed(2000, "8-K/A"), filed(1999))
    assert linked(store) == {1999: by(2000), 2000: of(1999)}
    assert backend.rows("SELECT count(*) FROM reported") == [(1002,)]
