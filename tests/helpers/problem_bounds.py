"""What the constraints of the shipped problems say, as predicates on a test's arguments."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

SMALL_LETTERS = re.compile("[a-z]*")
GIGA = 10**9


def between(low: float, values: Any, high: float) -> bool:
    """Whether every value lies in the range."""
    return all(low <= value <= high for value in values)


def letters(*words: str) -> bool:
    """Whether all is made of small letters."""
    return all(SMALL_LETTERS.fullmatch(word) for word in words)


def grid(table: list[list[int]], side: int, low: int, high: int) -> bool:
    """Whether a table is a rectangle of at most that side, with values in the range."""
    widths = {len(row) for row in table}
    return (
        1 <= len(table) <= side
        and len(widths) == 1
        and 1 <= widths.pop() <= side
        and all(between(low, row, high) for row in table)
    )


def one_pair(readings: list[int], total: int) -> bool:
    """Whether exactly one pair of positions has the sum."""
    counts = Counter(readings)
    halves = sum(n * (n - 1 if 2 * v == total else counts[total - v]) for v, n in counts.items())
    return halves == 2


def rotated(values: list[int]) -> bool:
    """Whether different values are sorted but for one rotation."""
    falls = sum(a > b for a, b in zip(values, values[1:] + values[:1], strict=True))
    return len(set(values)) == len(values) and falls <= 1


def depth(values: list[int | None]) -> int:
    """Levels of a tree written level by level."""
    levels, nodes, rest = 0, min(1, len(values)), values[:]
    while nodes:
        levels += 1
        here, rest = rest[:nodes], rest[nodes:]
        nodes = 2 * sum(value is not None for value in here)
        rest, nodes = (rest, nodes) if any(v is not None for v in rest[:nodes]) else ([], 0)
    return levels


def tree(values: list[Any], low: int = -1000, high: int = 1000) -> bool:
    """Whether a tree has the size and values of the problems on trees."""
    known = [value for value in values if value is not None]
    return len(known) <= 20_000 and depth(values) <= 400 and between(low, known, high)


def chain(value: Any) -> bool:
    """Whether a linked list has the size and values of the problems on lists."""
    values = value["values"] if isinstance(value, dict) else value
    linked = not isinstance(value, dict) or 0 <= value["cycle"] < len(values)
    return linked and len(values) <= 20_000 and between(-1000, values, 1000)


def operations(names: list[str], calls: list[Any], most: int) -> bool:
    """Whether a test of a design class is no longer than allowed."""
    return len(names) == len(calls) <= most + 1


def loans(text: str) -> bool:
    """Whether every line after the first is a loan, as many as the first says."""
    first, *lines = text.splitlines()
    shape = re.compile(r"[a-z]{1,20} [a-z]{1,20} ([1-9][0-9]*)")
    found = [shape.fullmatch(line) for line in lines]
    return len(lines) == int(first) <= 50_000 and all(m and int(m[1]) <= 10**6 for m in found)


def roads(text: str) -> bool:
    """Whether the numbers describe as many roads between places as they say."""
    n, m, *rest = map(int, text.split())
    places = [*rest[0::3], *rest[1::3]]
    return (
        n <= 3000
        and len(rest) == 3 * m <= 90_000
        and between(1, places, n)
        and between(1, rest[2::3], 10**6)
    )


BOUNDS: dict[str, Callable[..., bool]] = {
    "pair-with-sum": lambda v, t: (
        2 <= len(v) <= 10**5 and between(-GIGA, v, GIGA) and one_pair(v, t)
    ),
    "longest-streak": lambda v: len(v) <= 10**5 and between(-GIGA, v, GIGA),
    "balanced-brackets": lambda text: len(text) <= 50_000 and set(text) <= set("()[]{}"),
    "smallest-window": lambda text, need: (
        1 <= len(text) <= 50_000 and 1 <= len(need) <= 1000 and (text + need).isalpha()
    ),
    "fewest-coins": lambda v, amount: (
        len(set(v)) == len(v) <= 10 and between(1, v, 10**4) and 0 <= amount <= 5000
    ),
    "count-islands": lambda chart: grid(chart, 200, 0, 1),
    "edit-distance": lambda a, b: max(len(a), len(b)) <= 400 and letters(a, b),
    "search-rotated": lambda v, t: (
        1 <= len(v) <= 10**5 and rotated(v) and between(-GIGA, [*v, t], GIGA)
    ),
    "merge-bookings": lambda v: len(v) <= 20_000 and all(0 <= a <= b <= GIGA for a, b in v),
    "trapped-water": lambda v: len(v) <= 50_000 and between(0, v, 10**5),
    "spiral-order": lambda table: grid(table, 200, -1000, 1000),
    "days-until-warmer": lambda v: 1 <= len(v) <= 50_000 and between(-100, v, 10**5),
    "task-order": lambda n, needs: (
        n <= 20_000
        and len(needs) <= 50_000
        and between(0, [place for pair in needs for place in pair], n - 1)
    ),
    "mirror-part": lambda text: 1 <= len(text) <= 1500 and letters(text),
    "all-selections": lambda v: len(set(v)) == len(v) <= 12 and between(-100, v, 100),
    "anagram-groups": lambda words: (
        len(words) <= 5000 and letters(*words) and all(len(word) <= 100 for word in words)
    ),
    "common-words": lambda words, n: (
        len(words) <= 50_000 and letters(*words) and 1 <= n <= len(set(words))
    ),
    "window-medians": lambda v, k: 1 <= k <= len(v) <= 30_000 and between(-GIGA, v, GIGA),
    "fast-power": lambda base, n: (
        -100 < base < 100 and -(2**31) <= n < 2**31 and (base != 0 or n >= 0)
    ),
    "turn-belt": lambda v, steps: 1 <= len(v) <= 10**5 and 0 <= steps <= GIGA,
    "three-colours": lambda v: len(v) <= 50_000 and set(v) <= {0, 1, 2},
    "blank-crosses": lambda table: grid(table, 150, -1000, 1000),
    "next-arrangement": lambda v: 1 <= len(v) <= 2000 and between(0, v, 9),
    "recent-cache": lambda names, calls: (
        operations(names, calls, 10**5)
        and 1 <= calls[0][0] <= 30_000
        and all(between(0, given, GIGA) for given in calls)
    ),
    "least-stack": lambda names, calls: operations(names, calls, 60_000),
    "running-median": lambda names, calls: operations(names, calls, 30_000),
    "word-index": lambda names, calls: (
        operations(names, calls, 20_000)
        and all(letters(*given) and 1 <= len(given[0]) <= 60 for given in calls[1:])
    ),
    "roman-number": lambda text: bool(re.fullmatch("[IVXLCDM]+", text)),
    "primes-below": lambda limit: 0 <= limit <= 10**6,
    "calculate": lambda text: len(text) <= 60_000 and bool(re.fullmatch(r"[\d +*/-]+", text)),
    "flatten": lambda nested: len(re.findall(r"-?\d+", repr(nested))) <= 50_000,
    "word-counts": lambda text: len(text) <= 400_000 and text.isascii(),
    "settle-debts": loans,
    "shortest-route": roads,
    "tree-levels": tree,
    "search-tree": lambda values: tree(values, -(2**31), 2**31 - 1),
    "mirror-tree": tree,
    "best-path": lambda values: bool(values) and tree(values),
    "reverse-groups": lambda head, size: chain(head) and 1 <= size <= 20_000,
    "merge-chains": lambda chains: (
        len(chains) <= 4000
        and sum(map(len, chains)) <= 40_000
        and all(one == sorted(one) and between(-(10**6), one, 10**6) for one in chains)
    ),
    "loop-entrance": chain,
    "loop-length": chain,
}
