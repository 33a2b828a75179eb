"""Phrases that tell of the company's capital: shares sold or bought, debt, splits, dividends."""

from blocks.models import CatalystKind, RiskLevel
from blocks.rule_values import (
    NEWS_AND_PROSPECTUSES,
    PROSPECTUSES,
    STAKES,
    Meaning,
    Rule,
    patterns,
)

_LOW, _MEDIUM, _HIGH = RiskLevel.LOW, RiskLevel.MEDIUM, RiskLevel.HIGH

_NEW_SHARES = Meaning(CatalystKind.OFFERING, "new shares are sold", -0.5, _HIGH)
_AT_THE_MARKET = Meaning(
    CatalystKind.OFFERING, "new shares are sold bit by bit at the market", -0.3, _MEDIUM
)
_CONVERTIBLE_NOTES = Meaning(CatalystKind.CONVERTIBLE, "convertible debt is issued", -0.4, _MEDIUM)
_STOCK = r"(?:common (?:stock|shares)|ordinary shares|american depositary shares|\bADSs)"
# Before a company is listed there are no present shareholders whose price could fall.
_FIRST_LISTING = patterns(
    r"(?:this is|in|of) (?:the|our|an) initial public offering of",
    r"no (?:established )?public (?:trading )?market for our (?:common|ordinary|units|securities)",
)
_DEBT_OR_HOLDERS = patterns(
    r"\bnotes\b|debentures?\b|\bbonds\b",
    r"initial public offering",
    r"\bsell(?:ing|er) (?:stock|share|security) ?holders?|\bsecondary\b",
)
_CONVERTIBLE = r"convertible (?:promissory |senior |secured |unsecured |subordinated )*"

CAPITAL = (
    Rule(
        _NEW_SHARES,
        patterns(
            r"(?:\bwe are|\(the .company.[^)]{0,60}\) is) (?:hereby )?offering\b"
            rf"(?:(?!\bnotes?\b|debentures|linked to|selling|\bresale).){{0,200}}{_STOCK}"
        ),
        forms=PROSPECTUSES,
        not_in_text=_FIRST_LISTING,
    ),
    Rule(
        _NEW_SHARES,
        patterns(
            r"(?:announc\w+|entered into|priced|closed|completed|consummated) .{0,200}"
            r"(?:registered direct offering|underwritten public offering|public offering of"
            r"|private placement of .{0,80}(?:shares|common stock|units))"
        ),
        _DEBT_OR_HOLDERS,
    ),
    Rule(
        _NEW_SHARES,
        patterns(
            r"entered into .{0,120}(?:securities|stock|share|subscription|unit) (?:purchase )?"
            r"agreements?\b.{0,300}\b(?:issue|issuance|sell|sale)\b.{0,120}"
            rf"(?:shares|units) .{{0,60}}{_STOCK}"
        ),
        patterns(r"\bnotes?\b|debentures?\b", r"acqui|repurchase"),
    ),
    Rule(
        _AT_THE_MARKET,
        patterns(
            r"entered into .{0,160}(?:sales agreement|equity distribution agreement"
            rf"|at[- ]the[- ]market .{{0,30}}agreement|atm agreement).{{0,300}}{_STOCK}",
        ),
        patterns(r"terminat", r"\bif\b"),
        NEWS_AND_PROSPECTUSES,
        supposes=True,
    ),
    Rule(
        Meaning(CatalystKind.FINANCING, "a line of equity that sells shares", -0.3, _MEDIUM),
        patterns(
            r"entered into .{0,160}(?:equity line|standby equity purchase agreement"
            r"|equity purchase agreement|committed equity|lincoln park)"
        ),
        patterns(r"terminat"),
    ),
    Rule(
        Meaning(CatalystKind.WARRANTS, "warrants are issued", -0.3, _MEDIUM),
        patterns(
            r"(?:we are (?:also )?(?:offering|selling|issuing)|agreed to (?:issue|sell)|issued"
            r"|will issue|sold|for the (?:issuance|sale))\b"
            r"(?:(?!outstanding|upon (?:the )?exercise|exercise of).){0,300}"
            r"(?<!pre-funded )(?<!prefunded )\bwarrants?,? "
            r"(?:\([^)]{0,120}\) |or the [\w\s-]{1,40}, )?to purchase"
        ),
        forms=NEWS_AND_PROSPECTUSES,
    ),
    Rule(
        _CONVERTIBLE_NOTES,
        patterns(
            r"(?:issued|sold|agreed to (?:issue|sell)|will issue|priced|pricing of|we are offering"
            r"|intends? to offer|intention to offer)\b"
            r"(?:(?!conversion|repay|redempt|redeem|outstanding|in exchange).){0,160}"
            rf"{_CONVERTIBLE}(?:notes?|debentures?)"
        ),
        forms=NEWS_AND_PROSPECTUSES,
    ),
    Rule(
        Meaning(CatalystKind.DEBT, "new debt", 0.0, _MEDIUM),
        patterns(
            r"entered into an? (?:(?!amend|consent|waiver).){0,120}\b(?:credit|loan|term loan"
            r"|loan and security|note purchase|financing) (?:agreement|facility)\b"
        ),
        patterns(r"terminat|\brepaid\b", _CONVERTIBLE),
    ),
    Rule(
        Meaning(CatalystKind.REVERSE_SPLIT, "a reverse split", -0.5, _HIGH),
        patterns(
            r"(?:announc\w+|approv\w+|will effect|to effect an?) .{0,160}reverse"
            r" (?:stock |share )?split",
            r"effected an? .{0,40}reverse (?:stock |share )?split of (?:its|our|the company)",
            r"reverse (?:stock |share )?split .{0,80}(?:will become|became|will be) effective",
        ),
        patterns(r"\b(?:not|never|against) (?:\w+ )?approv", r"abandon|not to (?:effect|proceed)"),
    ),
    Rule(
        Meaning(CatalystKind.BUYBACK, "shares are bought back", 0.3, _LOW),
        patterns(
            r"(?:authori[sz]ed|approved|announced) .{0,80}(?:(?:re|buy[- ]?)(?:purchase|back) of"
            r" (?:up to )?|(?:share|stock) (?:repurchase|buy-?back) (?:program|plan|authori))"
        ),
        patterns(r"\bnotes\b|debenture|\bwarrants\b", r"suspend|terminat|expir"),
    ),
    Rule(
        Meaning(CatalystKind.DIVIDEND, "a dividend", 0.1, _LOW),
        patterns(r"declare[sd] an? (?:\w+ ){0,4}dividend of \$"),
        patterns(r"preferred"),
    ),
    Rule(
        Meaning(CatalystKind.DIVIDEND, "the dividend is cut or stopped", -0.4, _MEDIUM),
        patterns(
            r"\b(?:suspend(?:ed|s|ing)?|suspension of|(?:eliminat|discontinu|reduc)(?:ed|es|ing)"
            r"|cut(?:s|ting)?) (?:its|the|our|all) (?:\w+ ){0,5}"
            r"(?:dividends?|distributions?)\b"
        ),
        patterns(r"preferred", r"\breinvest"),
    ),
    Rule(
        Meaning(CatalystKind.STAKE, "a reported stake", 0.0, _LOW),
        patterns(
            r"(?:percentOfClass|classPercent): (?:[5-9]|[1-9]\d|100)(?:\.\d+)?(?![\d.])",
            r"percent of class represented .{0,200}?(?<![\d.])(?:[5-9]|[1-9]\d|100)(?:\.\d+)? ?%",
        ),
        forms=STAKES,
    ),
)
