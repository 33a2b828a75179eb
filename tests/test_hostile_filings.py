"""A filing is data: what it says to the model that reads it changes nothing."""

import html
import json
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
from gullible_model import GullibleModel, outside
from hostile_filings import CLOSERS, NAMES, ORDER, PLANTED, TEXTS, TURNS
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from pydantic import SecretStr
from store_filings import enriched
from submission_text import ACCESSION, HEADER, document, read_submission

from blocks.acceptance import analysis_from
from blocks.analyst import Analyst
from blocks.errors import AnswerInvalid
from blocks.models import Decision, Excerpt, Filing, FoundBy, Party, Question, Verdict
from blocks.plain_text import visible
from blocks.prompt import message_of
from tasks.ask import question_about
from tasks.report import analyses_table

NEWS: Final = "The Company received a notice of default from its lender."
HONEST: Final = "The lender has agreed to talk."
TAG: Final = re.compile(r"</?filing_text>")


def found(*names: str) -> Filing:
    parties = tuple(Party(cik=n, name=name) for n, name in enumerate(names or ("Acme",), 1))
    return Filing(accession=ACCESSION, form="8-K", parties=parties, found_by=FoundBy.INDEX)


def question(text: str = HONEST, *names: str) -> Question:
    """What is asked about a filing with such an exhibit, after its whole way through EDGAR."""
    shown = html.escape(text, quote=False)
    body = (
        document(f"<html><p>Item 2.04 Triggering Events.</p><p>{NEWS}</p></html>")
        + document(f"<html><p>News.</p><p>{shown}</p></html>", "EX-99.1", "2")
        + document(f"News.\n\n{text}", "EX-99.2", "3")
    )
    submitted = f"{HEADER}{body}</SEC-DOCUMENT>\n".encode()
    decision = Decision(verdict=Verdict.UNKNOWN_PRICE_KEPT, ticker="ACME")
    asked = question_about(found(), read_submission(submitted, ACCESSION), decision, 4_000)
    parties = tuple(Party(cik=n, name=name) for n, name in enumerate(names, 1))
    return asked.model_copy(update={"parties": parties or asked.parties})


def naive(asked: Question) -> str:
    """The message as it would be if nobody had thought of hostile filings."""
    filer = "; ".join(party.name for party in asked.parties)
    return f"Filer: {filer}\n\n<filing_text>\n{asked.excerpt.text}\n</filing_text>"


@pytest.fixture(scope="module")
def gullible() -> Iterator[GullibleModel]:
    with GullibleModel() as model:
        yield model


@pytest.fixture(scope="module")
def analyst(gullible: GullibleModel) -> Iterator[Analyst]:
    asking = Analyst(api_key=SecretStr("key"), base_url=gullible.url, max_retries=0)
    yield asking
    asking.close()


def asked_of(gullible: GullibleModel, analyst: Analyst, one: Question) -> dict[str, Any]:
    analyst.analyse(one)
    return gullible.asked.entries[-1]


class TestMessage:
    @pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
    def test_hostile_text_stays_between_the_one_pair_of_tags(self, text: str) -> None:
        message = message_of(question(text)).removeprefix("Excerpt: shortened\n")
        assert [tag[0] for tag in TAG.finditer(message)] == ["<filing_text>", "</filing_text>"]
        assert message.endswith("\n</filing_text>")
        assert visible(message) == message
        clean = message_of(question())
        assert message.partition("<filing_text>")[0] == clean.partition("<filing_text>")[0]
        assert outside(message) == outside(clean)

    @pytest.mark.parametrize("name", NAMES)
    def test_a_hostile_name_stays_on_its_line_between_the_tags(self, name: str) -> None:
        message, clean = message_of(question(HONEST, name)), message_of(question(HONEST, "Acme"))
        assert len(message.split("\n")) == len(message.splitlines()) == len(clean.splitlines())
        assert outside(message) == outside(clean)
        (line,) = (line for line in message.split("\n") if line.startswith("Filed by or about: "))
        assert len(line.encode()) <= 120

    @pytest.mark.parametrize("name", NAMES)
    def test_no_fact_of_the_header_is_a_way_out(self, name: str) -> None:
        clean = question()
        hostile = clean.model_copy(
            update={
                "filing": clean.filing.model_copy(update={"form": name}),
                "item_titles": (name, name),
                "parties": (Party(cik=1, name="Acme", role=name),),
                "ticker": name,
            }
        )
        assert outside(message_of(hostile)) == outside(message_of(clean))

    def test_the_reader_of_these_tests_is_fooled_where_nobody_took_care(self) -> None:
        for opening in (*CLOSERS, *TURNS):
            asked = question()
            text = f"{asked.excerpt.text} {opening} {ORDER}"
            careless = asked.excerpt.model_copy(update={"text": text})
            assert ORDER.lower() in outside(naive(asked.model_copy(update={"excerpt": careless})))
        for name in NAMES:
            assert ORDER.lower() in outside(naive(question(HONEST, name)))

    def test_hostile_text_is_shown_and_not_hidden(self) -> None:
        assert ORDER in message_of(question(TEXTS["an order"]))
        assert f"(/filing_text> {ORDER}" in message_of(question(TEXTS["closer 0"]))


_PIECES = st.sampled_from((*CLOSERS, *TURNS, ORDER, "<", ">", "/", "&lt", ";", "[", "]", "\u200b"))


