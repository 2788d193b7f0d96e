"""A program's value as canonical JSON, by the exact types of plain data.

    None, bool, str, int up to 2**53, finite float, list    themselves
    tuple                                                   a list
    dict whose keys are all str and none starts with "$"    an object
    int beyond 2**53                                        {"$int": "-0x..."}
    NaN and infinities                                      {"$float": "nan" | "inf" | "-inf"}
    str with lone surrogates                                {"$text": escaped text}
    bytes, bytearray                                        {"$bytes": hexadecimal}
    set, frozenset                                          {"$set": [...]}, sorted
    deque                                                   {"$deque": [...]}
    other dict                                              {"$dict": [[key, value], ...]}
    ListNode, TreeNode                                      see `nodes`

Instances of a subclass are what their base class is; methods they redefine are not called.
Everything else (generators, iterators, other objects) has no form.
"""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from textgrad_code.jail.node_classes import ListNode, TreeNode
from textgrad_code.jail.nodes import (
    AnswerTooLarge,
    NotSerialisable,
    Shape,
    read,
)

EXACT_INT = 1 << 53
DEEPEST = 100
MOST_VALUES = 1_000_000
PLAIN = (bool, type(None))


def encode(value: Any, shape: Shape | None = None, most: int = MOST_VALUES) -> Any:
    """The JSON form of an answer.

    Args:
        value: What the program made.
        shape: The node type it was declared to be; None reads it by its own type.
        most: How many values it may hold in all.

    Raises:
        NotSerialisable: If it has no form, is nested too deep or contains itself.
        AnswerTooLarge: If it holds too many values.
    """
    encoder = Encoder(most)
    if shape is not None:
        value = read(shape, value, encoder.take)
    return encoder.form(value, 0)


class Encoder:
    """Turns values into forms and counts them.

    Args:
        most: How many values there may be in all.
    """

    def __init__(self, most: int) -> None:
        self.left = most

    def take(self, count: int = 1) -> None:
        """Count values.

        Raises:
            AnswerTooLarge: If these are too many.
        """
        self.left -= count
        if self.left < 0:
            raise AnswerTooLarge("the answer holds too many values")

    def form(self, value: Any, depth: int) -> Any:
        """The form of one value at a depth."""
        self.take()
        kind = type(value)
        if kind in PLAIN:
            return value
        maker = MAKERS.get(kind)
        if maker is None:
            kind, value = base_value(value)
            maker = MAKERS[kind]
        if depth > DEEPEST:
            raise NotSerialisable(
                f"cannot serialise a value that is nested deeper than {DEEPEST} levels "
                "or contains itself"
            )
        return maker(self, value, depth)

    def int_form(self, value: int, _depth: int) -> Any:
        """Small ones themselves, others in hexadecimal: no limit of digits applies to that."""
        return value if -EXACT_INT <= value <= EXACT_INT else {"$int": hex(value)}

    def float_form(self, value: float, _depth: int) -> Any:
        """Finite ones themselves; -0.0 stays negative."""
        return value if math.isfinite(value) else {"$float": str(value)}

    def text_form(self, value: str, _depth: int) -> Any:
        """Text itself, unless it is no Unicode."""
        if is_unicode(value):
            return value
        return {"$text": value.encode("ascii", "backslashreplace").decode("ascii")}

    def bytes_form(self, value: bytes, _depth: int) -> Any:
        """Hexadecimal digits."""
        return {"$bytes": value.hex()}

    def items_form(self, value: Iterable[Any], depth: int) -> list[Any]:
        """A list; long ones of one plain type are looked at as a whole."""
        items = list(value)
        kinds = set(map(type, items))
        if len(kinds) == 1 and uniform(kinds.pop(), items):
            self.take(len(items))
            return items
        self.take(0 if len(items) <= self.left else len(items))  # before any work
        return [self.form(item, depth + 1) for item in items]

    def deque_form(self, value: Iterable[Any], depth: int) -> Any:
        """Like a list, but not one."""
        return {"$deque": self.items_form(value, depth + 1)}

    def set_form(self, value: Iterable[Any], depth: int) -> Any:
        """Sorted by the members' JSON text."""
        return {"$set": sorted(self.items_form(value, depth + 1), key=json.dumps)}

    def dict_form(self, value: dict[Any, Any], depth: int) -> Any:
        """An object if its keys allow it; pairs in their order otherwise."""
        pairs = list(dict.items(value))
        if all(type(key) is str and key[:1] != "$" and is_unicode(key) for key, _ in pairs):
            return {key: self.form(one, depth + 1) for key, one in pairs}
        return {
            "$dict": [[self.form(key, depth + 2), self.form(one, depth + 2)] for key, one in pairs]
        }

    def list_node_form(self, value: Any, depth: int) -> Any:
        """As `nodes` describes it."""
        return self.form(read(Shape("ListNode", 0), value, self.take), depth)

    def tree_node_form(self, value: Any, depth: int) -> Any:
        """As `nodes` describes it."""
        return self.form(read(Shape("TreeNode", 0), value, self.take), depth)


def is_unicode(text: str) -> bool:
    """Whether a text has no lone surrogate."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def uniform(kind: type, items: list[Any]) -> bool:
    """Whether a list of one exact type is its own form."""
    if kind is int:
        return bool(min(items) >= -EXACT_INT and max(items) <= EXACT_INT)
    if kind is float:
        return all(map(math.isfinite, items))
    if kind is str:
        return all(map(str.isascii, items))
    return kind in PLAIN


def base_value(value: Any) -> tuple[type, Any]:
    """The plain data inside an instance of a subclass, and its exact type.

    Raises:
        NotSerialisable: If it is no plain data.
    """
    kind = type(value)
    bases = type.__dict__["__mro__"].__get__(kind)  # a metaclass may say something else
    for base, plain in BASES.items():
        if base in bases:
            return base, plain(value)
    hint = "; a list of its items can be" if hasattr(kind, "__iter__") else ""
    raise NotSerialisable(f"cannot serialise a value of type {kind.__name__}{hint}")


BASES: dict[type, Callable[[Any], Any]] = {
    int: int.__int__,
    float: float.__float__,
    str: str.__str__,
    list: lambda value: list(list.__iter__(value)),
    tuple: lambda value: tuple(tuple.__iter__(value)),
    dict: lambda value: dict(dict.items(value)),
    set: lambda value: set(set.__iter__(value)),
    frozenset: lambda value: set(frozenset.__iter__(value)),
    deque: lambda value: deque(deque.__iter__(value)),
    bytes: lambda value: bytes(bytes.__iter__(value)),
    bytearray: lambda value: bytearray(bytearray.__iter__(value)),
    ListNode: lambda value: value,
    TreeNode: lambda value: value,
}
MAKERS: dict[type, Callable[[Encoder, Any, int], Any]] = {
    int: Encoder.int_form,
    float: Encoder.float_form,
    str: Encoder.text_form,
    list: Encoder.items_form,
    tuple: Encoder.items_form,
    dict: Encoder.dict_form,
    set: Encoder.set_form,
    frozenset: Encoder.set_form,
    deque: Encoder.deque_form,
    bytes: Encoder.bytes_form,
    bytearray: Encoder.bytes_form,
    ListNode: Encoder.list_node_form,
    TreeNode: Encoder.tree_node_form,
}
