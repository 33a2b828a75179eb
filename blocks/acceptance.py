"""What is accepted of a model's answer, and how far it is trusted. Pure.

A server's promise to keep to a schema is not relied on. Where the meaning is
clear the reading is lenient: text around the JSON object, unknown extra fields,
a class of catalyst outside the list (read as ``other``), a summary or quote that
is too long (cut), more catalysts than are kept (the first ones are), characters
that nobody sees (dropped), a summary with no label or the wrong one (it gets the
label of the sentiment). Anything else that breaks the schema or a range is
``AnswerInvalid``: a sentiment of 7 has no clear meaning.
"""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from blocks.answer_json import json_object_in
from blocks.errors import AnswerInvalid
from blocks.label import CLEAR_SENTIMENT, agrees, label_and_rest, label_of
from blocks.models import Analysis, Catalyst, CatalystKind, Excerpt, RiskLevel
from blocks.plain_text import visible
from blocks.prompt import MOST_CATALYSTS, REPLY_SCHEMA
from blocks.quotes import Evidence

_SUMMARY_CHARS = 1_200
_QUOTE_CHARS = 600
_DOUBT = 0.5


def _known_kind(value: object) -> object:
    """A class of catalyst as it is listed; a word outside the list is ``other``."""
    if not isinstance(value, str):
        return value
    word = value.strip().lower().replace(" ", "_").replace("-", "_")
    return CatalystKind(word) if word in set(CatalystKind) else CatalystKind.OTHER


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def _seen(value: object) -> object:
    return visible(value).strip() if isinstance(value, str) else value


class _StatedCatalyst(BaseModel):
    kind: Annotated[CatalystKind, BeforeValidator(_known_kind)]
    quote: Annotated[str, BeforeValidator(_seen)]


class _StatedAnswer(BaseModel):
    """The answer as the schema asks for it, before its label and quotes are checked."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    catalysts: list[_StatedCatalyst]
    summary: Annotated[str, BeforeValidator(_seen), Field(min_length=1)]
    sentiment: float = Field(ge=-1, le=1)
    confidence: float = Field(ge=0, le=1)
    risk_level: Annotated[RiskLevel, BeforeValidator(_lower)]
    deal_size_usd: float | None = Field(None, ge=0)
    dilution_pct: float | None = Field(None, ge=0)
    has_warrants: bool | None = None


def analysis_from(answer: str, excerpt: Excerpt, *, accession: str) -> Analysis:
    """Read and check the model's answer against the excerpt it was shown.

    A catalyst whose quote does not stand in the excerpt is kept and marked; one
    without a quote is dropped. The summary opens with the label that agrees with the
    sentiment. The stated confidence is multiplied by

    - the share of catalysts whose quotes hold, and by no more than one half unless all
      do; those without a quote are among the ones that do not;
    - one half where the sentiment is clear (0.15 or more, either way) and no catalyst
      is given for it;
    - one half where the summary opened with a label that contradicts the sentiment.

    So it is never raised, and never higher for fewer quotes that hold.

    Raises:
        AnswerInvalid: it is not the JSON object asked for, or out of range.
    """
    stated = _stated(answer, accession)
    claimed = stated.catalysts[:MOST_CATALYSTS]
    evidence = Evidence(excerpt.text)
    catalysts = tuple(
        Catalyst(kind=said.kind, quote=quote, verified=evidence.holds(quote))
        for said in claimed
        if (quote := _shortened(said.quote, _QUOTE_CHARS))
    )
    held = sum(catalyst.verified for catalyst in catalysts)
    summary, label_trust = _labelled(stated.summary, stated.sentiment)
    return Analysis(
        summary=summary,
        sentiment=stated.sentiment,
        confidence=stated.confidence * label_trust * _trust(held, len(claimed), stated.sentiment),
        risk_level=stated.risk_level,
        catalysts=catalysts,
        deal_size_usd=stated.deal_size_usd,
        dilution_pct=stated.dilution_pct,
        has_warrants=stated.has_warrants,
    )


def _trust(held: int, claimed: int, sentiment: float) -> float:
    """How far a sentiment is to be trusted for which so many of the claimed quotes hold."""
    if not claimed:
        return 1.0 if abs(sentiment) < CLEAR_SENTIMENT else _DOUBT
    return 1.0 if held == claimed else min(_DOUBT, held / claimed)


def _labelled(summary: str, sentiment: float) -> tuple[str, float]:
    """The summary under a label that agrees with the sentiment, and how far to trust it."""
    said, rest = label_and_rest(summary)
    contradicts = said is not None and not agrees(said, sentiment)
    label = label_of(sentiment) if said is None or contradicts else said
    text = f"{label}: {rest}" if rest else label
    return _shortened(text, _SUMMARY_CHARS), _DOUBT if contradicts else 1.0


def _stated(answer: str, accession: str) -> _StatedAnswer:
    try:
        return _StatedAnswer.model_validate_json(json_object_in(answer, REPLY_SCHEMA))
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'answer'}: {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False)[:3]
        )
        raise AnswerInvalid(
            f"{accession}: the model's answer does not fit the schema ({faults}); the filing is"
            " asked about again by the next run, and another model may keep to the schema",
            subject=accession,
        ) from error


def _shortened(text: str, most_chars: int) -> str:
    """Cut at the last sentence, else the last word, within the length."""
    if len(text) <= most_chars:
        return text
    head = text[:most_chars]
    end = max(head.rfind(stop) for stop in (". ", "! ", "? ")) + 1
    return head[: end or head.rfind(" ") if " " in head else most_chars].rstrip()
