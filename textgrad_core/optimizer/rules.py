"""Rules for new values: words for the prompt, predicates for the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from textgrad_core.domain import Constraint
from textgrad_core.errors import Invalid, UsageError
from textgrad_core.jsondata import JSON
from textgrad_core.loss import check
from textgrad_core.schema import shown
from textgrad_core.values import is_image, text_of
from textgrad_core.variable import Variable

Rule: TypeAlias = str | Constraint[Any] | Callable[[Any], bool]
"""Words alone; words and a predicate; or a predicate whose docstring is the words."""


def as_rules(given: Iterable[Rule]) -> tuple[str | Constraint[Any], ...]:
    """Rules in one form.

    Raises:
        UsageError: If one says nothing, or the rules are one string.
    """
    if isinstance(given, str):
        raise UsageError(f"constraints is one string: give a list, such as [{given[:40]!r}]")
    return tuple(_as_rule(rule) for rule in given)


def _as_rule(rule: Rule) -> str | Constraint[Any]:
    if isinstance(rule, str | Constraint):
        return rule
    words = (getattr(rule, "__doc__", None) or "").strip().partition("\n")[0]
    if not callable(rule) or not words:
        raise UsageError(
            f"the rule {rule!r:.80} has no words a model could obey: give "
            "Constraint(words=..., holds=...), or a function with a docstring"
        )
    return Constraint(words=words, holds=rule)


def words_for(parameter: Variable, rules: Sequence[str | Constraint[Any]]) -> tuple[str, ...]:
    """The rules of the optimizer and of the variable's own domain, in words, each once."""
    own = () if parameter.domain is None else parameter.domain.constraints
    return tuple(
        dict.fromkeys(rule if isinstance(rule, str) else rule.words for rule in (*rules, *own))
    )


def accepted(parameter: Variable, rules: Sequence[str | Constraint[Any]], text: str) -> str | JSON:
    """The new value a text stands for: typed, canonical, and obeying every rule.

    Raises:
        Invalid: If it is none, or breaks a rule.
    """
    value: JSON = text if parameter.schema is None else parameter.schema.read(text)
    for rule in rules:
        if isinstance(rule, Constraint) and not _holds(rule, value):
            raise Invalid(f"a rule is broken: {rule.words}")
    if parameter.domain is None:
        return value
    made, rejected = check(parameter.domain, text)
    if rejected is not None:
        raise Invalid(rejected.reason, rejected.hint)
    return value if parameter.schema is not None else parameter.domain.canonical(made)


def _holds(rule: Constraint[Any], value: JSON) -> bool:
    try:
        return bool(rule.holds(value))
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise Invalid(
            f"a rule could not be checked: {rule.words} ({type(error).__name__}: {error})"
        ) from error


def as_text(parameter: Variable, value: Any) -> str:
    """A variable's value as a prompt shows it.

    Raises:
        UsageError: If it is an image, which no model here can rewrite.
    """
    if is_image(value):
        raise UsageError(
            f"{parameter.role_description!r} holds an image, and only text can be rewritten: "
            "leave it out of the parameters"
        )
    return text_of(value) if parameter.schema is None else shown(value)
