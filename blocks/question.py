"""What the analyst is asked about a filing: the excerpt, and the facts around it. Pure."""

from datetime import date, datetime

from blocks.models import Decision, Excerpt, Filing, Question, Submission, eastern_day

_PRICE_HOLDS_DAYS = 4  # Friday's close for a filing on the Tuesday after a long weekend


def question_of(
    filing: Filing, submission: Submission, excerpt: Excerpt, decision: Decision
) -> Question:
    """What is told of a filing: its header's facts, the ticker, and the price where it holds.

    Ticker and price are no part of an answer's key. An answer is paid once, with
    what was known when it was asked for: a price moves every minute, and a key that
    held it would never be met again. What was told is kept with the answer.
    """
    accepted_at = submission.accepted_at or filing.accepted_at
    tells_price = decision.price_usd is not None and price_holds(
        decision.price_as_of, accepted_at or filing.filed_on
    )
    return Question(
        filing=filing,
        excerpt=excerpt,
        parties=submission.parties,
        accepted_at=submission.accepted_at,
        period=submission.period,
        filer_ciks=submission.filer_ciks,
        item_titles=submission.items,
        ticker=decision.ticker,
        price_usd=decision.price_usd if tells_price else None,
        price_as_of=decision.price_as_of if tells_price else None,
    )


def half_tokens_of(excerpt: Excerpt) -> int:
    """The budget with which a question too long for the model is asked once more.

    Half of what was shown, which may be less than was allowed.
    """
    return excerpt.tokens // 2


def price_holds(price_as_of: datetime | None, filed: date | datetime | None) -> bool:
    """Whether a price tells what the stock cost when the filing came.

    It does within four calendar days, Eastern, before or after. A backfill reads old
    filings with today's prices; beside such a filing they would mislead. Of a price
    without a time, or a filing without a date, nobody can say.
    """
    if price_as_of is None or filed is None:
        return False
    return abs(_day(price_as_of) - _day(filed)).days <= _PRICE_HOLDS_DAYS


def _day(moment: date | datetime) -> date:
    return eastern_day(moment) if isinstance(moment, datetime) else moment
