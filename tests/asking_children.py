"""What the tests of money ask of a stand-in model, also from processes of their own."""

import math
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from pydantic import SecretStr
from store_children import window_at
from store_filings import filing

from blocks.analyst import Analyst
from blocks.budget import Budget
from blocks.edgar import EdgarClient
from blocks.errors import AnalystError, BudgetReached
from blocks.models import Excerpt, Question
from blocks.store_spending import SpendingLedger
from tasks.ask import _asked
from tasks.bench import Bench

SENTENCE = "The Company received a notice of default from its lender. "


def analyst_at(model_url: str) -> Analyst:
    """A model whose price is known and whose worst case is not far from what it costs."""
    return Analyst(
        api_key=SecretStr("key"),
        base_url=model_url,
        price_provider="openai",
        max_retries=0,
        max_output_tokens=256,
    )


def bench_of(analyst: Analyst, budget: Budget) -> Bench:
    edgar = EdgarClient(user_agent="Tests tests@example.com")
    return Bench(edgar=edgar, analyst=analyst, budget=budget, excerpt_tokens=4_000, run_id="run")


def question(number: int) -> Question:
    """One a filing; they differ in length."""
    text = SENTENCE * (1 + number % 7)
    excerpt = Excerpt(text=text, parts=("8-K",), tokens=len(text) // 4, shortened=False)
    return Question(filing=filing(number), excerpt=excerpt)


def ask_about(numbers: range, bench: Bench, *, at_once: int) -> list[float]:
    """Ask about each, whatever comes of it; the worst cases of those the budget refused."""
    refused = []

    def ask(number: int) -> None:
        try:
            with suppress(AnalystError):
                _asked(question(number), bench)
        except BudgetReached:
            worst_usd = bench.analyst.worst_case_cost_usd(question(number).excerpt)
            assert worst_usd is not None
            refused.append(worst_usd)

    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(ask, numbers))
    return refused


def ask_when_told(url: str, model_url: str, first: int, last: int, cap_usd: float) -> None:
    """Wait for a line, then ask 25 at once; print the least worst case that was refused."""
    ledger = SpendingLedger(window_at(url))
    budget = Budget(None, cap_usd, ledger=ledger, run=f"from {first}", model="gpt-6-luna")
    bench = bench_of(analyst_at(model_url), budget)
    sys.stdin.readline()
    refused = ask_about(range(first, last), bench, at_once=25)
    sys.stdout.write(f"{min(refused, default=math.inf)}\n")
