"""Where boxes stand: in layers by their distance to the result, few crossings, short lines. Pure.

A line that passes layers gets a place in each of them, and lines from one box share these
places, so a system prompt that a hundred calls use is one line with a hundred branches.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

GAP = 24.0
LAYER_GAP = 34.0
LANE = 10.0
SWEEPS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Of a box, in pixels."""

    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Places of boxes and lines.

    Args:
        boxes: Left upper corner of each box.
        lines: From source to target through every layer between, as points x, y. The longest
            line of a source is complete; its others begin where they branch off from it.
        width: Of everything.
        height: Of everything.
    """

    boxes: tuple[tuple[float, float], ...]
    lines: tuple[tuple[tuple[float, float], ...], ...]
    width: float
    height: float


def layers_of(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """For each box its longest distance to a box nothing is made from; 0 is the lowest layer.

    Args:
        count: How many boxes there are.
        edges: (source, target); no circles.
    """
    inputs: dict[int, list[int]] = defaultdict(list)
    waiting = [0] * count
    for source, target in edges:
        inputs[target].append(source)
        waiting[source] += 1
    layer = [0] * count
    ready = [place for place in range(count) if not waiting[place]]
    for place in ready:  # grows while it is read
        for source in inputs[place]:
            layer[source] = max(layer[source], layer[place] + 1)
            waiting[source] -= 1
            if not waiting[source]:
                ready.append(source)
    return layer


Spot = tuple[int, int]  # (box, layer): the box itself, or its line's place in a lower layer


def arranged(sizes: Sequence[Size], edges: Sequence[tuple[int, int]]) -> Layout:
    """Place boxes of these sizes; every line leads downwards."""
    layer = layers_of(len(sizes), edges)
    rows: list[list[Spot]] = [[] for _ in range(max(layer) + 1)]
    for box, row in enumerate(layer):
        rows[row].append((box, row))
    lowest: dict[int, int] = {}
    for source, target in edges:
        lowest[source] = min(lowest.get(source, layer[source]), layer[target] + 1)
    below: dict[Spot, list[Spot]] = defaultdict(list)
    above: dict[Spot, list[Spot]] = defaultdict(list)

    def join(upper: Spot, lower: Spot) -> None:
        below[upper].append(lower)
        above[lower].append(upper)

    for source in sorted(lowest):
        for row in range(layer[source] - 1, lowest[source] - 1, -1):
            rows[row].append((source, row))
            join((source, row + 1), (source, row))
    for source, target in edges:
        join((source, layer[target] + 1), (target, layer[target]))

    def width(spot: Spot) -> float:
        return sizes[spot[0]].width if layer[spot[0]] == spot[1] else LANE

    _uncross(rows, below, above)
    centre = _centres(rows, below, above, width)
    left = min(centre[s] - width(s) / 2 for row in rows for s in row)
    x = {s: centre[s] - left for row in rows for s in row}
    bands = _bands(len(rows), layer, sizes)
    boxes: list[tuple[float, float]] = []
    for box, size in enumerate(sizes):
        top, bottom = bands[layer[box]]
        boxes.append((x[box, layer[box]] - size.width / 2, (top + bottom - size.height) / 2))
    lines: list[tuple[tuple[float, float], ...]] = []
    drawn: set[int] = set()
    for source, target in edges:
        path = [(x[source, layer[source]], boxes[source][1] + sizes[source].height)]
        path += [(path[0][0], bands[layer[source]][1])]
        passed = range(layer[source] - 1, layer[target], -1)
        if passed and (source in drawn or lowest[source] != layer[target] + 1):
            path = [(x[source, passed[-1]], bands[passed[-1]][1])]
        elif passed:
            drawn.add(source)
            path += [(x[source, row], edge) for row in passed for edge in bands[row]]
        end = x[target, layer[target]]
        lines.append((*path, (end, bands[layer[target]][0]), (end, boxes[target][1])))
    right = max(x[s] + width(s) / 2 for row in rows for s in row)
    return Layout(boxes=tuple(boxes), lines=tuple(lines), width=right, height=bands[0][1])


def _uncross(
    rows: Sequence[list[Spot]],
    below: Mapping[Spot, Sequence[Spot]],
    above: Mapping[Spot, Sequence[Spot]],
) -> None:
    """Order every row by where its neighbours stand, up and down; keep the best of the orders."""
    best, fewest = [list(row) for row in rows], crossings(rows, below)
    for sweep in range(SWEEPS):
        upwards = sweep % 2 == 0
        order = range(1, len(rows)) if upwards else range(len(rows) - 2, -1, -1)
        for row in order:
            fixed = rows[row - 1 if upwards else row + 1]
            near = below if upwards else above
            at = {spot: float(i) for i, spot in enumerate(fixed)}
            now = {spot: float(i) for i, spot in enumerate(rows[row])}
            wanted = {s: _mean([at[n] for n in near.get(s, ())], now[s]) for s in rows[row]}
            rows[row].sort(key=lambda s: (wanted[s], now[s]))
        found = crossings(rows, below)
        if found < fewest:
            best, fewest = [list(row) for row in rows], found
    for row, spots in enumerate(best):
        rows[row][:] = spots


def crossings(rows: Sequence[Sequence[Spot]], below: Mapping[Spot, Sequence[Spot]]) -> int:
    """How many pairs of lines between neighbouring rows cross."""
    total = 0
    for lower, upper in pairwise(rows):
        at = {spot: i for i, spot in enumerate(lower)}
        passed: list[int] = []
        for spot in upper:
            ends = sorted(at[n] for n in below.get(spot, ()))
            total += sum(len(passed) - bisect_right(passed, end) for end in ends)
            for end in ends:
                insort(passed, end)
    return total


def _centres(
    rows: Sequence[Sequence[Spot]],
    below: Mapping[Spot, Sequence[Spot]],
    above: Mapping[Spot, Sequence[Spot]],
    width: Callable[[Spot], float],
) -> dict[Spot, float]:
    """Each spot as near to its neighbours as the order of its row allows."""
    centre: dict[Spot, float] = {}
    for row in rows:
        x = 0.0
        for spot in row:
            centre[spot] = x + width(spot) / 2
            x += width(spot) + GAP
    for sweep in range(SWEEPS):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            near = below if sweep % 2 == 0 else above
            wanted = [_mean([centre[n] for n in near.get(s, ())], centre[s]) for s in row]
            apart = [(width(a) + width(b)) / 2 + GAP for a, b in pairwise(row)]
            centre.update(zip(row, spread(wanted, apart), strict=True))
    return centre


def spread(wanted: Sequence[float], apart: Sequence[float]) -> list[float]:
    """Places nearest to the wanted ones (least squares), each so far from the one before.

    Args:
        wanted: One place each, in order.
        apart: Least distance of each from the one before it; one fewer.
    """
    offsets = [0.0]
    for distance in apart:
        offsets.append(offsets[-1] + distance)
    pools: list[tuple[float, int]] = []  # sum and number: neighbours that would overlap
    for place, offset in zip(wanted, offsets, strict=True):
        total, number = place - offset, 1
        while pools and pools[-1][0] / pools[-1][1] > total / number:
            more, members = pools.pop()
            total, number = total + more, number + members
        pools.append((total, number))
    flat = [total / number for total, number in pools for _ in range(number)]
    return [place + offset for place, offset in zip(flat, offsets, strict=True)]


def _bands(count: int, layer: Sequence[int], sizes: Sequence[Size]) -> list[tuple[float, float]]:
    """Upper and lower end of each row; the last row is on top, at 0."""
    tallest = [0.0] * count
    for box, row in enumerate(layer):
        tallest[row] = max(tallest[row], sizes[box].height)
    bands: list[tuple[float, float]] = []
    y = 0.0
    for height in reversed(tallest):
        bands.append((y, y + height))
        y += height + LAYER_GAP
    return bands[::-1]


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
