"""What a failed call to a model endpoint means: tried again, the filing's fault, or everyone's.

Errors of the connection are judged here, what the endpoint itself complains of
in model_faults.py. Nothing is billed where no connection came about. What
may have been billed (a silence, a dropped connection) is never repeated.
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
    QuestionTooLong,
)
from blocks.model_complaints import Complaint, complaint_in
from blocks.model_faults import Fault, fault_of, may_be_billed, remedy_of
from blocks.model_http import AnswerTooLong
from blocks.models import utc_now

_SAID_CHARS = 300
_BACK_OFF_S = 0.5
_MOST_WAIT_S = 120.0  # asked to wait longer, the next run is the better place to ask again
_SILENT_STATUSES = {401, 403}  # some servers repeat the key, whole or in part
_NOTHING_SENT = (
    httpx2.ConnectError,  # refused, unreachable, unknown host, failed TLS
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
)


class _Failed(Exception):
    """A failed try, and whether or when to make another; never leaves this module."""

    def __init__(self, failure: AnalystError, retry_in: bool | float) -> None:  # noqa: FBT001  # stamina's word
        super().__init__(str(failure))
        self.failure = failure
        self.retry_in = retry_in


def answered(ask: Callable[[], bytes], *, max_retries: int, accession: str, secret: str) -> bytes:
    """The body that ``ask`` gets, asked again with back-off while nothing was billed.

    Raises:
        AnalystError: of :func:`failure_of`, or for an error in the body of a
            200. The SDK's error is not chained to it, since a log of it could
            show the key.
    """
    try:
        for attempt in stamina.retry_context(
            on=_retry_in,
            attempts=1 + max_retries,
            timeout=None,
            wait_initial=_BACK_OFF_S,
            wait_max=16 * _BACK_OFF_S,
            wait_jitter=_BACK_OFF_S,
        ):
            with attempt:
                return _tried(ask, accession, secret)
    except _Failed as failed:
        raise failed.failure from None
    raise AssertionError("stamina returns a result or raises")


def _tried(ask: Callable[[], bytes], accession: str, secret: str) -> bytes:
    try:
        body = without(secret, ask())
    except openai.APIError as error:
        failure = failure_of(error, accession=accession, secret=secret)
        raise _Failed(failure, retry_in(error)) from None
    complaint = complaint_in(200, body)
    if complaint is not None:
        failure = failure_from(complaint, accession=accession)
        raise _Failed(failure, fault_of(complaint) is Fault.PASSES)
    return body


def _retry_in(error: Exception) -> bool | float:
    return isinstance(error, _Failed) and error.retry_in


def retry_in(error: Exception) -> bool | float:
    """Whether to ask again, or the seconds after which the endpoint wants to be asked.

    ``Retry-After``, ``retry-after-ms`` and ``x-should-retry`` are honoured, the
    last not for what may have been billed.
    """
    if not isinstance(error, openai.APIStatusError):
        return nothing_sent(error)
    complaint = _complaint_of(error, secret="")
    should = error.response.headers.get("x-should-retry")
    passes = should == "true" or fault_of(complaint) is Fault.PASSES
    if may_be_billed(complaint) or should == "false" or not passes:
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
        return failure_from(_complaint_of(error, secret), accession=accession)
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


def failure_from(complaint: Complaint, *, accession: str) -> AnalystError:
    """The error of ours that an endpoint's complaint comes to."""
    kind, what = _MEANING[fault_of(complaint)]
    status = str(complaint.status) if complaint.status else "an error"
    told = what.format(status=status, said=_said(complaint), remedy=remedy_of(complaint))
    return kind(
        f"{accession}: {told}",
        subject=accession,
        cost_usd=None if may_be_billed(complaint) else 0.0,
    )


_LATER = (
    "the model endpoint answered {status} ({said}); the next run asks again, and asking fewer"
    " filings at once may help"
)
_TOO_LONG = (
    "the question is longer than the model endpoint takes ({status}: {said}); lower the excerpt"
    " budget (excerpt_tokens) or the analyst block's max_output_tokens, or choose a model with a"
    " longer context"
)
_A_PAGE = (
    "a web page came with status {status} in place of an answer ({said}): a proxy or firewall"
    " answers for the model endpoint, or base_url is not the address of an API, up to /v1. The"
    " next run asks again"
)
_EVERYONES = (
    "the model endpoint refuses the request with {status} ({said}); {remedy}. Every filing would"
    " fail alike."
)
_THIS_FILINGS = "the model endpoint refuses this filing with {status} ({said}); {remedy}"
_MEANING: dict[Fault, tuple[type[AnalystError], str]] = {
    Fault.TOO_LONG: (QuestionTooLong, _TOO_LONG),
    Fault.EVERYONES: (AnalystRejected, _EVERYONES),
    Fault.NO_API: (AnalystUnavailable, _A_PAGE),
    Fault.PERHAPS_BILLED: (AnalystUnavailable, _LATER),
    Fault.PASSES: (AnalystUnavailable, _LATER),
    Fault.THIS_FILINGS: (AnswerRefused, _THIS_FILINGS),
}


def without(secret: str, body: bytes) -> bytes:
    """What an endpoint sent, without the key: some repeat it, and words of theirs are shown.

    To be done before anything is cut, or a part of the key could stand at the cut.
    """
    return body.replace(secret.encode(), b"***") if secret else body


def _complaint_of(error: openai.APIStatusError, secret: str) -> Complaint:
    complaint = complaint_in(error.status_code, without(secret, error.response.content))
    return complaint or Complaint(error.status_code, "")


def _said(complaint: Complaint) -> str:
    """The server's words."""
    if complaint.status in _SILENT_STATUSES and not complaint.is_page:
        return ", ".join(sorted(complaint.codes)) or "no access"
    return complaint.words[:_SAID_CHARS]


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
