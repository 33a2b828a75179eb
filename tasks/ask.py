"""From a claimed filing to its answer: read, ask within the budget, keep what the header told."""

import logging

from blocks.errors import AnalystError, ClaimLost, QuestionTooLong, StoreError
from blocks.excerpt import MIN_BUDGET_TOKENS, excerpt_of
from blocks.models import Answer, Decision, Filing, Question, Reply, Submission, utc_now
from blocks.question import half_tokens_of, question_of
from tasks.answer_cache import answers_on_file
from tasks.bench import Bench

_logger = logging.getLogger(__name__)


def enrich_one(filing: Filing, decision: Decision, bench: Bench) -> Answer:
    """Read a filing's submission and ask the analyst about it.

    Where the same text was paid for, its answer is taken and nothing is asked.

    Raises:
        ClaimLost: another run has the filing by now, and may be asking.
        EdgarError: the submission cannot be had or read.
        AnalystError: the analyst gave no answer that can be kept.
        BudgetReached: a cap does not cover the call.
        StoreError: the call could not be booked, and was not made.
        AnswerCacheUnusable: answers cannot be kept any more, so none is bought.
    """
    submission = bench.edgar.submission(filing)
    question = question_about(filing, submission, decision, bench.excerpt_tokens)

    def buy() -> Answer:
        bought = _answered(question, submission, bench)
        _see_that_it_takes_no_others_place(bought, bench)
        return bought

    if bench.same_text is None:
        return buy()
    return bench.same_text.answer(question, bench.fingerprint, buy)


def _see_that_it_takes_no_others_place(bought: Answer, bench: Bench) -> None:
    """A claim may be lost while the model is at work; then the answer of whoever has it stays.

    Where there is none yet, this one is kept: it is paid for, and the other run finds it.
    """
    try:
        bench.leases.see_that_it_is_ours(bought.accession)
    except ClaimLost:
        if bench.answers is not None and answers_on_file(
            [bought.accession], bought.fingerprint, bench.answers
        ):
            raise
    except StoreError as error:
        _logger.warning("%s: kept, whoever has the filing by now: %s", bought.accession, error)


def _answered(question: Question, submission: Submission, bench: Bench) -> Answer:
    """Ask; a question that is too long for the model once more with half of the excerpt.

    The answer tells by ``excerpt_tokens`` how much was shown.
    """
    try:
        return answer_of(question, _asked(question, bench), bench)
    except QuestionTooLong:
        half_tokens = half_tokens_of(question.excerpt)
        if half_tokens < MIN_BUDGET_TOKENS:
            raise
    shorter = question.model_copy(
        update={"excerpt": excerpt_of(submission, budget_tokens=half_tokens)}
    )
    return answer_of(shorter, _asked(shorter, bench), bench)


def question_about(
    filing: Filing,
    submission: Submission,
    decision: Decision,
    excerpt_tokens: int,
) -> Question:
    """What the analyst is asked: the excerpt, within its budget, and facts around it.

    Raises:
        SubmissionUnreadable: nothing of it can be shown.
    """
    excerpt = excerpt_of(submission, budget_tokens=excerpt_tokens)
    return question_of(filing, submission, excerpt, decision)


def answer_of(question: Question, reply: Reply, bench: Bench) -> Answer:
    """The reply as it is kept."""
    return Answer(
        accession=question.filing.accession,
        fingerprint=bench.fingerprint,
        reply=reply,
        excerpt_parts=question.excerpt.parts,
        excerpt_tokens=question.excerpt.tokens,
        accepted_at=question.accepted_at,
        answered_at=utc_now(),
        paid_by_run=bench.run_id,
        period=question.period,
        filer_ciks=question.filer_ciks,
        item_titles=question.item_titles,
        ticker=question.ticker,
        price_usd=question.price_usd,
        price_as_of=question.price_as_of,
        excerpt_sha256=question.excerpt.sha256,
    )


def _asked(question: Question, bench: Bench) -> Reply:
    """Ask within the budget; what the call cost is booked whatever came of it."""
    with bench.budget.reserve(bench.analyst.worst_case_cost_usd(question.excerpt)) as reserved:
        try:
            bench.leases.see_that_it_is_ours(question.filing.accession)
        except StoreError:
            reserved.settle(0.0)
            raise
        if bench.brake.reason is not None:  # a door was closed while this one was on its way
            reserved.settle(0.0)
            raise bench.brake.reason
        try:
            reply = bench.analyst.analyse(question)
        except AnalystError as error:
            reserved.settle(error.cost_usd)
            bench.tally.book(error.cost_usd)
            raise
        reserved.settle(reply.cost_usd)
    bench.tally.book(reply.cost_usd, reply.model_calls, reply.usage)
    return reply
