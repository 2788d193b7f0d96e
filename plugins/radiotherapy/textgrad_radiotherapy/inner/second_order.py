"""The second-order model that fits in memory: Gram matrices, else conjugate gradients."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.inner.conjugate import ConjugateHessian
from textgrad_radiotherapy.inner.hessian import GramHessian
from textgrad_radiotherapy.inner.model import Hessian, Preconditioner, System
from textgrad_radiotherapy.inner.setting import Setting
from textgrad_radiotherapy.inner.workspace import Point, Workspace


class SecondOrder:
    """Gram matrices as long as the workspace holds dense rows, products afterwards."""

    def __init__(self, work: Workspace) -> None:
        self._work = work
        self._model: Hessian = GramHessian(work) if work.dense else ConjugateHessian(work)

    def refresh(self, point: Point, setting: Setting) -> None:
        """Take over the curvatures at a point."""
        if not self._work.dense and isinstance(self._model, GramHessian):
            self._model = ConjugateHessian(self._work)
        self._model.refresh(point, setting)

    def system(
        self, gradient: Floats, free: NDArray[np.intp], move: Floats, shift: float
    ) -> System:
        """The Newton system of the free beamlets when the others make `move`."""
        return self._model.system(gradient, free, move, shift)

    def preconditioner(self, free: NDArray[np.intp], shift: float) -> Preconditioner:
        """For systems with the Hessian of the free beamlets."""
        return self._model.preconditioner(free, shift)
