"""What makes a completion no answer, before its content is read. Pure."""

from blocks.completion import Completion
from blocks.errors import (
    AnalystError,
    AnalystUnavailable,
    AnswerInvalid,
    AnswerRefused,
    AnswerTruncated,
)
from blocks.models import Excerpt

_SAID_CHARS = 300

# Why a model stopped, in the words of OpenAI, OpenRouter, DeepSeek, Gemini and Mistral. Anything
# else (stop, eos, end_turn, nothing at all) is an answer that its content has to prove.
_FILTERED = {"content_filter", "safety", "prohibited_content", "blocklist", "recitation"}
_CUT_OFF = {"length", "max_tokens", "max_output_tokens", "model_length"}
_BROKE_OFF = {"error", "network_error", "aborted", "abort", "insufficient_system_resource"}


def refuse_unfinished(
    completion: Completion, *, accession: str, cost_usd: float | None, most_tokens: int
) -> None:
    """Let only an answer that is one and was ended by the model pass.

    Raises:
        AnswerRefused: by the model or its content filter.
        AnswerTruncated: it ran into ``most_tokens``.
        AnalystUnavailable: the endpoint says that the model broke off.
        AnswerInvalid: there is nothing in it.
    """
    found = _shortcoming(completion, most_tokens)
    if found is not None:
        kind, what = found
        raise kind(f"{accession}: {what}", subject=accession, cost_usd=cost_usd)


def _shortcoming(
    completion: Completion, most_tokens: int
) -> tuple[type[AnalystError], str] | None:
    reason = completion.finish_reason
    if completion.refusal or reason in _FILTERED:
        why = completion.refusal[:_SAID_CHARS] or "content filter"
        remedy = "read the filing on EDGAR, or ask another model"
        return AnswerRefused, f"the model refused to answer ({why}); {remedy}"
    if reason in _CUT_OFF:
        remedy = "raise it in the analyst block, or lower reasoning_effort: thoughts count as well"
        return AnswerTruncated, f"the answer ran into max_output_tokens ({most_tokens}); {remedy}"
    if reason in _BROKE_OFF:
        return AnalystUnavailable, f"the model broke off ({reason}); the next run asks again"
    if not completion.content.strip():
        remedy = (
            "if all are, its context may be too short, or it only thinks: see the server's log"
        )
        return AnswerInvalid, f"the model's answer is empty; {remedy}"
    return None


def refuse_unread(
    completion: Completion, excerpt: Excerpt, *, accession: str, cost_usd: float | None
) -> None:
    """Let no answer pass to a question of which the server has dropped more than half.

    Ollama cuts what is longer than its context and does not say so, but the
    usage it reports does. Half, since models count tokens differently.

    Raises:
        AnswerInvalid: fewer than half of the excerpt's tokens were read.
    """
    billed = completion.billed
    if billed is None or not 0 < billed.tokens_read < excerpt.tokens / 2:
        return
    raise AnswerInvalid(
        f"{accession}: the server says it read {billed.tokens_read} tokens, and the excerpt alone"
        f" has about {excerpt.tokens}: it cut the question. Raise its context length (Ollama:"
        " OLLAMA_CONTEXT_LENGTH), or lower excerpt_tokens",
        subject=accession,
        cost_usd=cost_usd,
    )
