"""What the stand-in model makes of a filing: phrases it knows, quoted where they stand.

Not a model and not meant to be right about real filings: it gives the
fictional market day answers that are plausible, and the same every time.
"""

import re
from dataclasses import dataclass
from typing import Any

_SENTENCE = re.compile(r"(?<=[.!?])(?<!U\.S\.)\s+(?=[A-Z\"“])|\n+")
_MONEY = re.compile(r"\$\s?(\d[\d,]*(?:\.\d+)?)(?:\s(million|billion))?")
_SHARE_PCT = re.compile(r"(\d+(?:\.\d+)?)% of (?:our|the) [\d,]*\s?shares outstanding")
_SIZED = re.compile(r"gross proceeds|values the company", re.IGNORECASE)
_LEAST_DEAL_USD = 10_000.0  # anything smaller is a price per share
_SCALE = {"": 1.0, "million": 1e6, "billion": 1e9}
_MOST_CATALYSTS = 4
_SUMMARY_SENTENCES = 2
_CLEAR = 0.15
_MOST_MIXED = 0.5
_RISK_BY_HARM = ((0.7, "high"), (0.3, "medium"))


@dataclass(frozen=True)
class Phrase:
    """Words that give a catalyst away; ``pull`` is their weight on the sentiment."""

    kind: str
    pattern: re.Pattern[str]
    pull: float
    is_deal: bool = False


def _phrase(kind: str, pattern: str, pull: float, *, is_deal: bool = False) -> Phrase:
    return Phrase(kind, re.compile(pattern, re.IGNORECASE), pull, is_deal)


PHRASES = (
    _phrase("bankruptcy", r"chapter 11|voluntary petition", -1.0),
    _phrase("default", r"notice of default|event of default", -0.8),
    _phrase("going_concern", r"substantial doubt about", -0.8),
    _phrase("delisting_notice", r"minimum bid price req|delisting determination", -0.6),
    _phrase("fda_clinical", r"complete response letter|did not meet its primary", -0.8),
    _phrase("fda_clinical", r"FDA\)? approved|met its primary endpoint", 0.9),
    _phrase("legal", r"no longer be relied upon|securities class action", -0.5),
    _phrase(
        "merger", r"definitive merger agreement|agreement and plan of merger", 0.8, is_deal=True
    ),
    _phrase(
        "offering", r"registered direct|private placement|public offering", -0.5, is_deal=True
    ),
    _phrase("offering", r"at-the-market offering", -0.4, is_deal=True),
    _phrase("convertible", r"convertible senior notes", -0.3, is_deal=True),
    _phrase("warrants", r"warrants to purchase", -0.2),
    _phrase("reverse_split", r"reverse stock split|share consolidation", -0.4),
    _phrase("earnings_beat", r"exceeded the company's guidance|above expectations", 0.7),
    _phrase("earnings_miss", r"below the company's guidance", -0.6),
    _phrase("guidance_up", r"raises its guidance", 0.5),
    _phrase("guidance_down", r"lowers its outlook", -0.5),
    _phrase("contract", r"awarded a contract", 0.6, is_deal=True),
    _phrase("partnership", r"license and collaboration agreement", 0.6, is_deal=True),
    _phrase("asset_sale", r"completed the sale of", 0.3, is_deal=True),
    _phrase("buyback", r"share repurchase program", 0.5, is_deal=True),
    _phrase("dividend", r"cash dividend", 0.3),
    _phrase("patent", r"granted a united states patent", 0.3),
    _phrase("debt", r"revolving credit facility of", 0.1, is_deal=True),
    _phrase("stake", r"beneficially owns|now owns [\d,]+ shares", 0.3),
    _phrase("auditor_change", r"resigned as the independent registered", -0.5),
    _phrase("executive_change", r"resigned as chief", -0.3),
    _phrase("executive_change", r"independent director", 0.0),
    _phrase("cyber_incident", r"unauthorized access", -0.4),
)


def read_filing(text: str) -> dict[str, Any]:
    """What one would like to say of the text, by the names analyses commonly use."""
    sentences = [" ".join(part.split()) for part in _SENTENCE.split(text) if part.strip()]
    found = _found(sentences)
    pulls = [phrase.pull for phrase, _ in found]
    sentiment = max(-1.0, min(1.0, round(sum(pulls) / max(1.0, len(pulls) ** 0.5), 2)))
    is_deal = any(phrase.is_deal for phrase, _ in found)
    diluted = _SHARE_PCT.search(" ".join(sentences))
    return {
        "label": _label(sentiment, pulls),
        "summary": _summary(sentences, found),
        "sentiment": sentiment,
        "confidence": round(min(0.95, 0.4 + 0.15 * len(found)), 2),
        "risk_level": _risk(pulls),
        "catalysts": [{"kind": phrase.kind, "quote": sentence} for phrase, sentence in found],
        "deal_size_usd": _deal_size_usd(sentences) if is_deal else None,
        "dilution_pct": float(diluted[1]) if diluted else None,
        "has_warrants": "warrant" in text.lower() if is_deal else None,
    }


def _found(sentences: list[str]) -> list[tuple[Phrase, str]]:
    """The first sentence for each kind of catalyst, weightiest kinds first."""
    first: dict[str, tuple[Phrase, str]] = {}
    for phrase in PHRASES:
        for sentence in sentences:
            if phrase.kind not in first and phrase.pattern.search(sentence):
                first[phrase.kind] = (phrase, sentence)
    weightiest = sorted(first.values(), key=lambda pair: -abs(pair[0].pull))
    return weightiest[:_MOST_CATALYSTS]


def _label(sentiment: float, pulls: list[float]) -> str:
    """Which way the text points, in the word that summaries open with."""
    both = max([0.0, *pulls]) >= _CLEAR and min([0.0, *pulls]) <= -_CLEAR
    if both and abs(sentiment) < _MOST_MIXED:
        return "MIXED"
    if abs(sentiment) < _CLEAR:
        return "NEUTRAL"
    return "BULLISH" if sentiment > 0 else "BEARISH"


def _summary(sentences: list[str], found: list[tuple[Phrase, str]]) -> str:
    telling = list(dict.fromkeys(sentence for _, sentence in found))
    longest = sorted(sentences, key=len, reverse=True)
    return " ".join((telling or longest)[:_SUMMARY_SENTENCES]) or "The filing holds no text."


def _risk(pulls: list[float]) -> str:
    harm = -min([0.0, *pulls])
    return next((risk for least, risk in _RISK_BY_HARM if harm >= least), "low")


def _deal_size_usd(sentences: list[str]) -> float | None:
    """The first amount told of the proceeds or value, else of the deal itself."""
    sized = [one for one in sentences if _SIZED.search(one)]
    deals = [one for one in sentences if any(p.is_deal and p.pattern.search(one) for p in PHRASES)]
    amounts = (amount for one in [*sized, *deals] for amount in _amounts_usd(one))
    return next((amount for amount in amounts if amount >= _LEAST_DEAL_USD), None)


def _amounts_usd(text: str) -> list[float]:
    return [
        float(number.replace(",", "")) * _SCALE[scale] for number, scale in _MONEY.findall(text)
    ]
