"""What the Newton method asks of a second-order model, and the state it keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.inner.setting import Setting
from textgrad_radiotherapy.inner.workspace import Point


class System(Protocol):
    """A solved Newton system of some beamlets."""

    step: Floats
    shift: float

    def pin(self, positions: NDArray[np.intp], values: Floats) -> None:
        """Solve again with these steps given, besides those that were pinned before."""
        ...


class Preconditioner(Protocol):
    """Roughly the inverse of the Hessian of some beamlets."""

    @property
    def scale(self) -> float:
        """Mean diagonal of the Hessian of those beamlets."""
        ...

    def apply(self, columns: Floats) -> Floats:
        """Multiply columns, shape (some beamlets, columns)."""
        ...


class Hessian(Protocol):
    """Second-order model of the objective."""

    def refresh(self, point: Point, setting: Setting) -> None:
        """Take over the curvatures at a point."""
        ...

    def system(
        self, gradient: Floats, free: NDArray[np.intp], move: Floats, shift: float
    ) -> System:
        """The Newton system of the free beamlets when the others make `move`."""
        ...

    def preconditioner(self, free: NDArray[np.intp], shift: float) -> Preconditioner:
        """For systems with the Hessian of the free beamlets."""
        ...


@dataclass(slots=True, kw_only=True)
class Descent:
    """State of the method that outlives a call.

    Args:
        shift: Levenberg shift, as a share of the mean diagonal of the Hessian.
        steps: Linear systems solved so far.
        short: Steps of this solve that had to be cut short.
        stuck: Whether projected Newton steps lead no further in this solve.
    """

    shift: float = 1e-2
    steps: int = 0
    short: int = 0
    stuck: bool = False
