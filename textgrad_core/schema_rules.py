"""The part of JSON Schema that is checked here: what a model is commonly asked for. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction

from textgrad_core.errors import Invalid, UsageError
from textgrad_core.jsondata import JSON, canonical_json

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "number": (int, float),
    "integer": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
_NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_COUNTS = ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties")
_CHECKED = frozenset(
    {
        *("type", "enum", "const", "properties", "required", "additionalProperties", "items"),
        *("pattern", "uniqueItems", "anyOf", "allOf", "$ref"),
        *_NUMBERS,
        *_COUNTS,
    }
)
_REMARKS = frozenset(
    {
        *("title", "description", "default", "examples", "$schema", "$id", "$comment", "$defs"),
        *("definitions", "deprecated", "readOnly", "writeOnly", "format"),
    }
)
MAX_DEPTH = 60


def inspect(definition: dict[str, JSON]) -> None:
    """Look through a schema.

    Raises:
        UsageError: If it is none, or uses a keyword that `check` would pass over.
    """
    _look(definition, definition, "the schema")


def check(value: JSON, definition: dict[str, JSON]) -> None:
    """Hold a value against a schema that `inspect` has passed.

    Raises:
        Invalid: If it does not obey; the reason names the place and the bound.
    """
    _check(value, definition, definition, "the value", 0)


def _look(schema: JSON, root: dict[str, JSON], place: str) -> None:
    if isinstance(schema, bool):
        return
    if not isinstance(schema, dict):
        raise UsageError(f"{place} is {schema!r:.60}: a schema is an object, true or false")
    unknown = sorted(set(schema) - _CHECKED - _REMARKS)
    if unknown:
        raise UsageError(
            f"{place} uses {', '.join(unknown)}, which is not checked here: leave it out, or "
            "pass Schema(definition=..., validate=...) with a validator that knows it"
        )
    for name in _names_of_types(schema):
        if name not in _TYPES:
            raise UsageError(f"{place} has type {name!r}; known: {', '.join(_TYPES)}")
    if "pattern" in schema:
        try:
            re.compile(str(schema["pattern"]))
        except re.error as error:
            raise UsageError(f"{place} has a pattern that is none: {error}") from error
    if "$ref" in schema:
        _referred(schema, root)
    for below, where in _below(schema):
        _look(below, root, f"{place} at {where}")


def _below(schema: Mapping[str, JSON]) -> list[tuple[JSON, str]]:
    found: list[tuple[JSON, str]] = []
    for keyword in ("properties", "$defs", "definitions"):
        held = schema.get(keyword)
        if isinstance(held, dict):
            found += [(below, f"{keyword}/{name}") for name, below in held.items()]
    for keyword in ("anyOf", "allOf"):
        listed = schema.get(keyword)
        if isinstance(listed, list):
            found += [(below, f"{keyword}/{i}") for i, below in enumerate(listed)]
    found += [(schema[k], k) for k in ("items", "additionalProperties") if k in schema]
    return found


def _names_of_types(schema: Mapping[str, JSON]) -> list[str]:
    named = schema.get("type", [])
    return [str(name) for name in named] if isinstance(named, list) else [str(named)]


def _referred(schema: Mapping[str, JSON], root: dict[str, JSON]) -> JSON:
    path = str(schema["$ref"])
    found: JSON = root
    if not path.startswith("#"):
        raise UsageError(f"$ref {path!r} leads out of the schema: only '#/...' is known")
    for part in path[1:].split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(found, dict) or name not in found:
            raise UsageError(f"$ref {path!r} leads nowhere")
        found = found[name]
    return found


def _check(value: JSON, schema: JSON, root: dict[str, JSON], place: str, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise Invalid(f"{place} is nested deeper than {MAX_DEPTH}")
    if schema is True:
        return
    if not isinstance(schema, dict):
        raise Invalid(f"{place} is not allowed")
    if "$ref" in schema:
        _check(value, _referred(schema, root), root, place, depth + 1)
    _check_kind(value, schema, place)
    if isinstance(value, str):
        _check_count(len(value), schema, "Length", f"{place} has {len(value)} characters")
        if "pattern" in schema and not re.search(str(schema["pattern"]), value):
            raise Invalid(f"{place} does not match {schema['pattern']}")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        _check_number(value, schema, place)
    elif isinstance(value, list):
        _check_array(value, schema, root, place, depth)
    elif isinstance(value, dict):
        _check_object(value, schema, root, place, depth)
    for below in _listed(schema, "allOf"):
        _check(value, below, root, place, depth + 1)
    if "anyOf" in schema:
        _check_any(value, _listed(schema, "anyOf"), root, place, depth)


def _check_kind(value: JSON, schema: Mapping[str, JSON], place: str) -> None:
    names = _names_of_types(schema)
    if names and not any(_is_a(value, name) for name in names):
        raise Invalid(f"{place} is {value!r:.60}, not {' or '.join(names)}")
    if "enum" in schema and not any(_same(value, one) for one in _listed(schema, "enum")):
        raise Invalid(f"{place} is {value!r:.60}, none of {canonical_json(schema['enum'])}")
    if "const" in schema and not _same(value, schema["const"]):
        raise Invalid(f"{place} is {value!r:.60}, not {canonical_json(schema['const'])}")


def _is_a(value: JSON, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    if name == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES[name])


def _same(one: JSON, other: JSON) -> bool:
    """Equal as JSON: true is not 1, but 1.0 is 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[k], other[k]) for k in one)
    return one == other


