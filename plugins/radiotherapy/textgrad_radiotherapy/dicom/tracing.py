"""Closed contours of a map, by marching squares."""

from __future__ import annotations

from itertools import product

import numpy as np

from textgrad_radiotherapy.geometry import Floats


def traced(values: Floats, level: float = 0.5) -> list[Floats]:
    """Closed polygons around everything at or above a level; a hole hangs on a keyhole channel.

    Crossings lie on the lines between pixel centres, by linear interpolation; where four
    pixels meet crosswise their mean decides. Beyond the map there is nothing.

    Args:
        values: A map, shape (rows, columns).
        level: The level, above 0.

    Returns:
        Polygons of corners (x, y) in pixels, the centre of pixel (0, 0) at the origin, each of
        shape (n, 2) with positive area, in the order of their first pixel.
    """
    padded = np.pad(np.asarray(values, dtype=np.float64), 1)
    loops = [p - 1.0 for p in _loops(padded, level)]
    outer = [p for p in loops if area(p) > 0]
    for hole in (p for p in loops if area(p) < 0):
        around = [i for i, p in enumerate(outer) if _inside(hole[0], p)]
        owner = min(around, key=lambda i: area(outer[i]))
        outer[owner] = _keyhole(outer[owner], hole)
    return outer


def area(polygon: Floats) -> float:
    """Signed area of a polygon."""
    x, y = polygon.T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def _loops(values: Floats, level: float) -> list[Floats]:
    """Every closed line at the level, what is above it on one and the same side."""
    follow = _segments(values, level)
    points = _crossings(values, level)
    loops, seen = [], set()
    for start in follow:
        if start in seen:
            continue
        path = [start]
        while (step := follow[path[-1]]) != start:
            path.append(step)
        seen.update(path)
        loop = points[path]
        # Values of exactly the level give corners that coincide.
        loop = loop[np.abs(loop - np.roll(loop, 1, axis=0)).max(axis=1) > 1e-9]
        if len(loop) >= 3 and abs(area(loop)) > 1e-9:
            loops.append(loop)
    return loops


def _segments(values: Floats, level: float) -> dict[int, int]:
    """From each crossed line between pixels to the next one along its loop.

    Around a square, clockwise from its first corner, the lines are crossed outwards and
    inwards in turn. A segment leads from an outward to an inward crossing; the square across
    the line sees that one as outward, so the segments form loops.
    """
    rows, columns = values.shape
    above = values >= level
    corner = above[:-1, :-1], above[:-1, 1:], above[1:, 1:], above[1:, :-1]
    mean = (values[:-1, :-1] + values[:-1, 1:] + values[1:, 1:] + values[1:, :-1]) / 4
    case = sum(c.astype(np.intp) << i for i, c in enumerate(corner))
    first = np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)
    line = first, rows * columns + first + 1, first + columns, rows * columns + first
    follow: dict[int, int] = {}
    for kind, joined in product(range(1, 15), (False, True)):
        where = (case == kind) & ((mean >= level) == joined)
        if not where.any():
            continue
        inside = [bool(kind >> i & 1) for i in range(4)]
        turn = 1 if joined else -1
        for out in (i for i in range(4) if inside[i] and not inside[(i + 1) % 4]):
            into = (out + turn) % 4
            while inside[into] or not inside[(into + 1) % 4]:
                into = (into + turn) % 4
            follow.update(zip(line[out][where].tolist(), line[into][where].tolist(), strict=True))
    return dict(sorted(follow.items()))


def _crossings(values: Floats, level: float) -> Floats:
    """Where the level is crossed on each line: first those along rows, then along columns."""
    rows, columns = values.shape
    y, x = (a.astype(np.float64) for a in np.indices(values.shape))
    along_row = np.zeros((rows, columns))
    along_column = np.zeros((rows, columns))
    along_row[:, :-1] = _share(values[:, :-1], values[:, 1:], level)
    along_column[:-1] = _share(values[:-1], values[1:], level)
    horizontal = np.stack([x + along_row, y], axis=-1).reshape(-1, 2)
    vertical = np.stack([x, y + along_column], axis=-1).reshape(-1, 2)
    return np.concatenate([horizontal, vertical])


def _share(a: Floats, b: Floats, level: float) -> Floats:
    crossed = (a >= level) != (b >= level)
    return np.asarray(np.where(crossed, (level - a) / np.where(crossed, b - a, 1.0), 0.0))


def _inside(point: Floats, polygon: Floats) -> bool:
    """Whether a ray from the point towards +x crosses the polygon an odd number of times."""
    (x0, y0), (x1, y1) = polygon.T, np.roll(polygon, -1, axis=0).T
    crossed = (y0 > point[1]) != (y1 > point[1])
    along = np.where(crossed, (point[1] - y0) / np.where(crossed, y1 - y0, 1.0), 0.0)
    return bool(np.count_nonzero(crossed & (x0 + along * (x1 - x0) > point[0])) % 2)


def _keyhole(outer: Floats, hole: Floats) -> Floats:
    """One polygon around both, joined by a channel without width between the nearest corners."""
    distance = ((outer[:, None] - hole[None]) ** 2).sum(axis=2)
    i, j = np.unravel_index(int(distance.argmin()), distance.shape)
    parts = [outer[: i + 1], hole[j:], hole[: j + 1], outer[i:]]
    return np.concatenate(parts)
