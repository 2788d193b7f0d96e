"""Answers by trying everything: slow, simple, and written apart from the references."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from fractions import Fraction
from functools import cache
from statistics import median
from typing import Any


def pair_with_sum(readings: list[int], total: int) -> list[int]:
    """The first pair of positions with the sum."""
    pairs = itertools.combinations(range(len(readings)), 2)
    return list(next(pair for pair in pairs if sum(readings[i] for i in pair) == total))


def longest_streak(days: list[int]) -> int:
    """Lengths of all gapless ranges that begin with a noted day."""
    lengths = [0]
    for day in days:
        length = next(n for n in itertools.count(1) if day + n not in days)
        lengths.append(length)
    return max(lengths)


def balanced_brackets(text: str) -> bool:
    """Remove innermost pairs until nothing changes."""
    while True:
        shorter = text.replace("()", "").replace("[]", "").replace("{}", "")
        if shorter == text:
            return not text
        text = shorter


def smallest_window(text: str, letters: str) -> str:
    """Every part, the shortest first."""
    need = Counter(letters)
    for length in range(1, len(text) + 1):
        for start in range(len(text) - length + 1):
            if need <= Counter(text[start : start + length]):
                return text[start : start + length]
    return ""


def fewest_coins(values: list[int], amount: int) -> int:
    """All sums of one coin, of two, of three."""
    sums, count = {0}, 0
    while amount not in sums:
        more = {have + value for have in sums for value in values if have + value <= amount}
        if not more:
            return -1
        sums, count = more, count + 1
    return count


def count_islands(chart: list[list[int]]) -> int:
    """Every land square takes the smallest label around it until nothing changes."""
    label = {(r, c): (r, c) for r, row in enumerate(chart) for c, land in enumerate(row) if land}
    changed = True
    while changed:
        changed = False
        for r, c in label:
            around = [(r, c), (r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1)]
            least = min(label[place] for place in around if place in label)
            changed |= least != label[r, c]
            label[r, c] = least
    return len(set(label.values()))


def edit_distance(source: str, target: str) -> int:
    """From the definition, over the ends of the words."""

    @cache
    def edits(a: int, b: int) -> int:
        if not a or not b:
            return a + b
        change = int(source[a - 1] != target[b - 1])
        return min(edits(a - 1, b) + 1, edits(a, b - 1) + 1, edits(a - 1, b - 1) + change)

    return edits(len(source), len(target))


def search_rotated(values: list[int], target: int) -> int:
    """Look at every place."""
    return values.index(target) if target in values else -1


def merge_bookings(bookings: list[list[int]]) -> list[list[int]]:
    """Merge any two that meet until no two do."""
    merged = [list(one) for one in bookings]
    while True:
        for a, b in itertools.combinations(merged, 2):
            if a[0] <= b[1] and b[0] <= a[1]:
                merged.remove(a)
                merged.remove(b)
                merged.append([min(a[0], b[0]), max(a[1], b[1])])
                break
        else:
            return sorted(merged)


def trapped_water(heights: list[int]) -> int:
    """Layer by layer: water lies between the outermost walls of a layer."""
    levels = sorted({0, *heights})
    water = 0
    for floor, layer in itertools.pairwise(levels):
        walls = [i for i, height in enumerate(heights) if height >= layer]
        water += (walls[-1] - walls[0] + 1 - len(walls)) * (layer - floor)
    return water


def spiral_order(grid: list[list[int]]) -> list[int]:
    """Take the upper row off, turn the rest to the left, again."""
    taken: list[int] = []
    while grid:
        taken += grid[0]
        grid = [list(row) for row in zip(*grid[1:], strict=True)][::-1]
    return taken


def days_until_warmer(degrees: list[int]) -> list[int]:
    """Look through all later days."""
    later = (
        next((j - i for j in range(i, len(degrees)) if degrees[j] > degree), 0)
        for i, degree in enumerate(degrees)
    )
    return list(later)


def task_order(count: int, needs: list[list[int]]) -> list[int]:
    """The first of all orders that holds every rule, or none."""
    for order in itertools.permutations(range(count)):
        if all(order.index(before) < order.index(after) for after, before in needs):
            return list(order)
    return []


def mirror_part(text: str) -> str:
    """Every part, the longest first."""
    for length in range(len(text), 0, -1):
        for start in range(len(text) - length + 1):
            part = text[start : start + length]
            if part == part[::-1]:
                return part
    return ""


def all_selections(items: list[int]) -> list[list[int]]:
    """Combinations of every size."""
    sizes = range(len(items) + 1)
    return [list(one) for size in sizes for one in itertools.combinations(items, size)]


def anagram_groups(words: list[str]) -> list[list[str]]:
    """Compare each word with the first of every group."""
    groups: list[list[str]] = []
    for word in words:
        for group in groups:
            if Counter(group[0]) == Counter(word):
                group.append(word)
                break
        else:
            groups.append([word])
    return groups


def common_words(words: list[str], count: int) -> list[str]:
    """Words that fewer than ``count`` others beat, in number or else in the alphabet."""
    rank = {word: (-words.count(word), word) for word in words}
    return [word for word in rank if sum(rank[other] < rank[word] for other in rank) < count]


def window_medians(values: list[int], width: int) -> list[float]:
    """Sort every window."""
    windows = [values[i : i + width] for i in range(len(values) - width + 1)]
    return [float(median(window)) for window in windows]


def power(base: float, exponent: int) -> float:
    """What Python says."""
    return float(base**exponent)


def turn_belt(items: list[int], steps: int) -> list[int]:
    """One step after the other."""
    for _ in range(steps):
        items = [*items[-1:], *items[:-1]]
    return items


def next_arrangement(digits: list[int]) -> list[int]:
    """Among all arrangements in order, the one behind this one; round to the first."""
    every = sorted(set(itertools.permutations(digits)))
    return list(every[(every.index(tuple(digits)) + 1) % len(every)])


def blank_crosses(table: list[list[int]]) -> list[list[int]]:
    """A cell stays if no zero is in its row or column."""
    return [
        [
            0 if 0 in row or any(other[c] == 0 for other in table) else value
            for c, value in enumerate(row)
        ]
        for row in table
    ]


def recent_cache(operations: list[str], calls: list[list[int]]) -> list[int | None]:
    """A list of pairs, the least recently used first."""
    kept: list[tuple[int, int]] = []
    answers: list[int | None] = [None]
    for name, given in zip(operations[1:], calls[1:], strict=True):
        found = [pair for pair in kept if pair[0] == given[0]]
        kept = [pair for pair in kept if pair[0] != given[0]]
        if name == "put":
            kept.append((given[0], given[1]))
        else:
            kept += found
        kept = kept[-calls[0][0] :]
        answers.append(None if name == "put" else found[0][1] if found else -1)
    return answers


def least_stack(operations: list[str], calls: list[list[int]]) -> list[int | None]:
    """A plain list, searched each time."""
    kept: list[int] = []
    answers: list[int | None] = [None]
    for name, given in zip(operations[1:], calls[1:], strict=True):
        if name == "push":
            kept.append(given[0])
            answers.append(None)
        elif name == "pop":
            answers.append(kept.pop())
        else:
            answers.append(kept[-1] if name == "top" else min(kept))
    return answers


def running_median(operations: list[str], calls: list[list[int]]) -> list[float | None]:
    """The median of everything so far."""
    kept: list[int] = []
    answers: list[float | None] = [None]
    for name, given in zip(operations[1:], calls[1:], strict=True):
        kept += given
        answers.append(float(median(kept)) if name == "median" else None)
    return answers


def word_index(operations: list[str], calls: list[list[str]]) -> list[bool | int | None]:
    """A plain list of words."""
    kept: list[str] = []
    answers: list[bool | int | None] = [None]
    for name, (text,) in zip(operations[1:], calls[1:], strict=True):
        if name == "add":
            kept.append(text)
            answers.append(None)
        elif name == "contains":
            answers.append(text in kept)
        else:
            answers.append(sum(word.startswith(text) for word in kept))
    return answers


def roman_number(text: str) -> int:
    """Written out by rule and compared."""
    parts = zip(
        (1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1),
        ("M", "CM", "D", "CD", "C", "XC", "L", "XL", "X", "IX", "V", "IV", "I"),
        strict=True,
    )
    number = 0
    for value, sign in parts:
        while text.startswith(sign):
            text, number = text.removeprefix(sign), number + value
    return number


def primes_below(limit: int) -> int:
    """Try every divisor."""
    return sum(all(n % d for d in range(2, n)) for n in range(2, limit))


def calculate(text: str) -> int:
    """Terms and factors cut out with regular expressions."""
    total = 0
    for sign, term in re.findall(r"([+-]?)((?:\d+[*/]?)+)", text.replace(" ", "")):
        value = Fraction(1)
        for operator, digits in re.findall(r"([*/]?)(\d+)", term):
            number = int(digits)
            value = Fraction(math.trunc(value / number)) if operator == "/" else value * number
        total += -int(value) if sign == "-" else int(value)
    return total


def flatten(nested: list[Any]) -> list[int]:
    """The numbers in the text of the list."""
    return [int(number) for number in re.findall(r"-?\d+", repr(nested))]


def word_counts(text: str) -> str:
    """Count each word in the list of all."""
    words = re.findall("[a-z]+", text.lower())
    rows = sorted({(-words.count(word), word) for word in words})
    return "".join(f"{word} {-count}\n" for count, word in rows)


def ledger(text: str) -> str:
    """Balances summed name by name."""
    lines = [line.split() for line in text.splitlines()[1:]]
    names = sorted({name for line in lines for name in line[:2]})
    rows = []
    for name in names:
        given = sum(int(line[2]) for line in lines if line[0] == name)
        taken = sum(int(line[2]) for line in lines if line[1] == name)
        rows.append((name, taken - given))
    return "".join(f"{name} {balance}\n" for name, balance in rows if balance) or "settled\n"


def shortest_route(text: str) -> str:
    """Relax every road until nothing changes."""
    numbers = [int(word) for word in text.split()]
    places = numbers[0]
    roads = [tuple(numbers[i : i + 3]) for i in range(2, len(numbers), 3)]
    best = {1: 0}
    for _ in range(places):
        for a, b, length in roads:
            for here, there in ((a, b), (b, a)):
                if here in best:
                    best[there] = min(best.get(there, best[here] + length), best[here] + length)
    return f"{best.get(places, -1)}\n"
