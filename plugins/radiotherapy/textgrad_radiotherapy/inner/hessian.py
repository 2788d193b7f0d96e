"""The Hessian of the objective from one Gram matrix per term."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve, solve
from scipy.linalg.blas import get_blas_funcs, ssyrk

from textgrad_radiotherapy.errors import SolverFailed
from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.inner.block import Singles
from textgrad_radiotherapy.inner.functions import GEUD_KINDS
from textgrad_radiotherapy.inner.setting import Setting
from textgrad_radiotherapy.inner.workspace import Point, Workspace

STALE_SHARE = 0.1  # a gEUD's curvatures are renewed when they are off by more than this
TINY_SHARE = 1e-6  # and left out below this share of the largest
LARGEST_SHIFT = 1e3
FEW_ROWS = 300  # so many rows change the sum; more change the Gram matrices
BAND = 128  # columns of a matrix that are handled at a time
FADED = 1e-3  # of the largest diagonal it had: a running sum below is made anew
ROUNDING = float(np.finfo(np.float32).eps)  # of that diagonal: what is below says nothing
SINGLE_SHIFT = 1e-6  # from here on single precision factors a matrix well enough for a step


class GramHessian:
    """Hessians as weighted sums of Gram matrices that are kept from solve to solve.

    The Gram matrix of a term is ``A^T diag(c) A`` over the working rows A, in single precision,
    c the diagonal curvature before the weight. New weights cost one sum of matrices. Between
    them the few rows whose curvature changes are added to the sum or taken off; the Gram
    matrices follow at the next new weights, when many of those rows have come back. Lower
    triangles only. Rank-one parts change at every step and are kept apart, as vectors.

    Rows that are taken off leave the rounding of single precision behind, which near a plan
    without conflict would be all there is. So a matrix that has faded is made anew from the rows
    it still has, and the shift is never a share of less than that rounding.
    """

    def __init__(self, work: Workspace) -> None:
        self._work = work
        self._gram: dict[int, Singles] = {}
        self._in_gram: dict[int, Floats] = {}
        self._in_sum: dict[int, Floats] = {}
        self._weights: Floats | None = None
        self._gram_peak: dict[int, float] = {}
        self._sum: Singles = _square(work.problem.beamlets)
        self._sum_peak = 0.0
        self._axes: list[tuple[float, Floats]] = []

    def refresh(self, point: Point, setting: Setting) -> None:
        """Bring the sum up to date with the rows that are active at a point."""
        problem, wanted = self._work.problem, dict[int, Floats]()
        gram_terms = problem.gram_terms()
        self._axes = []
        for k, (term, piece) in enumerate(zip(problem.terms, point.pieces, strict=True)):
            weight = float(setting.weights[k])
            if weight == 0.0:
                continue
            if k in gram_terms:
                wanted[k] = self._wanted(k, piece.curvature)
                if piece.axis is not None:
                    axis = self._work.blocks[term.structure].back(piece.axis)
                    self._axes.append((weight * piece.axis_curvature, axis))
            elif piece.curvature[0] != 0.0:
                self._axes.append((weight * piece.curvature[0], problem.mean[term.structure]))
        same = self._weights is not None and np.array_equal(self._weights, setting.weights)
        changes = {k: _change(self._in_sum.get(k), c) for k, c in wanted.items()}
        if same and sum(np.count_nonzero(c) for c in changes.values()) <= FEW_ROWS:
            self._add_rows(self._sum, changes, setting.weights)
            largest = _largest(self._sum)
            self._sum_peak = max(self._sum_peak, largest)
            if largest < FADED * self._sum_peak:
                self._rebuild(wanted, setting.weights)
        else:
            self._rebuild(wanted, setting.weights)
        self._in_sum |= wanted
        self._weights = setting.weights.copy()

    def _wanted(self, k: int, curvature: Floats) -> Floats:
        """The curvatures that the sum is to have; of a gEUD small changes are left out."""
        if self._work.problem.terms[k].kind not in GEUD_KINDS:
            return curvature
        change = _change(self._in_sum.get(k), curvature)
        held = curvature - change
        largest = np.maximum(curvature, held)
        change[np.abs(change) <= STALE_SHARE * largest] = 0.0
        change[largest <= TINY_SHARE * largest.max(initial=0.0)] = 0.0
        return np.asarray(held + change)

    def _rebuild(self, wanted: dict[int, Floats], weights: Floats) -> None:
        """Bring the Gram matrices up to date and sum them anew."""
        self._sum[:] = 0.0
        for k, curvature in wanted.items():
            change = _change(self._in_gram.get(k), curvature)
            if k not in self._gram and change.any():
                self._gram[k] = _square(self._sum.shape[0])
            if k in self._gram:
                self._change_gram(k, change, curvature)
                _add_scaled(self._sum, self._gram[k], float(weights[k]))
            self._in_gram[k] = curvature
        self._sum_peak = _largest(self._sum)

    def _change_gram(self, k: int, change: Floats, curvature: Floats) -> None:
        """Add the change of a term's curvature to its Gram matrix, or make it anew if it faded."""
        gram = self._gram[k]
        self._add_rows(gram, {k: change}, None)
        largest = _largest(gram)
        if largest < FADED * self._gram_peak.get(k, 0.0):
            gram[:] = 0.0
            self._add_rows(gram, {k: curvature}, None)
            self._gram_peak[k] = _largest(gram)
        else:
            self._gram_peak[k] = max(self._gram_peak.get(k, 0.0), largest)

    def _add_rows(
        self, total: Singles, changes: dict[int, Floats], weights: Floats | None
    ) -> None:
        """Add rows with the change of their curvature, times the weights of their terms."""
        if not changes:  # only mean doses count
            return
        for sign in (1.0, -1.0):
            parts = []
            for k, change in changes.items():
                rows = np.flatnonzero(sign * change > 0.0)
                size = np.abs(change[rows]) * (1.0 if weights is None else weights[k])
                part = self._work.blocks[self._work.problem.terms[k].structure].array[rows]
                part *= np.sqrt(size).astype(np.float32)[:, None]
                parts.append(part)
            stacked = parts[0] if len(parts) == 1 else np.concatenate(parts)
            if stacked.shape[0]:
                ssyrk(sign, stacked.T, beta=1.0, c=total, lower=1, overwrite_c=1)

    def system(
        self, gradient: Floats, free: NDArray[np.intp], move: Floats, shift: float
    ) -> GramSystem:
        """The Newton system of the free beamlets when the others make `move`.

        Args:
            gradient: Gradient, shape (beamlets,).
            free: Beamlets the step is computed for.
            move: Step of the others, shape (beamlets,), 0 at the free ones.
            shift: Levenberg shift as a share of the mean diagonal; grows until it is enough.
        """
        moving = np.flatnonzero(move)
        right = gradient[free]
        if moving.size:
            low, high = np.minimum.outer(free, moving), np.maximum.outer(free, moving)
            right = right + self._sum[high, low] @ move[moving]
            for factor, axis in self._axes:
                right = right + (factor * float(axis @ move)) * axis[free]
        cholesky, shift = self.factor(free, shift)
        right = right.astype(cholesky[0].dtype)
        step = -cho_solve(cholesky, right, check_finite=False).astype(np.float64)
        return GramSystem(cholesky, step, shift)

    def preconditioner(self, free: NDArray[np.intp], shift: float) -> FactorPreconditioner:
        """For systems with the Hessian of the free beamlets."""
        factor, _ = self.factor(free, shift)
        return FactorPreconditioner(factor, self._scale(free, self._diagonal(free)))

    def factor(self, free: NDArray[np.intp], shift: float) -> tuple[tuple[Floats, bool], float]:
        """Cholesky factor of the free part, shifted until it is definite.

        In double precision where the shift is small, as it is near an optimum.
        """
        diagonal = self._diagonal(free)
        scale = self._scale(free, diagonal)
        while shift <= LARGEST_SHIFT:
            trial = self._part(free, np.float32 if shift >= SINGLE_SHIFT else np.float64)
            np.fill_diagonal(trial, diagonal + shift * scale)
            try:
                return cho_factor(trial, lower=True, overwrite_a=True, check_finite=False), shift
            except LinAlgError:
                shift *= 10.0
        raise SolverFailed(
            f"the Hessian of {free.size} beamlets is not definite with a shift of {shift:g} times "
            "its mean diagonal: the influence matrix spans too many orders of magnitude"
        )

    def _scale(self, free: NDArray[np.intp], diagonal: Floats) -> float:
        """What a shift is a share of: the mean diagonal, but not where that is an error alone.

        Besides rounding that is where the axis of a gEUD, which is exact, takes off what its
        curvatures, which may be stale, have put into the sum.
        """
        mean, whole = float(diagonal.mean()), float(self._sum.diagonal()[free].mean())
        return max(whole if mean < FADED * whole else mean, ROUNDING * self._sum_peak) or 1.0

    def _diagonal(self, free: NDArray[np.intp]) -> Floats:
        found = self._sum.diagonal()[free].astype(np.float64)
        for factor, axis in self._axes:
            found += factor * axis[free] ** 2
        return found

    def _part(self, free: NDArray[np.intp], precision: type[np.floating[Any]]) -> NDArray[Any]:
        """Lower triangle of the free part, in the order of columns; the rest means nothing."""
        part = np.zeros((free.size, free.size), dtype=precision, order="F")
        for at in range(0, free.size, BAND):
            columns = self._sum.T[free[at : at + BAND]]  # rows of the transpose lie together
            part.T[at : at + BAND, at:] = columns.take(free[at:], axis=1)
        (syr,) = get_blas_funcs(("syr",), (part,))
        for factor, axis in self._axes:
            part = syr(factor, axis[free].astype(precision), lower=1, a=part, overwrite_a=1)
        return part


