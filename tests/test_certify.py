"""A day is proven complete, or what is missing is named; how late RSS was is told apart."""

import re
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from certificate_values import DAY, certificate, left_over, remarks
from hypothesis import given, settings
from hypothesis import strategies as st
from prefect import flow
from prefect.events import Event
from prefect.events.clients import AssertingEventsClient
from prefect.events.worker import EventsWorker
from prefect.settings import PREFECT_API_URL
from pydantic import ValidationError
from store_backends import Backend, take
from store_filings import accession, enriched, failure, rejected

from blocks.certificate import Certificate, Lateness, Spread
from blocks.errors import DayNotClosed, RunNeedsAttention
from blocks.models import OutcomeStatus
from blocks.store import SeenStore
from blocks.store_values import Standing
from sandbox.prefect_api import PrefectApi
from tasks.certificate_text import certificate_markdown, not_closed, sentence
from tasks.certify import PAUSE_S, certified_with_patience, certify, certify_day
from tasks.lateness import lateness, nearest_rank, spread

pytest_plugins = ["store_fixtures"]

FORMS = frozenset({"8-K", "8-K/A"})
EASTERN = ZoneInfo("America/New_York")
NOON = datetime(2025, 12, 12, 17, tzinfo=UTC)

moments = st.none() | st.integers(-250_000, 250_000).map(lambda s: NOON + timedelta(seconds=s))
texts = st.text(st.characters(codec="utf-8"), max_size=12)
standings_of = st.builds(
    Standing,
    accession=st.integers(0, 12).map(accession),
    in_store=st.booleans(),
    status=st.none() | st.sampled_from(OutcomeStatus),
    reason=st.sampled_from(["above_ceiling", "below_floor", "unknown_price_rejected", ""]),
    last_error=st.none() | texts,
    held_until=moments,
    attempts=st.integers(0, 9),
    in_feed=st.booleans(),
    in_feed_at=moments,
    enriched_at=moments,
    accepted_at=moments,
)
indexes = st.lists(st.integers(0, 12).map(accession), max_size=20)


def standing(number: int, **known: object) -> Standing:
    return Standing.model_validate({"accession": accession(number), "in_store": True, **known})


def certified(*standings: Standing, unreadable: Iterable[str] = ()) -> Certificate:
    """A day whose index lists exactly these."""
    return certify(DAY, FORMS, [one.accession for one in standings], standings, unreadable)


def total(certificate: Certificate) -> int:
    named = (certificate.parked, certificate.failed, certificate.left_over)
    return certificate.enriched + sum(certificate.rejected.values()) + sum(map(len, named))


