"""What the rule-based analyst knows: 8-K item codes and phrases, and what each means.

A pattern is tried on one sentence at a time, its white space folded to single spaces.
Sentiment is for present shareholders, as in ``blocks.models.Analysis``.
"""

import re
from typing import NamedTuple

from blocks.models import CatalystKind, RiskLevel

_LOW, _MEDIUM, _HIGH = RiskLevel.LOW, RiskLevel.MEDIUM, RiskLevel.HIGH
_CURRENT_REPORTS = re.compile(r"[86]-K")
_EIGHT_K = re.compile(r"8-K")
_PROSPECTUSES = re.compile(r"424B|FWP")
_REPORTS_AND_PROSPECTUSES = re.compile(r"[86]-K|424B|FWP")
_STAKE_FORMS = re.compile(r"SC(?:HEDULE)? 13[DG]")
_ANY_FORM = re.compile(r"")


class Meaning(NamedTuple):
    """What an event is, and what it means for present shareholders."""

    kind: CatalystKind
    words: str
    sentiment: float
    risk: RiskLevel


class Rule(NamedTuple):
    """A sentence that matches, in such a form, has this meaning."""

    meaning: Meaning
    pattern: re.Pattern[str]
    forms: re.Pattern[str] = _CURRENT_REPORTS


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


ITEM_MEANINGS = {  # 8-K items whose number alone says what happened
    "1.03": Meaning(CatalystKind.BANKRUPTCY, "bankruptcy or receivership", -0.9, _HIGH),
    "1.05": Meaning(CatalystKind.CYBER_INCIDENT, "a material cyber incident", -0.4, _MEDIUM),
    "2.04": Meaning(CatalystKind.DEFAULT, "a debt obligation triggered early", -0.6, _HIGH),
    "2.06": Meaning(CatalystKind.OTHER, "a material impairment", -0.4, _MEDIUM),
    "4.01": Meaning(CatalystKind.AUDITOR_CHANGE, "a change of auditor", 0.0, _MEDIUM),
    "4.02": Meaning(
        CatalystKind.OTHER, "past statements that can no longer be relied on", -0.7, _HIGH
    ),
}

