"""Share of each pixel that closed polygons cover."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from textgrad_radiotherapy.geometry import Floats

LINES_PER_ROW = 16


def coverage(
    polygons: Sequence[Floats], shape: tuple[int, int], *, lines: int = LINES_PER_ROW
) -> Floats:
    """Share of every pixel inside an odd number of polygons.

    The odd-even rule makes a contour inside another one a hole, and the two edges of a keyhole
    channel cancel. Exact along x; along y the mean of equidistant scan lines, so that a side
    along x may be off by half a line.

    Args:
        polygons: Corners (x, y) in pixels, the centre of pixel (0, 0) at the origin, each of
            shape (n, 2); the last corner joins the first.
        shape: Rows and columns.
        lines: Scan lines per row.

    Returns:
        Shares from 0 to 1, shape ``shape``.
    """
    rows, columns = shape
    line, x = _crossings(polygons, rows * lines, lines)
    order = np.lexsort((x, line))
    line, x = line[order], np.clip(x[order] + 0.5, 0.0, columns)
    # Every line is crossed an even number of times: odd ones enter, even ones leave.
    sign = np.where(np.arange(line.size) % 2 == 0, 1.0, -1.0)
    column = np.minimum(x.astype(np.intp), columns - 1) if columns else x.astype(np.intp)
    share = x - column
    row = line // lines
    width = columns + 1
    steps = np.bincount(row * width + column, sign * (1.0 - share), rows * width)
    steps += np.bincount(row * width + column + 1, sign * share, rows * width)
    covered = np.cumsum(steps.reshape(rows, width), axis=1)[:, :columns] / lines
    return np.asarray(np.clip(covered, 0.0, 1.0), dtype=np.float64)


def _crossings(polygons: Sequence[Floats], count: int, lines: int) -> tuple[Floats, Floats]:
    """Scan line and x of every crossing with an edge; a line is half a step inside its band."""
    start = np.concatenate([np.empty((0, 2)), *polygons])
    stop = np.concatenate([np.empty((0, 2)), *(np.roll(p, -1, axis=0) for p in polygons)])
    # Scan line s lies at y = (s + 1/2) / lines - 1/2; here in units of scan lines.
    y0, y1 = ((p[:, 1] + 0.5) * lines - 0.5 for p in (start, stop))
    first = np.clip(np.ceil(np.minimum(y0, y1)), 0, count).astype(np.intp)
    last = np.clip(np.ceil(np.maximum(y0, y1)), 0, count).astype(np.intp)
    hits = last - first
    edge = np.repeat(np.arange(hits.size), hits)
    line = np.arange(edge.size) - np.repeat(np.cumsum(hits) - hits, hits) + first[edge]
    along = (line - y0[edge]) / (y1 - y0)[edge]
    x = start[edge, 0] + along * (stop[edge, 0] - start[edge, 0])
    return line, x