class TestAccounts:
    """Every filing of the index is counted exactly once, whatever the store says of it."""

    @settings(deadline=None)
    @given(indexes, st.lists(standings_of, unique_by=lambda one: one.accession), st.lists(texts))
    def test_the_accounts_partition_the_index(
        self, index: list[str], standings: list[Standing], unreadable: list[str]
    ) -> None:
        whole = certify(DAY, FORMS, index, standings, unreadable)
        alone = [certify(DAY, FORMS, [name], standings, ()) for name in dict.fromkeys(index)]
        assert all(total(one) == one.in_index == 1 for one in alone), "one account each"
        assert total(whole) == whole.in_index == len(set(index))
        assert whole.enriched == sum(one.enriched for one in alone)
        assert Counter(whole.rejected) == sum((Counter(one.rejected) for one in alone), Counter())
        assert list(whole.left_over) == [left for one in alone for left in one.left_over]
        assert list(whole.failed) == [failed for one in alone for failed in one.failed]
        assert list(whole.parked) == [parked for one in alone for parked in one.parked]
        assert whole.closed == (not whole.left_over and not unreadable)

    @settings(deadline=None)
    @given(indexes, st.lists(standings_of, unique_by=lambda one: one.accession), st.lists(texts))
    def test_a_certificate_is_json_and_back(
        self, index: list[str], standings: list[Standing], unreadable: list[str]
    ) -> None:
        drawn = certify(DAY, FORMS, index, standings, unreadable)
        assert Certificate.model_validate_json(drawn.model_dump_json()) == drawn

    def test_each_standing_has_its_account(self) -> None:
        drawn = certified(
            standing(1, status="enriched"),
            standing(2, status="rejected", reason="above_ceiling"),
            standing(3, status="rejected", reason="below_floor"),
            standing(4, status="rejected", reason="above_ceiling"),
            standing(5, status="parked", reason="AnswerInvalid: no JSON"),
            standing(6, last_error="EdgarNotFound: no such submission", attempts=1),
            standing(7),
        )
        assert (drawn.in_index, drawn.enriched) == (7, 1)
        assert drawn.rejected == {"above_ceiling": 2, "below_floor": 1}
        assert drawn.parked == remarks(5)
        assert drawn.failed == remarks(6, why="EdgarNotFound: no such submission")
        assert drawn.left_over == left_over(7, why="claimed and not begun")
        assert drawn.forms == ("8-K", "8-K/A")

    @pytest.mark.parametrize("status", list(OutcomeStatus))
    def test_an_outcome_stands_though_a_refresh_of_it_failed_or_is_at_work(
        self, status: OutcomeStatus
    ) -> None:
        drawn = certified(standing(1, status=status, last_error="it failed", held_until=NOON))
        assert (drawn.failed, drawn.left_over) == ((), ())

    def test_a_failure_on_record_counts_though_a_run_tries_again(self) -> None:
        drawn = certified(standing(1, last_error="no answer", held_until=NOON))
        assert drawn.failed == remarks(1, why="no answer")
        assert drawn.closed

    @pytest.mark.parametrize(
        ("known", "why"),
        [
            ({"in_store": False}, "not in the store"),
            ({"held_until": NOON, "attempts": 1}, "held by a run until 2025-12-12 17:00:00 UTC"),
            ({"attempts": 1}, "its run ended without an outcome for it"),
            ({}, "claimed and not begun"),
        ],
    )
    def test_what_is_left_over_is_named_with_why(self, known: dict[str, object], why: str) -> None:
        (left,) = certified(standing(1, **known)).left_over
        assert (left.accession, left.why) == (accession(1), why)
        assert left.held_until == known.get("held_until")

    def test_without_a_standing_a_filing_is_not_in_the_store(self) -> None:
        drawn = certify(DAY, FORMS, [accession(1)], [], ())
        assert drawn.left_over == left_over(1, why="not in the store")

    def test_a_row_that_cannot_be_read_keeps_the_day_open(self) -> None:
        drawn = certified(standing(1, status="enriched"), unreadable=["line 7: '|'"])
        assert drawn.left_over == ()
        assert not drawn.closed
        assert drawn.unreadable == ("line 7: '|'",)

    def test_only_the_index_knew_what_the_feed_never_showed_whatever_its_account(self) -> None:
        drawn = certified(
            standing(1, status="enriched", in_feed=True),
            standing(2, status="enriched"),
            standing(3, status="rejected", in_feed=True),
            standing(4, in_store=False),
        )
        assert drawn.index_only == (accession(2), accession(4))

    def test_accounts_that_do_not_add_up_are_no_certificate(self) -> None:
        with pytest.raises(ValidationError, match="2025-12-12 do not add up to 4"):
            certificate(in_index=4)


