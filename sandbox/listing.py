"""Lists as OpenAI's API pages them: newest first, a cursor, a limit."""

from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.completions import error, json_response
from sandbox.loopback import Response

Listed = Mapping[str, Any]


def member_of(collection: str, path: str) -> tuple[str, str] | None:
    """The id of an object of a collection in a path, and what of it is asked; None: neither."""
    root, _, rest = path.partition(f"{collection}/")
    if root or not rest:
        return None
    object_id, _, what = rest.partition("/")
    return object_id, what


def page_of(objects: Sequence[Listed], query: Mapping[str, str], *, most: int) -> Response:
    """One page of ``objects``, which come oldest first and go out newest first.

    ``query`` may hold ``after`` (the last id of the page before), ``limit`` and
    ``order`` (``asc`` or ``desc``).
    """
    ordered = list(objects) if query.get("order") == "asc" else list(reversed(objects))
    ids = [listed["id"] for listed in ordered]
    after, limit = query.get("after"), int(query.get("limit") or most)
    if after is not None and after not in ids:
        return error(400, "invalid_request_error", f"No such object: {after}", None)
    if not 1 <= limit <= most:
        return error(400, "invalid_request_error", f"limit is from 1 to {most}", None)
    start = ids.index(after) + 1 if after is not None else 0
    data = ordered[start : start + limit]
    return json_response(
        {
            "object": "list",
            "data": data,
            "first_id": data[0]["id"] if data else None,
            "last_id": data[-1]["id"] if data else None,
            "has_more": start + limit < len(ordered),
        }
    )
