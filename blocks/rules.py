"""The rule-based analyst: what 8-K item codes and a few clear phrases say, with their words.

It answers where there is no model, and prefers silence to a guess: where no
rule fits it says NEUTRAL at a low confidence and lists no catalyst. Every
catalyst quotes what its rule matched. A sentence that only supposes (may,
could, if, no assurance) or repeats old news never matches.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from blocks.models import Analysis, Catalyst, CatalystKind, Excerpt, Filing, RiskLevel
from blocks.phrase_rules import ITEM_MEANINGS, RULES, Meaning

_ABSTAINING_CONFIDENCE = 0.1
_MIXED_CONFIDENCE = 0.2
_PHRASE_CONFIDENCE = 0.5
_ITEM_CONFIDENCE = 0.6
_CLEAR_SENTIMENT = 0.15
_QUOTE_CHARS = 400
_MOST_CATALYSTS = 12
_DEALS = {CatalystKind.OFFERING, CatalystKind.CONVERTIBLE, CatalystKind.WARRANTS}
_RISKS = list(RiskLevel)

_ITEM_PART = re.compile(r"8-K(?:/A)? item (\d\.\d\d)")
_SENTENCE_END = re.compile(
    r"(?<=[.!?;])(?<![A-Z]\.)(?<!Inc\.)(?<!Corp\.)(?<!Ltd\.)(?<!Co\.)(?<!No\.)(?<!Mr\.)(?<!Ms\.)"
    r"(?<!Dr\.)[\"\u201d)]?\s+(?=[A-Z\u201c\"(])|\n\n+|\n(?=[●•=])"
)
# Case matters: "May" is a month.
_SUPPOSITION = re.compile(
    r"\b(?:may|might|could|would|[Ss]hould|[Ii]f|[Uu]nless|whether|risks?|no assurance|cannot"
    r"|potential(?:ly)?|previously|WHEREAS|adjust(?:ed|s|ing)?|retroactive(?:ly)?"
    r"|seek(?:s|ing)? to|not been|has not|have not|not received)\b"
)
_GROSS_PROCEEDS = re.compile(
    r"gross proceeds (?:\w+ ){0,8}?(?:of|were|are) (?:approximately )?"
    r"\$(\d[\d,]*(?:\.\d+)?) ?(million|billion)?",
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


class _Finding(NamedTuple):
    """A rule that matched, and the words it matched."""

    meaning: Meaning
    quote: str
    confidence: float


def analysis_by_rules(filing: Filing, excerpt: Excerpt) -> Analysis:
    """What the rules make of a filing; neutral, unsure and empty where none fits."""
    sentences = _sentences(excerpt.text)
    findings = _distinct([*_by_item(excerpt), *_by_phrase(filing.form, sentences)])
    good = max((found.meaning.sentiment for found in findings), default=0.0)
    bad = min((found.meaning.sentiment for found in findings), default=0.0)
    sentiment = round(max(good, 0.0) + min(bad, 0.0), 2)
    label = _label(good, bad)
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
        deal_size_usd=_deal_size_usd(sentences) if kinds & _DEALS else None,
        dilution_pct=_dilution_pct(excerpt.text),
        has_warrants=True if CatalystKind.WARRANTS in kinds else None,
    )


def _sentences(text: str) -> list[str]:
    folded = (" ".join(said.split()) for said in _SENTENCE_END.split(text))
    return [said for said in folded if said]


def _by_item(excerpt: Excerpt) -> Iterator[_Finding]:
    for part in excerpt.parts:
        found = _ITEM_PART.fullmatch(part)
        meaning = ITEM_MEANINGS.get(found[1]) if found else None
        quote = _opening(excerpt.text, part) if meaning else ""
        if meaning and quote:
            yield _Finding(meaning, quote, _ITEM_CONFIDENCE)


def _opening(text: str, part: str) -> str:
    """The first telling sentence of a part: not its heading, if there is more."""
    section = text.partition(f"=== {part} ===\n")[2].partition("\n=== ")[0]
    sentences = _sentences(section)
    telling = [said for said in sentences if len(said) >= 60 and not said.startswith("Item")]  # noqa: PLR2004  # about ten words
    return _quoted((telling or sentences or [""])[0])


def _by_phrase(form: str, sentences: list[str]) -> Iterator[_Finding]:
    rules = [rule for rule in RULES if rule.forms.match(form)]
    for sentence in sentences:
        if _SUPPOSITION.search(sentence):
            continue
        for rule in rules:
            found = rule.pattern.search(sentence)
            if found:
                quote = _quoted(sentence, found.start())
                yield _Finding(rule.meaning, quote, _PHRASE_CONFIDENCE)


def _quoted(sentence: str, match_start: int = 0) -> str:
    """The sentence, or as much of it from the match on as a quote may hold."""
    if len(sentence) <= _QUOTE_CHARS:
        return sentence
    return sentence[match_start : match_start + _QUOTE_CHARS].rpartition(" ")[0].strip()


def _distinct(findings: list[_Finding]) -> list[_Finding]:
    """The first finding of each meaning, weightiest first."""
    first = {found.meaning: found for found in reversed(findings)}.values()
    return sorted(first, key=lambda found: -abs(found.meaning.sentiment))


def _label(good: float, bad: float) -> str:
    if good >= _CLEAR_SENTIMENT and bad <= -_CLEAR_SENTIMENT:
        return "MIXED"
    if good >= _CLEAR_SENTIMENT:
        return "BULLISH"
    return "BEARISH" if bad <= -_CLEAR_SENTIMENT else "NEUTRAL"


def _confidence(label: str, findings: list[_Finding]) -> float:
    if label == "MIXED":
        return _MIXED_CONFIDENCE
    return max((found.confidence for found in findings), default=_ABSTAINING_CONFIDENCE)


def _summary(label: str, filing: Filing, findings: list[_Finding]) -> str:
    subject = f"{filing.issuers[0].name[:120]} ({filing.form})"
    if not findings:
        return f"{label}: {subject}. No rule fits this filing; it was not read by a model."
    told = "; ".join(dict.fromkeys(found.meaning.words for found in findings))
    return f"{label}: {subject}: {told}. Found by rules, not read by a model."


def _deal_size_usd(sentences: list[str]) -> float | None:
    """The gross proceeds, where every sentence that states them states the same."""
    amounts = {
        float(found[1].replace(",", "")) * _SCALE[(found[2] or "").lower()]
        for sentence in sentences
        if not _SUPPOSITION.search(sentence)
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
