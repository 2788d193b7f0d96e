"""Newton systems without matrices, for problems whose Gram matrices do not fit in memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.inner.setting import Setting
from textgrad_radiotherapy.inner.workspace import Point, Workspace

RESIDUAL = 1e-3  # relative residual at which the iterations stop
ITERATIONS = 200


class ConjugateHessian:
    """Hessian products by two passes over the working rows each."""

    def __init__(self, work: Workspace) -> None:
        self._work = work
        self._slopes: dict[str, Floats] = {}
        self._axes: list[tuple[Floats, float]] = []
        self._diagonal: Floats = np.zeros(work.problem.beamlets)

    def refresh(self, point: Point, setting: Setting) -> None:
        """Take over the curvatures at a point."""
        problem, self._axes = self._work.problem, []
        diagonal = np.zeros(problem.beamlets)
        for name, block in self._work.blocks.items():
            slope = np.zeros(block.rows.size)
            for k in problem.of_rows(name):
                piece, weight = point.pieces[k], float(setting.weights[k])
                slope += weight * piece.curvature
                if piece.axis is not None:
                    self._axes.append((block.back(piece.axis), weight * piece.axis_curvature))
            self._slopes[name] = slope
            diagonal += block.back_squared(slope)
        for k in problem.of_means():
            factor = float(setting.weights[k] * point.pieces[k].curvature[0])
            self._axes.append((problem.mean[problem.terms[k].structure], factor))
        for axis, factor in self._axes:
            diagonal += factor * axis**2
        self._diagonal = np.maximum(diagonal, 1e-6 * float(diagonal.mean()) or 1.0)

    @property
    def beamlets(self) -> int:
        """Length of a vector."""
        return self._work.problem.beamlets

    def product(self, vector: Floats) -> Floats:
        """Hessian times a vector, shape (beamlets,)."""
        out = np.zeros(vector.size)
        for name, block in self._work.blocks.items():
            out += block.back(self._slopes[name] * block.dose(vector))
        for axis, factor in self._axes:
            out += factor * float(axis @ vector) * axis
        return out

    def system(
        self, gradient: Floats, free: NDArray[np.intp], move: Floats, shift: float
    ) -> ConjugateSystem:
        """The Newton system of the free beamlets when the others make `move`."""
        right = -(gradient + self.product(move))[free]
        return ConjugateSystem(self, free, right, shift, float(self._diagonal[free].mean()))

    def preconditioner(self, free: NDArray[np.intp], shift: float) -> DiagonalPreconditioner:
        """For systems with the Hessian of the free beamlets."""
        diagonal = self._diagonal[free]
        scale = float(diagonal.mean())
        return DiagonalPreconditioner(diagonal + shift * scale, scale)


class DiagonalPreconditioner:
    """Division by the diagonal."""

    def __init__(self, diagonal: Floats, scale: float) -> None:
        self.scale = scale
        self._diagonal = diagonal

    def apply(self, columns: Floats) -> Floats:
        """Multiply columns, shape (free beamlets, columns)."""
        return np.asarray(columns.T / self._diagonal).T


class ConjugateSystem:
    """A Newton system solved by preconditioned conjugate gradients."""

    def __init__(
        self,
        hessian: ConjugateHessian,
        free: NDArray[np.intp],
        right: Floats,
        shift: float,
        scale: float,
    ) -> None:
        self.shift = shift
        self._hessian = hessian
        self._free = free
        self._right = right
        self._ridge = shift * scale
        self._open = np.ones(free.size, dtype=bool)
        self.step = self._solve(np.zeros(free.size))

    def pin(self, positions: NDArray[np.intp], values: Floats) -> None:
        """Solve again with these steps given, besides those that were pinned before."""
        self._open[positions] = False
        start = self.step.copy()
        start[positions] = values
        self.step = self._solve(start)

    def _product(self, vector: Floats) -> Floats:
        whole = np.zeros(self._hessian.beamlets)
        whole[self._free] = vector
        return self._hessian.product(whole)[self._free] + self._ridge * vector

    def _solve(self, start: Floats) -> Floats:
        precondition = self._hessian.preconditioner(self._free, self.shift)
        found = start
        residual = np.where(self._open, self._right - self._product(start), 0.0)
        first = float(np.linalg.norm(self._right)) or 1.0
        towards = precondition.apply(residual)
        along = float(residual @ towards)
        for _ in range(ITERATIONS):
            if float(np.linalg.norm(residual)) <= RESIDUAL * first or along <= 0.0:
                break
            pushed = np.where(self._open, self._product(towards), 0.0)
            bend = float(towards @ pushed)
            if bend <= 0.0:
                break
            found = found + along / bend * towards
            residual = residual - along / bend * pushed
            corrected = precondition.apply(residual)
            next_along = float(residual @ corrected)
            towards = corrected + next_along / along * towards
            along = next_along
        return found
