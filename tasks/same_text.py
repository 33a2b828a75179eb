"""Same text, one payment: what was answered about a company's text serves all its filings of it.

A press release is filed twice, or again with one co-registrant more. The excerpts
are then equal to the letter, and so would be the questions but for the accession
number, the moment and the price of the day. The analysis speaks of the text and its
quotes are checked against it, so it holds for each of these filings.

It is shared where

- form type and excerpt are equal,
- the filings have a company in common that they are about. Texts of companies that
  have none may be equal by accident (a form letter, the cover of a 6-K), and then
  the summary would name the wrong one; or on purpose, and a merger's release is good
  news for one of its parties and bad for the other,
- the excerpt has ``LEAST_TOKENS``. What is said of a shorter one rests on the facts
  around it, which differ.

The header's facts stay each filing's own, as do its claim, outcome and record.
"""

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from blocks.answers import AnswerFolder
from blocks.models import ACCESSION_PATTERN, Answer, Cik, Question, Usage, utc_now
from tasks.answer_cache import answers_on_file, keep_answer

LEAST_TOKENS: Final = 100
MOST_COMPANIES: Final = 10  # a filing about more is asked about by itself: each is a file to keep
PATIENCE_S: Final = 600.0  # longer than a call and its retries take by the block's defaults


@dataclass(frozen=True)
class SameText:
    """Finds the paid answer for a text in the answer folder, and sees that only one is bought.

    Safe from threads and processes that share the folder. ``ttl`` is how long an
    answer is kept. ``paid_by``, a run's id, restricts what is shared to the answers
    this run paid for: a run that pays again for everything wants no earlier ones.
    """

    folder: AnswerFolder
    ttl: timedelta | None = None
    paid_by: str | None = None

    def answer(self, question: Question, fingerprint: str, buy: Callable[[], Answer]) -> Answer:
        """The answer paid for the same text, as this filing's own; else what ``buy`` gives.

        Who asks about a text that is being asked about waits for that. If that
        fails, the first of those who wait buys for itself: a failure is not shared.

        Raises:
            AnswerCacheUnusable: the folder cannot be written; nothing was bought.
        """
        places = _places(question, fingerprint)
        with self.folder.turns(places, patience_s=PATIENCE_S):
            paid = self.find(question, fingerprint)
            if paid is not None:
                return as_own(question, paid)
            bought = buy()
            self.remember(question, bought)
        return bought

    def find(self, question: Question, fingerprint: str) -> Answer | None:
        """The kept answer that was paid for this text, if there is one that has not expired."""
        for place in _places(question, fingerprint):
            answer = self._kept(place, question, fingerprint)
            if answer is not None and _was_paid(answer) and self._takes(answer):
                return answer
        return None

    def remember(self, question: Question, bought: Answer) -> None:
        """Keep what was bought, and note of which text it is.

        Only where it is about that text whole: a model may have been shown less of it.
        Prefect keeps it once more when the task run is over; who waits for this text
        looks before that. An answer that cannot be kept is still one, and the run
        finds out by itself that it is not kept. After a kill between the payment and
        the note the text's next filing pays for its own answer: none is paid for twice.
        """
        places = _places(question, bought.fingerprint)
        whole = bought.excerpt_sha256 == question.excerpt.sha256
        if not places or not whole or not _was_paid(bought):
            return
        with suppress(OSError):
            keep_answer(bought, self.folder, self.ttl)
            for place in places:
                self.folder.note(place, bought.accession)

    def _takes(self, answer: Answer) -> bool:
        return self.paid_by is None or answer.paid_by_run == self.paid_by

    def _kept(self, place: str, question: Question, fingerprint: str) -> Answer | None:
        """The answer that the note there leads to. The note is a hint: the answer must agree."""
        accession = self.folder.noted(place)
        if accession is None:
            return None
        if ACCESSION_PATTERN.fullmatch(accession) is None:
            self.folder.set_aside(place, "it notes no accession number")
            return None
        answer = answers_on_file([accession], fingerprint, self.folder).get(accession)
        if answer is not None and answer.excerpt_sha256 != question.excerpt.sha256:
            self.folder.set_aside(place, f"{accession} has another text")
            return None
        return answer


def as_own(question: Question, paid: Answer) -> Answer:
    """The answer paid for another filing of the same text, as this filing's, at no cost."""
    accession = question.filing.accession
    if paid.accession == accession:  # another run has bought it by now
        return paid
    free = {"model_calls": 0, "usage": Usage(), "cost_usd": 0.0}
    own = {
        "accession": accession,
        "same_text_as": paid.accession,
        "reply": paid.reply.model_copy(update=free),
        "accepted_at": question.accepted_at,
        "answered_at": utc_now(),
        "period": question.period,
        "filer_ciks": question.filer_ciks,
        "item_titles": question.item_titles,
    }
    return paid.model_copy(update=own)


def same_text_keys(question: Question) -> tuple[str, ...]:
    """Hex digests, one for each company the filing is about; none where nothing is shared.

    Two filings may share an answer exactly where they have one of them in common.
    """
    companies = subject_ciks(question)
    if question.excerpt.tokens < LEAST_TOKENS or len(companies) > MOST_COMPANIES:
        return ()
    digests = (_digest(question.filing.form, question.excerpt.sha256, cik) for cik in companies)
    return tuple(sorted(digests))


def subject_ciks(question: Question) -> frozenset[Cik]:
    """The companies a filing is about: its parties but for those who only file, else all filers.

    An index gives no roles, so who files is taken from the submission's header.
    """
    listed = frozenset(party.cik for party in question.filing.parties)
    filers = frozenset(question.filer_ciks)
    return listed - filers or filers or listed


def _was_paid(answer: Answer) -> bool:
    """Whether a model was asked for it, and not the rules, nor nobody: what was shared is free.

    Rules look at more than the text.
    """
    return answer.reply.model_calls > 0


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _places(question: Question, fingerprint: str) -> tuple[str, ...]:
    """Where the answers' accession numbers are noted, below the answer folder."""
    return tuple(f"same-text/{fingerprint}/{key}" for key in same_text_keys(question))