class FactorPreconditioner:
    """The inverse by a Cholesky factor of the single-precision Hessian."""

    def __init__(self, factor: tuple[Floats, bool], scale: float) -> None:
        self.scale = scale
        self._factor = factor

    def apply(self, columns: Floats) -> Floats:
        """Multiply columns, shape (free beamlets, columns)."""
        return np.asarray(cho_solve(self._factor, columns, check_finite=False))


class GramSystem:
    """A Newton system with its Cholesky factor.

    Args:
        factor: Of the shifted Hessian of the free beamlets.
        step: Its solution.
        shift: Levenberg shift in use.
    """

    def __init__(self, factor: tuple[Floats, bool], step: Floats, shift: float) -> None:
        self.step = step
        self.shift = shift
        self._factor = factor
        self._unpinned = step
        self._positions: NDArray[np.intp] = np.zeros(0, dtype=np.intp)
        self._values: Floats = np.zeros(0)
        self._response: Floats = np.zeros((step.size, 0))

    def pin(self, positions: NDArray[np.intp], values: Floats) -> None:
        """Solve again with these steps given, besides those that were pinned before.

        The factor stays; the forces that hold the pinned steps come from a small system.
        """
        precision = self._factor[0].dtype
        force = np.zeros((self.step.size, positions.size), order="F", dtype=precision)
        force[positions, np.arange(positions.size)] = 1.0
        more = cho_solve(self._factor, force, overwrite_b=True, check_finite=False)
        self._response = np.concatenate([self._response, more], axis=1)
        self._positions = np.concatenate([self._positions, positions])
        self._values = np.concatenate([self._values, values])
        wanted = self._values - self._unpinned[self._positions]
        forces = solve(self._response[self._positions], wanted, assume_a="sym")
        self.step = self._unpinned + self._response @ forces
        self.step[self._positions] = self._values


def _add_scaled(total: Singles, matrix: Singles, factor: float) -> None:
    """Add a multiple of the lower triangle in place, without a temporary of its size."""
    for at in range(0, total.shape[0], BAND):
        part = slice(at, at + BAND)
        total[at:, part] += np.float32(factor) * matrix[at:, part]


def _largest(matrix: Singles) -> float:
    """Largest diagonal entry, the size of a matrix that is a sum of squares."""
    return float(matrix.diagonal().max(initial=0.0))


def _square(n: int) -> Singles:
    """Zeros in the order of columns, as the triangular updates need it."""
    return np.zeros((n, n), dtype=np.float32, order="F")


def _change(held: Floats | None, wanted: Floats) -> Floats:
    """What brings held curvatures to the wanted ones; rows may have been added at the end."""
    change = wanted.copy()
    if held is not None:
        change[: held.size] -= held
    return change