def _check_number(value: float, schema: Mapping[str, JSON], place: str) -> None:
    for keyword in _NUMBERS:
        bound = schema.get(keyword)
        if not isinstance(bound, int | float):
            continue
        obeys = {
            "minimum": value >= bound,
            "maximum": value <= bound,
            "exclusiveMinimum": value > bound,
            "exclusiveMaximum": value < bound,
            "multipleOf": _is_multiple(value, bound),
        }
        if not obeys[keyword]:
            raise Invalid(f"{place} is {value!r}, against {keyword} {bound!r}")


def _is_multiple(value: float, bound: float) -> bool:
    """Decimal fractions count as what they were written as: 0.3 is three times 0.1."""
    return bound != 0 and (Fraction(repr(value)) / Fraction(repr(bound))).denominator == 1


def _check_count(count: int, schema: Mapping[str, JSON], of: str, told: str) -> None:
    low, high = schema.get(f"min{of}"), schema.get(f"max{of}")
    if isinstance(low, int) and count < low:
        raise Invalid(f"{told}, fewer than {low}")
    if isinstance(high, int) and count > high:
        raise Invalid(f"{told}, more than {high}")


def _check_array(
    value: list[JSON], schema: Mapping[str, JSON], root: dict[str, JSON], place: str, depth: int
) -> None:
    _check_count(len(value), schema, "Items", f"{place} has {len(value)} items")
    if schema.get("uniqueItems") is True:
        for i, one in enumerate(value):
            if any(_same(one, other) for other in value[:i]):
                raise Invalid(f"{place} holds {one!r:.60} twice")
    if "items" in schema:
        for i, one in enumerate(value):
            _check(one, schema["items"], root, f"{place}[{i}]", depth + 1)


def _check_object(
    value: dict[str, JSON],
    schema: Mapping[str, JSON],
    root: dict[str, JSON],
    place: str,
    depth: int,
) -> None:
    _check_count(len(value), schema, "Properties", f"{place} has {len(value)} properties")
    for name in _listed(schema, "required"):
        if name not in value:
            raise Invalid(f"{place} has no {name!r}")
    known = schema.get("properties")
    properties = known if isinstance(known, dict) else {}
    for name, one in value.items():
        where = f"{place}.{name}"
        if name in properties:
            _check(one, properties[name], root, where, depth + 1)
        elif "additionalProperties" in schema:
            _check(one, schema["additionalProperties"], root, where, depth + 1)


def _check_any(
    value: JSON, options: list[JSON], root: dict[str, JSON], place: str, depth: int
) -> None:
    reasons = []
    for option in options:
        try:
            _check(value, option, root, place, depth + 1)
        except Invalid as error:
            reasons.append(error.reason)
        else:
            return
    raise Invalid(f"{place} fits none of its {len(options)} forms: {'; '.join(reasons)}")


def _listed(schema: Mapping[str, JSON], keyword: str) -> list[JSON]:
    held = schema.get(keyword, [])
    return held if isinstance(held, list) else []
