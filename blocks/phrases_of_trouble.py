"""Phrases that tell of trouble: insolvency, doubt, delisting, default, lawsuits, incidents."""

from blocks.models import CatalystKind, RiskLevel
from blocks.rule_values import EIGHT_K, FULL_REPORTS, Meaning, Rule, patterns

_LOW, _MEDIUM, _HIGH = RiskLevel.LOW, RiskLevel.MEDIUM, RiskLevel.HIGH

BANKRUPTCY = Meaning(CatalystKind.BANKRUPTCY, "bankruptcy or receivership", -0.9, _HIGH)
CYBER_INCIDENT = Meaning(CatalystKind.CYBER_INCIDENT, "a cyber incident", -0.4, _MEDIUM)
DEFAULT = Meaning(CatalystKind.DEFAULT, "a default", -0.6, _HIGH)

_EXCHANGE = r"(?:nasdaq|nyse|\b(?:stock|the) exchange\b|stock market)"
_DEFICIENT = (
    r"(?:not (?:currently )?in compliance|no longer (?:in compliance|meets?|complie[sd]|comply"
    r"|satisf\w+)|(?:failed|failure) to (?:comply|meet|maintain|satisfy|timely file|regain)"
    r"|(?:did|does|do) not (?:comply|meet|satisfy)|non-?compliance with|below the (?:minimum|\$1)"
    r"|determin\w+ to delist|subject to delisting|commenced? .{0,30}delist\w*|will be delisted)"
)
NOTICE_OF_DEFICIENCY = patterns(
    rf"\b(?:received|notified|informed|advised|notice|letter|determination) .{{0,400}}{_DEFICIENT}"
)
NOT_A_DEFICIENCY = patterns(
    r"\bregained\b|\bcured\b|now (?:in compliance|complies|meets)"
    r"|granted .{0,60}(?:request|continued listing)",
    r"\bvoluntar|transfer\w* .{0,60}listing|\bmerger\b",
    r"\bwarrants?\b",
)
LISTING_DEFICIENCY = Rule(
    Meaning(CatalystKind.DELISTING_NOTICE, "a listing deficiency", -0.5, _HIGH),
    patterns(
        rf"(?:received|notified|informed|advised) .{{0,200}}{_EXCHANGE}.{{0,300}}{_DEFICIENT}",
        rf"{_EXCHANGE}.{{0,160}}(?:notified|informed|advised) (?:the company|us)\b"
        rf".{{0,300}}{_DEFICIENT}",
    ),
    NOT_A_DEFICIENCY,
)

TROUBLE = (
    Rule(
        BANKRUPTCY,
        patterns(
            r"filed (?:a )?voluntary petitions? .{0,160}chapter (?:7|11|15)\b",
            r"\b(?:the company|we|and its subsidiaries)\b.{0,60} filed for"
            r" (?:chapter (?:7|11)|bankruptcy)",
        ),
        patterns(r"\b(?:landlord|tenant|customer|supplier|licensee|lessee|debtor)s?\b"),
    ),
    Rule(
        Meaning(CatalystKind.GOING_CONCERN, "substantial doubt about going on", -0.6, _HIGH),
        patterns(r"substantial doubt .{0,80}going concern"),
        patterns(
            r"alleviat|mitigat",
            r"\bno (?:longer )?(?:\w+ )?substantial doubt",
            r"\bnot (?:raise|have|be)\b.{0,20}substantial",
        ),
        FULL_REPORTS,
        is_event=False,
    ),
    LISTING_DEFICIENCY,
    Rule(
        Meaning(CatalystKind.OTHER, "listing compliance regained", 0.4, _LOW),
        patterns(rf"{_EXCHANGE}.{{0,300}}(?:has|had) regained compliance"),
        patterns(r"\bnot\b|\bmust\b"),
    ),
    Rule(
        DEFAULT,
        patterns(
            r"received (?:an? )?(?:written |formal )?notices? of (?:an )?(?:event of )?default",
            r"notices? of (?:an )?(?:event of )?default .{0,40}(?:to|upon) (?:the company|us)\b",
            r"(?:failed to make|did not make|elected not to make|missed) .{0,60}"
            r"(?:interest|principal|scheduled|semi-?annual) payments?",
        ),
        patterns(r"\bwaive[dr]?\b|\bcured\b|withdr[ae]w|rescind", r"\btenants?\b"),
    ),
    Rule(
        Meaning(CatalystKind.LEGAL, "a claim against the company", -0.3, _MEDIUM),
        patterns(
            r"(?:complaint|lawsuit|class action|action|suit) (?:was |has been )?(?:filed|commenced"
            r"|brought) .{0,160}against (?:the company|us|\w+ and certain of its)\b",
            r"(?:filed|commenced) an? .{0,60}(?:complaint|lawsuit|class action) .{0,120}"
            r"against (?:the company|us)\b",
            r"(?:the company|we) (?:has |have )?received an? .{0,40}(?:subpoena|wells notice)",
        ),
        patterns(r"dismiss|settle|withdr[ae]w|denied|denies"),
    ),
    Rule(
        Meaning(CatalystKind.LEGAL, "a lawsuit settled", 0.0, _LOW),
        patterns(
            r"(?:announc\w+|entered into|reached|executed) .{0,60}settlement\b.{0,100}"
            r"\b(?:litigation|lawsuits?|class action|complaint|arbitration)",
            r"agreed to settle .{0,60}(?:class action|litigation|lawsuit|complaint|action)",
        ),
    ),
    Rule(
        CYBER_INCIDENT,
        patterns(
            r"(?:identified|detected|became aware of|experienced|discovered|learned of) .{0,100}"
            r"(?:cyber ?-?(?:security)? ?(?:incident|attack|event)|ransomware"
            r"|unauthori[sz]ed (?:access|activity|third part))"
        ),
        forms=EIGHT_K,
    ),
)
