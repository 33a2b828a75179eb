"""What a chat-completions endpoint answered, read, and what it cost. Pure.

The body is read here and not by the SDK, which hands on a 200 with another
shape unchecked, or fails on it with errors of Python's rather than its own.
"""

from typing import Annotated, Any, NamedTuple

from genai_prices import Usage as PricedUsage
from genai_prices import calc_price
from pydantic import BaseModel, BeforeValidator, Field, ValidationError, WrapValidator
from pydantic_core.core_schema import ValidatorFunctionWrapHandler

from blocks.errors import AnswerInvalid
from blocks.models import Usage


def _text_of(said: object) -> str:
    """A text, or the text among a list of parts; a part that is a thought is none."""
    if not isinstance(said, list):
        return said if isinstance(said, str) else ""
    parts = [part for part in said if isinstance(part, dict)]
    shown = [part for part in parts if part.get("type", "text") in {"text", "output_text"}]
    return "".join(_text_of(part.get("text")) for part in shown)


def _or_none(value: Any, read: ValidatorFunctionWrapHandler) -> Any:  # noqa: ANN401  # any JSON
    """Nothing known, where what is said of the cost makes no sense: the answer stands."""
    try:
        return read(value)
    except ValidationError:
        return None


_Text = Annotated[str, BeforeValidator(_text_of)]


class _Message(BaseModel):
    content: _Text = ""
    refusal: _Text = ""
    reasoning: _Text = ""
    reasoning_content: _Text = ""

    @property
    def answer(self) -> str:
        """The content; where vLLM has put the whole answer among the thoughts, that."""
        thoughts = (self.reasoning or self.reasoning_content).strip()
        misplaced = thoughts.startswith("{") and thoughts.endswith("}")
        return thoughts if misplaced and not self.content.strip() else self.content


class _Choice(BaseModel):
    message: _Message
    finish_reason: _Text = ""


_Tokens = Annotated[int, Field(ge=0, le=1_000_000_000)]  # beyond it is nonsense, and no bill


class _PromptDetails(BaseModel):
    cached_tokens: _Tokens | None = None
    cache_write_tokens: _Tokens | None = None


class Billed(BaseModel):
    """The usage a completion reports, as far as it does."""

    prompt_tokens: _Tokens
    completion_tokens: _Tokens
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

    @property
    def tokens_read(self) -> int:
        """All of the prompt, also where a server counts what was cached beside it."""
        details = self.prompt_tokens_details or _PromptDetails()
        return self.prompt_tokens + (details.cached_tokens or 0)


class _Body(BaseModel):
    choices: list[_Choice] = Field(min_length=1)
    usage: Annotated[Billed | None, WrapValidator(_or_none)] = None

    @property
    def choice(self) -> _Choice:
        return self.choices[0]


class Completion(NamedTuple):
    """The first choice of a completion, and what was billed for it."""

    content: str
    refusal: str
    finish_reason: str
    billed: Billed | None


# Assumed as long as there are no answers to measure: a summary and a few quotes, and as much
# again of hidden reasoning.
_USUAL_ANSWER_TOKENS = 800


class PriceList(NamedTuple):
    """Whose prices hold: a provider named, or recognised by the endpoint's address.

    ``billed_share`` is what of them is billed: half in a batch, which the prices
    have no tier for.
    """

    model: str
    provider_id: str | None
    api_url: str
    billed_share: float = 1.0

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
        return float(price.total_price) * self.billed_share or None

    def most_usd(self, prompt_tokens: int, completion_tokens: int) -> float | None:
        """Dollars for so many tokens, the whole prompt written to the cache (the dearest)."""
        return self.cost_usd(
            Billed(
                prompt_tokens=prompt_tokens,
                completion_tokens=completion_tokens,
                prompt_tokens_details=_PromptDetails(cache_write_tokens=prompt_tokens),
            )
        )

    def usual_usd(self, prompt_tokens: int, most_completion_tokens: int) -> float | None:
        """Dollars for a prompt of which nothing is cached, and an answer of usual length."""
        answer_tokens = min(_USUAL_ANSWER_TOKENS, most_completion_tokens)
        return self.cost_usd(Billed(prompt_tokens=prompt_tokens, completion_tokens=answer_tokens))


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
        content=message.answer,
        refusal=message.refusal,
        finish_reason=read.choice.finish_reason.lower(),
        billed=read.usage,
    )
