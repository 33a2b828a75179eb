"""Which filing an amendment is taken to amend, decided on values alone."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_filings import accession, enriched, rejected, reporting

from blocks.amendments import Analysed, Links, analysed, links_among
from blocks.models import Outcome, Party, Submission
from sandbox.stories import item_titles

properties = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
DAY = date(2025, 12, 11)
NOON = datetime(2025, 12, 11, 17, tzinfo=UTC)
STATEMENTS = "financial statements and exhibits"
PURCHASE = "completion of acquisition or disposition of assets"


def one(number: int, form: str = "8-K", **changes: Any) -> Analysed:  # noqa: ANN401 - its fields
    """An analysed filing; what is numbered higher was filed later."""
    fields: dict[str, Any] = {
        "accession": accession(number),
        "form": form,
        "filer_ciks": {7},
        "period": DAY,
        "filed_at": NOON + timedelta(hours=number),
    }
    return Analysed.model_validate(fields | changes)


def amends(*filings: Analysed) -> dict[int, int]:
    """Who amends whom, by number."""
    links = links_among(filings)
    return {int(name[-6:]): int(link.amends[-6:]) for name, link in links.items() if link.amends}


def superseded(*filings: Analysed) -> dict[int, int]:
    """Who is superseded by whom, by number."""
    links = links_among(filings)
    return {
        int(name[-6:]): int(link.superseded_by[-6:])
        for name, link in links.items()
        if link.superseded_by
    }


class TestWhatAnAmendmentAmends:
    """The original of the same filer, form and period that was filed before it."""

    def test_the_original_is_superseded_and_the_amendment_says_what_it_amends(self) -> None:
        links = links_among([one(1), one(2, "8-K/A")])
        assert links == {
            accession(1): Links(superseded_by=accession(2)),
            accession(2): Links(amends=accession(1)),
        }

    @pytest.mark.parametrize(
        "other",
        [
            one(1, filer_ciks={8}),
            one(1, form="6-K"),
            one(1, form="8-K12B"),
            one(1, period=DAY - timedelta(days=1)),
            one(1, filed_at=NOON + timedelta(days=9)),
            one(1, form="8-K/A"),
        ],
        ids=["filer", "form", "form that begins alike", "period", "filed later", "an amendment"],
    )
    def test_a_filing_that_differs_in_one_of_them_is_not_it(self, other: Analysed) -> None:
        assert set(links_among([other, one(2, "8-K/A")]).values()) == {Links()}

    @pytest.mark.parametrize("form", ["10-K", "10-Q", "6-K", "10-KT", "8-K12B"])
    def test_every_form_has_its_own_amendments(self, form: str) -> None:
        assert amends(one(1, form), one(2, f"{form}/A")) == {2: 1}

    def test_one_filer_of_several_in_common_is_enough(self) -> None:
        assert amends(one(1, filer_ciks={1, 2}), one(2, "8-K/A", filer_ciks={2, 3})) == {2: 1}

    def test_the_owners_who_filed_are_the_filers_not_the_company_they_own(self) -> None:
        """Or the Form 4s of all insiders on one day would be one another's originals."""
        header = Submission(
            accession=accession(1),
            form="4",
            parties=(
                Party(cik=1, name="Company", role="Issuer"),
                Party(cik=2, name="Owner", role="Reporting"),
                Party(cik=3, name="Holder", role="Filed by"),
                Party(cik=4, name="Target", role="Subject"),
                Party(cik=5, name="Registrant", role="Filer"),
            ),
            documents=(),
        )
        assert header.filer_ciks == (2, 3, 5)

    def test_of_two_reports_of_one_day_it_is_the_one_that_shares_most_items(self) -> None:
        results = one(1, items={"results", STATEMENTS})
        departure = one(2, items={"departure", STATEMENTS})
        assert amends(results, departure, one(3, "8-K/A", items={"results", STATEMENTS})) == {3: 1}
        assert amends(results, departure, one(3, "8-K/A", items={"departure"})) == {3: 2}

    def test_where_items_do_not_tell_it_is_the_later_one(self) -> None:
        assert amends(one(1), one(2), one(3, "8-K/A")) == {3: 2}

    def test_statements_that_come_alone_are_those_of_the_acquisition(self) -> None:
        bought = one(1, items={PURCHASE, STATEMENTS})
        later = one(2, items={"departure", STATEMENTS})
        assert amends(bought, later, one(3, "8-K/A", items={STATEMENTS})) == {3: 1}
        assert amends(bought, later, one(3, "8-K/A", items={"departure", STATEMENTS})) == {3: 2}