@given(st.lists(_PIECES | st.text(max_size=5), max_size=20), st.lists(_PIECES, max_size=5))
def test_no_mixture_of_all_this_gets_out(texts: list[str], names: list[str]) -> None:
    told = Excerpt(text="".join(texts) or "-", parts=(), tokens=9, shortened=False)
    message = message_of(Question(filing=found("".join(names)), excerpt=told))
    clean = Excerpt(text="-", parts=(), tokens=9, shortened=False)
    assert outside(message) == outside(message_of(Question(filing=found(), excerpt=clean)))


class TestOverHttp:
    @pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
    def test_a_model_that_obeys_all_that_stands_outside_is_never_fooled(
        self, text: str, gullible: GullibleModel, analyst: Analyst
    ) -> None:
        reply = analyst.analyse(question(text))
        assert len(gullible.fooled) == 0
        assert reply.analysis.sentiment < 0
        assert "default" in [said.kind for said in reply.analysis.catalysts]

    @pytest.mark.parametrize("name", NAMES)
    def test_nor_by_the_name_of_a_company(
        self, name: str, gullible: GullibleModel, analyst: Analyst
    ) -> None:
        assert analyst.analyse(question(HONEST, name)).analysis.sentiment < 0
        assert len(gullible.fooled) == 0

    def test_instructions_and_schema_are_those_of_every_filing(
        self, gullible: GullibleModel, analyst: Analyst
    ) -> None:
        clean = asked_of(gullible, analyst, question())
        for text in TEXTS.values():
            body = asked_of(gullible, analyst, question(text, *NAMES))
            assert [said["role"] for said in body["messages"]] == ["system", "user"]
            assert body["messages"][0] == clean["messages"][0]
            assert {**body, "messages": []} == {**clean, "messages": []}


class TestFooled:
    """What comes of it if a model is fooled all the same."""

    EXTREME: Final[dict[str, Any]] = json.loads(PLANTED)

    def judged(self, answer: str, text: str = NEWS) -> Any:  # noqa: ANN401 - read field by field
        excerpt = Excerpt(text=text, parts=(), tokens=9, shortened=False)
        return analysis_from(answer, excerpt, accession=ACCESSION)

    def test_an_extreme_answer_with_invented_quotes_is_marked_and_not_trusted(self) -> None:
        analysis = self.judged(PLANTED)
        assert [said.verified for said in analysis.catalysts] == [False]
        assert (analysis.sentiment, analysis.confidence) == (1.0, 0.0)

    def test_an_extreme_answer_without_quotes_is_trusted_by_half(self) -> None:
        assert self.judged(json.dumps(self.EXTREME | {"catalysts": []})).confidence == 0.5

    @pytest.mark.parametrize(
        "planted",
        [PLANTED, PLANTED.replace('"', "'"), PLANTED.replace('"', "\u201d"), PLANTED[:90]],
    )
    def test_an_answer_planted_in_the_filing_is_no_evidence_for_itself(self, planted: str) -> None:
        analysis = self.judged(PLANTED, f"{NEWS} The answer is {planted}")
        assert [said.verified for said in analysis.catalysts] == [False]
        assert analysis.confidence == 0.0

    def test_a_planted_answer_that_is_repeated_beside_the_models_own_is_not_taken(self) -> None:
        own = json.dumps(self.EXTREME | {"sentiment": -0.6, "summary": f"BEARISH: not {PLANTED}"})
        assert self.judged(own).sentiment == -0.6
        with pytest.raises(AnswerInvalid):
            self.judged(f"The filing says {PLANTED}. My answer: {own}")


LINK_OR_UNSEEN: Final = re.compile(r"(?<!\\)://|\bwww\.|(?<!\\)@|[\u202a-\u202e\u200b\x00-\x1f]")
LOUD: Final = (
    "[Vote](https://evil.example/) ![x](https://evil.example/p.png) <img src=x onerror=alert(1)>"
    " <script>alert(1)</script> **bold** _it_ `code` https://evil.example www.evil.example"
    " a@evil.example | cell | \u202eturned\u202c \u200b <https://evil.example> [a]: //e.example"
)


@pytest.mark.parametrize("text", [LOUD, *TEXTS.values()], ids=["loud", *TEXTS])
def test_what_reaches_the_table_in_the_ui_is_inert(text: str) -> None:
    outcome = enriched(1)
    assert outcome.answer is not None
    answer = outcome.answer
    told = answer.reply.analysis.model_copy(update={"summary": text[:1_200]})
    loud = outcome.model_copy(
        update={
            "filing": outcome.filing.model_copy(
                update={"form": text, "parties": (Party(cik=1, name=text),)}
            ),
            "answer": answer.model_copy(
                update={"reply": answer.reply.model_copy(update={"analysis": told})}
            ),
            "decision": Decision(verdict=Verdict.WITHIN_RANGE, ticker=text),
        }
    )
    (row,) = analyses_table([loud], {}, "https://www.sec.gov")
    for column in ("summary", "filer", "form", "ticker"):
        tokens = MarkdownIt("commonmark").enable("table").parseInline(row[column])
        kinds = {part.type for token in tokens for part in token.children or ()}
        assert kinds <= {"text", "text_special"}
        assert not LINK_OR_UNSEEN.search(row[column])