class TestLateness:
    """Of what the live path showed, from EDGAR's acceptance on."""

    @given(st.lists(st.floats(-1e6, 1e6), min_size=1).map(sorted), st.integers(1, 100))
    def test_a_percentile_is_the_smallest_value_that_so_many_percent_do_not_exceed(
        self, ordered: list[float], percent: int
    ) -> None:
        enough = [
            value
            for value in ordered
            if sum(other <= value for other in ordered) * 100 >= percent * len(ordered)
        ]
        assert nearest_rank(ordered, percent) == min(enough)

    def test_the_percentiles_of_a_hundred_are_its_values(self) -> None:
        hundred = spread({accession(number): float(number) for number in range(100, 0, -1)})
        assert (hundred.filings, hundred.p50_s, hundred.p99_s) == (100, 50, 99)
        assert (hundred.worst_s, hundred.worst) == (100, accession(100))

    def test_nothing_measured_has_no_percentiles(self) -> None:
        assert spread({}) == Spread(filings=0, p50_s=None, p99_s=None, worst_s=None, worst=None)

    def test_both_ways_are_measured_for_what_was_shown_as_far_as_moments_are_known(self) -> None:
        one, two, hour = (timedelta(seconds=42), timedelta(seconds=80), timedelta(hours=1))
        same_day, overnight = lateness(
            DAY,
            [
                seen(1, NOON, in_feed_at=NOON + one, enriched_at=NOON + two),
                seen(2, NOON, in_feed_at=NOON + two),
                seen(3, NOON, enriched_at=NOON + hour),
                seen(4, None, in_feed_at=NOON, enriched_at=NOON),
                seen(5, NOON, in_feed=False, in_feed_at=None, enriched_at=NOON + hour),
            ],
        )
        assert same_day.shown == Spread(
            filings=2, p50_s=42, p99_s=80, worst_s=80, worst=accession(2)
        )
        assert same_day.enriched == Spread(
            filings=2, p50_s=80, p99_s=3600, worst_s=3600, worst=accession(3)
        )
        assert overnight == Lateness()

    @pytest.mark.parametrize(
        ("accepted", "held"),
        [
            (datetime(2025, 12, 11, 17, 30, 1, tzinfo=EASTERN), True),
            (datetime(2025, 12, 11, 21, 59, tzinfo=EASTERN), True),
            (datetime(2025, 12, 12, 6, 0, tzinfo=EASTERN), False),
            (datetime(2025, 12, 12, 17, 31, 8, tzinfo=EASTERN), False),
            (datetime(2025, 12, 12, 21, 59, tzinfo=EASTERN), False),
            (datetime(2025, 12, 12, 4, 59, tzinfo=UTC), True),
            (datetime(2025, 12, 12, 5, 0, tzinfo=UTC), False),
        ],
    )
    def test_what_the_index_of_a_later_day_lists_was_held_overnight_by_edgar(
        self, accepted: datetime, *, held: bool
    ) -> None:
        """As the 8-K captured on 2025-12-12, accepted at 17:31:08 and dated that day."""
        shown = seen(1, accepted, in_feed_at=accepted + timedelta(hours=13))
        same_day, overnight = lateness(DAY, [shown])
        assert (same_day.shown.filings, overnight.shown.filings) == (not held, held)

    def test_the_eastern_date_follows_daylight_saving_time(self) -> None:
        midnight = datetime(2025, 7, 1, 4, tzinfo=UTC)
        before = [seen(1, midnight - timedelta(seconds=1), in_feed_at=midnight)]
        after = [seen(1, midnight, in_feed_at=midnight)]
        assert lateness(date(2025, 7, 1), before)[1].shown.filings == 1
        assert lateness(date(2025, 7, 1), after)[0].shown.filings == 1

    def test_a_certificate_tells_both_apart(self) -> None:
        evening = NOON - timedelta(hours=15)
        drawn = certified(
            seen(1, NOON, in_feed_at=NOON + timedelta(seconds=42)),
            seen(2, evening, in_feed_at=evening + timedelta(hours=9)),
        )
        assert drawn.same_day.shown.worst_s == 42
        assert drawn.overnight.shown.worst_s == 9 * 3600


def seen(number: int, accepted_at: datetime | None, **known: object) -> Standing:
    """A filing that the live path has shown."""
    return standing(number, **{"in_feed": True, "accepted_at": accepted_at, **known})


