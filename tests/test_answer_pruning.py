"""What of the answer folder goes by age, and what never does."""

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from blocks import answer_pruning
from blocks.answer_turns import turn
from blocks.answers import AnswerFolder

RUNS, TTL = timedelta(days=14), timedelta(hours=48)
FINGERPRINT, ACCESSION = "f00d", "0001193125-25-000007"
ANSWER = f"enrich/{FINGERPRINT}/{ACCESSION}"
UUID_NAME = "0f8fad5bd9cb469fa16570867728950e"


@pytest.fixture
def folder(tmp_path: Path) -> AnswerFolder:
    return AnswerFolder(basepath=str(tmp_path / "answers"))


def put(folder: AnswerFolder, path: str, content: str = "x", *, days_old: float = 0) -> Path:
    file = Path(str(folder.basepath), path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    at_s = datetime.now(UTC).timestamp() - days_old * 86_400
    os.utime(file, (at_s, at_s))
    return file


def result(*, expires_in_days: float | None) -> str:
    """As Prefect writes it, as far as pruning looks."""
    now = datetime.now(UTC)
    until = None if expires_in_days is None else now + timedelta(days=expires_in_days)
    return json.dumps({"metadata": {"expiration": until and until.isoformat()}, "result": {}})


def pruned(
    folder: AnswerFolder, *, runs: timedelta | None = RUNS, ttl: timedelta | None = None
) -> Mapping[str, int]:
    removed, why_not_all = folder.prune(runs_kept=runs, answer_ttl=ttl, limit_s=60)
    assert why_not_all == ""
    return removed


@pytest.mark.parametrize(
    ("path", "kind", "goes_after_days"),
    [
        ("runs/0b1c/poll-1", "fetched lists", 14),
        (f"{ANSWER}.unreadable", "unreadable files", 14),
        (UUID_NAME, "kept exceptions", 14),
        (f"enrich/{FINGERPRINT}/.{ACCESSION}.k3j2", "half-written files", 1),
        (f"enrich/{FINGERPRINT}/.probe-{UUID_NAME}", "half-written files", 1),
        (f"same-text/{FINGERPRINT}/abc.turn", "lock files of the dead", 1),
        (f"asked/{FINGERPRINT}/{ACCESSION}", "notes of former batches", 35),
    ],
)
def test_what_runs_leave_behind_goes_after_its_time_and_not_before(
    folder: AnswerFolder, path: str, kind: str, goes_after_days: float
) -> None:
    file = put(folder, path, days_old=goes_after_days - 0.01)
    assert pruned(folder, ttl=TTL) == {}
    assert file.exists()
    put(folder, path, days_old=goes_after_days + 0.01)
    assert pruned(folder, ttl=TTL) == {kind: 1}
    assert not file.exists()


def test_what_is_set_aside_stays_so_long_from_then_on_however_old_it_is(
    folder: AnswerFolder,
) -> None:
    put(folder, ANSWER, "damaged", days_old=400)
    with pytest.raises(ValueError, match="no result"):
        folder.read_path(ANSWER)
    assert pruned(folder) == {}
    put(folder, f"{ANSWER}.unreadable", days_old=15)
    assert pruned(folder) == {"unreadable files": 1}


def test_an_emptied_folder_of_a_run_goes_with_its_files(folder: AnswerFolder) -> None:
    file = put(folder, "runs/0b1c/poll-1", days_old=15)
    pruned(folder)
    assert not file.parent.exists()
    assert file.parent.parent.exists()


def test_an_answer_that_does_not_expire_is_never_pruned(folder: AnswerFolder) -> None:
    forever = put(folder, ANSWER, result(expires_in_days=None), days_old=4000)
    assert pruned(folder, ttl=TTL) == {}
    assert pruned(folder, ttl=None) == {}
    assert forever.exists()


def test_an_answer_goes_once_it_has_expired_by_its_own_word(folder: AnswerFolder) -> None:
    still = put(folder, f"{ANSWER}1", result(expires_in_days=1), days_old=9)
    torn = put(folder, f"{ANSWER}2", '{"metadata": {"exp', days_old=9)
    past = put(folder, f"{ANSWER}3", result(expires_in_days=-1), days_old=9)
    assert pruned(folder, ttl=TTL) == {"expired answers": 1}
    assert (still.exists(), torn.exists(), past.exists()) == (True, True, False)


def test_with_no_time_to_live_set_answers_are_not_even_looked_at(folder: AnswerFolder) -> None:
    past = put(folder, ANSWER, result(expires_in_days=-1), days_old=9)
    assert pruned(folder, ttl=None) == {}
    assert past.exists()


def test_an_answer_bought_while_its_expired_one_is_removed_stays(
    folder: AnswerFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    past = put(folder, ANSWER, result(expires_in_days=-1), days_old=9)
    bought = result(expires_in_days=2)
    can_be_used = answer_pruning._can_be_used

    def look_and_lose_time(answer: Path) -> bool:
        looked = can_be_used(answer)
        if answer == past and not looked:
            put(folder, ANSWER, bought)  # right after the look, by another process
        return looked

    monkeypatch.setattr(answer_pruning, "_can_be_used", look_and_lose_time)
    assert pruned(folder, ttl=TTL) == {}
    assert past.read_text() == bought
    assert list(past.parent.iterdir()) == [past]


def test_a_note_of_a_text_stays_as_long_as_the_answer_it_leads_to(folder: AnswerFolder) -> None:
    put(folder, ANSWER, result(expires_in_days=None), days_old=9)
    leads = put(folder, f"same-text/{FINGERPRINT}/aa", ACCESSION, days_old=9)
    astray = put(folder, f"same-text/{FINGERPRINT}/bb", f"{ACCESSION}9", days_old=9)
    assert pruned(folder, ttl=TTL) == {"notes of expired answers": 1}
    assert (leads.exists(), astray.exists()) == (True, False)


def test_a_lock_file_that_is_held_is_left_to_its_holder(folder: AnswerFolder) -> None:
    path = Path(str(folder.basepath), "asked/f00d.turn")
    with turn(path, patience_s=1):
        put(folder, "asked/f00d.turn", days_old=9)
        assert pruned(folder) == {}
        assert path.exists()


def test_the_latest_table_of_each_kind_stays_however_old(folder: AnswerFolder) -> None:
    former = put(folder, "reference/prices-aa", days_old=30)
    latest = put(folder, "reference/prices-bb", days_old=29)
    tickers = put(folder, "reference/tickers-cc", days_old=99)
    assert pruned(folder) == {"tables of former sources": 1}
    assert (former.exists(), latest.exists(), tickers.exists()) == (False, True, True)


def test_what_is_not_known_is_left_alone(folder: AnswerFolder) -> None:
    theirs = [put(folder, name, days_old=999) for name in ("README", "backup/enrich/f/1")]
    assert pruned(folder, ttl=TTL) == {}
    assert all(file.exists() for file in theirs)


def test_runs_that_are_kept_for_ever_keep_what_they_left(folder: AnswerFolder) -> None:
    put(folder, "runs/0b1c/poll-1", days_old=999)
    half = put(folder, f"enrich/{FINGERPRINT}/.{ACCESSION}.k3j2", days_old=999)
    assert pruned(folder, runs=None) == {"half-written files": 1}
    assert not half.exists()


def test_a_folder_that_does_not_exist_yet_has_nothing_to_prune(folder: AnswerFolder) -> None:
    assert pruned(folder) == {}


def test_pruning_stops_when_its_time_is_up_and_says_so(folder: AnswerFolder) -> None:
    put(folder, "runs/0b1c/poll-1", days_old=15)
    removed, why_not_all = folder.prune(runs_kept=RUNS, answer_ttl=None, limit_s=0)
    assert dict(removed) == {}
    assert "time was up" in why_not_all


def test_what_cannot_be_removed_is_named_and_costs_the_rest_nothing(
    folder: AnswerFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = put(folder, "runs/0a1a/poll-1", days_old=15)
    put(folder, "runs/0b1c/poll-1", days_old=15)
    unlink = Path.unlink

    def refusing(path: Path, *, missing_ok: bool = False) -> None:
        if path == bad:  # as of another user: tests may run as root, who may do anything
            raise PermissionError(13, "Permission denied", str(path))
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", refusing)
    removed, why_not_all = folder.prune(runs_kept=RUNS, answer_ttl=None, limit_s=60)
    assert removed == {"fetched lists": 1}
    assert str(bad) in why_not_all
