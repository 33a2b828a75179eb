"""What every enrichment of a run shares: the blocks it works with, its tally, its brake."""

import threading
from dataclasses import dataclass, field
from typing import Final

from blocks.analyst import Analyst
from blocks.answers import AnswerFolder
from blocks.budget import Budget
from blocks.edgar import EdgarClient
from blocks.errors import SecFilingsError, TooManyFailures
from blocks.models import Excerpt, Usage
from tasks.leases import Leases
from tasks.same_text import SameText

STREAK: Final = 5  # so many failures in a row are hardly the filings' own


@dataclass
class Tally:
    """What the model was asked and what that cost, failed calls included. Thread-safe."""

    calls: int = 0
    usage: Usage = field(default_factory=Usage)
    spent_usd: float = 0.0
    unpriced_calls: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def book(self, cost_usd: float | None, calls: int = 1, usage: Usage | None = None) -> None:
        """Add calls with their tokens and dollars; ``cost_usd`` None: price unknown."""
        with self._lock:
            self.calls += calls
            self.spent_usd += cost_usd or 0.0
            self.unpriced_calls += calls if cost_usd is None else 0
            if usage is not None:
                self.usage = self.usage.plus(usage)


@dataclass
class Brake:
    """Stops a run that further filings would not help. Thread-safe.

    Pulled by an error that every filing would meet, or by an unbroken row of
    ``STREAK`` failures.
    """

    reason: SecFilingsError | None = None
    _streak: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def pull(self, error: SecFilingsError) -> None:
        """Stop the run for this reason, unless it is stopping for an earlier one."""
        with self._lock:
            self.reason = self.reason or error

    def note(self, error: BaseException | None) -> None:
        """Take note of how one filing went; None: well."""
        with self._lock:
            self._streak = 0 if error is None else self._streak + 1
            if self._streak >= STREAK:
                self.reason = self.reason or TooManyFailures(
                    f"{self._streak} filings failed in a row, the last with: {error}. The run "
                    "stopped there; what it had not begun is left to the next run"
                )


@dataclass(frozen=True)
class Bench:
    """What every enrichment of a run shares.

    ``answers`` None: no answer is kept. ``same_text`` None: every filing is asked about by
    itself. ``unkept`` were paid for by this run and are in no file.
    """

    edgar: EdgarClient
    analyst: Analyst
    budget: Budget
    excerpt_tokens: int
    run_id: str
    leases: Leases = field(default_factory=Leases)
    answers: AnswerFolder | None = None
    same_text: SameText | None = None
    tally: Tally = field(default_factory=Tally)
    brake: Brake = field(default_factory=Brake)
    unkept: set[str] = field(default_factory=set)

    @property
    def fingerprint(self) -> str:
        """Hash of all that shapes an answer besides the filing."""
        return self.analyst.fingerprint(self.excerpt_tokens)

    def check_day(self) -> None:
        """Before anything is downloaded: a run comes by every minute while the day is spent.

        Raises:
            BudgetReached: the daily cap leaves no room for a question of full length.
            StoreError: the account cannot be read.
        """
        longest = Excerpt.longest(self.excerpt_tokens)
        self.budget.check_day(self.analyst.worst_case_cost_usd(longest))
