"""Phrases that tell of who owns and runs the company: mergers, sales of parts, its officers."""

from blocks.models import CatalystKind, RiskLevel
from blocks.rule_values import EIGHT_K, NEWS_AND_STAKES, Meaning, Rule, patterns

_MEDIUM, _HIGH = RiskLevel.MEDIUM, RiskLevel.HIGH

_OFFICER = (
    r"(?:chair(?:man|woman|person)?\b|chief (?:executive|financial|operating|medical|scientific"
    r"|technology|commercial) officer|\bceo\b|\bcfo\b|(?<!vice )(?<!vice-)\bpresident\b)"
)
_LEAVES = (
    r"\b(?:resign(?:s|ed|ation)|step(?:s|ped|ping)? down|retire(?:s|d|ment)|ceased to serve"
    r"|was terminated|terminated the employment|depart(?:s|ed|ure)|passed away)\b"
)

DEALS = (
    Rule(
        Meaning(CatalystKind.MERGER, "shareholders are bought out for cash", 0.6, _MEDIUM),
        patterns(
            r"each .{0,60}shares? of (?:the company['\u2019]s |our |company )(?:\w+ ){0,3}"
            r"common stock.{0,300}converted into the right to receive"
            r" (?:an amount (?:in cash )?equal to )?\$[\d.]+ .{0,40}cash",
            r"each .{0,60}shares? of (?:\w+ ){0,2}common stock .{0,60}of the company\b.{0,300}"
            r"converted into the right to receive"
            r" (?:an amount (?:in cash )?equal to )?\$[\d.]+ .{0,40}cash",
            r"agree\w+ to be acquired by .{0,160}\$[\d.]+ per (?:\w+ )?share",
        ),
    ),
    Rule(
        Meaning(CatalystKind.MERGER, "an offer for the whole company", 0.5, _MEDIUM),
        patterns(
            r"(?:received|submitted|delivered|made) .{0,160}(?:proposal|offer|indication of"
            r" interest|letter) .{0,120}\bto acquire all .{0,60}(?:shares|stock|equity).{0,260}"
            r"\$[\d.]+ (?:in cash )?per (?:\w+ )?share"
        ),
        patterns(r"withdr[ae]w|reject"),
        NEWS_AND_STAKES,
    ),
    Rule(
        Meaning(CatalystKind.MERGER, "a merger or an acquisition", 0.0, _MEDIUM),
        patterns(
            r"(?:entered into|signed|executed|announc\w+) .{0,80}(?:agreement and plan of"
            r" (?:merger|reorganization)|business combination agreement"
            r"|(?:definitive )?merger agreement|proposed merger|definitive agreement to acquire)",
            r"\bannounced .{0,60}\b(?:agreement to (?:acquire|purchase) \w+|ha[sv]e? acquired)\b",
            r"(?:completed|closed|consummated) (?:its|the|our) (?:acquisition of|merger with)",
            r"each .{0,60}share.{0,160}\bconverted into (?:the right to receive|[\d.]+ of)\b",
            r"\b(?:acquired|acquisition of) .{0,100}, by (?:the )?(?:statutory )?merger",
        ),
        patterns(r"terminat", r"\bamend|waive"),
    ),
    Rule(
        Meaning(CatalystKind.MERGER, "a merger called off", 0.0, _HIGH),
        patterns(
            r"(?:agreed to terminate|has terminated|have terminated|terminated) .{0,60}"
            r"(?:merger agreement|agreement and plan of merger|business combination agreement)"
        ),
    ),
    Rule(
        Meaning(CatalystKind.ASSET_SALE, "a part of the business is sold", 0.0, _MEDIUM),
        patterns(
            r"(?:completed|closed|consummated) (?:its|the|our) (?:sale|divestiture) of",
            r"(?:agreement|agreed) to sell (?:substantially all|certain of|its|the|our)\b"
            r"(?:(?!shares).){0,90}\b(?:assets|business|division|subsidiary|segment|facility"
            r"|building|property|unit)\b",
        ),
        patterns(
            r"\bshares of (?:its|our|the company['\u2019]s|common)|(?:common|preferred) stock",
            r"\bnotes\b|\bwarrants\b",
        ),
    ),
    Rule(
        Meaning(CatalystKind.OTHER, "a part of the business is spun off", 0.0, _MEDIUM),
        patterns(
            r"(?:approved|completed|announced) (?:the |its )?(?:\w+ ){0,3}(?:spin-?off|separation)"
            r" of (?:its|the|our)\b"
        ),
        patterns(r"officer"),
    ),
    Rule(
        Meaning(CatalystKind.OTHER, "staff laid off", 0.0, _MEDIUM),
        patterns(
            r"\b(?:reduc\w+ (?:in|of|its) .{0,40}(?:workforce|headcount)|workforce reduction"
            r"|laid off)\b"
        ),
    ),
    Rule(
        Meaning(CatalystKind.EXECUTIVE_CHANGE, "a change in the leadership", 0.0, _MEDIUM),
        patterns(
            rf"{_OFFICER}.{{0,200}}{_LEAVES}",
            rf"{_LEAVES} .{{0,200}}{_OFFICER}",
            rf"appoint(?:s|ed) .{{0,200}}{_OFFICER}",
        ),
        patterns(
            r"\bserved as\b|\bprior to (?:joining|h(?:is|er)|that)\b",
            r"\bsalary\b|severance|\bbonus",
            r"without cause|good reason|change (?:in|of) control",
        ),
        EIGHT_K,
    ),
)
