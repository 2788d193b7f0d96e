"""The form in which a model is asked to write a value, and reading it back. Pure.

Tags with a nonce are the form every model can write. A typed value may be asked for as JSON that
the server itself enforces; the answer is read by the same ladder, so a server that does not keep
its promise costs nothing but a repair.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from textgrad_core.answer_forms import fenced_blocks, said
from textgrad_core.engine.protocol import Reply
from textgrad_core.errors import UsageError
from textgrad_core.jsondata import JSON
from textgrad_core.parsing import AnswerProblem, parse_answer, tags
from textgrad_core.prompting import render
from textgrad_core.schema import Schema

Mode: TypeAlias = Literal["json_schema", "json_object", "tags"]
TEXTGRADS_FIELD = "improved variable"  # the tag TextGrad asks for; some models write it unasked
_WRAPPER = frozenset({"reason", "value"})
_SHARED = ("#/$defs", "#/definitions")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerForm:
    """How an answer carries its value.

    Args:
        nonce: Part of the tags, so that nothing inside a value can close them.
        own_tags: The user's own pair, used as it is.
        mode: Tags, or JSON that the server enforces.
        schema: What a typed value obeys.
    """

    nonce: str = ""
    own_tags: tuple[str, str] | None = None
    mode: Mode = "tags"
    schema: Schema | None = None

    @property
    def marks(self) -> tuple[str, str]:
        """The opening and the closing tag."""
        return self.own_tags or tags(self.nonce)

    def told(self, prompt: str) -> str:
        """One of the prompts ``form_tags_*`` or ``form_json_*``, filled."""
        opening, closing = self.marks
        if self.mode == "tags":
            return render(f"form_tags_{prompt}", open=opening, close=closing)
        return render(f"form_json_{prompt}")

    def params(self) -> dict[str, JSON]:
        """What to send so that the server enforces the form."""
        if self.mode == "tags" or self.schema is None:
            return {}
        return {"response_format": response_format(self.mode, self.schema.definition)}


def own_tags(given: object) -> tuple[str, str]:
    """The user's pair of tags.

    Raises:
        UsageError: If it is no pair of different texts.
    """
    pair = tuple(given) if isinstance(given, list | tuple) else ()
    if len(pair) != 2 or not all(isinstance(t, str) and t.strip() for t in pair):
        raise UsageError(f"new_variable_tags is {given!r:.80}: give a start tag and an end tag")
    opening, closing = (str(t).strip() for t in pair)
    if opening.lower() == closing.lower():
        raise UsageError(f"new_variable_tags are both {opening!r}: give two that differ")
    return opening, closing


def response_format(mode: Mode, definition: Mapping[str, JSON]) -> JSON:
    """The parameter of a chat-completions request."""
    if mode == "json_object":
        return {"type": "json_object"}
    schema: dict[str, JSON] = {
        "type": "object",
        "properties": {"reason": {"type": "string"}, "value": _inner(definition)},
        "required": ["reason", "value"],
        "additionalProperties": False,
    }
    for shared in _SHARED:  # servers look for these at the root only
        name = shared[2:]
        if name in definition:
            schema[name] = _rebased(definition[name])
    strict = _may_be_strict(schema)
    return {
        "type": "json_schema",
        "json_schema": {"name": "answer", "strict": strict, "schema": schema},
    }


def candidates(reply: Reply, form: AnswerForm) -> tuple[str, ...]:
    """What the value of an answer may be, the likeliest first; mostly one.

    Raises:
        AnswerProblem: If it holds none.
    """
    if form.schema is not None and form.mode != "tags":
        found = _whole_json(reply.text)
        if found is not None:
            return found
    try:
        parsed = parse_answer(
            reply.text, nonce=form.nonce, finish_reason=reply.finish_reason, own_tags=form.own_tags
        )
    except AnswerProblem as problem:
        return _elsewhere(reply, form, problem)
    if form.schema is None:
        return (parsed.value,)
    blocks = fenced_blocks(parsed.value)
    return (parsed.value, blocks[0]) if len(blocks) == 1 else (parsed.value,)


def _elsewhere(reply: Reply, form: AnswerForm, problem: AnswerProblem) -> tuple[str, ...]:
    """Where models put a value when they forget the form."""
    if form.schema is not None and problem.kind == "absent":
        found = _whole_json(reply.text)
        if found is not None:
            return found
    if form.own_tags is None and problem.kind == "absent":
        try:
            parsed = parse_answer(
                reply.text, field=TEXTGRADS_FIELD, finish_reason=reply.finish_reason
            )
        except AnswerProblem:
            raise problem from None
        return (parsed.value,)
    raise problem


def _whole_json(text: str) -> tuple[str, ...] | None:
    """The value of an answer that is one JSON text, in a fence or not."""
    bare = said(text)
    for whole in (text.strip(), bare, *fenced_blocks(bare)):
        try:
            held = json.loads(whole)
        except (ValueError, RecursionError):
            continue
        if isinstance(held, dict) and "value" in held and held.keys() <= _WRAPPER:
            return json.dumps(held["value"], ensure_ascii=False), whole
        return (whole,)
    return None


def _inner(definition: Mapping[str, JSON]) -> JSON:
    """The schema of the value, moved to where the value is in the answer."""
    return _rebased({k: v for k, v in definition.items() if k not in ("$schema", "$id")})


def _rebased(schema: JSON) -> JSON:
    if isinstance(schema, list):
        return [_rebased(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    moved = {name: _rebased(one) for name, one in schema.items()}
    path = schema.get("$ref")
    if isinstance(path, str) and path.startswith("#") and not path.startswith(_SHARED):
        moved["$ref"] = f"#/properties/value{path[1:]}"
    return moved


def _may_be_strict(schema: JSON) -> bool:
    """Whether every object closes its properties and requires all, as strict servers demand."""
    if isinstance(schema, list):
        return all(map(_may_be_strict, schema))
    if not isinstance(schema, dict):
        return True
    properties = schema.get("properties")
    if schema.get("type") == "object" or isinstance(properties, dict):
        required = schema.get("required")
        names = list(properties) if isinstance(properties, dict) else []
        if schema.get("additionalProperties") is not False or not isinstance(required, list):
            return False
        if sorted(names) != sorted(map(str, required)):
            return False
    return all(map(_may_be_strict, schema.values()))


_PLACEHOLDERS = re.compile(r"\{new_variable_(start|end)_tag\}")


def with_marks(prompt: str, form: AnswerForm) -> str:
    """A user's system prompt with TextGrad's two placeholders for the tags filled."""
    opening, closing = form.marks
    return _PLACEHOLDERS.sub(lambda m: opening if m[1] == "start" else closing, prompt)
