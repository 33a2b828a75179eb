"""The bad days of docs/bad-days.md: its rows, and for each what brings it about."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from sandbox import faults, model_faults
from sandbox.faults import Fault

DOCS = Path(__file__).resolve().parents[1] / "docs" / "bad-days.md"
NOBODY_LISTENS = "http://127.0.0.1:9/v1"


class Row(NamedTuple):
    """A row of the table, in its own words."""

    name: str
    what: str
    tries: str
    ends_as: str
    billed: str
    attempt: str
    run: str

    @property
    def stops(self) -> bool:
        return self.run == "stops"

    @property
    def fails(self) -> bool:
        return self.ends_as != "answer"


@dataclass(frozen=True)
class Scenario:
    """A fault that meets the first ``times`` requests about a filing (None: all), and settings."""

    fault: Fault
    times: int | None = None
    analyst: Mapping[str, Any] = field(default_factory=dict)


IMPATIENT = {"timeout_s": 0.2}
SCENARIOS: dict[str, Scenario] = {
    "rate limit": Scenario(model_faults.rate_limited()),
    "rate limit, once": Scenario(model_faults.rate_limited(), times=1),
    "rate limit, wait": Scenario(model_faults.rate_limited(0.01)),
    "rate limit, long wait": Scenario(model_faults.rate_limited(121)),
    "server error": Scenario(model_faults.server_error()),
    "overloaded": Scenario(model_faults.overloaded()),
    "bad gateway": Scenario(model_faults.bad_gateway()),
    "rate limit inside a 200": Scenario(model_faults.error_inside(429)),
    "connection refused": Scenario(faults.dropped(), analyst={"base_url": NOBODY_LISTENS}),
    "sign-in page": Scenario(model_faults.html_answer()),
    "firewall page": Scenario(model_faults.firewall()),
    "silence": Scenario(faults.slow(30), analyst=IMPATIENT),
    "drip": Scenario(faults.dripping(0.05), analyst=IMPATIENT),
    "slow": Scenario(faults.slow(0.3)),
    "dropped": Scenario(faults.dropped()),
    "dropped midway": Scenario(faults.truncated()),
    "gateway timeout": Scenario(model_faults.gateway_timeout()),
    "provider error inside a 200": Scenario(model_faults.error_inside(502)),
    "broke off": Scenario(model_faults.broke_off()),
    "endless": Scenario(model_faults.endless()),
    "broken JSON": Scenario(model_faults.broken_json()),
    "another shape": Scenario(model_faults.other_shape()),
    "no choices": Scenario(model_faults.no_choices()),
    "empty": Scenario(model_faults.empty()),
    "prose": Scenario(model_faults.nonsense("The lender was unkind.")),
    "wrong schema": Scenario(model_faults.nonsense()),
    "cut question": Scenario(model_faults.cut_question()),
    "refusal": Scenario(model_faults.refusal()),
    "content filter": Scenario(model_faults.content_filter()),
    "filtered question": Scenario(model_faults.filtered()),
    "flagged question": Scenario(model_faults.flagged()),
    "invalid request": Scenario(model_faults.invalid_request()),
    "truncated": Scenario(model_faults.length()),
    "overflow": Scenario(model_faults.context_overflow(), times=1),
    "overflow, twice": Scenario(model_faults.context_overflow()),
    "payload too large": Scenario(model_faults.payload_too_large(), times=1),
    "larger than the rate": Scenario(model_faults.larger_than_the_rate(), times=1),
    "no usage": Scenario(model_faults.no_usage()),
    "bad key": Scenario(model_faults.bad_key()),
    "forbidden": Scenario(model_faults.forbidden()),
    "no credit": Scenario(model_faults.no_credit()),
    "no quota": Scenario(model_faults.insufficient_quota()),
    "no such model": Scenario(model_faults.unknown_model()),
    "no such path": Scenario(model_faults.no_such_path()),
    "no such path, 200": Scenario(
        model_faults.error_inside(words="Unexpected endpoint or method. (POST /)")
    ),
    "redirect": Scenario(model_faults.redirected(NOBODY_LISTENS)),
    "no such format": Scenario(model_faults.unsupported("response_format")),
    "no such effort": Scenario(model_faults.unsupported("reasoning_effort")),
    "no such limit": Scenario(model_faults.unsupported("max_tokens")),
}


def table_rows(heading: str) -> list[list[str]]:
    """The cells of the first table of docs/bad-days.md that has this first column."""
    lines = DOCS.read_text(encoding="utf-8").splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def bad_days() -> list[Row]:
    """The rows of the table, names without their backticks."""
    return [Row(*(re.sub(r"^`|`$", "", cell) for cell in row)) for row in table_rows("bad day")]


# By family, the response format that the docs say to set.
FORMATS = {row[0].strip("`"): row[1] for row in table_rows("server")}
