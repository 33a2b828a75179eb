"""The operators' switches."""

from datetime import timedelta

import pytest

from blocks.errors import ConfigurationError
from blocks.settings import Settings

ON_OFF = (
    "FEATURE_SEC_LLM_CACHE",
    "SEEN_STORE_ENABLED",
    "SEEN_STORE_CACHE_ENABLED",
    "SEC_PRICE_FILTER_ENABLED",
)
OTHERS = (
    "SEC_LLM_CACHE_TTL_HOURS",
    "SEEN_STORE_CACHE_SIZE",
    "SEEN_TTL_DAYS",
    "PRICE_CEILING",
    "PRICE_FLOOR",
    "SEC_LLM_MAX_CONCURRENT",
    "SEC_KEEP_RUNS_DAYS",
)


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*ON_OFF, *OTHERS):
        monkeypatch.delenv(name, raising=False)


def test_everything_is_on_by_default() -> None:
    settings = Settings.from_environment()
    assert settings.switched_off() == ()
    assert settings.price_ceiling == 10
    assert settings.price_floor is None
    assert settings.answer_ttl is None
    assert settings.seen_ttl is None
    assert settings.runs_kept == timedelta(days=14)


def test_the_settings_are_exactly_the_documented_switches() -> None:
    assert {name.upper() for name in Settings.model_fields} == {*ON_OFF, *OTHERS}


@pytest.mark.parametrize("name", ON_OFF)
def test_0_switches_a_stage_off_and_it_says_so(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "0")
    assert Settings.from_environment().switched_off() == (name,)


@pytest.mark.parametrize("off", ["0", "0.0", "0.00", "0e0", "-0", "", " ", " 0 "])
def test_0_means_no_bound_and_no_expiry(off: str, monkeypatch: pytest.MonkeyPatch) -> None:
    durations = ("SEC_LLM_CACHE_TTL_HOURS", "SEEN_TTL_DAYS", "SEC_KEEP_RUNS_DAYS")
    for name in ("PRICE_CEILING", "PRICE_FLOOR", *durations):
        monkeypatch.setenv(name, off)
    settings = Settings.from_environment()
    assert settings.price_ceiling is None
    assert settings.price_floor is None
    assert settings.answer_ttl is None
    assert settings.seen_ttl is None
    assert settings.runs_kept is None


def test_hours_and_days_become_durations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEC_LLM_CACHE_TTL_HOURS", "1.5")
    monkeypatch.setenv("SEEN_TTL_DAYS", "30")
    settings = Settings.from_environment()
    assert settings.answer_ttl == timedelta(minutes=90)
    assert settings.seen_ttl == timedelta(days=30)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PRICE_CEILING", "ten"),
        ("PRICE_CEILING", "inf"),
        ("PRICE_CEILING", "nan"),
        ("PRICE_FLOOR", "-1"),
        ("PRICE_FLOOR", "inf"),
        ("SEC_LLM_CACHE_TTL_HOURS", "1e15"),
        ("SEC_LLM_CACHE_TTL_HOURS", "inf"),
        ("SEEN_TTL_DAYS", "36526"),
        ("SEEN_TTL_DAYS", "nan"),
        ("SEC_KEEP_RUNS_DAYS", "0.5"),
        ("SEC_KEEP_RUNS_DAYS", "36526"),
        ("SEC_LLM_MAX_CONCURRENT", "0"),
        ("SEEN_STORE_CACHE_SIZE", "-5"),
        ("SEEN_STORE_ENABLED", "perhaps"),
    ],
)
def test_a_value_that_cannot_be_read_names_its_variable(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=name) as refused:
        Settings.from_environment()
    assert value in str(refused.value)


def test_the_longest_durations_are_a_hundred_years(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEC_LLM_CACHE_TTL_HOURS", "876600")
    monkeypatch.setenv("SEEN_TTL_DAYS", "36525")
    settings = Settings.from_environment()
    assert settings.answer_ttl == settings.seen_ttl == timedelta(days=36_525)


def test_every_switch_is_shown_by_its_environment_name() -> None:
    assert Settings.from_environment().shown() == {
        "FEATURE_SEC_LLM_CACHE": "on",
        "SEC_LLM_CACHE_TTL_HOURS": "never expires",
        "SEEN_STORE_ENABLED": "on",
        "SEEN_STORE_CACHE_ENABLED": "on",
        "SEEN_STORE_CACHE_SIZE": "100000",
        "SEEN_TTL_DAYS": "never expires",
        "SEC_PRICE_FILTER_ENABLED": "on",
        "PRICE_CEILING": "$10",
        "PRICE_FLOOR": "off",
        "SEC_LLM_MAX_CONCURRENT": "10",
        "SEC_KEEP_RUNS_DAYS": "14",
    }


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        *((name, "0", "off") for name in ON_OFF),
        ("PRICE_CEILING", "0.00", "off"),
        ("PRICE_CEILING", "1234567.5", "$1234567.5"),
        ("PRICE_FLOOR", "0.1", "$0.1"),
        ("SEC_LLM_CACHE_TTL_HOURS", "1.5", "1.5"),
        ("SEEN_TTL_DAYS", "0", "never expires"),
        ("SEEN_TTL_DAYS", "30", "30"),
        ("SEC_KEEP_RUNS_DAYS", "0", "never pruned"),
        ("SEC_KEEP_RUNS_DAYS", "30", "30"),
    ],
)
def test_what_is_shown_is_what_holds(
    name: str, value: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    assert Settings.from_environment().shown()[name] == shown
