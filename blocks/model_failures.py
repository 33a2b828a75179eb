"""What a failed call to a model endpoint means: tried again, the filing's fault, or everyone's.

Three questions are asked of an error, in this order.

Was it billed? Surely not where no connection came about, and where the
endpoint answered with an error of its own: providers bill completions. The
exceptions are the statuses by which somebody stopped waiting for a model that
may be working (408, 504, Cloudflare's 520 and 524). They, silences and dropped
connections are never repeated. A gateway that answers 500 or 502 over a model
that had finished is not known of; were there one, a repeat would pay twice.

Does it pass? Only of what was surely not billed: 409, 425, 429 that is not
``insufficient_quota``, 5xx, and connections that failed.

Whose is it? Key, credit, address, model and the shape of the request concern
every filing, and stop the run. Any other refusal concerns this filing alone,
so that one filing no endpoint likes cannot stop every run.
"""

import math
from collections.abc import Callable
from email.utils import parsedate_to_datetime

import httpx2
import openai
import stamina

from blocks.errors import (
    AnalystError,
    AnalystRejected,
    AnalystUnavailable,
    AnswerInvalid,
    AnswerRefused,
)
from blocks.model_http import AnswerTooLong
from blocks.models import utc_now

_SAID_CHARS = 300
_MOST_WAIT_S = 120.0  # asked to wait longer, the next run is the better place to ask again

_PASSING_STATUSES = {409, 425, 429}
_SERVER_ERROR = 500
_PERHAPS_BILLED_STATUSES = {408, 504, 520, 524}
_NOTHING_SENT = (
    httpx2.ConnectError,  # refused, unreachable, unknown host, failed TLS
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
)

_NO_CREDIT = "insufficient_quota"
_FORBIDDEN = 403
_EVERYONES_STATUSES = {401, 402, _FORBIDDEN, 404, 405}  # 405: base_url is no API
_EVERYONES_CODES = {
    _NO_CREDIT,
    "unsupported_parameter",
    "unsupported_value",
    "unknown_parameter",
    "missing_required_parameter",
    "invalid_model",
    "model_not_found",
    "invalid_json_schema",
}
_EVERYONES_PARAMETERS = {"model", "response_format", "reasoning_effort"}  # the same in every call
_REFUSING_CODES = {"content_filter", "content_policy_violation"}
_TOO_LONG = {"context_length_exceeded", "string_above_max_length", "413"}


class _Failed(Exception):
    """A failed try, and whether or when to make another; never leaves this module."""

    def __init__(self, failure: AnalystError, retry_in: bool | float) -> None:  # noqa: FBT001  # stamina's word
        super().__init__(str(failure))
        self.failure = failure
        self.retry_in = retry_in


def answered(ask: Callable[[], bytes], *, max_retries: int, accession: str, secret: str) -> bytes:
    """The body that ``ask`` gets, asked again with back-off while nothing was billed.

    Raises:
        AnalystError: of :func:`failure_of`. The SDK's error is not chained to
            it, since a log of it could show the key.
    """
    try:
        for attempt in stamina.retry_context(
            on=_retry_in,
            attempts=1 + max_retries,
            timeout=None,
            wait_initial=0.5,
            wait_max=8.0,
            wait_jitter=0.5,
        ):
            with attempt:
                return _tried(ask, accession, secret)
    except _Failed as failed:
        raise failed.failure from None
    raise AssertionError("stamina returns a result or raises")


def _tried(ask: Callable[[], bytes], accession: str, secret: str) -> bytes:
    try:
        return ask()
    except openai.APIError as error:
        failure = failure_of(error, accession=accession, secret=secret)
        raise _Failed(failure, retry_in(error)) from None


def _retry_in(error: Exception) -> bool | float:
    return isinstance(error, _Failed) and error.retry_in


def retry_in(error: Exception) -> bool | float:
    """Whether to ask again, or the seconds after which the endpoint wants to be asked.

    ``Retry-After``, ``retry-after-ms`` and ``x-should-retry`` are honoured, the
    last not for what may have been billed.
    """
    if not isinstance(error, openai.APIStatusError):
        return nothing_sent(error)
    should = error.response.headers.get("x-should-retry")
    passes = should == "true" or _passes(error)
    if error.status_code in _PERHAPS_BILLED_STATUSES or should == "false" or not passes:
        return False
    asked_s = _asked_to_wait_s(error.response.headers)
    if asked_s is None:
        return True
    return asked_s if asked_s <= _MOST_WAIT_S else False


def nothing_sent(error: Exception) -> bool:
    """Whether no connection to the endpoint came about, so that nothing can be billed."""
    return isinstance(error, openai.APIError) and isinstance(error.__cause__, _NOTHING_SENT)