class TestSentence:
    """What a person reads first."""

    def test_a_complete_day_is_a_sum_of_what_there_was(self) -> None:
        drawn = certificate(
            in_index=57, enriched=41, rejected={"above_ceiling": 13, "x": 1}, parked=remarks(1, 2)
        )
        assert sentence(drawn) == (
            "2025-12-12 is complete: 57 filings of the chosen forms in EDGAR's index = "
            "41 enriched + 14 rejected + 2 parked."
        )
        one = certificate(in_index=1, enriched=0, failed=remarks(1))
        assert sentence(one).endswith("1 filing of the chosen forms in EDGAR's index = 1 failed.")

    def test_a_day_without_filings_is_complete(self) -> None:
        assert sentence(certify(DAY, FORMS, (), (), ())) == (
            "2025-12-12 is complete: EDGAR's index has no filing of the chosen forms."
        )

    def test_an_open_day_says_what_is_missing_and_names_three(self) -> None:
        assert sentence(certificate(enriched=2, left_over=left_over(1))) == (
            "2025-12-12 is NOT complete: 1 of 3 has no outcome and no failure: "
            f"{accession(1)} (not in the store)."
        )
        many = sentence(certificate(in_index=8, left_over=left_over(1, 2, 3, 4, 5)))
        assert "5 of 8 have no outcome and no failure: " in many
        assert [accession(number) in many for number in range(1, 6)] == [True] * 3 + [False] * 2
        assert many.endswith("; and 2 more.")

    def test_rows_that_cannot_be_read_are_counted_and_not_quoted(self) -> None:
        drawn = certificate(unreadable=("line 7: '<img>'", "line 9: '|'"))
        assert sentence(drawn) == (
            "2025-12-12 is NOT complete: 2 rows of the index cannot be read."
        )
        both = sentence(certificate(enriched=2, left_over=left_over(1), unreadable=("x",)))
        assert "1 row of the index cannot be read and 1 of 3 has no outcome" in both


class TestPage:
    """The page in the UI."""

    def test_it_begins_with_the_sentence_and_has_every_count(self) -> None:
        drawn = certificate(
            in_index=10_000,
            enriched=9_001,
            rejected={"above_ceiling": 901, "below_floor": 91},
            parked=remarks(1),
            failed=remarks(2, 3),
            left_over=left_over(4, 5, 6, 7),
            index_only=tuple(map(accession, range(11, 16))),
        )
        markdown = certificate_markdown(drawn)
        assert markdown.splitlines()[2] == f"**{sentence(drawn)}**"
        rows = {tuple(cells[:2]) for cells in rows_of(markdown)}
        assert rows >= {
            ("**in EDGAR's index**", "10000"), ("enriched", "9001"), ("rejected", "901"),
            ("rejected", "91"), ("parked", "1"), ("failed", "2"), ("**left over**", "4"),
            ("only in the index", "5"),
        }  # fmt: skip
        named = set(re.findall(r"\d{10}-\d\d-\d{6}", markdown))
        assert named == set(map(accession, [*range(1, 8), *range(11, 16)]))
        assert "Form types: 8-K, 8-K/A" in markdown

    def test_what_there_is_not_has_no_section(self) -> None:
        headings = re.findall(r"^#+ .*", certificate_markdown(certificate()), re.MULTILINE)
        assert headings == ["# EDGAR's filings of 2025-12-12", "## How late RSS was"]

    @pytest.mark.parametrize("word", ["<img src=x>", "[a](https://evil.example)", "a | b\n| c |"])
    def test_words_of_others_are_shown_and_not_rendered(self, word: str) -> None:
        drawn = certificate(
            in_index=6,
            rejected={word: 1},
            parked=remarks(1, why=word),
            failed=remarks(2, why=word),
            unreadable=(word,),
        )
        markdown = certificate_markdown(drawn)
        assert word not in markdown
        assert {len(cells) for cells in rows_of(markdown)} == {1, 2, 3, 7}

    def test_a_long_list_is_cut_and_counted(self) -> None:
        many = certificate(in_index=83, left_over=left_over(*range(80)))
        section = certificate_markdown(many).partition("## Left over")[2]
        assert "and 30 more; all of them are in the store" in section
        assert section.count("not in the store") == 50

    def test_durations_are_hours_minutes_and_seconds_and_what_was_not_measured_is_none(
        self,
    ) -> None:
        shown = Spread(filings=3, p50_s=42.4, p99_s=33_000, worst_s=90_061, worst=accession(8))
        markdown = certificate_markdown(
            certificate(same_day=Lateness(shown=shown), overnight=Lateness(enriched=early()))
        )
        late = rows_of(markdown.partition("## How late RSS was")[2])[2:]
        assert late == [
            ["the same day", "shown by RSS", "3", "0:00:42", "9:10:00", "1 day, 1:01:01",
             accession(8)],
            ["the same day", "enriched", "0", *["none"] * 4],
            ["an evening before, held by EDGAR", "shown by RSS", "0", *["none"] * 4],
            ["an evening before, held by EDGAR", "enriched", "1", *["-0:00:03"] * 3, accession(9)],
        ]  # fmt: skip


