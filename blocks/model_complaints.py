"""What a model endpoint complains of, read from whatever shape its error has. Pure.

Known are those of OpenAI and its like (``error`` with message, code, type and
param), of older vLLM (the same without ``error``), of LM Studio (``error`` is a
text), of FastAPI servers (``detail``), of OpenRouter (what the provider behind it
said stands in ``metadata``; an error may come inside a 200), plain text and pages.
"""

import json
import re
from typing import Any, NamedTuple

_MOST_WORDS_CHARS = 1_000
_OK = 200


class Complaint(NamedTuple):
    """An error as the endpoint told it.

    ``status`` is that of the error, 0 where an error inside a 200 names none;
    ``begun`` tells such an error, from a model that may have been at work.
    ``codes`` are its code and type; ``words`` the server's own, white space
    folded, and no more than so many. ``is_flagged``: the question was held
    against a content policy. ``is_page``: the body is a web page.
    """

    status: int
    words: str
    codes: frozenset[str] = frozenset()
    parameter: str = ""
    is_flagged: bool = False
    is_page: bool = False
    begun: bool = False


def complaint_in(status: int, body: bytes) -> Complaint | None:
    """What a body complains of; None where it is a 200 and no complaint."""
    told = _json(body)
    if status == _OK:
        return _complaint_in_a_success(told, body)
    return _complaint(status, _text(body) if told is None else told)._replace(
        is_page=_is_page(body)
    )


def _complaint_in_a_success(told: Any, body: bytes) -> Complaint | None:  # noqa: ANN401  # JSON
    if _is_page(body):
        return Complaint(_OK, _text(body), is_page=True)
    if not isinstance(told, dict) or not told.get("error") or told.get("choices"):
        return None
    error = told["error"]
    code = str(error.get("code")) if isinstance(error, dict) else ""
    named = int(code) if re.fullmatch(r"[45]\d\d", code) else 0
    return _complaint(named, told)._replace(begun=True)


def _complaint(status: int, told: Any) -> Complaint:  # noqa: ANN401  # any JSON
    error = told.get("error", told) if isinstance(told, dict) else told
    if not isinstance(error, dict):
        return Complaint(status, _folded(str(error)))
    details = error.get("metadata")
    details = details if isinstance(details, dict) else {}
    return Complaint(
        status=status,
        words=_folded(f"{_said_in(error)} {details.get('raw') or ''}"),
        codes=frozenset(str(error[key]) for key in ("code", "type") if error.get(key)),
        parameter=str(error.get("param") or ""),
        # OpenRouter answers 403 both to a key without access and to a flagged question
        is_flagged="flagged_input" in details or "reasons" in details,
    )


def _said_in(error: dict[str, Any]) -> str:
    """Its message; or what FastAPI found, without the input it repeats."""
    said = error.get("message") or error.get("detail") or ""
    if not isinstance(said, list):
        return str(said)
    found = [one for one in said if isinstance(one, dict)]
    return "; ".join(f"{one.get('loc')}: {one.get('msg')}" for one in found)


def _json(body: bytes) -> Any:  # noqa: ANN401  # any JSON; None where it is none
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _text(body: bytes) -> str:
    return _folded(body[: 4 * _MOST_WORDS_CHARS].decode("utf-8", "replace"))


def _folded(text: str) -> str:
    return " ".join(text.split())[:_MOST_WORDS_CHARS]


def _is_page(body: bytes) -> bool:
    return body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
