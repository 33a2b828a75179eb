"""Faults of the stand-in model. What spoils an answer is billed; what replaces it is not."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sandbox.completions import error, json_response
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


def overloaded() -> Fault:
    """503: the model is loading, or too many ask."""
    return _replaced("overloaded", error(503, "server_error", "The engine is overloaded", None))


def bad_gateway() -> Fault:
    """502 from a gateway, with a page of its own."""
    return _page("bad_gateway", 502, "502 Bad Gateway")


def gateway_timeout(status: int = 504) -> Fault:
    """A gateway stopped waiting for a model that may be working: 504, 408, 524."""
    return _page("gateway_timeout", status, "The upstream took too long")


def firewall() -> Fault:
    """403 and a page: something between here and there objects."""
    return _page("firewall", 403, "Sorry, you have been blocked")


def no_credit() -> Fault:
    """402: the account is empty."""
    return _replaced("no_credit", error(402, "unknown_error", "Insufficient Balance", None))


def no_such_path(status: int = 404) -> Fault:
    """404 or 405: base_url is not the address of the API."""
    return _replaced("no_such_path", error(status, "invalid_request_error", "Not Found", None))


def redirected(to: str) -> Fault:
    """308: ask elsewhere."""
    return _replaced("redirected", Response(b"", 308, {"Location": to}))


def flagged() -> Fault:
    """403 from OpenRouter: a moderator objects to the question."""
    told = {"message": "Input was flagged", "code": 403, "metadata": {"flagged_input": "..."}}
    return _replaced("flagged", json_response({"error": told}, 403))


def filtered() -> Fault:
    """400 from Azure: the content filter objects to the question."""
    message = "The response was filtered"
    return _replaced("filtered", error(400, "invalid_request_error", message, "content_filter"))


def invalid_request() -> Fault:
    """400: something about this question, nobody knows what."""
    message = "Invalid value for 'content'"
    return _replaced("invalid_request", error(400, "invalid_request_error", message, None))


def unsupported(setting: str) -> Fault:
    """400: the server does not know a parameter that every request has."""
    message = f"Unrecognized request argument supplied: {setting}"
    return _replaced("unsupported", error(400, "invalid_request_error", message, None))


def context_overflow() -> Fault:
    """400: the question is longer than the model's context."""
    message = "This model's maximum context length is 4096 tokens. Please reduce the length"
    return _replaced(
        "context_overflow",
        error(400, "invalid_request_error", message, "context_length_exceeded"),
    )


def payload_too_large() -> Fault:
    """413 from a proxy before the model."""
    return _page("payload_too_large", 413, "Request Entity Too Large")


def larger_than_the_rate() -> Fault:
    """429 of the kind that no waiting helps: one question is more than a minute's tokens."""
    message = "Request too large on tokens per min (TPM): Limit 3000, Requested 5000."
    return _replaced("larger_than_the_rate", error(429, "tokens", message, "rate_limit_exceeded"))


def error_inside(code: int | None = None, words: str = "Provider returned error") -> Fault:
    """200 with an error in place of choices: OpenRouter (with a code), LM Studio (a text)."""
    told = words if code is None else {"message": words, "code": code}
    return _replaced("error_inside", json_response({"error": told}))


def broke_off() -> Fault:
    """The provider behind a gateway died in the middle of its answer."""
    return _edited("broke_off", lambda body: _finish(_halved(body), "error"))


def empty() -> Fault:
    """An answer with nothing in it, though it was paid for."""
    return nonsense("")


def other_shape() -> Fault:
    """200 and JSON, but no completion."""
    return _edited("other_shape", lambda _: {"object": "list", "data": []})


def no_choices() -> Fault:
    """A completion without a choice."""
    return _edited("no_choices", lambda body: body | {"choices": []})


def cut_question() -> Fault:
    """The server dropped most of the question, and only its usage shows it."""

    def edit(body: Body) -> Body:
        return body | {"usage": body["usage"] | {"prompt_tokens": 20}}

    return _edited("cut_question", edit)


def endless() -> Fault:
    """A 200 of more bytes than any completion has."""
    return Fault("endless", lambda _: Response(b" " * 9_000_000))


def _page(name: str, status: int, title: str) -> Fault:
    page = f"<html><head><title>{title}</title></head></html>\n".encode()
    return _replaced(name, Response(page, status, {"Content-Type": "text/html"}))


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
