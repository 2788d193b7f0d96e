"""Typed values: what the validator accepts is what the schema says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies import json_values
from textgrad_core.errors import Invalid, UsageError
from textgrad_core.jsondata import JSON
from textgrad_core.schema import Schema, parse_json, shown
from textgrad_core.variable import Variable

DEFS: dict[str, JSON] = {
    "$defs": {"dose": {"type": "number", "minimum": 0}},
    "type": "object",
    "properties": {"ptv": {"$ref": "#/$defs/dose"}},
}
TREE: dict[str, JSON] = {
    "type": "object",
    "properties": {"children": {"type": "array", "items": {"$ref": "#"}}},
    "required": ["children"],
}


@pytest.mark.parametrize(
    ("schema", "good", "bad", "why"),
    [
        ({"type": "string"}, "x", 1, "is 1, not string"),
        ({"type": ["string", "null"]}, None, 1, "not string or null"),
        ({"type": "integer"}, 2.0, 2.5, "not integer"),
        ({"type": "integer"}, 2, True, "not integer"),
        ({"type": "number"}, 2, False, "not number"),
        ({"type": "boolean"}, True, 1, "not boolean"),
        ({"enum": ["a", 1]}, 1.0, True, "none of"),
        ({"const": {"a": [1]}}, {"a": [1.0]}, {"a": [True]}, "not {"),
        ({"minimum": 3}, 3, 2, "against minimum 3"),
        ({"maximum": 3}, 3, 3.1, "against maximum 3"),
        ({"exclusiveMinimum": 3}, 3.1, 3, "against exclusiveMinimum 3"),
        ({"exclusiveMaximum": 3}, 2, 3, "against exclusiveMaximum 3"),
        ({"multipleOf": 0.1}, 0.3, 0.35, "against multipleOf"),
        ({"minLength": 2}, "ab", "a", "fewer than 2"),
        ({"maxLength": 2}, "ab", "abc", "more than 2"),
        ({"pattern": "^[CNO]+$"}, "CCO", "CCX", "does not match"),
        ({"minItems": 1}, [1], [], "fewer than 1"),
        ({"maxItems": 1}, [1], [1, 2], "more than 1"),
        ({"uniqueItems": True}, [1, True], [1, 1.0], "twice"),
        ({"items": {"type": "string"}}, ["a"], ["a", 2], r"value\[1\] is 2"),
        ({"minProperties": 1}, {"a": 1}, {}, "fewer than 1"),
        ({"required": ["a"]}, {"a": None}, {"b": 1}, "has no 'a'"),
        ({"properties": {"a": {"type": "null"}}}, {"b": 1}, {"a": 1}, "value.a is 1"),
        ({"properties": {"a": {}}, "additionalProperties": False}, {"a": 1}, {"b": 1}, "value.b"),
        ({"additionalProperties": {"type": "string"}}, {"b": "x"}, {"b": 1}, "value.b is 1"),
        ({"anyOf": [{"type": "string"}, {"minimum": 5}]}, 5, 4, "none of its 2 forms"),
        ({"allOf": [{"minimum": 1}, {"maximum": 2}]}, 2, 3, "against maximum 2"),
        (DEFS, {"ptv": 60.5}, {"ptv": -1}, "value.ptv is -1"),
        (TREE, {"children": [{"children": []}]}, {"children": [{}]}, r"children\[0\] has no"),
        ({"properties": {"a": True, "b": False}}, {"a": 1}, {"b": 1}, "value.b is not allowed"),
        ({}, {"anything": [None]}, None, ""),
    ],
)
def test_a_keyword_means_what_it_says(
    schema: dict[str, JSON], good: JSON, bad: JSON, why: str
) -> None:
    made = Schema(definition=schema)
    made.check(good)
    if why:
        with pytest.raises(Invalid, match=why):
            made.check(bad)


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"oneOf": []}, "oneOf, which is not checked here"),
        ({"properties": {"a": {"if": {}}}}, "at properties/a uses if"),
        ({"type": "text"}, "known: object"),
        ({"pattern": "("}, "a pattern that is none"),
        ({"$ref": "#/$defs/x"}, "leads nowhere"),
        ({"$ref": "other.json"}, "leads out of the schema"),
        ({"items": 3}, "a schema is an object"),
        ({"const": float("nan")}, "no JSON data"),
    ],
)
def test_what_would_go_unchecked_is_refused(schema: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        Schema(definition=schema)


def test_a_validator_of_ones_own_takes_over() -> None:
    def below_ten(value: Any) -> None:
        if value["x"] > 10:
            raise ValueError("x is above 10")

    schema = Schema(definition={"oneOf": [{}]}, validate=below_ten)
    schema.check({"x": 10})
    with pytest.raises(Invalid, match="x is above 10"):
        schema.check({"x": 11})
    with pytest.raises(Invalid, match=r"KeyError|x"):
        schema.check({})


def test_a_reference_without_end_is_no_endless_loop() -> None:
    with pytest.raises(Invalid, match="nested deeper"):
        Schema(definition={"$ref": "#"}).check(1)


@given(json_values())
def test_a_value_is_shown_and_read_back(value: JSON) -> None:
    assert parse_json(shown(value)) == value
    Schema(definition={}).check(value)
    assert Schema(definition={"const": value}).read(shown(value)) == value


@given(st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False)))
def test_any_number_is_a_multiple_of_itself(number: float) -> None:
    if number:
        Schema(definition={"multipleOf": number}).check(number)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not JSON"),
        ("{'a': 1}", "not JSON"),
        ("NaN", "no JSON number"),
        ("1e999", "not JSON"),
        ('{"a": 1, "a": 2}', "there twice"),
        ("1 2", "not JSON"),
        ("[" * 100_000, "nested too deeply|not JSON"),
    ],
)
def test_only_strict_json_is_read(text: str, why: str) -> None:
    with pytest.raises(Invalid, match=why):
        parse_json(text)


def test_a_variables_value_obeys_its_schema_from_the_start() -> None:
    variable = Variable({"x": 1}, role_description="weights", schema={"required": ["x"]})
    assert variable.value == {"x": 1}
    with pytest.raises(UsageError, match=r"does not obey its schema: the value has no 'x'"):
        Variable({}, role_description="weights", schema={"required": ["x"]})
