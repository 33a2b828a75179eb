"""What the rule-based analyst knows of 8-K items: what their number says, and in which words.

The number alone is never enough: an item may only point to another, tell of a
routine matter under the same heading, or be furnished for an exhibit.
"""

from blocks.models import CatalystKind, RiskLevel
from blocks.phrases_of_trouble import (
    BANKRUPTCY,
    CYBER_INCIDENT,
    DEFAULT,
    LISTING_DEFICIENCY,
    NOT_A_DEFICIENCY,
    NOTICE_OF_DEFICIENCY,
)
from blocks.rule_values import ItemRule, Meaning, patterns

_LOW, _MEDIUM, _HIGH = RiskLevel.LOW, RiskLevel.MEDIUM, RiskLevel.HIGH
_AUDITOR_CHANGE = ItemRule(
    Meaning(CatalystKind.AUDITOR_CHANGE, "a change of auditor", 0.0, _MEDIUM),
    patterns(
        r"\b(?:dismiss|resign|appoint|engag|retain|replac|declin|approv|select)\w*\b.{0,250}"
        r"(?:account(?:ant|ing)|audit|C\.?P\.?A)",
        r"(?:account(?:ant|ing)|audit|\bC\.?P\.?A\b|\bLLP\b).{0,250}"
        r"\b(?:dismiss|resign|appoint|engag|retain|replac|declin)\w*",
    ),
    patterns(r"no disagreements?"),
)
_CONTROL_CHANGE = ItemRule(
    Meaning(CatalystKind.OTHER, "a change of control", 0.0, _MEDIUM),
    patterns(
        r"\bchange (?:of|in) control\b",
        r"\b(?:represent|own|hold|acquir)\w* .{0,120}\b(?:[5-9]\d|100)(?:\.\d+)?% ",
    ),
    patterns(r"no change|not .{0,40}change|arrangements? .{0,60}(?:result|known)"),
)

ITEM_RULES = {
    "1.03": ItemRule(
        BANKRUPTCY,
        patterns(
            r"\b(?:petitions?|bankruptcy|receiver(?:ship)?|chapter (?:7|11|15)|assignment for the"
            r" benefit of creditors|insolvency)\b"
        ),
        patterns(r"incorporated (?:herein )?by reference"),
    ),
    "1.05": ItemRule(
        CYBER_INCIDENT,
        patterns(r"unauthori[sz]ed|cyber|ransomware|security incident|malware"),
        patterns(r"incorporated (?:herein )?by reference"),
    ),
    "2.03": ItemRule(
        Meaning(CatalystKind.DEBT, "new debt", 0.0, _MEDIUM),
        patterns(
            r"(?:entered into|issued|borrowed|drew|executed|closed) .{0,250}\b(?:notes?|loans?"
            r"|credit (?:agreement|facility)|indenture|line of credit|debentures?)\b"
        ),
        patterns(r"\b(?:repaid|terminated|amend(?:ment|ed|s)?)\b"),
    ),
    "2.04": ItemRule(
        DEFAULT,
        patterns(
            r"(?:events? of default|default(?:ed)? (?:under|on|in)|accelerat\w+|immediately due"
            r"|notice of default)"
        ),
        patterns(r"\bwaive[dr]?\b|forbear|no default|\bcured?\b"),
    ),
    "2.05": ItemRule(
        Meaning(CatalystKind.OTHER, "a restructuring", 0.0, _MEDIUM),
        patterns(
            r"\b(?:restructur\w*|reduc\w+ .{0,60}(?:workforce|headcount|employees|positions)"
            r"|workforce reduction|wind(?:ing)?[- ]down|clos(?:e|ure|ing) .{0,60}(?:facilit|plant"
            r"|site|store|office)\w*|cost[- ](?:savings?|reduction))\b"
        ),
    ),
    "2.06": ItemRule(
        Meaning(CatalystKind.OTHER, "a material impairment", -0.4, _MEDIUM),
        patterns(
            r"\bimpairment\b|\bimpaired\b|writ(?:e|ing)[- ](?:down|off)|written (?:down|off)"
        ),
        patterns(r"incorporated (?:herein )?by reference|no (?:material )?impairment"),
    ),
    "3.01": ItemRule(LISTING_DEFICIENCY.meaning, NOTICE_OF_DEFICIENCY, NOT_A_DEFICIENCY),
    "4.01": _AUDITOR_CHANGE,
    "4.02": ItemRule(
        Meaning(
            CatalystKind.OTHER, "past statements that can no longer be relied on", -0.7, _HIGH
        ),
        patterns(r"(?:no longer|should not|not) (?:longer )?be relied (?:up)?on|non-?reliance"),
        supposes=True,
    ),
    "5.01": _CONTROL_CHANGE,
}

# Until August 2004 the items of an 8-K had other numbers, under headings of their own.
FORMER_ITEM_RULES = {
    "1": (patterns(r"change.{0,4} (?:in|of) control"), _CONTROL_CHANGE),
    "3": (patterns(r"bankruptcy or receivership"), ITEM_RULES["1.03"]),
    "4": (patterns(r"certifying accountant"), _AUDITOR_CHANGE),
}