class TestWhatIsSuperseded:
    """The original, and its earlier amendments, by the newest one."""

    def test_the_newest_of_several_amendments_supersedes_the_original_and_the_others(
        self,
    ) -> None:
        family = one(1), one(2, "8-K/A"), one(3, "8-K/A"), one(4, "8-K/A")
        assert amends(*family) == {2: 1, 3: 1, 4: 1}
        assert superseded(*family) == {1: 4, 2: 4, 3: 4}

    def test_amendments_of_different_originals_do_not_supersede_each_other(self) -> None:
        first, second = one(1, items={"results"}), one(2, items={"departure"})
        of_first, of_second = (
            one(3, "8-K/A", items={"results"}),
            one(4, "8-K/A", items={"departure"}),
        )
        assert superseded(first, second, of_first, of_second) == {1: 3, 2: 4}

    def test_amendments_of_an_original_that_was_never_analysed_are_left_alone(self) -> None:
        assert set(links_among([one(2, "8-K/A"), one(3, "8-K/A")]).values()) == {Links()}


class TestWhatIsKnownOfAFiling:
    """Header facts, kept with the answer."""

    def test_what_the_header_said_decides(self) -> None:
        outcome = reporting(1, "8-K/A", items=("Other Events",))
        assert analysed(outcome) == Analysed(
            accession=accession(1),
            form="8-K/A",
            filer_ciks=frozenset({320193}),
            period=date(2025, 12, 11),
            filed_at=datetime(2025, 12, 12, 21, 5, 30, tzinfo=UTC),
            items=frozenset({"other events"}),
        )

    @pytest.mark.parametrize(
        "outcome",
        [rejected(1), enriched(1), reporting(1, ciks=())],
        ids=["rejected", "no period", "no filer"],
    )
    def test_without_an_analysis_a_period_or_a_filer_there_is_nothing_to_go_by(
        self, outcome: Outcome
    ) -> None:
        assert analysed(outcome) is None

    def test_where_no_acceptance_time_is_known_the_filing_date_counts(self) -> None:
        """Headers until 2001 have none, and indexes never."""
        outcome = reporting(1, "10-Q", accepted_at=None)
        found = analysed(outcome)
        assert found is not None
        assert found.filed_at == datetime(2025, 12, 12, tzinfo=UTC)
        undated = outcome.filing.model_copy(update={"filed_on": None})
        assert analysed(outcome.model_copy(update={"filing": undated})) is None


@st.composite
def families(draw: st.DrawFn) -> list[Analysed]:
    """Filings that are easily taken for each other, many of them filed in one second."""
    return [
        one(
            number,
            draw(st.sampled_from(["8-K", "8-K", "8-K/A", "8-K/A", "8-K/A", "10-K/A"])),
            filer_ciks=draw(st.sampled_from([{1}, {1, 2}, {2}, {3}])),
            period=draw(st.sampled_from([DAY, DAY, DAY, DAY - timedelta(days=1)])),
            filed_at=NOON + timedelta(hours=draw(st.integers(0, 3))),
            items=draw(st.frozensets(st.sampled_from(["a", "b", STATEMENTS, PURCHASE]))),
        )
        for number in range(draw(st.integers(2, 9)))
    ]


@given(families(), st.randoms())
@properties
def test_the_order_in_which_filings_come_does_not_matter(
    family: list[Analysed],
    dice: Any,  # noqa: ANN401 - hypothesis' random.Random
) -> None:
    shuffled = dice.sample(family, len(family))
    assert links_among(shuffled) == links_among(family)


