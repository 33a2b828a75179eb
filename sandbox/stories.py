"""What invented companies report: ``stories.toml`` filled with facts and set as documents."""

import random
import tomllib
from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from pydantic import Field, TypeAdapter

from blocks.models import Document, Value

Facts = dict[str, float | str]
Texts = tuple[str, ...]
Table = tuple[tuple[str, ...], ...]
Choice = tuple[float, float, float] | tuple[str, ...]

_DERIVED: dict[str, tuple[tuple[str, ...], Callable[..., float]]] = {
    "gross_usd": (("shares", "offer_usd"), lambda shares, offer: shares * offer),
    "gross_m": (("gross_usd",), lambda gross: gross / 1e6),
    "fee_usd": (("offer_usd",), lambda offer: offer * 0.07),
    "fees_usd": (("gross_usd",), lambda gross: gross * 0.07),
    "net_each_usd": (("offer_usd",), lambda offer: offer * 0.93),
    "net_usd": (("gross_usd",), lambda gross: gross * 0.93),
    "dilution_pct": (("shares", "outstanding"), lambda new, old: 100 * new / old),
    "stake": (("stake_pct", "outstanding"), lambda share, old: old * share / 100),
    "after_split": (("outstanding", "ratio"), lambda old, ratio: old // ratio),
    "deal_m": (("deal_usd", "outstanding"), lambda price, shares: price * shares / 1e6),
    "notes_net_m": (("notes_m",), lambda notes: notes * 0.965),
    "lower_m": (("revenue_m", "growth_pct"), lambda now, rate: now / (1 + rate / 100)),
    "higher_m": (("revenue_m", "growth_pct"), lambda now, rate: now / (1 - rate / 100)),
    "cost_m": (("stake", "price_usd"), lambda stake, price: 0.9 * stake * price / 1e6),
    "cash_before_m": (("cash_m",), lambda cash: cash * 1.18),
    "consensus_usd": (("eps_usd",), lambda eps: eps * 0.75),
    "guide_low_m": (("revenue_m",), lambda quarter: quarter * 4.1),
    "guide_high_m": (("revenue_m",), lambda quarter: quarter * 4.4),
}


class Release(Value):
    """A press release: its paragraphs and its table, with ``{facts}`` to fill."""

    text: Texts
    table: Table


class Story(Value):
    """One kind of report: its form, its texts with ``{facts}`` to fill, and facts to draw from.

    ``noise`` marks forms that nobody who watches for catalysts reads;
    ``namespace`` is set where the document is XML.
    """

    key: str
    form: str
    weight: int
    title: str
    text: Texts = ()
    table: Table = ()
    sections: dict[str, str] = Field(default_factory=dict)
    release: Release | None = None
    roles: tuple[str, ...] = ("Filer",)
    noise: bool = False
    namespace: str | None = None
    extra_items: tuple[str, ...] = ()
    facts: dict[str, Choice] = Field(default_factory=dict)

    @property
    def items(self) -> tuple[str, ...]:
        """Item numbers as the feed lists them, Item 9.01 last where there is an exhibit."""
        numbers = dict.fromkeys([*self.sections, *self.extra_items])
        return tuple(numbers | {"9.01": None} if self.release else numbers)

    def documents(
        self, company: str, ticker: str, facts: Facts, *, period: date, signed_on: date
    ) -> tuple[Document, ...]:
        """The documents of one filing of this kind, in submission order."""
        words = facts | {"company": company, "ticker": ticker}
        words |= {"reported": _written(period), "signed": _written(signed_on)}
        return tuple(_documents(self, words))

    def draw(self, dice: random.Random, given: Mapping[str, Any]) -> Facts:
        """Facts for one filing: the given ones, the others drawn, and what follows from them."""
        pool = {**_common_facts(), **self.facts}
        facts: Facts = {name: _pick(dice, choice) for name, choice in pool.items()}
        facts.update(given)
        for name, (needs, rule) in _DERIVED.items():
            if all(need in facts for need in needs):
                facts[name] = rule(*(facts[need] for need in needs))
        return facts


@lru_cache
def all_stories() -> dict[str, Story]:
    """Every story by its key, as ``stories.toml`` has them."""
    return {story.key: story for story in map(Story.model_validate, _tables()["stories"])}


@lru_cache
def _common_facts() -> dict[str, Choice]:
    return TypeAdapter(dict[str, Choice]).validate_python(_tables()["facts"])


@lru_cache
def item_titles() -> dict[str, str]:
    """EDGAR's titles of the items used here, by number."""
    return dict(_tables()["items"])


@lru_cache
def _tables() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("stories.toml").read_text(encoding="utf-8"))


def _pick(dice: random.Random, choice: Choice) -> float | str:
    if isinstance(choice[0], str):
        return dice.choice(choice)
    low, high, step = map(float, choice)
    return round(low + step * dice.randint(0, round((high - low) / step)), 4)


def _written(day: date) -> str:
    return f"{day:%B} {day.day}, {day.year}"


