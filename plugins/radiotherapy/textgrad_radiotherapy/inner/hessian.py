"""The Hessian of the objective from one Gram matrix per term."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve, solve
from scipy.linalg.blas import ssyrk

from textgrad_radiotherapy.errors import SolverFailed
from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.inner.block import Singles
from textgrad_radiotherapy.inner.functions import GEUD_KINDS
from textgrad_radiotherapy.inner.setting import Setting
from textgrad_radiotherapy.inner.workspace import Point, Workspace

STALE_SHARE = 0.1  # a gEUD's curvatures are renewed when they are off by more than this
TINY_SHARE = 1e-6  # and left out below this share of the largest
LARGEST_SHIFT = 1e3
SINGLE_SHIFT = 1e-5  # from here on single precision factors a matrix well enough for a step


class GramHessian:
    """Hessians as weighted sums of Gram matrices that are kept from step to step.

    The Gram matrix of a term is ``A^T diag(c) A`` over the working rows A, in single precision,
    c the diagonal curvature before the weight. Only rows whose curvature changed are added or
    taken off, and new weights cost one sum of matrices. Lower triangles only.
    """

    def __init__(self, work: Workspace) -> None:
        self._work = work
        n = work.problem.beamlets
        self._gram: dict[int, Singles] = {}
        self._curvature: dict[int, Floats] = {k: np.zeros(0) for k in work.problem.gram_terms()}
        self._sum: Singles = _square(n)

    def refresh(self, point: Point, setting: Setting, *, exact: bool = False) -> None:
        """Bring the sum up to date with the rows that are active at a point."""
        self._sum[:] = 0.0
        terms = self._work.problem.terms
        for k, piece in enumerate(point.pieces):
            weight = float(setting.weights[k])
            if weight == 0.0:
                continue
            axis: Floats | None = None
            if k in self._curvature:
                self._update(k, piece.curvature, exact=exact)
                if k in self._gram:
                    _add_scaled(self._sum, self._gram[k], weight)
                if piece.axis is not None:
                    axis = self._work.blocks[terms[k].structure].back(piece.axis)
                factor = piece.axis_curvature
            else:
                axis, factor = self._work.problem.mean[terms[k].structure], piece.curvature[0]
            if axis is not None and factor != 0.0:
                single = np.asfortranarray(axis.astype(np.float32)[:, None])
                ssyrk(weight * factor, single, beta=1.0, c=self._sum, lower=1, overwrite_c=1)

    def _update(self, k: int, wanted: Floats, *, exact: bool) -> None:
        term = self._work.problem.terms[k]
        block = self._work.blocks[term.structure]
        held = np.zeros(wanted.size)
        held[: self._curvature[k].size] = self._curvature[k]
        change = wanted - held
        if term.kind in GEUD_KINDS and not exact:
            largest = np.maximum(wanted, held)
            change[np.abs(change) <= STALE_SHARE * largest] = 0.0
            change[largest <= TINY_SHARE * largest.max(initial=0.0)] = 0.0
        for sign in (1.0, -1.0):
            rows = np.flatnonzero(sign * change > 0.0)
            if not rows.size:
                continue
            part = block.array[rows]
            part *= np.sqrt(np.abs(change[rows])).astype(np.float32)[:, None]
            if k not in self._gram:
                self._gram[k] = _square(self._sum.shape[0])
            ssyrk(sign, part.T, beta=1.0, c=self._gram[k], lower=1, overwrite_c=1)
        self._curvature[k] = held + change

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
        factor, shift = self.factor(free, shift)
        right = right.astype(factor[0].dtype)
        step = -cho_solve(factor, right, check_finite=False).astype(np.float64)
        return GramSystem(factor, step, shift)

    def preconditioner(self, free: NDArray[np.intp], shift: float) -> FactorPreconditioner:
        """For systems with the Hessian of the free beamlets."""
        factor, _ = self.factor(free, shift)
        return FactorPreconditioner(factor, float(self._sum.diagonal()[free].mean()))

    def factor(self, free: NDArray[np.intp], shift: float) -> tuple[tuple[Floats, bool], float]:
        """Cholesky factor of the free part, shifted until it is definite.

        In double precision where the shift is small, as it is near an optimum.
        """
        part = self._sum.T[np.ix_(free, free)].T  # rows of the transpose lie together
        diagonal = part.diagonal().astype(np.float64)
        scale = float(diagonal.mean()) if diagonal.any() else 1.0
        while shift <= LARGEST_SHIFT:
            kind = np.float32 if shift >= SINGLE_SHIFT else np.float64
            trial = part.astype(kind, order="F")
            np.fill_diagonal(trial, diagonal + shift * scale)
            try:
                return cho_factor(trial, lower=True, overwrite_a=True, check_finite=False), shift
            except LinAlgError:
                shift *= 10.0
        raise SolverFailed(
            f"the Hessian of {free.size} beamlets is not definite with a shift of {shift:g} times "
            "its mean diagonal: the influence matrix spans too many orders of magnitude"
        )


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
    for at in range(0, total.shape[0], 128):
        part = slice(at, at + 128)
        total[at:, part] += np.float32(factor) * matrix[at:, part]


def _square(n: int) -> Singles:
    """Zeros in the order of columns, as the triangular updates need it."""
    return np.zeros((n, n), dtype=np.float32, order="F")