def failure_of(error: openai.APIError, *, accession: str, secret: str) -> AnalystError:
    """The error of ours that an error of the SDK's stands for, the key taken out of it."""
    if isinstance(error, openai.APIStatusError):
        return _status_failure(error, accession, secret)
    if isinstance(error.__cause__, AnswerTooLong):
        return AnswerInvalid(
            f"{accession}: {error.__cause__}, which no chat completion does; check that base_url"
            " is the address of an OpenAI-compatible API, up to /v1",
            subject=accession,
            cost_usd=None,
        )
    if nothing_sent(error):
        what = f"cannot be reached ({error.__cause__}); check base_url and the network"
    elif isinstance(error, openai.APITimeoutError):
        what = "did not answer in time; raise timeout_s, or ask fewer filings at once"
    else:
        what = "dropped the connection before its answer was complete; check the network"
    return AnalystUnavailable(
        f"{accession}: the model endpoint {what}. The next run asks again.",
        subject=accession,
        cost_usd=0.0 if nothing_sent(error) else None,
    )


def _status_failure(error: openai.APIStatusError, accession: str, secret: str) -> AnalystError:
    status = error.status_code
    said = _said(error, secret)
    if _passes(error) or status in _PERHAPS_BILLED_STATUSES:
        return AnalystUnavailable(
            f"{accession}: the model endpoint answered {status} ({said}); the next run asks"
            " again, and asking fewer filings at once may help",
            subject=accession,
            cost_usd=None if status in _PERHAPS_BILLED_STATUSES else 0.0,
        )
    if _is_everyones(error):
        return AnalystRejected(
            f"{accession}: the model endpoint refuses the request with {status} ({said});"
            f" {_remedy(error)}. Every filing would fail alike.",
            subject=accession,
        )
    return AnswerRefused(
        f"{accession}: the model endpoint refuses this filing with {status} ({said});"
        f" {_remedy_for_one(error)}",
        subject=accession,
    )


def _passes(error: openai.APIStatusError) -> bool:
    status = error.status_code
    if error.code == _NO_CREDIT or status in _PERHAPS_BILLED_STATUSES:
        return False
    return status in _PASSING_STATUSES or status >= _SERVER_ERROR


def _is_everyones(error: openai.APIStatusError) -> bool:
    if error.code in _REFUSING_CODES or _is_flagged(error):
        return False
    parameter = str(error.param or "").partition(".")[0]
    return (
        error.status_code < 400  # noqa: PLR2004  # a redirect: base_url is not the API's address
        or error.status_code in _EVERYONES_STATUSES
        or error.code in _EVERYONES_CODES
        or parameter in _EVERYONES_PARAMETERS
    )


def _is_flagged(error: openai.APIStatusError) -> bool:
    """OpenRouter answers 403 both to a key without access and to a flagged question."""
    details = error.body.get("metadata") if isinstance(error.body, dict) else None
    return isinstance(details, dict) and ("flagged_input" in details or "reasons" in details)


def _remedy(error: openai.APIStatusError) -> str:
    if error.code == _NO_CREDIT or error.status_code == 402:  # noqa: PLR2004  # payment required
        return "the account has no credit left: add some, or lower its use"
    if error.status_code in {401, _FORBIDDEN}:
        return "check the analyst block's api_key and what it may use"
    return "check the analyst block's model and base_url, and that they fit each other"


def _remedy_for_one(error: openai.APIStatusError) -> str:
    if {error.code, str(error.status_code)} & _TOO_LONG:
        return "lower the excerpt budget, or choose a model with a longer context"
    if error.code in _REFUSING_CODES or _is_flagged(error):
        return "its content filter objects: read the filing on EDGAR, or ask another model"
    return (
        "read the filing on EDGAR, or ask another model; if all filings end so, check that the"
        " analyst block's model and base_url fit each other"
    )


def _said(error: openai.APIStatusError, secret: str) -> str:
    """The server's words, without the key: some servers repeat it, whole or in part."""
    if error.status_code in {401, _FORBIDDEN}:
        return error.code or "no access"
    words = " ".join(str(error.message).split())[:_SAID_CHARS]
    return words.replace(secret, "***") if secret else words


def _asked_to_wait_s(headers: httpx2.Headers) -> float | None:
    """Seconds the answer asks to wait; None where it does not say, or not readably."""
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            asked_s = float(headers.get(name, "")) * unit_s
        except ValueError:
            continue
        if math.isfinite(asked_s) and asked_s > 0:
            return asked_s
    try:
        moment = parsedate_to_datetime(headers.get("retry-after", ""))
        return max(0.0, (moment - utc_now()).total_seconds())
    except (ValueError, TypeError):  # no date, or one without a zone
        return None
