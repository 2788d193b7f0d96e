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
from collections.abc import Sequence
from itertools import repeat
from operator import itemgetter
from typing import Any, Literal

from textgrad_code.differences import (
    at,
    is_number,
    items,
    same_text,
    shown,
    size_of,
    size_within,
    tag_of,
    text_difference,
    told,
    unmatched,
    untagged,
)
from textgrad_code.matching import Reach, candidates, groups, holds_float, perfect_matching
from textgrad_code.tagged_members import as_shown, entries, members

Order = Literal["ordered", "any-order", "nested-any-order"]
Record = tuple[list[float], Any]  # the numbers of a member, and the member
TOLERANCE = 1e-5
LEAST_WORK = 1_000_000  # values looked at to pair off members; seconds, whatever the answer is
WORK_PER_VALUE = 20
MOST_KEYED = 100_000  # values in members compared only to name one of them
MOST_TIMES, MOST_MORE = 10, 10_000  # no answer with so many more values is looked into
SMALL_INT = 1 << 62
EXACT = (int, bool, str, type(None))
FLOAT_BITS = 1024  # an integer of more bits equals no float


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
    if type(answer) is type(expected) and type(answer) in EXACT and answer == expected:
        return None
    size = size_of(expected)
    most = MOST_TIMES * size + MOST_MORE
    if not size_within(answer, most):
        return f"the answer has more than {most} values, expected about {size}"
    if same_text(expected, answer):
        return None
    if not holds_float(expected):
        tolerance = None
    work = LEAST_WORK + WORK_PER_VALUE * size
    comparison = Comparison(tolerance, nested=order == "nested-any-order", most_work=work)
    return comparison.difference(expected, answer, "", any_order=order != "ordered")


