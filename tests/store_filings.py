"""Filings and how they ended, for the store's tests."""

from datetime import UTC, date, datetime

from blocks.models import (
    Analysis,
    Answer,
    Catalyst,
    CatalystKind,
    Decision,
    Failure,
    Filing,
    FoundBy,
    Outcome,
    OutcomeStatus,
    Party,
    Reply,
    RiskLevel,
    Usage,
    Verdict,
)


def accession(number: int, *, year: int = 25) -> str:
    return f"0001193125-{year:02d}-{number:06d}"


def filing(number: int, *, found_by: FoundBy = FoundBy.FEED, form: str = "8-K") -> Filing:
    return Filing(
        accession=accession(number),
        form=form,
        parties=(Party(cik=320193, name="O'Neill & Söhne /DE/", role="Filer"),),
        found_by=found_by,
        accepted_at=datetime(2025, 12, 12, 21, 5, 30, tzinfo=UTC),
    )


def filings(*numbers: int) -> list[Filing]:
    return [filing(number) for number in numbers]


def answer(number: int, *, fingerprint: str = "f1", minute: int = 0) -> Answer:
    return Answer(
        accession=accession(number),
        fingerprint=fingerprint,
        reply=Reply(
            analysis=Analysis(
                summary=f"Filing {number} raises guidance — “strongly”.",
                sentiment=0.7,
                confidence=0.9,
                risk_level=RiskLevel.LOW,
                catalysts=(
                    Catalyst(kind=CatalystKind.GUIDANCE_UP, quote="we now", verified=True),
                ),
                deal_size_usd=1.5e9,
            ),
            model="small-model",
            model_calls=1,
            usage=Usage(input_tokens=900, output_tokens=120),
            cost_usd=0.0004,
        ),
        excerpt_parts=("8-K item 2.02",),
        excerpt_tokens=870,
        accepted_at=datetime(2025, 12, 12, 21, 5, 30, tzinfo=UTC),
        answered_at=datetime(2025, 12, 12, 21, minute, 7, 123457, tzinfo=UTC),
        paid_by_run="run",
    )


def enriched(number: int, *, fingerprint: str = "f1", minute: int = 0) -> Outcome:
    return Outcome(
        filing=filing(number),
        status=OutcomeStatus.ENRICHED,
        decision=Decision(verdict=Verdict.WITHIN_RANGE, ticker="ONS", price_usd=4.25),
        answer=answer(number, fingerprint=fingerprint, minute=minute),
    )


def reporting(  # noqa: PLR0913 - what an amendment is known by
    number: int,
    form: str = "8-K",
    *,
    ciks: tuple[int, ...] = (320193,),
    period: date = date(2025, 12, 11),
    items: tuple[str, ...] = (),
    accepted_at: datetime | None = datetime(2025, 12, 12, 21, 5, 30, tzinfo=UTC),
    fingerprint: str = "f1",
) -> Outcome:
    """An outcome whose answer keeps what the header said, period of report included."""
    header = {
        "period": period,
        "filer_ciks": ciks,
        "item_titles": items,
        "accepted_at": accepted_at,
    }
    found = {"form": form, "accepted_at": accepted_at, "filed_on": date(2025, 12, 12)}
    return Outcome(
        filing=filing(number).model_copy(update=found),
        status=OutcomeStatus.ENRICHED,
        decision=Decision(verdict=Verdict.WITHIN_RANGE, ticker="ONS", price_usd=4.25),
        answer=answer(number, fingerprint=fingerprint).model_copy(update=header),
    )


def rejected(number: int) -> Outcome:
    return Outcome(
        filing=filing(number),
        status=OutcomeStatus.REJECTED,
        decision=Decision(verdict=Verdict.ABOVE_CEILING, ticker="ONS", price_usd=812.0),
        reason="812.00 USD is above 10.00 USD",
    )


def failure(number: int, *, message: str = "no answer in 30 s", counts: bool = True) -> Failure:
    return Failure(
        filing=filing(number),
        error="AnalystUnavailable",
        message=message,
        cost_usd=0.0001,
        counts=counts,
    )


def names(*numbers: int) -> frozenset[str]:
    return frozenset(map(accession, numbers))
