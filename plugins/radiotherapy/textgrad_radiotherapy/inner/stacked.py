"""The objective as one vector of one-sided squares and the rest, for interior-point steps.

Source: S. J. Wright, Primal-Dual Interior-Point Methods (1997), chapter 8 on quadratic programs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.inner.functions import OVER_KINDS, UNDER_KINDS, Piece
from textgrad_radiotherapy.inner.setting import Setting
from textgrad_radiotherapy.inner.workspace import Point, Workspace


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Squares:
    """The one-sided squares ``twice / 2 * max(0, sign * (dose - level))^2`` of a term.

    Args:
        rows: Working rows that count, by position in their block; of a mean dose, just 0.
        at: Their positions in the stacked doses.
        twice: Twice weight and share, per row.
        level_gy: Per row.
        sign: 1 for overdose, -1 for underdose.
    """

    rows: NDArray[np.intp]
    at: NDArray[np.intp]
    twice: Floats
    level_gy: Floats
    sign: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rest:
    """The terms that are no one-sided squares, at a dose.

    Args:
        value: Of their part of the objective.
        slope: By stacked dose.
        curvature: By stacked dose, the diagonal part.
        axes: Factor and direction by fluence of every rank-one part.
    """

    value: float
    slope: Floats
    curvature: Floats
    axes: tuple[tuple[float, Floats], ...]


class Stacked:
    """Working rows of all structures above each other, then the mean doses that are squared.

    Args:
        work: The objective; its working set must not grow while this is in use.
        setting: Weights, levels and offsets.
    """

    def __init__(self, work: Workspace, setting: Setting) -> None:
        self.work, self.setting = work, setting
        problem, size = work.problem, 0
        self.part: dict[str, slice] = {}
        for name, block in work.blocks.items():
            self.part[name] = slice(size, size + block.rows.size)
            size += block.rows.size
        self._matrix = _stack(work)
        self.linear: Floats = np.zeros(problem.beamlets)
        self.means: list[Floats] = []
        self.terms: list[int] = []
        self._others: list[int] = []
        squares: list[Squares] = []
        for k, term in enumerate(problem.terms):
            weight = float(setting.weights[k])
            if weight == 0.0:
                continue
            if term.kind == "mean-dose":
                self.linear += weight * problem.mean[term.structure]
            elif term.kind == "squared-mean-overdose":
                self.terms.append(k)
                squares.append(self._of_mean(k, size + len(self.means)))
                self.means.append(problem.mean[term.structure])
            elif term.kind in OVER_KINDS | UNDER_KINDS:
                self.terms.append(k)
                squares.append(self._of_rows(k, self.part[term.structure].start))
            else:
                self._others.append(k)
        self.rows, self.size = size, size + len(self.means)
        self.squares = tuple(squares)
        self.at = np.concatenate([np.zeros(0, dtype=np.intp), *(s.at for s in squares)])
        self.twice = _joined([s.twice for s in squares])
        self.level_gy = _joined([s.level_gy for s in squares])
        self.sign = _joined([np.full(s.at.size, s.sign) for s in squares])

    def _of_mean(self, k: int, at: int) -> Squares:
        return Squares(
            rows=np.zeros(1, dtype=np.intp),
            at=np.array([at]),
            twice=np.array([2.0 * self.setting.weights[k]]),
            level_gy=np.array([self.work.level(k, self.setting)]),
            sign=1.0,
        )

    def _of_rows(self, k: int, start: int) -> Squares:
        share = self.work.share(k, self.setting)
        rows = np.flatnonzero(share > 0.0)
        return Squares(
            rows=rows,
            at=start + rows,
            twice=2.0 * float(self.setting.weights[k]) * share[rows],
            level_gy=self.work.levels(k, self.setting)[rows],
            sign=1.0 if self.work.problem.terms[k].kind in OVER_KINDS else -1.0,
        )

    def dose(self, fluence: Floats) -> Floats:
        """Stacked doses in Gy, in double precision."""
        means = [float(mean @ fluence) for mean in self.means]
        return np.concatenate([self._matrix @ fluence, means])

    def back(self, slope: Floats) -> Floats:
        """Transposed product, in double precision."""
        total = np.asarray(self._matrix.T @ slope[: self.rows])
        for mean, one in zip(self.means, slope[self.rows :], strict=True):
            total += one * mean
        return total

    def back_squared(self, curvature: Floats) -> Floats:
        """Transposed product with the squares of the influence on rows, not on mean doses."""
        matrix = self._matrix
        squares = csr_array((matrix.data**2, matrix.indices, matrix.indptr), shape=matrix.shape)
        return np.asarray(squares.T @ curvature[: self.rows])

    def spread(self, values: Floats) -> Floats:
        """Sums of what the one-sided squares of each stacked dose say."""
        return np.bincount(self.at, values, minlength=self.size).astype(np.float64)

    def excess(self, dose: Floats) -> Floats:
        """Of every one-sided square: above its level, or below it; negative if neither."""
        return np.asarray(self.sign * (dose[self.at] - self.level_gy))

    def rest(self, dose: Floats, fluence: Floats) -> Rest:
        """The other terms."""
        problem = self.work.problem
        value, slope, curvature = float(self.linear @ fluence), *np.zeros((2, self.size))
        axes: list[tuple[float, Floats]] = []
        by_name = {name: dose[part] for name, part in self.part.items()}
        for k in self._others:
            name, weight = problem.terms[k].structure, float(self.setting.weights[k])
            piece = self.work.piece(k, fluence, by_name, self.setting)
            value += weight * piece.value
            slope[self.part[name]] += weight * piece.slope
            curvature[self.part[name]] += weight * piece.curvature
            if piece.axis is not None:
                axis = self.work.blocks[name].back_exact(piece.axis)
                axes.append((weight * piece.axis_curvature, axis))
        return Rest(value=value, slope=slope, curvature=curvature, axes=tuple(axes))

    def objective(self, excess: Floats, rest: Rest) -> float:
        """Of excesses and the other terms."""
        return 0.5 * float(self.twice @ np.maximum(excess, 0.0) ** 2) + rest.value

    def dual_point(self, fluence: Floats, slopes: Floats) -> Point:
        """A point that has these slopes of the one-sided squares instead of its own."""
        point = self.work.at(fluence, self.setting, exact=True)
        pieces, start = list(point.pieces), 0
        for k, square in zip(self.terms, self.squares, strict=True):
            weight, piece = float(self.setting.weights[k]), point.pieces[k]
            own = slopes[start : start + square.at.size]
            start += square.at.size
            slope = np.zeros(piece.slope.size)
            slope[square.rows] = square.sign * own / weight
            value = float((own**2 / (2.0 * square.twice)).sum()) / weight
            pieces[k] = Piece(value=value, slope=slope, curvature=piece.curvature)
        return Point(
            fluence=fluence,
            dose_gy=point.dose_gy,
            pieces=tuple(pieces),
            objective=point.objective,
        )

    def by_term(self, values: Floats) -> dict[int, Floats]:
        """A vector over the one-sided squares, term by term."""
        cuts = np.cumsum([s.at.size for s in self.squares])[:-1]
        return dict(zip(self.terms, np.split(values, cuts), strict=True))

    def joined(self, held: Mapping[int, Floats], otherwise: Floats) -> Floats:
        """The inverse of `by_term`; rows that came since take what is given for them."""
        found = self.by_term(otherwise)
        for k, square in zip(self.terms, self.squares, strict=True):
            new = found[k].copy()
            new[: held[k].size] = held[k]
            found[k] = new[: square.at.size]
        return _joined([found[k] for k in self.terms])


def _stack(work: Workspace) -> csr_array:
    """Working rows in double precision; most of their numbers are zero, products skip them."""
    parts = [work.problem.matrix[name][block.rows] for name, block in work.blocks.items()]
    return csr_array(vstack(parts, format="csr"), dtype=np.float64)


def _joined(parts: Sequence[Floats]) -> Floats:
    return np.concatenate([np.zeros(0), *parts])
