"""Faults of the stand-in model. What spoils an answer is billed; what replaces it is not."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sandbox.completions import error
from sandbox.faults import Fault, retry_after
from sandbox.loopback import Response

Body = dict[str, Any]


def refusal(words: str = "I can't help with that.") -> Fault:
    """The model declines: no content, a refusal, and a bill."""
    return _edited("refusal", lambda body: _message(body, content=None, refusal=words))


def content_filter() -> Fault:
    """The content filter stops the answer in its middle."""
    return _edited("content_filter", lambda body: _finish(_halved(body), "content_filter"))


def length() -> Fault:
    """The answer runs into the output limit."""
    return _edited("length", lambda body: _finish(_halved(body), "length"))


def nonsense(content: str = '{"mood": "fine", "sentiment": "up", "catalysts": 7}') -> Fault:
    """Valid JSON that the schema does not allow, or any other content."""
    return _edited("nonsense", lambda body: _message(body, content=content))


def no_usage() -> Fault:
    """A good answer that does not say what it cost."""
    return _edited("no_usage", _without_usage)


def broken_json() -> Fault:
    """A body that ends in the middle of its JSON, under an honest Content-Length."""
    return Fault(
        "broken_json", lambda normal: replace(normal, body=normal.body[: len(normal.body) // 2])
    )


def html_answer() -> Fault:
    """200 and an HTML page, as a captive portal or proxy sends."""
    page = b"<!DOCTYPE html>\n<html><body><h1>Please sign in</h1></body></html>\n"
    return _replaced("html", Response(page, 200, {"Content-Type": "text/html"}))


def rate_limited(retry_after_s: float | None = None) -> Fault:
    """429 of the kind that passes, with or without Retry-After."""
    message = "Rate limit reached for requests"
    return _replaced(
        "rate_limited",
        error(429, "requests", message, "rate_limit_exceeded", retry_after(retry_after_s)),
    )


def insufficient_quota() -> Fault:
    """429 of the kind that does not pass."""
    message = "You exceeded your current quota"
    return _replaced(
        "insufficient_quota", error(429, "insufficient_quota", message, "insufficient_quota")
    )


def bad_key() -> Fault:
    """401: the key is wrong."""
    message = "Incorrect API key provided"
    return _replaced("bad_key", error(401, "invalid_request_error", message, "invalid_api_key"))


def forbidden() -> Fault:
    """403: the key may not do this."""
    message = "This key has no access to that"
    return _replaced("forbidden", error(403, "invalid_request_error", message, None))


def unknown_model() -> Fault:
    """404: there is no such model."""
    message = "The model does not exist or you do not have access to it"
    return _replaced(
        "unknown_model", error(404, "invalid_request_error", message, "model_not_found")
    )


def server_error() -> Fault:
    """500: something went wrong over there."""
    return _replaced("server_error", error(500, "server_error", "The server had an error", None))


def _replaced(name: str, response: Response) -> Fault:
    return Fault(name, lambda _: response, replaces=True)


def _edited(name: str, edit: Callable[[Body], Body]) -> Fault:
    def spoil(normal: Response) -> Response:
        return replace(normal, body=json.dumps(edit(json.loads(normal.body))).encode())

    return Fault(name, spoil)


def _message(body: Body, **changes: str | None) -> Body:
    body["choices"][0]["message"] |= changes
    return body


def _halved(body: Body) -> Body:
    content = body["choices"][0]["message"]["content"]
    return _message(body, content=content[: len(content) // 2])


def _finish(body: Body, reason: str) -> Body:
    body["choices"][0]["finish_reason"] = reason
    return body


def _without_usage(body: Body) -> Body:
    return {name: value for name, value in body.items() if name != "usage"}