@given(families())
@properties
def test_what_supersedes_is_later_so_there_is_no_circle_and_nobody_supersedes_himself(
    family: list[Analysed],
) -> None:
    place = {filing.accession: filing.place for filing in family}
    for name, link in links_among(family).items():
        assert link.superseded_by is None or place[link.superseded_by] > place[name]
        assert link.amends is None or place[link.amends] < place[name]


@given(families())
@properties
def test_only_amendments_amend_and_only_originals_with_all_three_in_common(
    family: list[Analysed],
) -> None:
    by_name = {filing.accession: filing for filing in family}
    for name, link in links_among(family).items():
        if link.amends:
            amendment, original = by_name[name], by_name[link.amends]
            assert amendment.form == f"{original.form}/A"
            assert amendment.period == original.period
            assert amendment.filer_ciks & original.filer_ciks


@given(families())
@properties
def test_whatever_is_amended_is_superseded_by_the_newest_that_amends_it_and_nothing_else_is(
    family: list[Analysed],
) -> None:
    place = {filing.accession: filing.place for filing in family}
    links = links_among(family)
    amending: dict[str, list[str]] = {}
    for name, link in links.items():
        amending.setdefault(link.amends or "", []).append(name)
    for name, link in links.items():
        rivals = amending.get(link.amends or name, [])
        newest = max(rivals, key=place.__getitem__, default=None)
        assert link.superseded_by == (None if name == newest else newest)


@given(families(), families())
@properties
def test_filings_of_others_change_nothing(ours: list[Analysed], others: list[Analysed]) -> None:
    """What lets the store link a family by itself."""
    apart = [
        filing.model_copy(
            update={
                "accession": f"9{filing.accession[1:]}",
                "filer_ciks": frozenset(cik + 10 for cik in filing.filer_ciks),
            }
        )
        for filing in others
    ]
    together = links_among([*ours, *apart])
    assert {name: together[name] for name in links_among(ours)} == links_among(ours)


def captured(folder: Path, cik: int) -> Iterator[Analysed]:
    """A company's filings as EDGAR's submissions pages list them."""
    for path in sorted((folder / "submissions").glob(f"CIK{cik:010d}*.json")):
        page = json.loads(path.read_text())
        listed = page.get("filings", {}).get("recent", page)
        columns = ("accessionNumber", "form", "reportDate", "acceptanceDateTime", "items")
        for name, form, period, accepted, items in zip(
            *(listed[column] for column in columns), strict=True
        ):
            if period:
                yield Analysed(
                    accession=name,
                    form=form,
                    filer_ciks=frozenset({cik}),
                    period=date.fromisoformat(period),
                    filed_at=datetime.fromisoformat(accepted),
                    items=frozenset(
                        item_titles().get(item, item).casefold() for item in items.split(",")
                    ),
                )


@pytest.mark.parametrize(
    ("cik", "amendment", "original"),
    [
        # two 8-Ks of one period, one with item 2.01; 66 and 343 days later nothing but item 9.01
        (749647, "0001437749-14-016100", "0001437749-14-011571"),
        (749647, "0001437749-15-011339", "0001437749-14-011571"),
        # two 8-Ks ten minutes apart, an amendment the next day
        (1677077, "0001214659-24-008833", "0001214659-24-008706"),
        # two amendments of one 10-K
        (749647, "0001193125-05-074675", "0001193125-05-052402"),
        (749647, "0001193125-05-153889", "0001193125-05-052402"),
        # no acceptance time then: both stand at midnight, the agent's count tells
        (749647, "0000931731-99-000331", "0000931731-99-000330"),
        # the 8-K two days before gave another period, so nothing is said
        (1677077, "0001214659-22-005509", None),
    ],
)
def test_real_amendments_find_their_originals(
    edgar_captures: Path, cik: int, amendment: str, original: str | None
) -> None:
    links = links_among(
        {filing.accession: filing for filing in captured(edgar_captures, cik)}.values()
    )
    assert links[amendment].amends == original
    if original:
        assert links[original].superseded_by is not None


def test_schedules_13d_and_13g_have_no_period_to_be_linked_by(edgar_captures: Path) -> None:
    forms = {filing.form for filing in captured(edgar_captures, 749647)}
    assert "10-K/A" in forms
    assert not any("13D" in form or "13G" in form or form.startswith("424") for form in forms)
