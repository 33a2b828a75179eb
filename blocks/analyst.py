"""The analyst block: an OpenAI-compatible model, or the rules where there is none to ask."""

import hashlib
import json
from typing import Any
from urllib.parse import urlsplit

import openai
from genai_prices.data_snapshot import get_snapshot
from prefect.blocks.core import Block
from pydantic import Field, PrivateAttr, SecretStr, field_validator

from blocks.acceptance import analysis_from
from blocks.completion import PriceList, read_completion
from blocks.completion_checks import refuse_unfinished, refuse_unread
from blocks.errors import AnswerInvalid, ConfigurationError
from blocks.model_batches import MOST_RESULT_BYTES, ModelBatches
from blocks.model_failures import answered
from blocks.model_http import MOST_ANSWER_BYTES, model_client
from blocks.model_request import (
    OutputLimit,
    ReasoningEffort,
    ResponseFormat,
    Wording,
    request_body,
    standing_part,
    wording_of,
)
from blocks.models import Excerpt, Question, Reply, Usage
from blocks.prompt import message_of, most_prompt_tokens
from blocks.rules import analysis_by_rules
from blocks.sources import BY_MODEL, BY_RULES, digest_of

_RULES = "rules"
_OPENAI_URL = "https://api.openai.com/v1"
_KEYLESS = "not-needed"  # what local servers expect in place of a key


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
    daily_cap_usd: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="Dollars that all runs which share the store may spend on models in a day"
        " (Eastern) at most. Empty: no cap.",
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
    response_format: ResponseFormat = Field(
        "schema",
        description="How an answer is held to the schema. schema: by the server (OpenAI, vLLM,"
        " llama.cpp, Ollama, LM Studio). object: as some JSON object (DeepSeek). text: not by the"
        " server. In the last two the schema stands in the instructions.",
    )
    reasoning_effort: ReasoningEffort = Field(
        "auto",
        description="How long a reasoning model may think. auto: low for OpenAI's, not sent to"
        " others. unset: sent to none, for servers that refuse it.",
    )
    output_limit: OutputLimit = Field(
        "auto",
        description="What the server calls max_output_tokens. auto: max_completion_tokens for"
        " OpenAI and its reasoning models, max_tokens for others.",
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
            self._client = self._connected(MOST_ANSWER_BYTES)

    @property
    def name(self) -> str:
        """Who answers: the model's name, or ``rules``."""
        return self.model if self._asks_a_model else _RULES

    @property
    def may_cost(self) -> bool:
        """Whether an answer may cost anything: rules are free."""
        return self._asks_a_model

    @property
    def knows_its_price(self) -> bool:
        """Whether :meth:`worst_case_cost_usd` is known: a budget can be kept. Rules are free."""
        return not self._asks_a_model or self._prices.most_usd(1_000, 1_000) is not None

    def fingerprint(self, budget_tokens: int) -> str:
        """16 hex digits that change when, for the same filing, the answer could.

        Hashed are the excerpt budget; for a model its endpoint's address and all of the
        request that is the same for every filing (model, reasoning effort, system
        prompt, response format, schema); for the rules ``rules``; and for both the code
        by which a submission is read, asked about and judged, with the versions of the
        libraries that shape its text (see :mod:`blocks.sources`). Code is hashed without
        its comments, docstrings and layout.

        Not hashed: the key, timeouts, retries, max_output_tokens and its name (a
        truncated answer is none), prices of models, ticker and price of the stock, and
        how many bytes of a submission the EDGAR client reads.
        """
        asked: list[Any] = (
            [*urlsplit(self._url)[1:3], standing_part(self._wording)]
            if self._asks_a_model
            else [_RULES]
        )
        entries = BY_MODEL if self._asks_a_model else BY_RULES
        what = [*asked, budget_tokens, digest_of(entries)]
        return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]

    def analyse(self, question: Question) -> Reply:
        """Ask about one filing and check the answer.

        Raises:
            AnalystRejected: key, credit, model, address or the request's shape; the
                next filing would fail alike.
            AnalystUnavailable: 429, 5xx and failed connections, after the retries; an
                answer that did not come, or not whole, in time, at once.
            QuestionTooLong: longer than the model takes; ask a shorter one.
            AnswerRefused: by the model, a content filter, or any other refusal of
                this filing.
            AnswerTruncated: the answer ran into ``max_output_tokens``.
            AnswerInvalid: not the answer that was asked for.
        """
        if self._client is None:
            analysis = analysis_by_rules(question.filing, question.excerpt)
            return Reply(
                analysis=analysis, model=_RULES, model_calls=0, usage=Usage(), cost_usd=0.0
            )
        client, request = self._client, self.request_body(question)
        body = answered(
            lambda: client.chat.completions.with_raw_response.create(**request).content,
            max_retries=self.max_retries,
            accession=question.filing.accession,
            secret=self._secret,
        )
        return self.reply_in(body, question)

    def reply_in(self, body: bytes, question: Question, *, billed_share: float = 1.0) -> Reply:
        """Read and check a 200 answer to this question, from a call or a line of a batch.

        Raises:
            AnswerRefused: by the model or a content filter.
            AnswerTruncated: the answer ran into ``max_output_tokens``.
            AnalystUnavailable: the model broke off.
            AnswerInvalid: not the answer that was asked for.
        """
        accession = question.filing.accession
        completion = read_completion(body, accession=accession)
        cost_usd = self._prices._replace(billed_share=billed_share).cost_usd(completion.billed)
        refuse_unfinished(
            completion,
            accession=accession,
            cost_usd=cost_usd,
            most_tokens=self.max_output_tokens,
        )
        refuse_unread(completion, question.excerpt, accession=accession, cost_usd=cost_usd)
        try:
            analysis = analysis_from(completion.content, question.excerpt, accession=accession)
        except AnswerInvalid as error:
            error.cost_usd = cost_usd  # only here is known what the nonsense cost
            raise
        usage = completion.billed.usage if completion.billed else Usage()
        return Reply(
            analysis=analysis, model=self.model, model_calls=1, usage=usage, cost_usd=cost_usd
        )

    def request_body(self, question: Question) -> dict[str, Any]:
        """The JSON body by which a model is asked, in a call or as a line of a batch."""
        return request_body(
            message_of(question), self._wording, most_output_tokens=self.max_output_tokens
        )

    def batches(self) -> ModelBatches:
        """The endpoint's Batch API, where answers cost half; use it as a context manager.

        Raises:
            ConfigurationError: the rules answer, and there is no endpoint.
        """
        if not self._asks_a_model:
            raise ConfigurationError(
                "the rule-based analyst has no Batch API; give the analyst block a key, or run"
                " without batch",
                subject="batch",
            )
        return ModelBatches(
            self,
            self._connected(MOST_RESULT_BYTES),
            prices=self._prices,
            max_retries=self.max_retries,
            secret=self._secret,
        )

    def worst_case_cost_usd(self, excerpt: Excerpt) -> float | None:
        """What one question may cost at most: billed in full, nothing cached.

        One try, since only what was not billed is tried again. None where the
        model's price is unknown; 0.0 for the rules.
        """
        if not self._asks_a_model:
            return 0.0
        return self._prices.most_usd(most_prompt_tokens(excerpt), self.max_output_tokens)

    def usual_cost_usd(self, excerpt: Excerpt) -> float | None:
        """What one question may cost, as far as that can be told before any was answered.

        Half of the longest prompt, which is counted at twice what prose needs, and an
        answer of usual length. None where the model's price is unknown; 0.0 for the
        rules.
        """
        if not self._asks_a_model:
            return 0.0
        return self._prices.usual_usd(most_prompt_tokens(excerpt) // 2, self.max_output_tokens)

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

    def _connected(self, most_bytes: int) -> openai.OpenAI:
        return model_client(
            api_key=self._secret or _KEYLESS,
            base_url=self._url,
            silence_s=self.timeout_s,
            most_bytes=most_bytes,
        )

    @property
    def _prices(self) -> PriceList:
        return PriceList(self.model, self.price_provider, self._url)

    @property
    def _wording(self) -> Wording:
        return wording_of(
            self.model,
            at_openai=self.base_url is None,
            response_format=self.response_format,
            reasoning_effort=self.reasoning_effort,
            output_limit=self.output_limit,
        )
