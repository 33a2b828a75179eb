"""What is recorded is noted to be announced, by the same transaction, and given to one run."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from sqlalchemy.engine import make_url
from store_backends import Backend, take
from store_filings import accession, enriched, failure, rejected, reporting

from blocks.announcements import Announcement, announcements_of
from blocks.models import utc_now
from blocks.store import SeenStore
from blocks.store_schema import STEPS, bring_up_to_date
from blocks.store_values import Succession
from blocks.store_windows import window_for

pytest_plugins = ["store_fixtures"]


def told(announcements: list[Announcement]) -> list[tuple[str, int]]:
    """What events say, and of which filing."""
    events = [json.loads(one.event) for one in announcements]
    return [
        (
            one["event"].removeprefix("sec-filing."),
            int(one["resource"]["prefect.resource.id"][-6:]),
        )
        for one in events
    ]


def recorded(store: SeenStore, *numbers: int, owner: str) -> None:
    take(store, *numbers, owner=owner)
    store.record([enriched(number) for number in numbers], [], owner=owner)


def let_holds_run_out(backend: Backend) -> None:
    backend.rows("UPDATE announcement SET held_until = now() - INTERVAL '1 second'")


def test_analyses_and_what_they_supersede_are_noted_in_order_and_nothing_else_is(
    store: SeenStore,
) -> None:
    take(store, 1, 2, 3, 4, owner="a")
    outcomes = [reporting(2, "8-K/A"), rejected(3), reporting(1), enriched(5)]
    assert store.record(outcomes, [failure(4)], owner="a").lost == {accession(5)}
    waiting = store.outbox.take("a", most=10)
    assert told(waiting) == [("enriched", 2), ("enriched", 1), ("superseded", 1)]
    superseded = json.loads(waiting[-1].event)
    assert superseded["payload"] == {"superseded_by": accession(2), "form": "8-K/A"}
    assert superseded["related"][0]["prefect.resource.id"] == f"sec-filing.{accession(2)}"


def test_a_run_is_given_its_own_until_it_has_sent_them(store: SeenStore) -> None:
    recorded(store, 1, 2, owner="a")
    first = store.outbox.take("a", most=10)
    assert store.outbox.take("a", most=10) == first, "its request may have failed"
    assert store.outbox.take("b", most=10) == []
    store.outbox.sent([first[0].id])
    assert store.outbox.take("a", most=10) == first[1:]
    store.outbox.sent([first[1].id])
    assert store.outbox.take("a", most=10) == []


def test_what_a_run_has_left_is_given_to_one_other_oldest_first_and_no_more_than_asked(
    backend: Backend,
) -> None:
    store = backend.store()
    recorded(store, *range(2, 12), owner="dead")
    recorded(store, 1, owner="dead too")
    let_holds_run_out(backend)
    oldest, others = store.outbox.take("b", most=9), store.outbox.take("c", most=9)
    assert told(oldest) == [("enriched", number) for number in range(2, 11)]
    assert told(others) == [("enriched", 11), ("enriched", 1)]
    assert store.outbox.take("d", most=9) == []


def test_runs_at_once_share_what_is_left(backend: Backend) -> None:
    recorded(backend.store(), *range(1, 61), owner="dead")
    let_holds_run_out(backend)

    def send_all(run: str) -> list[str]:
        store, ids = backend.store(), list[str]()
        while waiting := store.outbox.take(run, most=10):
            ids += [one.id for one in waiting]
            store.outbox.sent(one.id for one in waiting)
        return ids

    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(send_all, ["a", "b"])
    assert Counter(one + other).total() == len({*one, *other}) == 60


def test_the_same_analysis_recorded_again_is_the_same_event_and_noted_once_at_a_time(
    store: SeenStore,
) -> None:
    recorded(store, 1, owner="a")
    take(store, 1, owner="b", refresh=True)
    store.record([enriched(1)], [], owner="b")
    assert store.outbox.take("b", most=10) == [], "it waits as the first run's"
    (first,) = store.outbox.take("a", most=10)
    store.outbox.sent([first.id])
    take(store, 1, owner="c", refresh=True)
    store.record([enriched(1)], [], owner="c")
    (again,) = store.outbox.take("c", most=10)
    assert again.id == first.id


def test_an_analysis_that_stands_is_not_announced_again(store: SeenStore) -> None:
    recorded(store, 1, 2, owner="a")
    store.outbox.sent(one.id for one in store.outbox.take("a", most=10))
    take(store, 1, 2, owner="b", refresh=True)
    assert store.record([rejected(1)], [failure(2)], owner="b").standing == {accession(1)}
    assert store.outbox.take("b", most=10) == []


def test_what_was_recorded_before_there_were_announcements_is_not_announced(
    backend: Backend,
) -> None:
    before = STEPS[: [step.name for step in STEPS].index("announcements")]
    window = window_for(make_url(backend.url), None, lock_timeout_s=5)
    with window.transaction() as transaction:
        transaction.exclusive()
        bring_up_to_date(transaction, dedicated=window.dedicated, steps=before)
        transaction.rows(
            "INSERT INTO seen (k, done_at, attempts, found_by) VALUES (1, now(), 1, 'feed')"
        )
        transaction.rows(
            "INSERT INTO outcome (k, accession, recorded_at, owner, attempts, status, reason,"
            " form, filer, filing, from_cache) VALUES (1, '0000000000-90-000001', now(), 'old', 1,"
            " 'enriched', '', '8-K', 'A Co', '{}', false)"
        )
    store = backend.store()
    assert store.outbox.take("a", most=10) == []
    assert list(store.outcomes()["status"]) == ["enriched"]


def test_ids_tell_analyses_and_successions_apart() -> None:
    at = utc_now()
    one, other = reporting(1), reporting(2, "8-K/A")
    successions = [Succession(filing=one.filing, superseded_by=other.filing)]
    told_of = [one, other, enriched(1, minute=5)]

    def ids(moment: datetime, found: list[Any]) -> list[str]:
        return [each.id for each in announcements_of(found, successions, moment)]

    assert len(set(ids(at, told_of))) == 4
    cached = [each.model_copy(update={"from_cache": True}) for each in told_of]
    assert ids(utc_now(), cached) == ids(at, told_of)
