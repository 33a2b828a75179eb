"""What an endpoint's complaint comes to: shorten, try again, this filing's, or everyone's. Pure.

Servers word the same complaint differently, and only OpenAI gives it a code of
its own. The wordings are those of OpenAI, vLLM, SGLang, llama.cpp, Ollama, LM
Studio, OpenRouter, DeepSeek, Mistral, Groq, Together, TGI and Gemini, taken from
their documentation, their sources and what their users report.

Four questions are asked of a complaint, in this order.

Is the question too long for the model? Then a shorter one may pass.

Whose is it? Key, credit, address, model and the shape of the request concern
every filing. Any other complaint concerns this filing alone, so that one filing
no endpoint likes cannot stop every run. A page in place of an answer (a proxy's,
a firewall's) is nobody's: it says nothing about the filing, and may be over soon.

Was it billed? Surely not where the endpoint answered with an error of its own:
providers bill completions. The exceptions are the statuses by which somebody
stopped waiting for a model that may be working (408, 504, Cloudflare's 520 and
524), and an error inside a 200, since the model had begun by then (OpenRouter).
A gateway that answers 500 or 502 over a model that had finished is not known
of; were there one, a repeat would pay twice.

Does it pass? Only what was surely not billed is tried again: 409, 425, 429 that
is not for want of credit, 5xx.
"""

import re
from enum import Enum, auto

from blocks.model_complaints import Complaint

_OK = 200
_PAYMENT_REQUIRED = 402
_FORBIDDEN = 403
_TOO_LARGE = 413
_SERVER_ERROR = 500
_REDIRECTS = range(300, 400)  # base_url is not the address of the API
_CLIENT_ERRORS = range(400, 500)
_PASSING_STATUSES = {409, 425, 429}
_PERHAPS_BILLED_STATUSES = {408, 504, 520, 524}
_EVERYONES_STATUSES = {401, _PAYMENT_REQUIRED, _FORBIDDEN, 404, 405, 407}  # 405: no API there
_EVERYONES_CODES = {
    "unsupported_parameter",
    "unsupported_value",
    "unknown_parameter",
    "missing_required_parameter",
    "invalid_model",
    "model_not_found",
    "invalid_json_schema",
}
_NO_CREDIT = "insufficient_quota"
_REFUSING_CODES = {"content_filter", "content_policy_violation"}

_TOO_LONG = re.compile(
    r"(?i)context_length_exceeded|string_above_max_length|string_too_long"
    r"|exceed_context_size|context_window_exceeded"
    r"|maximum (?:context|prompt|input) length|model'?s context length"
    r"|context (?:size|window|length|limit)\w* (?:has been |was )?exceed"
    r"|exceeds? (?:the )?(?:available |maximum |model'?s )?context"
    r"|context the overflows|tokens to keep from the initial prompt"
    r"|prompt is too long|request too large|too large for model"
    r"|input (?:length|tokens?|token count)\b.{0,40}? exceed"
    r"|`inputs` tokens|reduce the length of the"
    r"|max_tokens must be at least 1, got -"
)
_NO_SUCH_PATH = re.compile(r"(?i)unexpected endpoint")  # LM Studio says so with status 200

# Settings of the analyst block that a server may not take, by what it then names.
_FORMAT_REMEDY = (
    "the server does not take this response format: set the analyst block's response_format to"
    " object, or to text where that is refused too"
)
_EFFORT_REMEDY = "set the analyst block's reasoning_effort to unset, or to what the model knows"
_LIMIT_REMEDY = (
    "set the analyst block's output_limit to the name the server knows, or lower max_output_tokens"
)
_SETTINGS = {
    r"(?i)response_?format|json[_ ]schema|structured output|parse grammar": _FORMAT_REMEDY,
    r"(?i)\breasoning_effort\b": _EFFORT_REMEDY,
    r"(?i)\bmax_(?:completion_)?tokens\b": _LIMIT_REMEDY,
}


class Fault(Enum):
    """What a complaint comes to."""

    TOO_LONG = auto()
    EVERYONES = auto()
    NO_API = auto()
    PERHAPS_BILLED = auto()
    PASSES = auto()
    THIS_FILINGS = auto()


def fault_of(complaint: Complaint) -> Fault:
    """What it comes to, by the questions at the head of this module."""
    if _is_too_long(complaint):
        return Fault.TOO_LONG
    if complaint.is_page and complaint.status in {_OK, _FORBIDDEN}:
        return Fault.NO_API
    if _is_everyones(complaint):
        return Fault.EVERYONES
    if may_be_billed(complaint):
        return Fault.PERHAPS_BILLED
    passes = complaint.status in _PASSING_STATUSES or complaint.status >= _SERVER_ERROR
    return Fault.PASSES if passes else Fault.THIS_FILINGS


def may_be_billed(complaint: Complaint) -> bool:
    """Whether the model may have worked for it all the same."""
    if _is_everyones(complaint):
        return False
    broke_off = complaint.begun and (complaint.status == 0 or complaint.status >= _SERVER_ERROR)
    return broke_off or complaint.status in _PERHAPS_BILLED_STATUSES


def remedy_of(complaint: Complaint) -> str:
    """What the operator can do about a complaint that does not pass."""
    if _is_everyones(complaint):
        return _remedy_for_all(complaint)
    if _is_refusal(complaint):
        return "its content filter objects: read the filing on EDGAR, or ask another model"
    return (
        "read the filing on EDGAR, or ask another model; if all filings end so, check that the"
        " analyst block's model and base_url fit each other"
    )


def _is_too_long(complaint: Complaint) -> bool:
    if complaint.status in _EVERYONES_STATUSES or _wants_credit(complaint):
        return False
    said = " ".join([complaint.words, *complaint.codes])
    return complaint.status == _TOO_LARGE or _TOO_LONG.search(said) is not None


def _is_everyones(complaint: Complaint) -> bool:
    if _is_refusal(complaint):
        return False
    return (
        _wants_credit(complaint)
        or complaint.status in _REDIRECTS
        or complaint.status in _EVERYONES_STATUSES
        or bool(complaint.codes & _EVERYONES_CODES)
        or complaint.parameter == "model"
        or _NO_SUCH_PATH.search(complaint.words) is not None
        or (complaint.status in _CLIENT_ERRORS and _setting_remedy(complaint) is not None)
    )


def _is_refusal(complaint: Complaint) -> bool:
    return complaint.is_flagged or bool(complaint.codes & _REFUSING_CODES)


def _wants_credit(complaint: Complaint) -> bool:
    return _NO_CREDIT in complaint.codes or complaint.status == _PAYMENT_REQUIRED


def _setting_remedy(complaint: Complaint) -> str | None:
    said = f"{complaint.parameter} {complaint.words}"
    return next((remedy for named, remedy in _SETTINGS.items() if re.search(named, said)), None)


def _remedy_for_all(complaint: Complaint) -> str:
    if _wants_credit(complaint):
        return "the account has no credit left: add some, or lower its use"
    if complaint.status in {401, _FORBIDDEN}:
        return "check the analyst block's api_key and what it may use"
    fit = "check the analyst block's model and base_url, and that they fit each other"
    return _setting_remedy(complaint) or fit
