"""The analyst block: an OpenAI-compatible model, or the rules where there is none to ask."""

import hashlib
import json
import re
from datetime import date
from typing import Final, Literal
from urllib.parse import urlsplit

import openai
from genai_prices.data_snapshot import get_snapshot
from openai.types.shared_params import ResponseFormatJSONSchema
from prefect.blocks.core import Block
from pydantic import Field, PrivateAttr, SecretStr, field_validator

from blocks.completion import Completion, PriceList, read_completion, refuse_unfinished
from blocks.errors import AnswerInvalid
from blocks.model_failures import answered
from blocks.model_http import model_client
from blocks.models import Excerpt, Filing, Reply, Usage
from blocks.prompt import (
    REPLY_SCHEMA,
    SYSTEM_PROMPT,
    analysis_from,
    most_prompt_tokens,
    question_of,
)
from blocks.rules import analysis_by_rules
from blocks.sources import digest_of

_RULES = "rules"
_OPENAI_URL = "https://api.openai.com/v1"
_KEYLESS = "not-needed"  # what local servers expect in place of a key
_READING = (
    "edgar_submission.py",
    "edgar_documents.py",
    "edgar_header.py",
    "document_types.py",
    "excerpt.py",
    "excerpt_sections.py",
    "document_text.py",
)
_MODEL_SOURCES = (*_READING, "prompt.py")
_RULES_SOURCES = (*_READING, "rules.py", "phrase_rules.py")

# OpenAI's reasoning models, under whatever gateway: they take max_completion_tokens,
# which counts their hidden reasoning too, and all of them know the effort "low".
_EFFORT: Literal["low"] = "low"
_RESPONSE_FORMAT: Final[ResponseFormatJSONSchema] = {
    "type": "json_schema",
    "json_schema": {"name": "analysis", "strict": True, "schema": REPLY_SCHEMA},
}
_REASONING_MODEL = re.compile(r"(?:.*/)?(?:o\d|gpt-(?:[5-9]|\d\d))(?!.*chat)")


