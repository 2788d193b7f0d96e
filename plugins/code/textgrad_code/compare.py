"""When an answer counts as right, and where it first differs from the expected one. Pure.

Both are plain JSON data, with the tags of `textgrad_code.jail.values` for what JSON lacks.
Rules, whatever the order:

* true is not 1: a bool equals only a bool;
* an expected integer wants exactly its value (2.0 is as good as 2); an expected float is met
  within the tolerance, absolute or relative; -0.0 is 0.0; NaN equals nothing; an infinity
  equals itself;
* tuples have become lists before; a set, a deque and a dict with other keys than texts equal
  only their own kind.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

from textgrad_code.differences import at, items, shown, tag_of, text_difference, told
from textgrad_code.matching import holds_float, perfect_matching

Order = Literal["ordered", "any-order", "nested-any-order"]
TOLERANCE = 1e-5
MOST_MATCHED = 400
MOST_WORK = 200_000  # values looked at to pair off members; seconds, whatever the answer is
FLOAT_BITS = 1024  # an integer of more bits equals no float
SPECIAL = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def first_difference(
    expected: Any, answer: Any, *, order: Order = "ordered", tolerance: float | None = TOLERANCE
) -> str | None:
    """Where an answer differs from the expected one, such as ``at [3][0]: expected 5, got 7``.

    Args:
        expected: The right answer.
        answer: The program's.
        order: ``any-order`` takes the outermost list for a multiset, ``nested-any-order`` the
            lists inside it too.
        tolerance: Largest difference from an expected float, absolute or relative to it; None
            wants equality.

    Returns:
        A text of bounded length; None if the answer counts as right.
    """
    if _same_text(expected, answer):
        return None
    if not holds_float(expected):
        tolerance = None
    comparison = Comparison(tolerance, nested=order == "nested-any-order")
    return comparison.difference(expected, answer, "", any_order=order != "ordered")


def _same_text(expected: Any, answer: Any) -> bool:
    """Whether they are the same in every detail; the usual case, found without a walk."""
    try:
        text = json.dumps(expected)
    except (ValueError, RecursionError):  # an integer of too many digits, for one
        return False
    return text == json.dumps(answer) and "NaN" not in text and '"nan"' not in text


class Comparison:
    """The rules of one comparison.

    Args:
        tolerance: As for `first_difference`.
        nested: Whether lists inside a multiset are multisets too.
    """

    def __init__(self, tolerance: float | None, *, nested: bool) -> None:
        self.tolerance, self.nested = tolerance, nested
        self.work = MOST_WORK

    def difference(self, expected: Any, answer: Any, path: str, *, any_order: bool) -> str | None:
        """The first difference below a path."""
        expected, answer = untagged(expected), untagged(answer)
        if is_number(expected) and is_number(answer):
            same = self.same_number(expected, answer)
            return None if same else told(path, expected, answer)
        if type(expected) is not type(answer) or tag_of(expected) != tag_of(answer):
            return told(path, expected, answer)
        if isinstance(expected, list):
            if any_order:
                return self.multiset_difference(expected, answer, path)
            return self.list_difference(expected, answer, path)
        if isinstance(expected, dict):
            return self.dict_difference(expected, answer, path)
        return None if expected == answer else text_difference(path, expected, answer)

    def same(self, expected: Any, answer: Any) -> bool:
        """Whether two members of a multiset are the same; no longer told once it is too much."""
        if self.work < 0:
            return False
        self.work -= size_of(expected) + size_of(answer)
        return self.difference(expected, answer, "", any_order=self.nested) is None

    def same_number(self, expected: float, answer: float) -> bool:
        """Numbers; an int is exact."""
        if expected == answer:
            return True
        if isinstance(expected, int) or self.tolerance is None:
            return False
        try:
            gap = abs(expected - answer)
        except OverflowError:  # an int beyond every float
            return False
        return math.isfinite(gap) and gap <= self.tolerance * max(1.0, abs(expected))

    def list_difference(self, expected: list[Any], answer: list[Any], path: str) -> str | None:
        """Lists in order."""
        found = None
        for index, (one, other) in enumerate(zip(expected, answer, strict=False)):
            found = self.difference(one, other, f"{path}[{index}]", any_order=False)
            if found is not None:
                break
        if len(expected) == len(answer):
            return found
        lengths = f"{at(path)}expected {items(expected)}, got {items(answer)}"
        if found is None:
            return f"{lengths}; the first {min(len(expected), len(answer))} are equal"
        return f"{lengths}; first difference {found}"

    def dict_difference(self, expected: Any, answer: Any, path: str) -> str | None:
        """Objects and tagged values of one kind."""
        tag = tag_of(expected)
        if tag in ("$set", "$dict"):
            return self.multiset_difference(expected[tag], answer[tag], path)
        for key in expected:
            if key not in answer:
                return f"{at(path)}the key {shown(key)} is missing"
        for key in answer:
            if key not in expected:
                return f"{at(path)}the key {shown(key)} is not expected"
        for key, one in expected.items():
            below = path if tag else f"{path}[{shown(key)}]"
            found = self.difference(one, answer[key], below, any_order=False)
            if found is not None:
                return found
        return None

    def multiset_difference(
        self, expected: Sequence[Any], answer: Sequence[Any], path: str
    ) -> str | None:
        """Lists in any order."""
        missing, surplus = _unmatched(
            [self.key(one) for one in expected], [self.key(one) for one in answer]
        )
        if not missing and not surplus:
            return None
        if len(missing) == len(surplus) and self.matches(expected, answer, missing, surplus):
            return None
        parts = []
        if len(expected) != len(answer):
            parts.append(f"expected {items(expected)}, got {items(answer)}")
        if missing:
            parts.append(f"missing {shown(expected[missing[0]])}")
        if surplus:
            parts.append(f"not expected {shown(answer[surplus[0]])}")
        return f"{at(path)}in any order: {', '.join(parts)}"

    def matches(
        self,
        expected: Sequence[Any],
        answer: Sequence[Any],
        missing: list[int],
        surplus: list[int],
    ) -> bool:
        """Whether members that are not equal can be paired off within the tolerance."""
        if self.tolerance is None or not any(holds_float(expected[i]) for i in missing):
            return False  # nothing that a tolerance applies to
        left, right = [expected[i] for i in missing], [answer[i] for i in surplus]
        if all(type(one) is float for one in left) and all(map(is_number, right)):
            if all(map(self.same_number, sorted(left), sorted(right))):
                return True
            if all(type(one) is float for one in expected):  # then no other pairing does better
                return all(map(self.same_number, sorted(expected), sorted(answer)))
        if self._all_paired(left, right):
            return True
        return len(left) < len(expected) and self._all_paired(expected, answer)

    def _all_paired(self, left: Sequence[Any], right: Sequence[Any]) -> bool:
        if len(left) > MOST_MATCHED or self.work < 0:
            return False
        return perfect_matching(
            [[j for j, other in enumerate(right) if self.same(one, other)] for one in left]
        )

    def key(self, value: Any) -> str:
        """A text that equal members of a multiset share."""
        return json.dumps(self._keyed(value))

    def _keyed(self, value: Any) -> Any:
        value = untagged(value)
        if type(value) is int and value.bit_length() > FLOAT_BITS:
            return ["int", hex(value)]  # JSON writes no number of so many digits
        if isinstance(value, float):
            if value != value:
                return ["nan", id(value)]
            return int(value) if value.is_integer() else value
        if isinstance(value, list):
            keyed = [self._keyed(one) for one in value]
            return sorted(keyed, key=json.dumps) if self.nested else keyed
        if isinstance(value, dict):
            tag = tag_of(value)
            if tag in ("$set", "$dict"):
                return {tag: sorted(map(self._keyed, value[tag]), key=json.dumps)}
            return {key: self._keyed(value[key]) for key in sorted(value)}
        return value


def _unmatched(expected: list[str], answer: list[str]) -> tuple[list[int], list[int]]:
    """Positions of the keys that the other side lacks."""
    return _lacking(expected, Counter(answer)), _lacking(answer, Counter(expected))


def _lacking(keys: list[str], others: Counter[str]) -> list[int]:
    lacking = []
    for index, key in enumerate(keys):
        others[key] -= 1
        if others[key] < 0:
            lacking.append(index)
    return lacking


def size_of(value: Any) -> int:
    """How many values there are inside, and one."""
    if isinstance(value, list):
        return 1 + sum(map(size_of, value))
    if isinstance(value, dict):
        return 1 + sum(map(size_of, value.values()))
    return 1


def untagged(value: Any) -> Any:
    """The number a tag stands for; everything else as it is."""
    if type(value) is dict and len(value) == 1:
        if "$float" in value:
            return SPECIAL.get(value["$float"], value)
        if "$int" in value:
            return int(value["$int"], 16)
    return value


def is_number(value: Any) -> bool:
    """Whether it is an int or a float, and no bool."""
    return type(value) in (int, float)
