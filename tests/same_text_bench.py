"""A bench that shares answers of equal texts, and what a process of its own does with one."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from pydantic import SecretStr
from same_text_market import FILED, listed

from blocks.analyst import Analyst
from blocks.answers import AnswerFolder
from blocks.budget import Budget
from blocks.edgar import EdgarClient
from blocks.models import Answer, Decision, Verdict
from sandbox.market import DayFiling
from tasks.ask import enrich_one
from tasks.bench import Bench
from tasks.leases import Leases
from tasks.same_text import SameText

KEPT = Decision(verdict=Verdict.UNKNOWN_PRICE_KEPT, ticker="QLMR", price_usd=4.0)


@contextmanager
def laid_out(  # noqa: PLR0913 - all that runs may differ in
    sec_url: str,
    model_url: str | None,
    folder: Path,
    *,
    run_id: str = "run",
    shares: bool = True,
    ttl: timedelta | None = None,
    paid_by: str | None = None,
    budget_usd: float | None = None,
    leases: Leases | None = None,
) -> Iterator[Bench]:
    """A bench at these stand-ins; without a model the rules answer."""
    edgar = EdgarClient(
        user_agent="Tests tests@example.com",
        base_url=sec_url,
        limiter_path=folder / "requests.sqlite",
    )
    answers = AnswerFolder(basepath=str(folder / "answers"))
    analyst = Analyst(
        api_key=SecretStr("key") if model_url else None,
        base_url=model_url,
        price_provider="openai" if model_url else None,
        max_retries=0,
    )
    yield Bench(
        edgar=edgar,
        analyst=analyst,
        budget=Budget(budget_usd),
        excerpt_tokens=4_000,
        run_id=run_id,
        leases=leases or Leases(),
        answers=answers,
        same_text=SameText(answers, ttl, paid_by) if shares else None,
    )
    edgar.close()
    analyst.close()


def enrich(filing: DayFiling, bench: Bench) -> Answer:
    return enrich_one(listed(filing), KEPT, bench)


def enrich_when_told(sec_url: str, model_url: str, folder: str, number: int) -> None:
    """Be ready, wait for a line, enrich the filing of this number, print what it shares."""
    with laid_out(sec_url, model_url, Path(folder), run_id="child") as bench:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        sys.stdout.write(f"{enrich(FILED[number], bench).same_text_as}\n")


def die_in_a_turn(folder: str, name: str) -> None:
    """Take a turn, say so, and be killed in it once a line comes in."""
    with AnswerFolder(basepath=folder).turns([name], patience_s=0):
        sys.stdout.write("taken\n")
        sys.stdout.flush()
        sys.stdin.readline()
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)