def early() -> Spread:
    """Ours was the slower clock."""
    return Spread(filings=1, p50_s=-3, p99_s=-3, worst_s=-3, worst=accession(9))


def rows_of(markdown: str) -> list[list[str]]:
    """The cells of every table row as a reader of GitHub's markdown splits them."""
    lines = [line for line in markdown.splitlines() if line.startswith("|")]
    cells = [re.findall(r"\|((?:\\.|[^|\\])*)(?=\|)", line) for line in lines]
    return [[cell.strip() for cell in line] for line in cells]


class TestError:
    """A run whose day does not close fails, and says what to do."""

    def test_it_names_the_day_the_filings_with_why_and_the_remedy(self) -> None:
        message = not_closed([certificate(enriched=1, left_over=left_over(1, 2))])
        assert "2025-12-12: 2 of 3 have no outcome and no failure" in message
        for number in (1, 2):
            assert f"{accession(number)} (not in the store)" in message
        assert "start_date=2025-12-12 again" in message
        assert "more" not in message

    def test_of_several_days_twenty_filings_are_named_and_closed_days_are_not(self) -> None:
        days = [DAY + timedelta(days=number) for number in range(4)]
        message = not_closed(
            [
                certificate(day=days[2], in_index=18, left_over=left_over(*range(15))),
                certificate(day=days[3]),
                certificate(
                    day=days[0],
                    in_index=11,
                    left_over=left_over(*range(20, 28)),
                    unreadable=("?",),
                ),
            ]
        )
        assert message.index(str(days[0])) < message.index(str(days[2]))
        assert "; ?; " in message
        assert message.count("(not in the store)") == 8 + 11
        assert "; and 4 more" in message
        assert f"start_date={days[0]} and end_date={days[2]}" in message
        assert str(days[3]) not in message

    def test_it_is_a_run_that_needs_attention(self) -> None:
        assert issubclass(DayNotClosed, RunNeedsAttention)


class TestPatience:
    """What a living run still holds may be finished a moment later."""

    HELD = standing(1, held_until=NOON)
    DONE = standing(1, status="enriched")

    def asked(
        self, *answers: tuple[Standing, ...], patience_s: float
    ) -> tuple[Certificate, list[float]]:
        """The certificate, and the pauses made, where the store answers this one after another."""
        pauses: list[float] = []
        said = iter(answers)
        last = certified_with_patience(lambda: certified(*next(said)), patience_s, pauses.append)
        return last, pauses

    def test_nothing_is_waited_for_where_nothing_is_held(self) -> None:
        assert self.asked((self.DONE,), patience_s=120)[1] == []

    def test_what_is_held_is_asked_for_again_until_it_is_done(self) -> None:
        last, pauses = self.asked((self.HELD,), (self.HELD,), (self.DONE,), patience_s=120)
        assert last.closed
        assert pauses == [PAUSE_S] * 2

    def test_patience_ends(self) -> None:
        answers = [(self.HELD,)] * 9
        last, pauses = self.asked(*answers, patience_s=3 * PAUSE_S)
        assert not last.closed
        assert sum(pauses) == 3 * PAUSE_S
        assert self.asked(*answers, patience_s=0)[1] == []

    def test_waiting_would_not_close_a_day_with_something_else_left(self) -> None:
        assert self.asked((self.HELD, standing(2)), patience_s=120)[1] == []

    def test_a_run_that_ends_meanwhile_closes_the_day(self, backend: Backend) -> None:
        store = backend.store()
        take(store, 1, owner="alive")

        def end(_: float) -> None:
            store.record([enriched(1)], [], owner="alive")

        names = [accession(1)]
        last = certified_with_patience(
            lambda: certify(DAY, FORMS, names, store.standings(names), ()), 120, end
        )
        assert (last.closed, last.enriched) == (True, 1)


