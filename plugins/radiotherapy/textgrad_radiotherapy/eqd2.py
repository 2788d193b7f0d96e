"""Doses of different fractionations made comparable by the linear-quadratic model.

A fraction of d Gy to a tissue with the ratio alpha/beta acts like n d (1 + d / (alpha/beta)),
its biologically effective dose (Fowler, Br. J. Radiol. 62:679, 1989). EQD2 is the dose that acts
as much in fractions of 2 Gy. Both say nothing of treatment time, and little above some 6 Gy per
fraction, where the model is known to overstate the effect. Alpha/beta is an assumption of whoever
calls; customary are 10 Gy for most tumours, 3 Gy for late effects, 1.5 Gy for the prostate.
"""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np

from textgrad_radiotherapy.errors import GoalError
from textgrad_radiotherapy.geometry import Floats

Dose = TypeVar("Dose", float, Floats)


def bed_gy(dose_gy: Dose, fractions: int, alpha_beta_gy: float) -> Dose:
    """Biologically effective dose.

    Args:
        dose_gy: Dose per course, Gy: a number, or of any voxels.
        fractions: Number of equal fractions.
        alpha_beta_gy: Alpha/beta of the tissue, Gy.

    Raises:
        GoalError: If there is no fraction, alpha/beta is not positive, or a dose is no dose.
    """
    if fractions < 1:
        raise GoalError(f"{fractions} fractions are no course; give 1 or more")
    if not (math.isfinite(alpha_beta_gy) and alpha_beta_gy > 0):
        raise GoalError(f"alpha/beta is above 0 Gy, not {alpha_beta_gy} Gy")
    if not (np.isfinite(dose_gy).all() and np.min(dose_gy, initial=0.0) >= 0):
        raise GoalError("a dose to convert is not finite or is negative")
    return dose_gy * (1 + dose_gy / (fractions * alpha_beta_gy))


def eqd2_gy(dose_gy: Dose, fractions: int, alpha_beta_gy: float) -> Dose:
    """The dose per course that acts as much in fractions of 2 Gy; arguments as `bed_gy`."""
    return bed_gy(dose_gy, fractions, alpha_beta_gy) / (1 + 2 / alpha_beta_gy)