class Comparison:
    """The rules of one comparison.

    Args:
        tolerance: As for `first_difference`.
        nested: Whether lists inside a multiset are multisets too.
        most_work: How many values to look at in order to pair off members.
    """

    def __init__(
        self, tolerance: float | None, *, nested: bool, most_work: int = LEAST_WORK
    ) -> None:
        self.tolerance, self.nested = tolerance, nested
        self.most_work = self.work = most_work
        self.nans = 0

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
            count = min(len(expected), len(answer))
            same = "the first is equal" if count == 1 else f"the first {count} are equal"
            return f"{lengths}; {same}" if count else lengths
        return f"{lengths}; first difference {found}"

    def dict_difference(self, expected: Any, answer: Any, path: str) -> str | None:
        """Objects and tagged values of one kind."""
        tag = tag_of(expected)
        if tag == "$set":
            return self.multiset_difference(expected[tag], answer[tag], path)
        if tag == "$dict":
            return self.multiset_difference(entries(expected), entries(answer), path)
        for key in expected:
            if key not in answer:
                return f"{at(path)}the key {shown(key)} is missing"
        for key in answer:
            if key not in expected:
                return f"{at(path)}the key {shown(key)} is not expected"
        for key, one in expected.items():
            below = path if tag else f"{path}[{shown(key)}]"
            found = self.difference(one, answer[key], below, any_order=self.nested)
            if found is not None:
                return found
        return None

    def multiset_difference(
        self, expected: Sequence[Any], answer: Sequence[Any], path: str
    ) -> str | None:
        """Lists in any order."""
        if len(expected) != len(answer):
            return self._lengths_differ(expected, answer, path)
        missing, surplus = unmatched(map(self.key, expected), map(self.key, answer))
        if not missing or self.matches(expected, answer):
            return None
        one, other = as_shown(expected[missing[0]]), as_shown(answer[surplus[0]])
        told = f"missing {shown(one)}, not expected {shown(other)}"
        if self.work < 0:
            told += f"; no pairing within the tolerance was found in {self.most_work} steps"
        return f"{at(path)}in any order: {told}"

    def _lengths_differ(self, expected: Sequence[Any], answer: Sequence[Any], path: str) -> str:
        """Numbers of members and, if there are not too many to look at, one that is too much."""
        parts = [f"expected {items(expected)}, got {items(answer)}"]
        if size_within(answer, MOST_KEYED) and size_within(expected, MOST_KEYED):
            missing, surplus = unmatched(map(self.key, expected), map(self.key, answer))
            if missing:
                parts.append(f"missing {shown(as_shown(expected[missing[0]]))}")
            if surplus:
                parts.append(f"not expected {shown(as_shown(answer[surplus[0]]))}")
        return f"{at(path)}in any order: {', '.join(parts)}"

    def matches(self, expected: Sequence[Any], answer: Sequence[Any]) -> bool:
        """Whether members can be paired off within the tolerance."""
        if self.tolerance is None or not any(map(holds_float, expected)):
            return False  # nothing that a tolerance applies to
        if all(map(self.same, expected, answer)):
            return True
        buckets: dict[str, tuple[list[Record], list[Record]]] = {}
        for side, whole in enumerate((expected, answer)):
            for member in whole:
                numbers: list[float] = []
                outline = self.outline(member, numbers)
                buckets.setdefault(outline, ([], []))[side].append((numbers, member))
        if any(len(left) != len(right) for left, right in buckets.values()):
            return False
        return all(
            self._paired(left, right, loose=self.nested or '"$' in outline)
            for outline, (left, right) in buckets.items()
        )

    def outline(self, value: Any, numbers: list[float]) -> str:
        """A text that members share if they differ in numbers only.

        Args:
            value: The member.
            numbers: Gets its finite numbers, those below an unordered list in their own order:
                if two members are the same, so are their numbers, place by place.
        """
        value = untagged(value)
        if is_number(value) and (isinstance(value, int) or math.isfinite(value)):
            numbers.append(value)
            return "#"
        tag = tag_of(value)
        if isinstance(value, list) or tag in ("$set", "$dict"):
            below: list[float] = []
            parts = [self.outline(one, below) for one in members(value)]
            if tag or self.nested:
                parts.sort()
                below.sort()
            numbers += below
            return f"{json.dumps(tag) if tag else ''}[{','.join(parts)}]"
        if isinstance(value, dict):
            inner = (f"{json.dumps(k)}:{self.outline(value[k], numbers)}" for k in sorted(value))
            return f"{{{','.join(inner)}}}"
        return self.key(value)

    def _paired(self, left: list[Record], right: list[Record], *, loose: bool) -> bool:
        """Whether members of one outline can be paired off."""
        reach = Reach(self.tolerance or 0.0, not loose)
        parts = groups([one[0] for one in left], [one[0] for one in right], reach)
        if any(len(part.left) != len(part.right) for part in parts):
            return False
        return all(
            self._group_paired(
                sorted((left[i] for i in part.left), key=itemgetter(0)),
                sorted((right[j] for j in part.right), key=itemgetter(0)),
                reach,
            )
            for part in parts
        )

    def _group_paired(self, left: list[Record], right: list[Record], reach: Reach) -> bool:
        if all(map(self._fits, left, right, repeat(reach.exact_ints))):
            return True
        if len(left) == 1:
            return False
        edges = candidates([one[0] for one in left], [one[0] for one in right], reach)
        self.work -= sum(map(len, edges)) * (1 + len(left[0][0]))
        if self.work < 0:
            return False
        return perfect_matching(
            [
                [j for j in near if self._fits(one, right[j], reach.exact_ints)]
                for one, near in zip(left, edges, strict=True)
            ]
        )

    def _fits(self, left: Record, right: Record, by_numbers: bool) -> bool:
        same = by_numbers and all(map(self.same_number, left[0], right[0]))
        return same if by_numbers else self.same(left[1], right[1])

    def key(self, value: Any) -> str:
        """A text that equal members of a multiset share."""
        value = untagged(value)
        if type(value) is int:
            return str(value) if value.bit_length() <= FLOAT_BITS else hex(value)
        if isinstance(value, float):
            if value != value:
                self.nans += 1
                return f"nan{self.nans}"
            return str(int(value)) if value.is_integer() else repr(value)
        if isinstance(value, list):
            return f"[{','.join(self._keys(value, in_order=not self.nested))}]"
        if isinstance(value, dict):
            tag = tag_of(value)
            if tag in ("$set", "$dict"):
                return f'{{"{tag}":{",".join(self._keys(members(value), in_order=False))}}}'
            inner = (f"{json.dumps(key)}:{self.key(value[key])}" for key in sorted(value))
            return f"{{{','.join(inner)}}}"
        return json.dumps(value)

    def _keys(self, values: list[Any], *, in_order: bool) -> list[str]:
        small = set(map(type, values)) == {int} and max(values) < SMALL_INT > -min(values)
        keys = map(str if small else self.key, values)
        return list(keys) if in_order else sorted(keys)
