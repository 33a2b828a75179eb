"""The rule-based analyst: what 8-K item codes and a few clear phrases say, with their words.

It answers where there is no model, and prefers silence to a guess: where no
rule fits it says NEUTRAL at a low confidence and lists no catalyst. Every
catalyst quotes what its rule matched. A sentence that only supposes (may,
could, if, no assurance) or repeats old news never matches.

The rules themselves stand in ``item_rules`` and the ``phrases_of_...`` modules.
"""

import re

from blocks.label import CLEAR_SENTIMENT, Label, label_of
from blocks.models import Analysis, Catalyst, CatalystKind, Excerpt, Filing, RiskLevel
from blocks.rule_findings import Finding, findings_of
from blocks.rule_sentences import is_new, is_said, sentences_of, told_on

_ABSTAINING_CONFIDENCE = 0.1
_MIXED_CONFIDENCE = 0.2
_MOST_CATALYSTS = 12
_DEALS = {CatalystKind.OFFERING, CatalystKind.CONVERTIBLE, CatalystKind.WARRANTS}
_RISKS = list(RiskLevel)

_GROSS_PROCEEDS = re.compile(
    r"gross proceeds (?:\w+ ){0,8}?(?:of|were|are) (?:approximately )?"
    r"\$(\d[\d,]*(?:\.\d+)?) ?(million|billion)?",
    re.IGNORECASE,
)
# What was sold before under an agreement that goes on is another deal.
_EARLIER_SALES = re.compile(
    r"\bhave (?:offered and )?(?:sold|issued|received|raised)\b|\bsince\b|sales agreement",
    re.IGNORECASE,
)
_SHARES_OFFERED = re.compile(
    r"common stock offered(?: by us)?:?\s+(\d[\d,]*) shares", re.IGNORECASE
)
_SHARES_BEFORE = re.compile(
    r"outstanding (?:immediately )?after this offering (?:is|are) based on (\d[\d,]*) shares",
    re.IGNORECASE,
)
_SCALE = {"": 1, "million": 1_000_000, "billion": 1_000_000_000}


def analysis_by_rules(filing: Filing, excerpt: Excerpt) -> Analysis:
    """What the rules make of a filing; neutral, unsure and empty where none fits."""
    findings = findings_of(filing, excerpt)
    good = max((found.meaning.sentiment for found in findings), default=0.0)
    bad = min((found.meaning.sentiment for found in findings), default=0.0)
    sentiment = round(max(good, 0.0) + min(bad, 0.0), 2)
    both = good >= CLEAR_SENTIMENT and bad <= -CLEAR_SENTIMENT
    label = label_of(sentiment, for_both_sides=both)
    kinds = {found.meaning.kind for found in findings}
    return Analysis(
        summary=_summary(label, filing, findings),
        sentiment=sentiment,
        confidence=_confidence(label, findings),
        risk_level=max((f.meaning.risk for f in findings), key=_RISKS.index, default=_RISKS[1]),
        catalysts=tuple(
            Catalyst(kind=found.meaning.kind, quote=found.quote, verified=True)
            for found in findings[:_MOST_CATALYSTS]
        ),
        deal_size_usd=_deal_size_usd(filing, excerpt) if kinds & _DEALS else None,
        dilution_pct=_dilution_pct(excerpt.text),
        has_warrants=True if CatalystKind.WARRANTS in kinds else None,
    )


def _confidence(label: Label, findings: list[Finding]) -> float:
    if label is Label.MIXED:
        return _MIXED_CONFIDENCE
    return max((found.confidence for found in findings), default=_ABSTAINING_CONFIDENCE)


def _summary(label: Label, filing: Filing, findings: list[Finding]) -> str:
    subject = f"{filing.issuers[0].name[:120]} ({filing.form})"
    if not findings:
        return f"{label}: {subject}. No rule fits this filing; it was not read by a model."
    told = "; ".join(dict.fromkeys(found.meaning.words for found in findings))
    return f"{label}: {subject}: {told}. Found by rules, not read by a model."


def _deal_size_usd(filing: Filing, excerpt: Excerpt) -> float | None:
    """The gross proceeds, where every sentence that states this deal's states the same."""
    told = told_on(filing)
    amounts = {
        float(found[1].replace(",", "")) * _SCALE[(found[2] or "").lower()]
        for sentence in sentences_of(excerpt.text)
        if is_said(sentence) and is_new(sentence, told) and not _EARLIER_SALES.search(sentence)
        for found in _GROSS_PROCEEDS.finditer(sentence)
    }
    return amounts.pop() if len(amounts) == 1 else None


def _dilution_pct(text: str) -> float | None:
    """New shares in percent of those before, where both are stated and nothing else is sold."""
    offered, before = _SHARES_OFFERED.search(text), _SHARES_BEFORE.search(text)
    if not offered or not before or "pre-funded" in text.lower():
        return None
    shares_before = int(before[1].replace(",", ""))
    shares_offered = int(offered[1].replace(",", ""))
    return round(100 * shares_offered / shares_before, 2) if shares_before else None
