"""Which members of two lists of numbers or records can be paired off within a tolerance."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any, NamedTuple

ROUNDING = 1e-9  # a reach is taken so much larger: it only rules out, it accepts nothing
COLUMNS_TRIED = 8

Numbers = Sequence[float]


class Group(NamedTuple):
    """Positions on both sides that can be partners of each other only."""

    left: list[int]
    right: list[int]


class Reach(NamedTuple):
    """How far from an expected number its partner may be.

    Attributes:
        tolerance: Absolute, and relative to the expected number.
        exact_ints: Whether an expected int wants its own value.
    """

    tolerance: float
    exact_ints: bool

    def span(self, expected: float) -> tuple[float, float]:
        """The least and the largest partner, or a little beyond."""
        if isinstance(expected, int) and self.exact_ints:
            return expected, expected
        try:
            reach = self.tolerance * max(1.0, abs(expected)) * (1 + ROUNDING)
            reach += ROUNDING * abs(expected) * 1e-6
            return expected - reach, expected + reach
        except OverflowError:  # an int beyond every float
            return expected, expected


def groups(left: Sequence[Numbers], right: Sequence[Numbers], reach: Reach) -> list[Group]:
    """Split records so that partners are in one group; column by column, n log n each.

    Args:
        left: Expected records, all of one length.
        right: Records of the answer, of the same length.
        reach: How far partners may be apart.
    """
    parts = [Group(list(range(len(left))), list(range(len(right))))]
    done: list[Group] = []
    for column in range(len((left or right)[0])):
        done += (part for part in parts if len(part.left) <= 1 and len(part.right) <= 1)
        parts = [
            finer
            for part in parts
            if len(part.left) > 1 or len(part.right) > 1
            for finer in _split(part, left, right, column, reach)
        ]
    return done + parts


def _split(
    part: Group, left: Sequence[Numbers], right: Sequence[Numbers], column: int, reach: Reach
) -> list[Group]:
    """Groups whose spans of one column do not overlap; strays come last."""
    spans = sorted((*reach.span(left[index][column]), index) for index in part.left)
    lows: list[float] = []
    highs: list[float] = []
    found: list[Group] = []
    for low, high, index in spans:
        if not highs or low > highs[-1]:
            lows.append(low)
            highs.append(high)
            found.append(Group([], []))
        highs[-1] = max(highs[-1], high)
        found[-1].left.append(index)
    strays: list[int] = []
    for index in part.right:
        value = right[index][column]
        place = bisect_right(lows, value) - 1
        inside = place >= 0 and value <= highs[place]
        (found[place].right if inside else strays).append(index)
    return [*found, Group([], strays)] if strays else found


def candidates(left: Sequence[Numbers], right: Sequence[Numbers], reach: Reach) -> list[list[int]]:
    """For every expected record those that one column, the most telling, does not rule out."""
    best: list[tuple[int, int]] = []
    order: list[int] = []
    fewest = -1
    for column in range(min(len(left[0]), COLUMNS_TRIED)):
        ranked = sorted(range(len(right)), key=lambda index: right[index][column])
        values = [right[index][column] for index in ranked]
        windows = [
            (bisect_left(values, low), bisect_right(values, high))
            for low, high in (reach.span(one[column]) for one in left)
        ]
        count = sum(end - start for start, end in windows)
        if fewest < 0 or count < fewest:
            fewest, best, order = count, windows, ranked
    if not order:
        return [list(range(len(right))) for _ in left]
    return [order[start:end] for start, end in best]


def perfect_matching(edges: Sequence[Sequence[int]]) -> bool:
    """Whether every left vertex can have a right vertex of its own.

    Args:
        edges: For every left vertex the right vertices it may have.

    Source: augmenting paths (H. W. Kuhn, Naval Research Logistics Quarterly 2, 1955), found
    breadth first.
    """
    owner: dict[int, int] = {}
    owned: dict[int, int] = {}
    return all(_augment(vertex, edges, owner, owned) for vertex in range(len(edges)))


def _augment(
    start: int, edges: Sequence[Sequence[int]], owner: dict[int, int], owned: dict[int, int]
) -> bool:
    """Give a left vertex a right one, moving others along a path; whether that worked."""
    came_from: dict[int, int] = {}
    queue = [start]
    for left in queue:
        for right in edges[left]:
            if right in came_from:
                continue
            came_from[right] = left
            if right in owner:
                queue.append(owner[right])
                continue
            _move(right, start, came_from, owner, owned)
            return True
    return False


def _move(
    free: int,
    start: int,
    came_from: dict[int, int],
    owner: dict[int, int],
    owned: dict[int, int],
) -> None:
    right = free
    while True:
        left = came_from[right]
        before = owned.get(left, -1)
        owner[right], owned[left] = left, right
        if left == start:
            return
        right = before


def holds_float(value: Any) -> bool:
    """Whether there is a float in JSON data, at any depth."""
    if isinstance(value, dict):
        return "$float" in value or any(map(holds_float, value.values()))
    return isinstance(value, float) or (isinstance(value, list) and any(map(holds_float, value)))