def _documents(story: Story, words: Facts) -> list[Document]:
    if story.namespace:
        return [_document(story.form, 1, "primary_doc.xml", _schedule(story, words))]
    if not story.sections:
        return [
            _document(story.form, 1, "main.htm", _html(story.title, _body(story, words), words))
        ]
    documents = [_document(story.form, 1, "report.htm", _current_report(story, words))]
    if story.release:
        body = [*_paragraphs(story.release.text, words), _table(story.release.table, words)]
        documents.append(_document("EX-99.1", 2, "release.htm", _html(story.title, body, words)))
    return [*documents, _document("EX-101.SCH", len(documents) + 1, "report.xsd", _XSD)]


def _document(kind: str, sequence: int, filename: str, body: str) -> Document:
    return Document(
        type=kind, sequence=sequence, filename=filename, description=kind, body=f"\n{body}\n"
    )


def _filled(text: str, words: Facts) -> str:
    return escape(text.format(**words))


def _paragraphs(texts: Texts, words: Facts) -> list[str]:
    return [f"<p>{_filled(text, words)}</p>" for text in texts]


def _table(rows: Table, words: Facts) -> str:
    cells = ("".join(f"<td>{_filled(cell, words)}</td>" for cell in row) for row in rows)
    return "<table>\n" + "\n".join(f"<tr>{row}</tr>" for row in cells) + "\n</table>"


def _body(story: Story, words: Facts) -> list[str]:
    tables = [_table(story.table, words)] if story.table else []
    return [*_paragraphs(story.text, words), *tables]


def _html(title: str, body: list[str], words: Facts) -> str:
    heading = f"{escape(str(words['company']))}: {_filled(title, words)}"
    return "\n".join(
        [
            f"<html>\n<head>\n<title>{heading}</title>\n</head>\n<body>",
            f"<h1>{heading}</h1>",
            *body,
            "</body>\n</html>",
        ]
    )


def _current_report(story: Story, words: Facts) -> str:
    company, ticker = escape(str(words["company"])), escape(str(words["ticker"]))
    cover = [
        "<p>UNITED STATES SECURITIES AND EXCHANGE COMMISSION<br/>Washington, D.C. 20549</p>",
        f"<p><b>FORM {story.form}</b></p>\n<p>CURRENT REPORT</p>",
        f"<p>Date of Report (Date of earliest event reported): {words['reported']}</p>",
        f"<p><b>{company}</b><br/>(Exact name of registrant as specified in its charter)</p>",
        "<table>\n<tr><td>Title of each class</td><td>Trading symbol</td></tr>",
        f"<tr><td>Common Stock, par value $0.001</td><td>{ticker}</td></tr>\n</table>",
    ]
    sections = [_section(number, text, words) for number, text in story.sections.items()]
    if story.release:
        sections.append(_section("9.01", "(d) Exhibits. 99.1 Press release.", words))
    signature = (
        "<p>SIGNATURES</p>\n<p>The registrant has caused this report to be signed by the "
        f"undersigned, duly authorized.<br/>{company}<br/>{words['signed']}</p>"
    )
    page = ["<html>\n<body>", *cover, *sections, signature, "</body>\n</html>"]
    return _xbrl("\n".join(page))


def _section(number: str, text: str, words: Facts) -> str:
    title = escape(item_titles()[number])
    return f"<p><b>Item {number}. {title}.</b></p>\n<p>{_filled(text, words)}</p>"


def _schedule(story: Story, words: Facts) -> str:
    told = "\n".join(_filled(text, words) for text in story.text)
    return (
        f'<XML>\n<?xml version="1.0" encoding="UTF-8"?>'
        f'<edgarSubmission xmlns="http://www.sec.gov/edgar/{story.namespace}">\n'
        f"<headerData>\n<submissionType>{story.form}</submissionType>\n</headerData>\n"
        f"<formData>\n<coverPageHeader>\n<securitiesClassTitle>{story.title}"
        f"</securitiesClassTitle>\n<issuerInfo>\n<issuerName>{escape(str(words['company']))}"
        f"</issuerName>\n</issuerInfo>\n</coverPageHeader>\n<reportingPersons>\n"
        f"<reportingPersonInfo>\n<aggregateAmountOwned>{words['stake']:.0f}"
        f"</aggregateAmountOwned>\n<percentOfClass>{words['stake_pct']}</percentOfClass>\n"
        f"</reportingPersonInfo>\n</reportingPersons>\n<items1To7>\n<item4>\n"
        f"<transactionPurpose>{told}</transactionPurpose>\n</item4>\n</items1To7>\n"
        "</formData>\n</edgarSubmission>\n</XML>"
    )


def _xbrl(content: str) -> str:
    return f"<XBRL>\n{content}\n</XBRL>"


_XSD = _xbrl(
    "<?xml version='1.0' encoding='UTF-8'?>\n"
    '<xsd:schema xmlns:xsd="http://www.w3.org/2001/XMLSchema" '
    'targetNamespace="http://sandbox.invalid/report"/>'
)
