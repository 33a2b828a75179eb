"""Which rules a filing's excerpt matches, and the words they matched. Pure."""

import re
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from blocks.item_rules import FORMER_ITEM_RULES, ITEM_RULES
from blocks.models import CatalystKind, Excerpt, Filing
from blocks.phrases_of_business import BUSINESS
from blocks.phrases_of_capital import CAPITAL
from blocks.phrases_of_deals import DEALS
from blocks.phrases_of_trouble import TROUBLE
from blocks.rule_sentences import is_new, is_said, sentences_of, told_on
from blocks.rule_values import ItemRule, Meaning, Rule, first_match

RULES = (*TROUBLE, *CAPITAL, *BUSINESS, *DEALS)

_PHRASE_CONFIDENCE = 0.5
_ITEM_CONFIDENCE = 0.6
_QUOTE_CHARS = 400
_CHARS_BEFORE = 120  # of a match: who does it
_ITEM_PART = re.compile(r"8-K(?:/A)? item (\d{1,2}(?:\.\d\d)?)")
_CLAUSE = re.compile(r"[,;:] (?!Inc|Corp|Ltd|L\.?L\.?C)")
_HEADING_CHARS = 200  # of an item: its number and title


class Finding(NamedTuple):
    """A rule that matched, and the words it matched."""

    meaning: Meaning
    quote: str
    confidence: float


def findings_of(filing: Filing, excerpt: Excerpt) -> list[Finding]:
    """What the rules find, weightiest first: each class once for each sign."""
    by_item = list(_by_item(excerpt))
    by_phrase = _by_phrase(_rules_for(filing.form, excerpt.text), filing, excerpt)
    return _distinct([*by_item, *by_phrase])


def _by_item(excerpt: Excerpt) -> Iterator[Finding]:
    for part in excerpt.parts:
        item = _ITEM_PART.fullmatch(part)
        section = excerpt.text.partition(f"=== {part} ===\n")[2].partition("\n=== ")[0]
        rule = _item_rule(item[1], section) if item else None
        quote = _telling(rule, section) if rule else ""
        if rule and quote:
            yield Finding(rule.meaning, quote, _ITEM_CONFIDENCE)


def _item_rule(number: str, section: str) -> ItemRule | None:
    if number in FORMER_ITEM_RULES:
        heading, rule = FORMER_ITEM_RULES[number]
        return rule if first_match(heading, section[:_HEADING_CHARS]) else None
    return ITEM_RULES.get(number)


def _telling(rule: ItemRule, section: str) -> str:
    """The first sentence behind the heading that says what the item is about."""
    for sentence in sentences_of(_without_heading(section)):
        match = first_match(rule.says, sentence)
        counts = rule.supposes or is_said(sentence)
        if match and counts and not first_match(rule.unless, sentence):
            return _quoted(sentence, match)
    return ""


def _without_heading(section: str) -> str:
    """A section without its first line, where that is a heading and text follows."""
    heading, _, text = section.partition("\n")
    return text if text.strip() and len(heading) <= _HEADING_CHARS else section


def _rules_for(form: str, text: str) -> list[Rule]:
    return [
        rule
        for rule in RULES
        if rule.forms.match(form) and not first_match(rule.not_in_text, text)
    ]


def _by_phrase(rules: list[Rule], filing: Filing, excerpt: Excerpt) -> Iterator[Finding]:
    told = told_on(filing)
    for sentence in sentences_of(excerpt.text):
        said = is_said(sentence)
        for rule in rules if said else (rule for rule in rules if rule.supposes):
            match = _match(rule, sentence, told)
            if match:
                yield Finding(rule.meaning, _quoted(sentence, match), _PHRASE_CONFIDENCE)


def _match(rule: Rule, sentence: str, told: date) -> re.Match[str] | None:
    match = first_match(rule.says, sentence)
    if not match or first_match(rule.unless, sentence):
        return None
    return match if is_new(sentence, told) or not rule.is_event else None


def _quoted(sentence: str, match: re.Match[str]) -> str:
    """The sentence, or as much of it around the match as a quote may hold, from a clause on."""
    if len(sentence) <= _QUOTE_CHARS:
        return sentence
    start = max(0, min(match.start() - _CHARS_BEFORE, len(sentence) - _QUOTE_CHARS))
    start = sentence.rfind(" ", 0, start + 1) + 1
    clauses = [clause.end() for clause in _CLAUSE.finditer(sentence, start, match.start() + 1)]
    start = clauses[0] if clauses else start
    quote = sentence[start : start + _QUOTE_CHARS]
    return quote if start + _QUOTE_CHARS >= len(sentence) else quote.rpartition(" ")[0] or quote


def _distinct(findings: list[Finding]) -> list[Finding]:
    """The weightiest of each class and sign, the first of equals; of ``other`` each meaning.

    What is neutral falls away beside news of the same class that is not.
    """
    weightiest = sorted(findings, key=lambda found: -abs(found.meaning.sentiment))
    kept: dict[tuple[CatalystKind, bool, str], Finding] = {}
    signed = set()
    for found in weightiest:
        kind, words, sentiment, _ = found.meaning
        if kind is CatalystKind.OTHER:
            kept.setdefault((kind, True, words), found)
        elif sentiment or kind not in signed:
            kept.setdefault((kind, sentiment > 0, ""), found)
            signed.add(kind)
    return list(kept.values())
