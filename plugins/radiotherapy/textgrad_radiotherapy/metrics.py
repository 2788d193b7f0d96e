"""What a goal is measured by: one number from the dose of a structure.

Definitions (doses are Gy per course, volumes count partial voxels):

- ``D%`` and ``Dcc``: the highest dose that so much of the structure receives at least (and
  ``Dcc_outside``, ``Dcc_2cm`` the same of what lies in no target, or 2 cm from all); ``V%`` and
  ``Vcc``: how much receives at least a dose. Both read the same histogram (see `dvh`).
- ``mean`` and ``gEUD`` = (mean of d^a)^(1/a), over the same parts of voxels as the histogram;
  a >= 1 for organs at risk, a < 0 for targets (Niemierko, Med. Phys. 26:1100, 1999). With a < 0 a
  voxel without dose makes it zero.
- ``HI``: (D2% - D98%) / D50% (ICRU report 83).
- ``CI``: TV_PIV^2 / (TV * PIV) (Paddick, J. Neurosurg. 93 suppl. 3:219, 2000); ``CI_RTOG``:
  PIV / TV (Shaw et al., Int. J. Radiat. Oncol. Biol. Phys. 27:1231, 1993). TV: volume of the
  target; PIV: volume of the patient at its prescription or above; TV_PIV: of both.
- ``GI``: volume of the patient above half the prescription over PIV (Paddick and Lippitz,
  J. Neurosurg. 105 suppl.:194, 2006). The patient is the external structure, or else the grid.

Where a dose is too low for ``HI`` or ``GI`` to be defined they are infinite: as bad as can be.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from textgrad_radiotherapy.case import Case, Structure
from textgrad_radiotherapy.dvh import (
    DoseVolume,
    checked_dose,
    checked_structure,
    structure_dvh,
)
from textgrad_radiotherapy.errors import GoalError
from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.goals import Metric
from textgrad_radiotherapy.mean_of_powers import mean_of_powers
from textgrad_radiotherapy.metric_gradients import gradient_of
from textgrad_radiotherapy.normal_tissue import PARTS
from textgrad_radiotherapy.partial_voxels import part_doses

__all__ = ["TargetIndices", "checked_metric", "gradient", "target_indices", "value"]

AT_PRESCRIPTION = ("CI", "CI_RTOG", "GI")  # read at the dose prescribed to the structure


def value(metric: Metric, dose_gy: NDArray[np.floating], case: Case) -> float:
    """The metric's value, in its unit.

    Args:
        metric: What to measure.
        dose_gy: Gy per course, flat over the case's grid, shape (voxels,).
        case: Where the structures are.

    Returns:
        Gy, %, cc, or no unit, as `Metric.unit` says.

    Raises:
        CaseError: If the dose or the structure is not as it should be.
        GoalError: If the metric's number is out of bounds, or it is an index of a structure
            without prescription.
    """
    dose = checked_dose(dose_gy, case.grid)
    structure = checked_metric(metric, case)
    if metric.kind == "gEUD":
        return mean_of_powers(structure, dose, case.grid, metric.argument)
    if metric.kind == "mean":
        middle, _ = part_doses(structure, dose, case.grid)
        return float(middle @ structure.occupancy) / float(structure.occupancy.sum())
    histogram = structure_dvh(structure, dose, case.grid)
    if metric.kind in AT_PRESCRIPTION:
        return _around(metric, histogram, dose, case)
    if metric.kind == "HI":
        d2, d50, d98 = (histogram.dose_gy(p / 100 * histogram.total_cc) for p in (2, 50, 98))
        return (d2 - d98) / d50 if d50 > 0 else math.inf
    return _read(metric, histogram)


def gradient(
    metric: Metric, dose_gy: NDArray[np.floating], case: Case
) -> tuple[NDArray[np.intp], Floats]:
    """How the metric changes with the dose: d metric = sum of weights * d dose.

    All are differentiated as they are computed: through the dose in the part of each voxel, its
    middle and its spread, which neighbours set too (so voxels next to the structure have weights,
    and weights may be negative). Exact for the mean and the gEUD. For ``D`` and ``V`` parts in
    which the dose hardly varies make steps of the histogram, which have no derivative: they are
    taken to vary by 0.1 Gy, and where no part reaches a quantile the nearest ones do. The indices
    follow by the quotient rule.

    Args:
        metric: What is measured.
        dose_gy: Gy per course, flat over the case's grid, shape (voxels,).
        case: Where the structures are.

    Returns:
        Flat indices of voxels, ascending, and their weights in the metric's unit per Gy. Empty
        where no small change of dose moves the metric.

    Raises:
        CaseError: As `value`.
        GoalError: As `value`.
    """
    dose = checked_dose(dose_gy, case.grid)
    structure = checked_metric(metric, case)
    return gradient_of(
        replace(metric, kind="Dcc") if metric.kind in PARTS else metric,
        structure,
        dose,
        case.grid,
        patient=patient(case),
        prescription_gy=case.prescription_gy.get(metric.structure, 0.0),
    )


def patient(case: Case) -> Structure:
    """The external structure, or all of the grid where there is none."""
    for structure in case.structures.values():
        if structure.kind == "external" and structure.voxels.size:
            return structure
    every = np.arange(case.grid.voxels)
    return Structure(name="grid", kind="external", voxels=every, occupancy=np.ones(every.size))


def checked_metric(metric: Metric, case: Case) -> Structure:
    """The structure a metric is about, if the metric can be taken of it.

    Raises:
        CaseError: If the structure is unknown or empty.
        GoalError: If the number is out of bounds, or a target's index has no prescription.
    """
    structure = checked_structure(metric.structure, case)
    if metric.kind in PARTS:
        structure = PARTS[metric.kind](structure, case)
    number, name = metric.argument, f"{metric.structure} {metric.label}"
    if not np.isfinite(number):
        raise GoalError(f"{name}: {number} is no number to measure at")
    if metric.kind == "D%" and not 0 <= number <= 100:
        raise GoalError(f"{name}: a volume is 0 to 100 % of a structure, not {number:g} %")
    if metric.kind == "Dcc" or metric.kind in PARTS:
        volume = structure.volume_cc(case.grid)
        there = metric.label.partition("cc")[2]
        if not 0 <= number <= volume * (1 + 1e-9):
            raise GoalError(
                f"{name}: {metric.structure} has {volume:.4g} cc{there}, so no {number:g} cc of "
                "it receive any dose; choose a volume from 0 to that"
            )
    if metric.kind in ("V%", "Vcc") and number < 0:
        raise GoalError(f"{name}: a dose is not negative; {number:g} Gy is")
    if metric.kind == "gEUD" and 0 <= number < 1:
        raise GoalError(
            f"{name}: the exponent a is at least 1 (organs at risk) or below 0 (targets), "
            f"not {number:g}"
        )
    if metric.kind in AT_PRESCRIPTION and not case.prescription_gy.get(metric.structure):
        known = ", ".join(case.prescription_gy) or "no structure"
        raise GoalError(f"{name} needs a prescribed dose; {known} has one")
    return structure


def _read(metric: Metric, histogram: DoseVolume) -> float:
    number, total = metric.argument, histogram.total_cc
    if metric.kind == "D%":
        return histogram.dose_gy(number / 100 * total)
    if metric.kind == "Dcc" or metric.kind in PARTS:
        return histogram.dose_gy(min(number, total))
    if metric.kind == "V%":
        return 100 * float(histogram.volume_cc(number)[0]) / total
    return float(histogram.volume_cc(number)[0])


def _around(metric: Metric, inside: DoseVolume, dose: Floats, case: Case) -> float:
    """The indices that look at the patient around a target too."""
    level = case.prescription_gy[metric.structure]
    body = structure_dvh(patient(case), dose, case.grid)
    piv = float(body.volume_cc(level)[0])
    if metric.kind == "CI_RTOG":
        return piv / inside.total_cc
    if metric.kind == "GI":
        return float(body.volume_cc(level / 2)[0]) / piv if piv > 0 else math.inf
    covered = float(inside.volume_cc(level)[0])
    return covered**2 / (inside.total_cc * piv) if piv > 0 else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetIndices:
    """How well the prescription isodose fits a target.

    Args:
        coverage_percent: Share of the target at the prescription or above.
        paddick_ci: Paddick's conformity index, 1 is perfect.
        rtog_ci: Conformity index of the RTOG, 1 is perfect.
        homogeneity: HI of ICRU report 83, 0 is perfect.
        gradient_index: Volume at half the prescription over the volume at it.
    """

    coverage_percent: float
    paddick_ci: float
    rtog_ci: float
    homogeneity: float
    gradient_index: float


def target_indices(target: str, dose_gy: NDArray[np.floating], case: Case) -> TargetIndices:
    """All indices of a target at its prescription.

    Raises:
        CaseError: As `value`.
        GoalError: If the structure has no prescription.
    """
    dose = checked_dose(dose_gy, case.grid)
    structure = checked_metric(Metric(structure=target, kind="CI"), case)
    level = case.prescription_gy[target]
    inside = structure_dvh(structure, dose, case.grid)
    piv, half = structure_dvh(patient(case), dose, case.grid).volume_cc(
        np.array([level, level / 2])
    )
    covered = float(inside.volume_cc(level)[0])
    return TargetIndices(
        coverage_percent=100 * covered / inside.total_cc,
        paddick_ci=float(covered**2 / (inside.total_cc * piv)) if piv > 0 else 0.0,
        rtog_ci=float(piv / inside.total_cc),
        homogeneity=value(Metric(structure=target, kind="HI"), dose, case),
        gradient_index=float(half / piv) if piv > 0 else math.inf,
    )
