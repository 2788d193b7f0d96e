"""What the inner optimiser hands back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.inner.setting import Setting


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Solution:
    """A fluence and what is proven about it.

    Args:
        fluence: Weight of every beamlet, shape (beamlets,), not negative.
        objective: Sum of weight times value over the terms that are no hard limits.
        lower_bound: No fluence has a smaller objective (within the hard limits, if there are
            any). With DVH terms it holds only while the same voxels are to blame: `certified`
            is False then.
        gap: ``(objective - lower_bound) / objective``; the denominator is not let below a
            billionth of the objective of the plan without dose. Slightly negative where hard
            limits are missed within their tolerance: the objective is then better than allowed.
            Infinite where they are missed by more: nothing is proven then.
        certified: Whether `lower_bound` is proven for the problem itself, and the fluence is
            within its hard limits.
        converged: Whether the gap is within what was asked for, every hard limit holds within
            its tolerance, and the voxels to blame for DVH terms no longer change.
        term_values: Value f of every term before its weight, Gy^2 (Gy for ``mean-dose``).
        violation_gy: By how much a hard limit is missed at worst, Gy, by term name.
        weights: The weights that were used, by term name.
        doses_gy: The dose levels that were used, by term name.
        pinned: Beamlets that reach no voxel of any term; their fluence is 0.
        newton_steps: How many linear systems were solved.
        cpu_s: CPU seconds of the solve.
        message: What a reader has to know, in a sentence or two.
        setting: What the last solve held fixed; `InnerOptimiser.sensitivities` needs it.
    """

    fluence: Floats
    objective: float
    lower_bound: float
    gap: float
    certified: bool
    converged: bool
    term_values: Mapping[str, float]
    violation_gy: Mapping[str, float]
    weights: Mapping[str, float]
    doses_gy: Mapping[str, float]
    pinned: NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, dtype=np.intp))
    newton_steps: int = 0
    cpu_s: float = 0.0
    message: str = ""
    setting: Setting | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sensitivities:
    """How metrics move with the weights and the dose levels of the terms.

    Args:
        terms: Names of the terms, the order of the columns.
        by_log_weight: d metric / d ln(weight), shape (metrics, terms). Times ln 2 it is the
            change per doubling.
        by_dose_level: d metric / d dose level, per Gy, shape (metrics, terms).
    """

    terms: tuple[str, ...]
    by_log_weight: Floats
    by_dose_level: Floats