def certifying(store: SeenStore, *numbers: int, unreadable: tuple[str, ...] = ()) -> Certificate:
    """Certify a day whose index lists these, within a flow, as the nightly run does."""

    @flow(name="nightly", persist_result=False)
    def nightly() -> Certificate:
        index = [accession(number) for number in numbers]
        return certify_day(DAY, FORMS, index, unreadable, store, patience_s=0)

    return nightly()


@pytest.mark.usefixtures("prefect_server")
class TestTask:
    """One call: asked, kept, shown, announced."""

    @pytest.fixture(autouse=True)
    def recorded(self) -> Iterable[None]:
        """Let events go to Prefect's own recording client."""
        EventsWorker.set_client_override(AssertingEventsClient)
        yield
        EventsWorker.set_client_override(None)

    def test_a_day_is_certified_kept_shown_and_announced(self, duckdb_backend: Backend) -> None:
        store = duckdb_backend.store()
        take(store, 1, 2, 3, owner="a")
        store.record([enriched(1), rejected(2)], [failure(3)], owner="a")
        drawn = certifying(store, 1, 2, 3)
        assert (drawn.closed, drawn.in_index, drawn.enriched) == (True, 3, 1)
        assert [issued.certificate for issued in store.certificates(DAY)] == [drawn]
        assert shown() == (certificate_markdown(drawn), sentence(drawn))
        (event,) = announced()
        assert (event.event, event.resource.id) == ("sec-day.certified", "sec-day.2025-12-12")
        assert event.payload["sentence"] == sentence(drawn)
        counts = {"in_index": 3, "enriched": 1, "failed": 1, "left_over": 0, "index_only": 0}
        assert event.payload.items() >= counts.items()

    def test_an_open_day_is_told_as_such_and_closes_when_asked_again(
        self, duckdb_backend: Backend
    ) -> None:
        store = duckdb_backend.store()
        take(store, 1, owner="a")
        opened = certifying(store, 1, unreadable=("line 7: '|'",))
        assert not opened.closed
        assert shown() == (certificate_markdown(opened), sentence(opened))
        assert [event.event for event in announced()] == ["sec-day.open"]
        store.record([enriched(1)], [], owner="a")
        closed = certifying(store, 1)
        assert closed.closed
        history = [issued.certificate for issued in store.certificates(DAY)]
        assert history == [opened, closed]
        assert shown() == (certificate_markdown(closed), sentence(closed))
        assert [event.event for event in announced()] == ["sec-day.certified"]


def shown() -> tuple[str, str]:
    """The page and the description of the day's latest artifact, as the server has them."""
    with PrefectApi(str(PREFECT_API_URL.value())) as api:
        artifact = api.get(f"/artifacts/certificate-{DAY}/latest")
    return artifact["data"], artifact["description"]


def announced() -> list[Event]:
    """Our events that were sent since the last look."""
    EventsWorker.instance().wait_until_empty()
    sent = [event for client in AssertingEventsClient.all for event in client.pop_events()]
    return [event for event in sent if event.event.startswith("sec-")]
