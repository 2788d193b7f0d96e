"""Perfect matchings in small bipartite graphs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def perfect_matching(edges: Sequence[Sequence[int]]) -> bool:
    """Whether every left vertex can have a right vertex of its own.

    Args:
        edges: For every left vertex the right vertices it may have.

    Source: augmenting paths (H. W. Kuhn, Naval Research Logistics Quarterly 2, 1955), found
    breadth first.
    """
    owner: dict[int, int] = {}
    return all(_augment(vertex, edges, owner) for vertex in range(len(edges)))


def _augment(start: int, edges: Sequence[Sequence[int]], owner: dict[int, int]) -> bool:
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
            _move(right, start, came_from, owner)
            return True
    return False


def _move(free: int, start: int, came_from: dict[int, int], owner: dict[int, int]) -> None:
    had = {left: right for right, left in owner.items()}
    right = free
    while True:
        left = came_from[right]
        owner[right] = left
        if left == start:
            return
        right = had[left]


def holds_float(value: Any) -> bool:
    """Whether there is a float in JSON data, at any depth."""
    if isinstance(value, dict):
        return "$float" in value or any(map(holds_float, value.values()))
    return isinstance(value, float) or (isinstance(value, list) and any(map(holds_float, value)))
