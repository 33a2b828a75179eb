"""The operators' switches: environment variables, read once at the start of a run.

What varies per environment is a block field, what varies per run is a flow
parameter; these are the switches that turn a stage off or set its default, and
every run's report shows them.
"""

from contextlib import suppress
from datetime import timedelta
from typing import Annotated, Final, Self

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from blocks.errors import ConfigurationError


def _none_if_off(value: object) -> object:
    """Read an empty value or any way to write 0 as "off", as every switch here promises."""
    text = str(value).strip()
    with suppress(ValueError):
        return None if not text or float(text) == 0 else value
    return value


LONGEST_DAYS: Final = 36_525  # a hundred years; a longer wait is a slip of the pen

Usd = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Hours = Annotated[float, Field(gt=0, le=24 * LONGEST_DAYS, allow_inf_nan=False)]
Days = Annotated[float, Field(gt=0, le=LONGEST_DAYS, allow_inf_nan=False)]
# a run is retried within days, and Prefect itself prunes nothing younger than an hour
KeptDays = Annotated[float, Field(ge=1, le=LONGEST_DAYS, allow_inf_nan=False)]
OffIfZero = BeforeValidator(_none_if_off)


class Settings(BaseSettings):
    """Every switch with its default. 0 turns a stage off; the flow still runs."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    feature_sec_llm_cache: bool = Field(
        True, description="keep paid answers in Prefect's task cache and reuse them"
    )
    sec_llm_cache_ttl_hours: Annotated[Hours | None, OffIfZero] = Field(
        None, description="hours until a kept answer expires; 0 or unset: never"
    )
    seen_store_enabled: bool = Field(True, description="skip filings that have an outcome")
    seen_store_cache_enabled: bool = Field(
        True, description="ask the in-memory LRU before the store"
    )
    seen_store_cache_size: int = Field(
        100_000, ge=1, description="accession numbers the LRU holds"
    )
    seen_ttl_days: Annotated[Days | None, OffIfZero] = Field(
        None, description="days after which an outcome no longer counts as seen; 0: never"
    )
    sec_price_filter_enabled: bool = Field(True, description="filter by price before enriching")
    price_ceiling: Annotated[Usd | None, OffIfZero] = Field(
        10.0, description="highest price in USD that is enriched; 0: no ceiling"
    )
    price_floor: Annotated[Usd | None, OffIfZero] = Field(
        None, description="lowest price in USD that is enriched; 0 or unset: no floor"
    )
    sec_llm_max_concurrent: int = Field(
        10, ge=1, le=100, description="filings enriched at the same time"
    )
    sec_keep_runs_days: Annotated[KeptDays | None, OffIfZero] = Field(
        14, description="days until a run and what it left behind are pruned; 0: never"
    )

    @classmethod
    def from_environment(cls) -> Self:
        """Read the environment.

        Raises:
            ConfigurationError: a variable cannot be read; names it and its value.
        """
        try:
            return cls()
        except ValidationError as error:
            problem = error.errors()[0]
            name = str(problem["loc"][0]).upper()
            raise ConfigurationError(
                f"environment variable {name}={problem['input']!r}: {problem['msg']}; "
                "correct it or unset it to use the default",
                subject=name,
            ) from error

    @property
    def answer_ttl(self) -> timedelta | None:
        """How long a kept answer is valid; None: for ever."""
        hours = self.sec_llm_cache_ttl_hours
        return None if hours is None else timedelta(hours=hours)

    @property
    def seen_ttl(self) -> timedelta | None:
        """How long an outcome counts as seen; None: for ever."""
        return None if self.seen_ttl_days is None else timedelta(days=self.seen_ttl_days)

    @property
    def runs_kept(self) -> timedelta | None:
        """How long runs and what they left behind are kept; None: for ever."""
        days = self.sec_keep_runs_days
        return None if days is None else timedelta(days=days)

    def switched_off(self) -> tuple[str, ...]:
        """Names of the stages that are switched off, as the environment spells them."""
        return tuple(
            name.upper()
            for name in (
                "feature_sec_llm_cache",
                "seen_store_enabled",
                "seen_store_cache_enabled",
                "sec_price_filter_enabled",
            )
            if not getattr(self, name)
        )

    def shown(self) -> dict[str, str]:
        """Every switch by its environment name with the value that holds, for the report.

        A bound that is not set reads ``off``, a duration ``never expires`` or
        ``never pruned``; durations are in the unit of the name.
        """
        return {name.upper(): _shown(name, value) for name, value in self}


_NEVER: Final = {
    "sec_llm_cache_ttl_hours": "never expires",
    "seen_ttl_days": "never expires",
    "sec_keep_runs_days": "never pruned",
}


def _shown(name: str, value: bool | float | None) -> str:  # noqa: FBT001 - a switch's own value
    if value is None:
        return _NEVER.get(name, "off")
    if isinstance(value, bool):
        return "on" if value else "off"
    number = f"{value:.15g}"
    return f"${number}" if name.startswith("price_") else number
