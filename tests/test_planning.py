"""A plan says what a run would pay, and that is what the run then pays; itself it pays nothing."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from installation import Installation, installed
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey, FlowRunFilter
from prefect.client.schemas.filters import FlowRunFilterParentFlowRunId as OfParent
from prefect.client.schemas.objects import Artifact, State

from blocks.analyst import Analyst
from blocks.errors import EdgarBlocked, EdgarNotFound, EdgarUnavailable
from blocks.models import Filing, FoundBy
from flows.filings import sec_filings
from sandbox import faults, model_faults, sec_faults
from sandbox.market import DayFiling
from sandbox.market_week import generated_week
from tasks.cost_plan import CostPlan

FIRST, LAST = date(2025, 11, 24), date(2025, 11, 26)
WEEK = generated_week(11, FIRST, 3, 12, noise=0.2)
OTHER_TOKENS = 1_500  # another excerpt budget is another fingerprint
TABLES = ("seen", "outcome", "analysis", "failure", "feed_mark", "certificate", "reported")
EMPTY_FEED = b"""<?xml version="1.0" encoding="ISO-8859-1" ?>
<feed xmlns="http://www.w3.org/2005/Atom"><title>Latest Filings</title></feed>"""

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Installation]:
    with installed(WEEK, tmp_path) as installation:
        installation.sec.now += timedelta(days=1)
        yield installation


def state_of_plan(house: Installation, **parameters: Any) -> State[Any]:  # noqa: ANN401 - any parameter
    return sec_filings(profile=house.profile, plan_only=True, return_state=True, **parameters)


def plan(house: Installation, **parameters: Any) -> CostPlan:  # noqa: ANN401 - any parameter
    return CostPlan.model_validate(state_of_plan(house, **parameters).result())


def as_written(house: Installation) -> dict[str, Any]:
    """Every row of the store, and every file of answers."""
    house.store.parked()  # makes the tables
    with house.store._transaction() as transaction:
        rows = {name: transaction.rows(f"SELECT * FROM {name} ORDER BY ALL") for name in TABLES}  # noqa: S608 - our own tables
    return {**rows, "answers": house.answers()}


def artifacts(key: str) -> list[Artifact]:
    """Those of a key, oldest first."""
    with get_client(sync_client=True) as client:
        of_key = ArtifactFilter(key=ArtifactFilterKey(any_=[key]))
        return sorted(
            client.read_artifacts(artifact_filter=of_key), key=lambda one: str(one.created)
        )


def submissions(house: Installation) -> int:
    return house.sec.count(r"/data/\d+/.*\.txt")


SOURCES: dict[str, dict[str, Any]] = {
    "the feed": {"source": "rss"},
    "a day": {"source": "batch", "start_date": FIRST},
    "some days": {"source": "batch", "start_date": FIRST, "end_date": LAST},
    "a list": {
        "source": "batch",
        "accessions": [one.accession for one in WEEK.filings[:9]],
        "price_ceiling_usd": 5,
    },
}


@pytest.mark.parametrize("asked", SOURCES.values(), ids=SOURCES)
class TestOfAnySource:
    """The feed, days or a list: what is rehearsed is what is then done."""

    def test_it_writes_downloads_and_asks_nothing_and_goes_on_where_a_run_has_stopped(
        self, house: Installation, asked: dict[str, Any]
    ) -> None:
        house.model.faults.add(model_faults.nonsense())
        sec_filings(profile=house.profile, budget_usd=0.003, return_state=True, **asked)
        before, paid, read = as_written(house), house.model.paid_calls.total(), submissions(house)
        said = plan(house, **asked)
        assert as_written(house) == before
        assert (house.model.paid_calls.total(), submissions(house)) == (paid, read)
        funnel = house.run(**asked)
        assert house.model.paid_calls.total() - paid == said.total.paid > 0
        assert (said.total.known, said.total.taken_up) == (funnel.known, funnel.backlog)

    def test_the_run_then_pays_for_just_these_filings_and_no_more_than_the_bound(
        self, house: Installation, asked: dict[str, Any]
    ) -> None:
        said = plan(house, **asked)
        funnel = house.run(**asked)
        paid = Counter(form_of(accession) for accession in house.model.paid_calls)
        assert said.total.to_ask == paid
        assert said.total.paid == funnel.model_calls > 0
        assert said.total.rejected == sum(funnel.rejected.values()) > 0
        assert said.total.fetched == funnel.fetched
        assert said.most_usd is not None
        assert said.expected_usd is not None
        assert 0 < funnel.spent_usd <= said.most_usd
        assert 0 < said.expected_usd <= said.most_usd
        done = plan(house, **asked)
        assert (done.total.paid, done.expected_usd, done.most_usd) == (0, 0.0, 0.0)
        assert done.total.known == done.total.fetched


def as_filing(one: DayFiling) -> Filing:
    return Filing(
        accession=one.accession, form=one.form, parties=one.parties, found_by=FoundBy.INDEX
    )


def form_of(accession: str) -> str:
    return next(one.form for one in WEEK.filings if one.accession == accession)


def test_it_is_one_line_in_the_final_state_and_a_page_in_the_ui(house: Installation) -> None:
    state = state_of_plan(house, source="batch", start_date=FIRST, end_date=LAST)
    said = CostPlan.model_validate(state.result())
    assert state.is_completed()
    assert f"{said.total.paid} of {said.total.fetched} filings would be asked" in str(
        state.message
    )
    assert f"at most ${said.most_usd:.4f}" in str(state.message)
    shown = artifacts("plan-batch")[-1]
    assert str(state.message) in str(shown.description)
    assert f"| {FIRST} |" in str(shown.data)
    assert "no basis yet" in str(shown.data)


def test_it_overwrites_no_funnel_and_no_certificate(house: Installation) -> None:
    keys = ("funnel-batch", f"certificate-{FIRST}", "batch-days")
    before = [len(artifacts(key)) for key in keys]
    plan(house, source="batch", start_date=FIRST, end_date=LAST)
    assert [len(artifacts(key)) for key in keys] == before


def test_a_plan_over_days_has_a_line_for_each_and_no_flow_run(house: Installation) -> None:
    state = state_of_plan(house, source="batch", start_date=FIRST, end_date=LAST)
    said = CostPlan.model_validate(state.result())
    assert [unit.unit for unit in said.units] == [f"{day}" for day in WEEK.days]
    assert said.total.paid == sum(unit.paid for unit in said.units)
    with get_client(sync_client=True) as client:
        parent = OfParent(any_=[cast("Any", state.state_details.flow_run_id)])
        below = client.read_flow_runs(flow_run_filter=FlowRunFilter(parent_flow_run_id=parent))
    assert below == []


def test_a_plan_over_a_long_range_reads_the_quarters_index(
    house: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.indexes.LONG_RANGE_DAYS", 3)
    day_by_day = plan(house, source="batch", start_date=FIRST, end_date=LAST)
    assert (house.sec.count("full-index"), house.sec.count("daily-index")) == (1, 0)
    house.run(source="batch", start_date=FIRST, end_date=LAST)
    assert house.model.paid_calls.total() == day_by_day.total.paid


class TestOfARefresh:
    """What a changed fingerprint would cost, before it is paid."""

    def test_it_counts_what_is_outdated_and_the_refresh_pays_just_that(
        self, house: Installation
    ) -> None:
        asked: dict[str, Any] = {"source": "batch", "start_date": FIRST}
        first = house.run(**asked)
        anew = {**asked, "excerpt_tokens": OTHER_TOKENS, "refresh": "outdated"}
        assert plan(house, **anew | {"refresh": "none"}).total.paid == 0
        said = plan(house, **anew)
        assert said.total.paid == first.enriched > 0
        assert said.total.known == first.fetched - first.enriched > 0
        renewed = house.run(**anew)
        assert renewed.model_calls == said.total.paid
        assert renewed.spent_usd <= (said.most_usd or 0)
        assert plan(house, **anew).total.paid == 0

    def test_it_goes_on_where_a_budget_has_stopped_the_refresh(self, house: Installation) -> None:
        asked: dict[str, Any] = {"source": "batch", "start_date": FIRST}
        house.run(**asked)
        anew = {**asked, "excerpt_tokens": OTHER_TOKENS, "refresh": "outdated"}
        whole = plan(house, **anew).total.paid
        capped = house.run(**anew, budget_usd=0.0028, concurrency=1)
        assert plan(house, **anew).total.paid == whole - capped.enriched < whole

    def test_of_all_it_counts_what_is_rejected_again_too_and_uses_no_kept_answer(
        self, house: Installation
    ) -> None:
        asked: dict[str, Any] = {"source": "batch", "start_date": FIRST}
        first = house.run(**asked)
        said = plan(house, **asked, refresh="all")
        assert (said.total.paid, said.total.known) == (first.enriched, 0)
        assert said.total.rejected == sum(first.rejected.values())

    def test_an_answer_that_is_on_file_is_not_counted_as_paid(self, house: Installation) -> None:
        asked: dict[str, Any] = {"source": "batch", "start_date": FIRST}
        first = house.run(**asked)
        house.run(**asked, excerpt_tokens=OTHER_TOKENS, refresh="outdated")
        back = plan(house, **asked, refresh="outdated")
        assert (back.total.on_file, back.total.paid) == (first.enriched, 0)


class TestOfDollars:
    """What the sum rests on is said."""

    def test_it_expects_what_kept_answers_of_the_form_have_cost(self, house: Installation) -> None:
        first = house.run(source="batch", start_date=FIRST)
        said = plan(house, source="batch", start_date=FIRST, refresh="all")
        assert sum(form.answers for form in said.forms) == first.enriched
        assert all(form.same_fingerprint for form in said.forms)
        assert said.expected_usd == pytest.approx(first.spent_usd)
        assert said.batch_expected_usd == pytest.approx(first.spent_usd / 2)

    def test_an_unknown_price_is_unknown_and_the_filings_are_counted_all_the_same(
        self, house: Installation
    ) -> None:
        analyst = cast("Analyst", Analyst.load(house.profile))
        analyst.model = "house-model"
        analyst.save(house.profile, overwrite=True)
        state = state_of_plan(house, source="batch", start_date=FIRST)
        said = CostPlan.model_validate(state.result())
        assert said.total.paid > 0
        assert (said.expected_usd, said.most_usd, said.batch_most_usd) == (None, None, None)
        assert "a cost that is unknown" in str(state.message)

    def test_the_rules_cost_nothing(self, tmp_path: Path) -> None:
        with installed(WEEK, tmp_path, key=None) as house:
            house.sec.now += timedelta(days=1)
            state = state_of_plan(house, source="batch", start_date=FIRST)
        said = CostPlan.model_validate(state.result())
        assert said.total.paid > 0
        assert (said.expected_usd, said.most_usd) == (0.0, 0.0)
        assert "at no cost" in str(state.message)
        assert "Batch API" not in str(artifacts("plan-batch")[-1].data)


class TestOfWhatIsNotThere:
    """A plan is whole, or says what it lacks."""

    def test_without_the_store_it_says_that_nothing_is_known(
        self, house: Installation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = house.run(source="batch", start_date=FIRST)
        monkeypatch.setenv("SEEN_STORE_ENABLED", "0")
        said = plan(house, source="batch", start_date=FIRST)
        assert "nothing is known of earlier runs" in " ".join(said.notes)
        assert said.scope.switched_off == ("SEEN_STORE_ENABLED",)
        assert (said.total.on_file, said.total.paid) == (first.enriched, 0)

    def test_what_another_run_holds_is_that_runs_to_pay(self, house: Installation) -> None:
        whole = plan(house, source="batch", start_date=FIRST, price_ceiling_usd=0).total
        one = next(one for one in WEEK.filings if one.filed_on == FIRST and one.form == "8-K")
        house.store.claim([as_filing(one)], owner="another run", lease_s=600)
        said = plan(house, source="batch", start_date=FIRST, price_ceiling_usd=0).total
        assert (said.held, said.paid) == (1, whole.paid - 1)

    def test_what_an_earlier_run_left_is_counted_though_the_feed_has_scrolled_past_it(
        self, house: Installation
    ) -> None:
        one = next(one for one in WEEK.filings if one.form == "8-K")
        house.store.claim([as_filing(one)], owner="killed", lease_s=0)
        house.sec.faults.add(faults.status(200, EMPTY_FEED), match="browse-edgar")
        said = plan(house, source="rss", price_ceiling_usd=0).total
        assert (said.fetched, said.taken_up, said.to_ask) == (0, 1, {"8-K": 1})

    def test_a_day_whose_index_is_none_is_noted_and_the_others_are_counted(
        self, house: Installation
    ) -> None:
        house.sec.faults.add(sec_faults.html_instead(), match=f"master.{FIRST:%Y%m%d}")
        said = plan(house, source="batch", start_date=FIRST, end_date=LAST)
        assert [unit.unit for unit in said.units] == [f"{day}" for day in WEEK.days[1:]]
        assert f"the daily index of {FIRST} is not read" in " ".join(said.notes)

    def test_no_plan_is_made_of_days_none_of_which_has_an_index(self, house: Installation) -> None:
        house.sec.faults.add(sec_faults.missing(), match="master", times=None)
        with pytest.raises(EdgarNotFound):
            plan(house, source="batch", start_date=FIRST, end_date=LAST)

    @pytest.mark.parametrize(
        ("fault", "error"),
        [(sec_faults.rate_limited, EdgarBlocked), (faults.dropped, EdgarUnavailable)],
    )
    def test_no_plan_is_made_of_half_of_the_days(
        self,
        house: Installation,
        fault: Callable[[], faults.Fault],
        error: type[Exception],
    ) -> None:
        house.sec.faults.add(fault(), match=f"master.{LAST:%Y%m%d}", times=None)
        with pytest.raises(error):
            plan(house, source="batch", start_date=FIRST, end_date=LAST)
