"""What a chat-completions endpoint answered, read, and what it cost. Pure.

The body is read here and not by the SDK, which hands on a 200 with another
shape unchecked, or fails on it with errors of Python's rather than its own.
"""

from typing import NamedTuple

from genai_prices import Usage as PricedUsage
from genai_prices import calc_price
from pydantic import BaseModel, Field, ValidationError

from blocks.errors import AnswerInvalid, AnswerRefused, AnswerTruncated
from blocks.models import Usage

_SAID_CHARS = 300


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _PromptDetails(BaseModel):
    cached_tokens: int | None = Field(None, ge=0)
    cache_write_tokens: int | None = Field(None, ge=0)


class Billed(BaseModel):
    """The usage a completion reports, as far as it does."""

    prompt_tokens: int = Field(ge=0)
    completion_tokens: int = Field(ge=0)
    prompt_tokens_details: _PromptDetails | None = None

    @property
    def usage(self) -> Usage:
        """The same, as it is kept."""
        details = self.prompt_tokens_details or _PromptDetails()
        return Usage(
            input_tokens=self.prompt_tokens,
            cached_input_tokens=details.cached_tokens or 0,
            output_tokens=self.completion_tokens,
        )


class _Body(BaseModel):
    choices: list[_Choice] = Field(min_length=1)
    usage: Billed | None = None

    @property
    def choice(self) -> _Choice:
        return self.choices[0]


class Completion(NamedTuple):
    """The first choice of a completion, and what was billed for it."""

    content: str
    refusal: str
    finish_reason: str
    billed: Billed | None


class PriceList(NamedTuple):
    """Whose prices hold: a provider named, or recognised by the endpoint's address."""

    model: str
    provider_id: str | None
    api_url: str

    def cost_usd(self, billed: Billed | None) -> float | None:
        """Dollars for what was billed; None, never zero, where the price is unknown.

        Prices are those genai-prices ships; they are looked up with no network.
        """
        if billed is None:
            return None
        details = billed.prompt_tokens_details or _PromptDetails()
        tokens = PricedUsage(
            input_tokens=billed.prompt_tokens,
            cache_read_tokens=details.cached_tokens,
            cache_write_tokens=details.cache_write_tokens,
            output_tokens=billed.completion_tokens,
        )
        try:
            if self.provider_id:
                price = calc_price(tokens, self.model, provider_id=self.provider_id)
            else:
                price = calc_price(tokens, self.model, provider_api_url=self.api_url)
        except (LookupError, ValueError):  # no such model or provider; more cached than sent
            return None
        # a listed model without prices for tokens adds up to nothing
        return float(price.total_price) or None

    def most_usd(self, prompt_tokens: int, completion_tokens: int) -> float | None:
        """Dollars for so many tokens, the whole prompt written to the cache (the dearest)."""
        return self.cost_usd(
            Billed(
                prompt_tokens=prompt_tokens,
                completion_tokens=completion_tokens,
                prompt_tokens_details=_PromptDetails(cache_write_tokens=prompt_tokens),
            )
        )


def read_completion(body: bytes, *, accession: str) -> Completion:
    """The first choice of a 200 answer.

    Raises:
        AnswerInvalid: the body is not a chat completion. Whether it was billed is unknown.
    """
    try:
        read = _Body.model_validate_json(body)
    except ValidationError as error:
        start = body[:80].decode("utf-8", "replace").strip()
        raise AnswerInvalid(
            f"{accession}: the endpoint's answer is not a chat completion (it begins {start!r});"
            " check that base_url is the address of an OpenAI-compatible API, up to /v1",
            subject=accession,
            cost_usd=None,
        ) from error
    message = read.choice.message
    return Completion(
        content=message.content or "",
        refusal=message.refusal or "",
        finish_reason=read.choice.finish_reason or "",
        billed=read.usage,
    )


def refuse_unfinished(
    completion: Completion, *, accession: str, cost_usd: float | None, most_tokens: int
) -> None:
    """Let only an answer that is one and was ended by the model pass.

    Raises:
        AnswerRefused: by the model or its content filter.
        AnswerTruncated: it ran into ``most_tokens``.
    """
    if completion.refusal or completion.finish_reason == "content_filter":
        why = completion.refusal[:_SAID_CHARS] or "content filter"
        raise AnswerRefused(
            f"{accession}: the model refused to answer ({why}); read the filing on EDGAR, or ask"
            " another model",
            subject=accession,
            cost_usd=cost_usd,
        )
    if completion.finish_reason == "length":
        raise AnswerTruncated(
            f"{accession}: the answer ran into max_output_tokens ({most_tokens}); raise it in the"
            " analyst block",
            subject=accession,
            cost_usd=cost_usd,
        )
