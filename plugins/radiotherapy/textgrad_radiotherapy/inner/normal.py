"""The linear systems of interior-point steps: curvatures of all rows and a diagonal.

The matrix ``A^T diag(c) A + diag(d)`` changes as a whole from step to step. It is summed and
factored in single precision, which costs a third, and conjugate gradients with exact products
make up for that; where they need too many steps, double precision has to do.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.linalg.blas import get_blas_funcs

from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.inner.stacked import Stacked

STIFF = 1e3  # times the curvature: beamlets that stiff answer for themselves
NOTHING = {np.float32: 1e-7, np.float64: 1e-15}  # of a structure's largest curvature: rows below
# are left to the iterations
CHUNK = 1024  # rows that are scaled at a time
RIDGE = {np.float32: 1e-6, np.float64: 1e-14}  # of the scaled diagonal
ACCURACY = 1e-5  # in the norm of the preconditioner
ITERATIONS = 30


class Normal:
    """A matrix and its approximate factor.

    Args:
        stacked: The rows A.
        free: Beamlets the systems are about.
        curvature: c, by stacked dose.
        axes: Factor and direction by fluence of rank-one parts.
        stiffness: d, shape (free beamlets,), above zero.
        exact: Whether to sum and factor in double precision.
    """

    def __init__(
        self,
        stacked: Stacked,
        free: NDArray[np.intp],
        curvature: Floats,
        axes: tuple[tuple[float, Floats], ...],
        stiffness: Floats,
        *,
        exact: bool,
    ) -> None:
        self._stacked, self._free, self._curvature = stacked, free, curvature
        self._stiffness = stiffness
        means = zip(curvature[stacked.rows :].tolist(), stacked.means, strict=True)
        self._axes = [(factor, axis[free]) for factor, axis in axes]
        self._vectors = self._axes + [(factor, mean[free]) for factor, mean in means if factor]
        own = self._diagonal()
        self._whole = own + stiffness
        dense = stacked.work.dense
        self._soft = np.flatnonzero(stiffness < STIFF * own) if dense else np.zeros(0, np.intp)
        self._unit = 1.0 / np.sqrt(self._whole[self._soft])
        self._factor = self._factored(np.float64 if exact else np.float32)
        self.iterations = 0

    def _diagonal(self) -> Floats:
        found = self._stacked.back_squared(self._curvature)[self._free]
        for factor, axis in self._vectors:
            found += factor * axis**2
        return np.asarray(np.maximum(found, 0.0))

    def _factored(self, precision: type[np.floating[Any]]) -> tuple[NDArray[Any], bool] | None:
        if not self._soft.size:
            return None
        total = self._sum(precision)
        ridge = RIDGE[precision]
        while True:
            trial = total.copy(order="F")
            np.fill_diagonal(trial, 1.0 + ridge)
            try:
                factor: tuple[NDArray[Any], bool] = cho_factor(
                    trial, lower=True, overwrite_a=True, check_finite=False
                )
            except LinAlgError:
                ridge *= 10.0
                continue
            return factor

    def _sum(self, precision: type[np.floating[Any]]) -> NDArray[Any]:
        """The matrix of the soft beamlets, scaled to a diagonal of 1 (lower triangle)."""
        size = self._soft.size
        total = np.zeros((size, size), dtype=precision, order="F")
        (rank_k,) = get_blas_funcs(("syrk",), (total,))
        for name, block in self._stacked.work.blocks.items():
            curvature = self._curvature[self._stacked.part[name]]
            counts = np.flatnonzero(curvature > NOTHING[precision] * curvature.max(initial=0.0))
            for start in range(0, counts.size, CHUNK):
                at = counts[start : start + CHUNK]
                part = self._scaled(block.dense(at), curvature[at], precision)
                total = rank_k(1.0, part.T, beta=1.0, c=total, lower=1, overwrite_c=1)
        for factor, axis in self._vectors:
            scaled = axis[self._soft] * self._unit
            total += (factor * np.outer(scaled, scaled)).astype(precision)
        return total

    def _scaled(
        self, rows: NDArray[np.float32], curvature: Floats, precision: type[np.floating[Any]]
    ) -> NDArray[Any]:
        chosen = self._free[self._soft]
        part = rows.astype(precision) if chosen.size == rows.shape[1] else rows[:, chosen]
        part = part.astype(precision, copy=False)
        part *= np.sqrt(curvature).astype(precision)[:, None]
        part *= self._unit.astype(precision)
        return part

    def _precondition(self, vector: Floats) -> Floats:
        found = vector / self._whole
        if self._factor is not None:
            right = (self._unit * vector[self._soft]).astype(self._factor[0].dtype)
            found[self._soft] = self._unit * cho_solve(self._factor, right, check_finite=False)
        return np.asarray(found)

    def _product(self, vector: Floats) -> Floats:
        whole = np.zeros(self._stacked.work.problem.beamlets)
        whole[self._free] = vector
        pushed = self._stacked.back(self._curvature * self._stacked.dose(whole))[self._free]
        for factor, axis in self._axes:
            pushed += factor * float(axis @ vector) * axis
        return np.asarray(pushed + self._stiffness * vector)

    def solve(self, right: Floats) -> Floats:
        """The solution for a right-hand side, shape (free beamlets,)."""
        found, residual = np.zeros(right.size), right.copy()
        corrected = self._precondition(residual)
        towards, along = corrected, float(residual @ corrected)
        enough, self.iterations = ACCURACY**2 * along, 0
        for self.iterations in range(1, ITERATIONS + 1):
            pushed = self._product(towards)
            bend = float(towards @ pushed)
            if not bend > 0.0:
                break
            found += along / bend * towards
            residual -= along / bend * pushed
            corrected = self._precondition(residual)
            next_along = float(residual @ corrected)
            if not next_along > enough:
                break
            towards = corrected + next_along / along * towards
            along = next_along
        return found
