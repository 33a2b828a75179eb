"""Phrases that tell of the business: results, approvals, orders, partners, patents."""

from blocks.models import CatalystKind, RiskLevel
from blocks.rule_values import Meaning, Rule, patterns

_LOW, _MEDIUM, _HIGH = RiskLevel.LOW, RiskLevel.MEDIUM, RiskLevel.HIGH

# Words between a verb and "guidance" after which it is no guidance of results.
_OF_RESULTS = (
    r"(?:(?!\$|million|capital|capex|expens|cost|spend|loss|\btax|concern|question|funds|debt).)"
)
_GUIDANCE = (
    r"\b(?:guidance|outlook|(?:annual|full[- ]year|fiscal|financial|20\d\d) (?:\w+ ){0,5}targets?)"
)
_OWN_GUIDANCE = (
    r"(?:our|its|the company['\u2019]s|prior|previous)"
    r"(?:(?!expens|cost|capital|loss)[^.]){0,40}\b(?:guidance|outlook)\b"
)
_EXPECTATIONS = (
    r"(?:analysts?['\u2019]?s?|consensus|wall street)['\u2019]?s? (?:\w+ ){0,3}"
    r"(?:expectations?|estimates?|forecasts?)\b"
)
_USD = r"\$ ?\d[\d.,]*"
_AN_ARTICLE = r"(?:label|drug|therap|product|treatment|indication|dos|manufactur|prescrib|use)"

