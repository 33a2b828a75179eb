"""The JSON object in a model's answer, where its server does not hold it to a schema. Pure.

Models without strict decoding think aloud first (``<think>``, with braces in it),
put their answer into a code fence or a sentence, wrap it into a key of its own,
and write numbers as text. Where the meaning is clear, that is read. A direction
without a size ("bullish" for a sentiment) has no clear meaning, and neither has
an object that stands only among thoughts.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

_MOST_TRIES = 200  # braces that open nothing; each try may read to the end
_THOUGHTS_BEGIN = "<think>"
_THOUGHTS_END = re.compile(r"</think(?:ing)?>")
_NUMBER = re.compile(r"\$?\s*([+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?)\s*(%|[mb]illion)?")
_SCALE = {"million": 1e6, "billion": 1e9}
_NOTHING = {"", "null", "none", "n/a", "unknown", "not stated"}
_TRUTH = {"true": True, "yes": True, "false": False, "no": False}


class _Found(NamedTuple):
    value: dict[str, Any]
    start: int
    end: int


def json_object_in(answer: str, schema: dict[str, Any]) -> str:
    """The object of an answer that is meant by this schema, as JSON.

    The last of those with most of its required fields, after any thoughts, and
    numbers, truth values and nulls that were written as text made what they are.
    Without such an object the answer as it is, and likewise where two whole ones
    differ: one of them may be the filing's own words, and nothing tells which.
    """
    found = _objects_in(answer)
    thought_to = max(_ends_of_thoughts(answer, found), default=0)
    if not thought_to and _THOUGHTS_BEGIN in answer:
        found = [one for one in found if one.start < answer.index(_THOUGHTS_BEGIN)]
    said = [_unwrapped(one.value, schema) for one in found if one.start >= thought_to]
    required = set(schema["required"])
    nothing: dict[str, Any] = {}
    meant = max(reversed(said), key=lambda one: len(one.keys() & required), default=nothing)
    whole = [one for one in said if one.keys() >= required]
    if not meant.keys() & required or any(one != meant for one in whole):
        return answer
    fields = schema["properties"]
    return json.dumps(
        {name: _loosened(value, fields.get(name, {})) for name, value in meant.items()}
    )


def _objects_in(answer: str) -> list[_Found]:
    """The objects that stand in the answer, none of them inside another or in its texts."""
    return list(_scan(answer))


def _scan(answer: str) -> Iterator[_Found]:
    decoder, at = json.JSONDecoder(), answer.find("{")
    for _ in range(_MOST_TRIES):
        if at < 0:
            return
        try:
            value, end = decoder.raw_decode(answer, at)
        except (ValueError, RecursionError):
            at = answer.find("{", at + 1)
            continue
        yield _Found(value, at, end)
        at = answer.find("{", end)


def _ends_of_thoughts(answer: str, found: list[_Found]) -> Iterator[int]:
    """Where thoughts end; a tag that a filing put into a quote ends none."""
    for tag in _THOUGHTS_END.finditer(answer):
        if not any(one.start < tag.start() < one.end for one in found):
            yield tag.end()


def _unwrapped(value: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """What a single key of the model's own invention holds, or the object itself."""
    if len(value) != 1 or value.keys() & set(schema["required"]):
        return value
    (inner,) = value.values()
    return inner if isinstance(inner, dict) else value


def _loosened(value: object, schema: dict[str, Any]) -> object:
    """A number, truth value or null where the schema asks for one and a text says one."""
    if not isinstance(value, str):
        return value
    word, kinds = value.strip().lower(), schema.get("type", ())
    if "null" in kinds and word in _NOTHING:
        return None
    if "boolean" in kinds:
        return _TRUTH.get(word, value)
    if "number" in kinds:
        number = _number_in(word, schema)
        return value if number is None else number
    return value


def _number_in(word: str, schema: dict[str, Any]) -> float | None:
    most = schema.get("maximum")
    if word == "neutral" and most is not None and schema.get("minimum") == -most:
        return 0.0
    found = _NUMBER.fullmatch(word)
    if found is None:
        return None
    number = float(found[1].replace(",", "")) * _SCALE.get(found[2] or "", 1.0)
    return number / 100 if found[2] == "%" and most == 1 else number