RULES = (
    Rule(
        Meaning(CatalystKind.BANKRUPTCY, "bankruptcy", -0.9, _HIGH),
        _pattern(r"filed (?:a )?voluntary petitions? .{0,120}chapter (?:7|11)\b"),
    ),
    Rule(
        Meaning(CatalystKind.GOING_CONCERN, "substantial doubt about going on", -0.6, _HIGH),
        _pattern(r"(?<!no )(?<!alleviate )(?<!alleviated )substantial doubt .{0,80}going concern"),
        _ANY_FORM,
    ),
    Rule(
        Meaning(CatalystKind.DELISTING_NOTICE, "a listing deficiency", -0.5, _HIGH),
        _pattern(
            r"(?:received|notified) .{0,200}(?:nasdaq|nyse|exchange).{0,250}(?:not in compliance"
            r"|no longer (?:in compliance|meets?|compl(?:y|ies|ied))|failed to (?:comply|meet)"
            r"|did not (?:comply|meet)|does not (?:comply|meet)|delist)"
        ),
    ),
    Rule(
        Meaning(CatalystKind.OTHER, "listing compliance regained", 0.4, _LOW),
        _pattern(r"(?:nasdaq|nyse|exchange).{0,250}(?:has|had) regained compliance"),
    ),
    Rule(
        Meaning(CatalystKind.REVERSE_SPLIT, "a reverse split", -0.5, _HIGH),
        _pattern(
            r"(?:announc\w+|approv\w+|will effect|to effect an?) .{0,160}reverse"
            r" (?:stock |share )?split"
            r"|effected an? .{0,40}reverse (?:stock |share )?split of (?:its|our|the company)"
            r"|reverse (?:stock |share )?split .{0,80}(?:will become|became|will be) effective"
        ),
    ),
    Rule(
        Meaning(CatalystKind.OFFERING, "new shares are sold", -0.5, _HIGH),
        _pattern(
            r"(?:\bwe are|\(the .company.[^)]{0,60}\) is) (?:hereby )?offering\b"
            r".{0,200}common stock"
        ),
        _PROSPECTUSES,
    ),
    Rule(
        Meaning(CatalystKind.OFFERING, "new shares are sold", -0.5, _HIGH),
        _pattern(
            r"(?:announc\w+|entered into|priced|closed|completed) .{0,200}"
            r"(?:registered direct offering|underwritten public offering|public offering of"
            r"|private placement of .{0,80}(?:shares|common stock))"
        ),
    ),
    Rule(
        Meaning(CatalystKind.WARRANTS, "warrants are issued", -0.3, _MEDIUM),
        _pattern(
            r"(?:we are (?:also )?offering|agreed to (?:issue|sell)|issued|will issue|sold)\b"
            r"(?:(?!outstanding).){0,300}\bwarrants? (?:\([^)]{0,80}\) )?to purchase"
        ),
        _REPORTS_AND_PROSPECTUSES,
    ),
    Rule(
        Meaning(CatalystKind.CONVERTIBLE, "convertible debt is issued", -0.4, _MEDIUM),
        _pattern(
            r"(?:issued|sold|agreed to (?:issue|sell)|will issue) .{0,160}"
            r"convertible (?:promissory |senior |secured |unsecured )*(?:notes?|debentures?)"
        ),
    ),
    Rule(
        Meaning(CatalystKind.DEFAULT, "a default", -0.6, _HIGH),
        _pattern(
            r"(?:received|delivered) (?:a )?(?:written )?notice of (?:an )?(?:event of )?default"
        ),
    ),
    Rule(
        Meaning(CatalystKind.MERGER, "shareholders are bought out for cash", 0.6, _MEDIUM),
        _pattern(
            r"each .{0,60}shares? of .{0,60}common stock.{0,300}converted into the right"
            r" to receive (?:an amount (?:in cash )?equal to )?\$[\d.]+ .{0,40}cash"
        ),
    ),
    Rule(
        Meaning(CatalystKind.GUIDANCE_UP, "guidance raised", 0.6, _LOW),
        _pattern(r"\b(?:raises|raised|raising|is increasing) .{0,60}\b(?:guidance|outlook)\b"),
    ),
    Rule(
        Meaning(CatalystKind.GUIDANCE_DOWN, "guidance lowered", -0.6, _MEDIUM),
        _pattern(
            r"\b(?:lowers|lowered|lowering|reduces its|reduced its|withdraws|withdrew|withdrawing)"
            r" .{0,60}\b(?:guidance|outlook)\b"
        ),
    ),
    Rule(
        Meaning(CatalystKind.EARNINGS_BEAT, "results above guidance", 0.5, _LOW),
        _pattern(
            r"\b(?:exceed(?:ed|ing|s)|above) (?:the (?:high|top|upper) end of )?(?:our|its|the"
            r" company['\u2019]s|prior|previous)[^.]{0,40}\b(?:guidance|outlook)\b"
        ),
    ),
    Rule(
        Meaning(CatalystKind.EARNINGS_MISS, "results below guidance", -0.5, _MEDIUM),
        _pattern(
            r"\bbelow (?:the (?:low|lower|bottom) end of )?(?:our|its|the company['\u2019]s|prior"
            r"|previous)[^.]{0,40}\b(?:guidance|outlook)\b"
        ),
    ),
    Rule(
        Meaning(
            CatalystKind.FDA_CLINICAL, "an approval or a trial that met its goal", 0.6, _MEDIUM
        ),
        _pattern(
            r"\bfda (?:has )?(?:approved|granted (?:full |accelerated )?approval)"
            r"|received (?:u\.s\. )?fda (?:approval|clearance)"
            r"|\bmet (?:its|the|both|all) (?:co-)?primary (?:efficacy )?endpoints?"
        ),
    ),
    Rule(
        Meaning(CatalystKind.FDA_CLINICAL, "a regulatory or trial setback", -0.7, _HIGH),
        _pattern(
            r"(?:received|issued) .{0,60}complete response letter|placed .{0,80}on clinical hold"
            r"|did not (?:meet|achieve) (?:its|the) primary (?:efficacy )?endpoint"
        ),
    ),
    Rule(
        Meaning(CatalystKind.BUYBACK, "shares are bought back", 0.3, _LOW),
        _pattern(
            r"(?:authorized|approved) .{0,80}(?:repurchase of (?:up to )?|(?:share|stock)"
            r" (?:repurchase|buyback) (?:program|plan))"
        ),
    ),
    Rule(
        Meaning(CatalystKind.DIVIDEND, "a dividend", 0.1, _LOW),
        _pattern(r"declared an? (?:\w+ ){0,3}dividend of \$"),
    ),
    Rule(
        Meaning(CatalystKind.EXECUTIVE_CHANGE, "a change in the leadership", 0.0, _MEDIUM),
        _pattern(
            r"(?:chief \w+ officer|president|\bceo|\bcfo).{0,200}(?:resign(?:ed|ation)|terminated"
            r"|step(?:ped|ping)? down|retire(?:d|ment))"
            r"|(?:resign(?:ed|ation)|terminated|step(?:ped|ping)? down|appointed)"
            r" .{0,200}(?:chief (?:executive|financial|operating) officer|\bceo\b|\bcfo\b)"
        ),
        _EIGHT_K,
    ),
    Rule(
        Meaning(CatalystKind.STAKE, "a reported stake", 0.0, _LOW),
        _pattern(r"percentOfClass: [\d.]+|percent of class represented .{0,200}[\d.]+ ?%"),
        _STAKE_FORMS,
    ),
)