BUSINESS = (
    Rule(
        Meaning(CatalystKind.GUIDANCE_UP, "guidance raised", 0.6, _LOW),
        patterns(
            rf"\b(?:raises|raised|raising|is increasing|increases|boosts) {_OF_RESULTS}{{0,80}}?"
            rf"{_GUIDANCE}"
        ),
    ),
    Rule(
        Meaning(CatalystKind.GUIDANCE_DOWN, "guidance lowered", -0.6, _MEDIUM),
        patterns(
            r"\b(?:lowers|lowered|lowering|reduces its|reduced its|cuts its|withdraws|withdrew"
            rf"|withdrawing) {_OF_RESULTS}{{0,80}}?{_GUIDANCE}",
            r"\breduced (?:(?:full[- ]year|revenue|sales|earnings|profit|annual) ){1,3}"
            r"(?:guidance|outlook)\b",
        ),
    ),
    Rule(
        Meaning(CatalystKind.EARNINGS_BEAT, "results above expectations", 0.5, _LOW),
        patterns(
            r"\b(?:exceed(?:ed|ing|s)|above) (?:the (?:high|top|upper) end of )?" + _OWN_GUIDANCE,
            r"\b(?:exceed(?:ed|ing|s)|above|beat(?:s|ing)?|surpass(?:ed|es|ing)) " + _EXPECTATIONS,
        ),
        patterns(r"\bnot\b", r"\b(?:expens|cost)\w* .{0,40}(?:exceed|above)"),
    ),
    Rule(
        Meaning(CatalystKind.EARNINGS_MISS, "results below expectations", -0.5, _MEDIUM),
        patterns(
            r"\bbelow (?:the (?:low|lower|bottom) end of )?" + _OWN_GUIDANCE,
            r"\b(?:below|missed) " + _EXPECTATIONS,
        ),
        patterns(r"\bnot\b", r"\b(?:expens|cost|loss)\w* .{0,60}below"),
    ),
    Rule(
        Meaning(
            CatalystKind.FDA_CLINICAL, "an approval or a trial that met its goal", 0.6, _MEDIUM
        ),
        patterns(
            r"\bfda\)? (?:has )?granted (?:full |accelerated |marketing |510\(k\) |de novo )+"
            r"(?:approval|authori[sz]ation|clearance)",
            rf"\bfda\)? (?:has approved|has cleared|approves|clears|approved (?!{_AN_ARTICLE}))",
            r"receive[sd] (?:u\.s\. )?fda (?:\w+ |510\(k\) )?(?:approval|clearance)",
            r"\bmet (?:its|the|both|all)(?: of its)? (?:co-)?primary (?:efficacy )?endpoints?",
        ),
        patterns(
            r"\b(?:only|first|other|an?|any|every|all|existing|current(?:ly)?|of) "
            r"(?:and only )?fda[- ]approved",
            r"competitor|rival",
        ),
    ),
    Rule(
        Meaning(CatalystKind.FDA_CLINICAL, "a regulatory or trial setback", -0.7, _HIGH),
        patterns(
            r"(?:received|issued) .{0,60}complete response letter",
            r"placed .{0,80}on (?:full |partial )?clinical hold",
            r"(?:did not|failed to|not) (?:meet|achieve|reach) (?:its|the|their)"
            r" (?:co-)?primary (?:efficacy )?endpoints?",
            r"primary (?:efficacy )?endpoints? (?:was|were) not (?:met|achieved)",
            r"receive[sd] .{0,40}refus(?:al|e)[- ]to[- ]file letter",
        ),
        patterns(r"\blift|\bremoved\b|\bresolved\b", r"\bresubmi|in response to"),
    ),
    Rule(
        Meaning(CatalystKind.FDA_CLINICAL, "a regulatory designation or lifted hold", 0.3, _LOW),
        patterns(
            r"\bfda\)? (?:has )?granted .{0,80}\b(?:breakthrough|fast track|orphan|rmat|priority"
            r" review|rare pediatric)",
            r"receive[sd] .{0,40}(?:breakthrough (?:therapy|device)|fast track|orphan drug)"
            r" designation",
            r"(?:lifted|removed) .{0,40}clinical hold",
        ),
    ),
    Rule(
        Meaning(CatalystKind.CONTRACT, "an order or a contract won", 0.4, _LOW),
        patterns(
            r"\b(?:(?:was|were|been) awarded|awarded to (?:the company|us)|wins|won|secures?d?"
            rf"|receive[sd]) .{{0,120}}\b(?:contracts?|orders?|task order)\b"
            rf".{{0,160}}{_USD}",
            r"\b(?:wins|won|secures?d?|receive[sd]|awarded) (?:an? )?(?:\w+ ){0,3}"
            rf"{_USD} (?:million|billion) .{{0,100}}\b(?:contracts?|orders?|award)\b",
            r"\b(?:committed|agreed) to pay (?:the company|us) .{0,40}"
            rf"{_USD} (?:million|billion)\b.{{0,200}}"
            r"\b(?:capacity|services|products|order|supply)",
            r"announced an? (?:\w+[\w,-]* ){0,6}(?:agreement|contract) with "
            r".{0,120}\bto (?:provide|supply|deliver) .{0,160}"
            rf"\b(?:for|worth|valued at) .{{0,30}}{_USD} (?:million|billion)",
        ),
        patterns(
            r"settle|damages|\bcourt\b|arbitrat",
            r"\bloan|\bcredit\b",
            r"acqui|\bmerger\b",
            r"employment|compensation",
        ),
    ),
    Rule(
        Meaning(CatalystKind.PARTNERSHIP, "a partnership or licence", 0.1, _LOW),
        patterns(
            r"(?:announc\w+|entered into|signed) .{0,100}\b(?:strategic (?:partnership"
            r"|collaboration|alliance)|(?:license|licensing|collaboration|co-development)"
            r"(?: and \w+)? agreement|joint venture)\b"
        ),
        patterns(r"terminat|\bamend|settle"),
    ),
    Rule(
        Meaning(CatalystKind.PATENT, "a patent granted or allowed", 0.1, _LOW),
        patterns(
            r"\b(?:issued|granted|received|awarded|issuance of) .{0,60}(?:notice of allowance"
            r"|(?:\bu\.?s\.?|united states|\bnew) patents?\b|\bpatent (?:no\.|number))",
            r"(?:patent and trademark office|uspto)\)? (?:has )?(?:issued|granted|allowed)",
        ),
        patterns(r"infring|invalid", r"licen[cs]"),
    ),
)
