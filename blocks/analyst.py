"""The analyst block: an OpenAI-compatible model, or the rules where there is none to ask."""

import ast
import hashlib
import json
import re
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Literal
from urllib.parse import urlsplit

import openai
from genai_prices.data_snapshot import get_snapshot
from prefect.blocks.core import Block
from pydantic import Field, PrivateAttr, SecretStr, field_validator

from blocks.completion import (
    Completion,
    PriceList,
    failure_of,
    read_completion,
    refuse_unfinished,
)
from blocks.errors import AnswerInvalid
from blocks.models import Excerpt, Filing, Reply, Usage
from blocks.prompt import REPLY_SCHEMA, STABLE_PART, SYSTEM_PROMPT, analysis_from, question_of
from blocks.rules import analysis_by_rules

_RULES = "rules"
_OPENAI_URL = "https://api.openai.com/v1"
_KEYLESS = "not-needed"  # what local servers expect in place of a key
_READING = ("excerpt.py", "document_text.py")
_MODEL_SOURCES = (*_READING, "prompt.py")
_RULES_SOURCES = (*_READING, "rules.py", "phrase_rules.py")

# OpenAI's reasoning models, under whatever gateway: they take max_completion_tokens,
# which counts their hidden reasoning too, and all of them know the effort "low".
_EFFORT: Literal["low"] = "low"
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
        60.0, gt=0, le=600, description="Seconds to wait for one answer before trying again."
    )
    max_retries: int = Field(
        2,
        ge=0,
        le=10,
        description="Tries after the first on 429, 5xx, timeouts and dropped connections,"
        " with back-off; Retry-After is honoured.",
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
        """Make the client. One pool for all threads: 1,000 connections, the SDK's default."""
        if self._asks_a_model:
            self._client = openai.OpenAI(
                api_key=self._secret or _KEYLESS,
                base_url=self._url,
                timeout=openai.Timeout(self.timeout_s, connect=5.0),
                max_retries=self.max_retries,
                # a redirect would carry the filing and the key to a host nobody configured
                http_client=openai.DefaultHttpxClient(follow_redirects=False),
            )

    @property
    def name(self) -> str:
        """Who answers: the model's name, or ``rules``."""
        return self.model if self._asks_a_model else _RULES

    def fingerprint(self, budget_tokens: int) -> str:
        """16 hex digits that change when, for the same filing, the answer could.

        Hashed are the model, its endpoint's host, the instructions, the schema,
        the excerpt budget, and the code that reads, asks and checks (its
        comments and layout aside).
        """
        asked = (
            [
                self.model,
                urlsplit(self._url).hostname,
                _EFFORT if self._reasons else "",
                STABLE_PART,
            ]
            if self._asks_a_model
            else [_RULES]
        )
        sources = _MODEL_SOURCES if self._asks_a_model else _RULES_SOURCES
        what = [*asked, budget_tokens, [_code_of(source) for source in sources]]
        return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]

    def analyse(self, filing: Filing, excerpt: Excerpt, *, period: date | None) -> Reply:
        """Ask about one filing and check the answer.

        Raises:
            AnalystRejected: key, quota, model or address; the next filing would fail alike.
            AnalystUnavailable: 429, 5xx, timeouts, dropped connections, after the retries.
            AnswerRefused: by the model or a content filter.
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
        """What one question may cost at most: every try billed in full, nothing cached.

        None where the model's price is unknown; 0.0 for the rules.
        """
        if not self._asks_a_model:
            return 0.0
        # two characters a token is more than any prose needs; the fifth on top of
        # the excerpt's count is for models that cut words up otherwise
        stable_tokens = (len(STABLE_PART) + 2_000) // 2
        prompt_tokens = stable_tokens + excerpt.tokens * 6 // 5
        one_try_usd = self._prices.most_usd(prompt_tokens, self.max_output_tokens)
        return None if one_try_usd is None else one_try_usd * (1 + self.max_retries)

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
        # Compatible servers know max_tokens; OpenAI and its reasoning models the other name.
        openai_style = self._reasons or self.base_url is None
        try:
            response = client.chat.completions.with_raw_response.create(
                model=self.model,
                messages=[
                    {"role": "system", "content": SYSTEM_PROMPT},
                    {"role": "user", "content": question},
                ],
                response_format={
                    "type": "json_schema",
                    "json_schema": {"name": "analysis", "strict": True, "schema": REPLY_SCHEMA},
                },
                reasoning_effort=_EFFORT if self._reasons else openai.omit,
                max_completion_tokens=self.max_output_tokens if openai_style else openai.omit,
                max_tokens=openai.omit if openai_style else self.max_output_tokens,
            )
        except openai.APIError as error:
            raise failure_of(error, accession=filing.accession, secret=self._secret) from error
        return read_completion(response.content, accession=filing.accession)


@cache
def _code_of(source: str) -> str:
    """A sibling module's code, the same however it is commented and laid out."""
    tree = ast.parse(files("blocks").joinpath(source).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            node.body = node.body[1:]
    return ast.unparse(tree)
