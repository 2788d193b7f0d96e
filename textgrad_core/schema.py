"""Typed values: JSON that obeys a JSON schema, checked on this side without a library. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from textgrad_core.errors import Invalid, UsageError
from textgrad_core.jsondata import JSON, canonical_json
from textgrad_core.schema_rules import check, inspect


@dataclass(frozen=True, kw_only=True)
class Schema:
    """What a typed value must look like.

    Args:
        definition: A JSON schema. Without ``validate`` it may use the keywords this module
            checks; ``format`` and remarks are for the model only.
        validate: Checks a value in place of this module, for schemas that need more: it raises
            `Invalid` or any ``ValueError``, as pydantic's and jsonschema's validators do.

    Raises:
        UsageError: If the definition uses a keyword that would go unchecked.
    """

    definition: Mapping[str, JSON]
    validate: Callable[[Any], object] | None = None

    def __post_init__(self) -> None:
        """Look for keywords nobody would check."""
        try:
            canonical_json(dict(self.definition))
        except (TypeError, ValueError) as error:
            raise UsageError(f"the schema is no JSON data: {error}") from error
        if self.validate is None:
            inspect(dict(self.definition))

    def check(self, value: JSON) -> None:
        """Hold a value against the schema.

        Raises:
            Invalid: If it does not obey; the reason names the place and the bound.
        """
        if self.validate is None:
            check(value, dict(self.definition))
            return
        try:
            self.validate(value)
        except Invalid:
            raise
        except Exception as error:
            raise Invalid(f"the value does not obey its schema: {error}") from error

    def read(self, text: str) -> JSON:
        """The value a text holds as JSON, checked.

        Raises:
            Invalid: If it is no JSON, or does not obey.
        """
        value = parse_json(text)
        self.check(value)
        return value


def typed(value: JSON, schema: Schema | Mapping[str, JSON]) -> Schema:
    """The schema of a variable, if its value obeys it.

    Raises:
        UsageError: If the schema cannot be checked, or the value does not obey it.
    """
    made = schema if isinstance(schema, Schema) else Schema(definition=schema)
    try:
        made.check(value)
    except Invalid as error:
        raise UsageError(
            f"the value {value!r:.80} does not obey its schema: {error.reason}"
        ) from error
    return made


def parse_json(text: str) -> JSON:
    """Strict JSON: no NaN, no name twice, nothing around it.

    Raises:
        Invalid: If the text is something else.
    """
    try:
        value: JSON = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_distinct)
        canonical_json(value)  # a number such as 1e999 reads as infinity, which is no JSON
    except RecursionError as error:
        raise Invalid("the value is nested too deeply") from error
    except ValueError as error:
        raise Invalid(f"the value is not JSON: {error}", "write the value as JSON") from error
    return value


def shown(value: JSON) -> str:
    """A typed value as text for prompts."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _no_constant(name: str) -> JSON:
    raise ValueError(f"{name} is no JSON number")


def _distinct(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    found: dict[str, JSON] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the name {name!r} is there twice")
        found[name] = value
    return found
