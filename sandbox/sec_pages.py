"""The bodies EDGAR sends instead of data, shaped like its own, in other words."""

from xml.sax.saxutils import escape

from sandbox.loopback import Response

_HTML = {"Content-Type": "text/html"}
_XML = {"Content-Type": "application/xml"}
_REQUEST = "<RequestId>SANDBOX000000000</RequestId><HostId>c2FuZGJveA==</HostId>"


def _page(title: str, *paragraphs: str) -> bytes:
    text = "".join(f"<p>{escape(paragraph)}</p>\n" for paragraph in paragraphs)
    return (
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" '
        '"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">\n'
        '<html xmlns="http://www.w3.org/1999/xhtml">\n<head>\n'
        f"<title>SEC.gov | {escape(title)}</title>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n{text}</body>\n</html>\n"
    ).encode()


def undeclared_tool() -> Response:
    """403 for a client that does not say who it is."""
    body = _page(
        "Your Request Originates from an Undeclared Automated Tool",
        "This stand-in asks what the real site asks: name your company and a contact "
        "address in the User-Agent header of every request.",
        "Reference ID: 0.sandbox.1",
    )
    return Response(body, 403, _HTML)


def rate_exceeded(code: int = 429) -> Response:
    """The page for a client that asks too often (403 in some reports, 429 in others)."""
    body = _page(
        "Request Rate Threshold Exceeded",
        "More than ten requests a second came from this address. Stay away for ten minutes.",
        "Reference ID: 0.sandbox.2",
    )
    return Response(body, code, _HTML)


def unavailable() -> Response:
    """503: what EDGAR answers past the end of the feed, as if it were under repair."""
    body = _page(
        "File Unavailable",
        "This part of the stand-in is undergoing maintenance, or so the page says.",
    )
    return Response(body, 503, _HTML)


def no_matches() -> Response:
    """200 and an HTML page where a feed was asked for."""
    return Response(_page("EDGAR Search Results", "Nothing matches that request."), 200, _HTML)


def access_denied() -> Response:
    """403: what the storage behind EDGAR says of an index that does not exist."""
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>AccessDenied</Code><Message>Access Denied</Message>{_REQUEST}</Error>"
    )
    return Response(body.encode(), 403, _XML)


def no_such_key(key: str) -> Response:
    """404: what the storage behind EDGAR says of a file that does not exist."""
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message>"
        f"<Key>{escape(key)}</Key>{_REQUEST}</Error>"
    )
    return Response(body.encode(), 404, _XML)