class Analyst(Block):
    """Reads an excerpt of a filing and gives a checked analysis of it.

    With an ``api_key``, a ``base_url`` or both it asks a model by
    chat.completions; with neither the rule-based analyst answers, at no cost,
    and says so (``model: "rules"``). One instance serves many threads.
    """

    _block_type_name = "SEC Filing Analyst"
    _block_type_slug = "analyst"
    _description = "Asks an OpenAI-compatible model, or plain rules, what a filing means."

    model: str = Field(
        "gpt-6-luna",
        min_length=1,
        description="Model to ask. The default is OpenAI's small current one: $0.10 per million"
        " input tokens ($0.01 cached), $0.50 per million output tokens (October 2026).",
    )
    api_key: SecretStr | None = Field(
        None, description="Key of the endpoint. With neither key nor base_url, rules answer."
    )
    base_url: str | None = Field(
        None,
        description="Address of an OpenAI-compatible API, up to /v1. Unset: OpenAI's own.",
    )
    price_provider: str | None = Field(
        None,
        description="Whose prices hold, as genai-prices names providers (openai, openrouter)."
        " Unset: recognised by base_url; at an unknown address the cost is unknown.",
    )
    timeout_s: float = Field(
        60.0,
        gt=0,
        le=600,
        description="Longest silence of the endpoint, in seconds. A whole answer may take three"
        " times as long. A call that took longer may be billed, so it is not repeated.",
    )
    max_retries: int = Field(
        2,
        ge=0,
        le=10,
        description="Tries after the first, only where nothing was billed: on 429, most 5xx and"
        " failed connections, with back-off; a Retry-After of up to two minutes is honoured.",
    )
    max_output_tokens: int = Field(
        4_000,
        ge=256,
        le=100_000,
        description="Most tokens of one answer, a reasoning model's hidden ones included.",
    )

    _client: openai.OpenAI | None = PrivateAttr(None)

    @field_validator("base_url")
    @classmethod
    def _check_base_url(cls, value: str | None) -> str | None:
        if not value or not value.strip():
            return None
        parts = urlsplit(value.strip())
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"base_url must be an http(s) address such as {_OPENAI_URL}")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("base_url must hold no credentials or query; use api_key for the key")
        return value.strip().rstrip("/")

    @field_validator("price_provider")
    @classmethod
    def _check_price_provider(cls, value: str | None) -> str | None:
        if not value:
            return None
        try:
            get_snapshot().find_provider(None, value, None)
        except LookupError as error:
            raise ValueError(
                f"price_provider {value!r} is not a provider genai-prices knows; openai is one"
            ) from error
        return value

    def block_initialization(self) -> None:
        """Make the client, one for all threads."""
        if self._asks_a_model:
            self._client = model_client(
                api_key=self._secret or _KEYLESS, base_url=self._url, silence_s=self.timeout_s
            )

    @property
    def name(self) -> str:
        """Who answers: the model's name, or ``rules``."""
        return self.model if self._asks_a_model else _RULES

    @property
    def knows_its_price(self) -> bool:
        """Whether :meth:`worst_case_cost_usd` is known: a budget can be kept. Rules are free."""
        return not self._asks_a_model or self._prices.most_usd(1_000, 1_000) is not None

    def fingerprint(self, budget_tokens: int) -> str:
        """16 hex digits that change when, for the same filing, the answer could.

        Hashed are, for a model: its name, its endpoint's host, the reasoning
        effort, the system prompt, the response format with its schema, the
        excerpt budget, and the code of prompt.py; for the rules: ``rules``, the
        excerpt budget, and the code of rules.py and phrase_rules.py; for both
        the code that makes the excerpt (edgar_submission.py, edgar_header.py,
        excerpt.py, document_text.py). Code is hashed without its comments,
        docstrings and layout.

        Not hashed: the key, timeouts, retries, max_output_tokens (a truncated
        answer is none), prices, the versions of libraries, and how many bytes
        of a submission the EDGAR client reads.
        """
        asked = (
            [
                self.model,
                urlsplit(self._url).hostname,
                _EFFORT if self._reasons else "",
                SYSTEM_PROMPT,
                _RESPONSE_FORMAT,
            ]
            if self._asks_a_model
            else [_RULES]
        )
        sources = _MODEL_SOURCES if self._asks_a_model else _RULES_SOURCES
        what = [*asked, budget_tokens, digest_of(sources)]
        return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]

    def analyse(self, filing: Filing, excerpt: Excerpt, *, period: date | None) -> Reply:
        """Ask about one filing and check the answer.

        Raises:
            AnalystRejected: key, credit, model, address or the request's shape; the
                next filing would fail alike.
            AnalystUnavailable: 429, 5xx and failed connections, after the retries; an
                answer that did not come, or not whole, in time, at once.
            AnswerRefused: by the model, a content filter, or any other refusal of
                this filing, one too long for the model included.
            AnswerTruncated: the answer ran into ``max_output_tokens``.
            AnswerInvalid: not the answer that was asked for.
        """
        if self._client is None:
            analysis = analysis_by_rules(filing, excerpt)
            return Reply(
                analysis=analysis, model=_RULES, model_calls=0, usage=Usage(), cost_usd=0.0
            )
        completion = self._ask(self._client, question_of(filing, excerpt, period=period), filing)
        cost_usd = self._prices.cost_usd(completion.billed)
        refuse_unfinished(
            completion,
            accession=filing.accession,
            cost_usd=cost_usd,
            most_tokens=self.max_output_tokens,
        )
        try:
            analysis = analysis_from(completion.content, excerpt, accession=filing.accession)
        except AnswerInvalid as error:
            error.cost_usd = cost_usd  # only here is known what the nonsense cost
            raise
        usage = completion.billed.usage if completion.billed else Usage()
        return Reply(
            analysis=analysis, model=self.model, model_calls=1, usage=usage, cost_usd=cost_usd
        )

    def worst_case_cost_usd(self, excerpt: Excerpt) -> float | None:
        """What one question may cost at most: billed in full, nothing cached.

        One try, since only what was not billed is tried again. None where the
        model's price is unknown; 0.0 for the rules.
        """
        if not self._asks_a_model:
            return 0.0
        return self._prices.most_usd(most_prompt_tokens(excerpt), self.max_output_tokens)

    def close(self) -> None:
        """Let go of the endpoint's connections."""
        if self._client is not None:
            self._client.close()

    @property
    def _secret(self) -> str:
        return self.api_key.get_secret_value().strip() if self.api_key else ""

    @property
    def _asks_a_model(self) -> bool:
        return bool(self._secret or self.base_url)

    @property
    def _url(self) -> str:
        return self.base_url or _OPENAI_URL

    @property
    def _prices(self) -> PriceList:
        return PriceList(self.model, self.price_provider, self._url)

    @property
    def _reasons(self) -> bool:
        return _REASONING_MODEL.match(self.model) is not None

    def _ask(self, client: openai.OpenAI, question: str, filing: Filing) -> Completion:
        body = answered(
            lambda: self._answer_to(client, question),
            max_retries=self.max_retries,
            accession=filing.accession,
            secret=self._secret,
        )
        return read_completion(body, accession=filing.accession)

    def _answer_to(self, client: openai.OpenAI, question: str) -> bytes:
        # Compatible servers know max_tokens; OpenAI and its reasoning models the other name.
        openai_style = self._reasons or self.base_url is None
        response = client.chat.completions.with_raw_response.create(
            model=self.model,
            messages=[
                {"role": "system", "content": SYSTEM_PROMPT},
                {"role": "user", "content": question},
            ],
            response_format=_RESPONSE_FORMAT,
            reasoning_effort=_EFFORT if self._reasons else openai.omit,
            max_completion_tokens=self.max_output_tokens if openai_style else openai.omit,
            max_tokens=openai.omit if openai_style else self.max_output_tokens,
        )
        return response.content
