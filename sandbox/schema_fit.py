"""Values that fit a JSON schema, taken from what one would like to say where that fits."""

from math import inf
from typing import Any

Schema = dict[str, Any]


class _Nothing:
    """Marks that there is nothing one would like to say."""


NOTHING = _Nothing()


def fit(schema: Schema, wish: object, root: Schema | None = None) -> Any:  # noqa: ANN401
    """A value that the schema allows, as near to ``wish`` as its kind permits.

    Knows what structured outputs use: objects, arrays, enums, ``anyOf``,
    ``$ref``, lists of types, null, and the bounds of numbers, strings and arrays.
    """
    root = root or schema
    if "$ref" in schema:
        return fit(_referred(schema["$ref"], root), wish, root)
    options = _options(schema)
    if options:
        return fit(_chosen(options, wish), wish, root)
    if "enum" in schema or "const" in schema:
        return _listed(schema.get("enum", [schema.get("const")]), wish)
    return _VALUES[schema.get("type", "string")](schema, wish, root)


def _referred(pointer: str, root: Schema) -> Schema:
    found = root
    for step in pointer.removeprefix("#/").split("/"):
        found = found[step]
    return found


def _options(schema: Schema) -> list[Schema]:
    kinds = schema.get("type")
    if isinstance(kinds, list):
        return [schema | {"type": kind} for kind in kinds]
    return list(schema.get("anyOf", []))


def _chosen(options: list[Schema], wish: object) -> Schema:
    empty = next((option for option in options if option.get("type") == "null"), None)
    if empty is not None and (wish is None or wish is NOTHING):
        return empty
    return next((option for option in options if option is not empty), options[0])


def _listed(allowed: list[Any], wish: object) -> Any:  # noqa: ANN401
    if wish in allowed:
        return wish
    return "other" if "other" in allowed else allowed[0]


def _object(schema: Schema, wish: object, root: Schema) -> dict[str, Any]:
    wishes = wish if isinstance(wish, dict) else {}
    return {
        name: fit(part, wishes.get(name, NOTHING), root)
        for name, part in schema.get("properties", {}).items()
    }


def _array(schema: Schema, wish: object, root: Schema) -> list[Any]:
    wishes = list(wish) if isinstance(wish, list | tuple) else []
    wishes += [NOTHING] * (schema.get("minItems", 0) - len(wishes))
    return [fit(schema["items"], one, root) for one in wishes[: schema.get("maxItems")]]


def _string(schema: Schema, wish: object, _: Schema) -> str:
    text = wish if isinstance(wish, str) and wish else "not stated"
    return text[: schema.get("maxLength")].ljust(schema.get("minLength", 0), ".")


def _number(schema: Schema, wish: object, _: Schema) -> float:
    value = float(wish) if isinstance(wish, int | float) else 0.0
    return float(min(max(value, schema.get("minimum", -inf)), schema.get("maximum", inf)))


def _integer(schema: Schema, wish: object, root: Schema) -> int:
    return round(_number(schema, wish, root))


def _boolean(_: Schema, wish: object, __: Schema) -> bool:
    return wish is True


def _null(_: Schema, __: object, ___: Schema) -> None:
    return None


_VALUES: dict[str, Any] = {
    "object": _object,
    "array": _array,
    "string": _string,
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "null": _null,
}
