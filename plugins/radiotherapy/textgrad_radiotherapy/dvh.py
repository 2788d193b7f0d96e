"""Dose-volume histograms of structures that hold voxels in part.

A voxel stands for its occupancy times the voxel's volume. Inside it the dose is taken to vary
linearly (`part_doses`): its part is spread evenly over a range of doses, so the cumulative
histogram is piecewise linear (this is its linear interpolation) and D and V are each other's
inverse. Where the dose does not vary the histogram steps, and a volume exactly on a step reads
the middle of it. Counting whole voxels at the dose of their centres instead errs by up to half
the change of dose across a voxel.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textgrad_radiotherapy.case import Case, Structure
from textgrad_radiotherapy.csv_text import csv_text
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.geometry import Floats, Grid
from textgrad_radiotherapy.partial_voxels import part_doses

STEP_BELOW_GY = 1e-4  # a voxel whose dose varies by less counts at the dose of its centre
SAME_VOLUME = 1e-9  # relative: volumes closer than this are the same but for rounding
SAME_DOSE = 1e-9  # relative: a dose this close below a level has reached it but for rounding
BISECTIONS = 60


def checked_dose(dose_gy: NDArray[np.floating], grid: Grid) -> Floats:
    """The dose as float64, if it is one.

    Args:
        dose_gy: Gy per course, flat over the grid, shape (voxels,).
        grid: The grid it is on.

    Raises:
        CaseError: If it has another size, or a value that is not finite or is negative.
    """
    dose = np.asarray(dose_gy, dtype=np.float64)
    if dose.shape != (grid.voxels,):
        raise CaseError(
            f"a dose of shape {dose.shape} does not fit the grid, which has {grid.voxels} voxels "
            f"({grid}); give one value per voxel, flattened in (z, y, x) order"
        )
    if not np.isfinite(dose).all():
        first = int(np.flatnonzero(~np.isfinite(dose))[0])
        raise CaseError(f"the dose is {dose[first]} Gy in voxel {first}; it has to be finite")
    if dose.size and dose.min() < 0:
        first = int(dose.argmin())
        raise CaseError(f"the dose is {dose[first]:g} Gy in voxel {first}; it cannot be negative")
    return dose


def checked_structure(name: str, case: Case) -> Structure:
    """The structure of that name, if it holds any volume.

    Raises:
        CaseError: If there is none of that name, it is empty, or its voxels are not of the grid.
    """
    structure = case.structures.get(name)
    if structure is None:
        known = ", ".join(case.structures) or "no structure"
        raise CaseError(f"case {case.name} has no structure {name!r}; it has {known}")
    voxels, share = structure.voxels, structure.occupancy
    if voxels.shape != share.shape:
        raise CaseError(f"{name} has {voxels.size} voxels but {share.size} occupancies")
    if not voxels.size or not float(share.sum()) > 0:
        raise CaseError(f"{name} is empty: no voxel of the grid ({case.grid}) reaches into it")
    if voxels.min() < 0 or voxels.max() >= case.grid.voxels:
        raise CaseError(f"{name} has voxels outside the grid of {case.grid.voxels} voxels")
    return structure


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Ramps:
    """Sum of c (end - x) over the ends above x, for any x, from sorted ends."""

    end: Floats
    slope: Floats  # sums of c over the ends from here on
    moment: Floats  # sums of c end over the ends from here on

    @classmethod
    def of(cls, end: Floats, c: Floats) -> _Ramps:
        order = np.argsort(end, kind="stable")
        end, c = end[order], c[order]
        return cls(end=end, slope=_sums_from_here(c), moment=_sums_from_here(c * end))

    def at(self, x: Floats) -> Floats:
        first = np.searchsorted(self.end, x, side="left")
        return np.asarray(self.moment[first] - x * self.slope[first])


def _sums_from_here(values: Floats) -> Floats:
    """Sum of the values from each place to the end; one longer, the last is zero."""
    return np.append(np.cumsum(values[::-1])[::-1], 0.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DoseVolume:
    """The cumulative dose-volume histogram of one structure, exact at every dose.

    Args:
        total_cc: Volume of the structure.
    """

    total_cc: float
    _high: _Ramps
    _low: _Ramps
    _step_gy: Floats
    _step_cc: Floats
    _bracket_gy: tuple[float, float]

    def volume_cc(self, dose_gy: Floats | float) -> Floats:
        """Volume that receives at least these doses, cc."""
        return self._above(np.atleast_1d(np.asarray(dose_gy, np.float64)) * (1.0 - SAME_DOSE))

    def _above(self, level: Floats) -> Floats:
        above = self._step_cc[np.searchsorted(self._step_gy, level, side="left")]
        above = above + self._high.at(level) - self._low.at(level)
        return np.asarray(np.clip(above, 0.0, self.total_cc))

    def dose_gy(self, volume_cc: float) -> float:
        """Dose that this volume (0 to the total, cc) receives at least."""
        slack = SAME_VOLUME * self.total_cc
        wanted = np.array([volume_cc - slack, volume_cc + slack])
        low = np.full(2, self._bracket_gy[0])
        high = np.full(2, self._bracket_gy[1])
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            enough = self._above(middle) >= wanted
            low, high = np.where(enough, middle, low), np.where(enough, high, middle)
        return float(low.mean())


def dose_volume(
    middle_gy: Floats, volume_cc: Floats, spread_gy: Floats | None = None
) -> DoseVolume:
    """The histogram of parts of voxels.

    Args:
        middle_gy: Dose of the middle of each part, shape (m,), m > 0.
        volume_cc: Volume of each part, shape (m,).
        spread_gy: How much the dose varies across each part, shape (m,); not at all if None.
    """
    spread = np.zeros(middle_gy.shape) if spread_gy is None else spread_gy
    even = spread < STEP_BELOW_GY
    steps = np.argsort(middle_gy[even], kind="stable")
    half, rise = spread[~even] / 2, volume_cc[~even] / spread[~even]
    high, low = middle_gy[~even] + half, middle_gy[~even] - half
    return DoseVolume(
        total_cc=float(volume_cc.sum()),
        _high=_Ramps.of(high, rise),
        _low=_Ramps.of(low, rise),
        _step_gy=middle_gy[even][steps],
        _step_cc=_sums_from_here(volume_cc[even][steps]),
        _bracket_gy=(
            max(float(min(middle_gy.min(), low.min(initial=np.inf))), 0.0),
            float(max(middle_gy.max(), high.max(initial=0.0))),
        ),
    )


def structure_dvh(structure: Structure, dose_gy: Floats, grid: Grid) -> DoseVolume:
    """The histogram of a structure; the dose has been checked, flat over the grid."""
    middle, spread = part_doses(structure, dose_gy, grid)
    volume_cc = structure.occupancy * (grid.voxel_cc * structure.stands_for)
    return dose_volume(middle, volume_cc, spread)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DvhCurve:
    """A cumulative histogram as it is drawn.

    Args:
        structure: Name of the structure.
        dose_gy: Levels, ascending from 0, Gy per course.
        volume_cc: Volume that receives at least each level.
        volume_percent: The same in % of the structure.
    """

    structure: str
    dose_gy: Floats
    volume_cc: Floats
    volume_percent: Floats


def dvh_curves(
    case: Case,
    dose_gy: NDArray[np.floating],
    structures: Iterable[str] | None = None,
    step_gy: float = 0.1,
) -> tuple[DvhCurve, ...]:
    """Cumulative histograms at common dose levels, from 0 to above the highest dose.

    Args:
        case: The case.
        dose_gy: Gy per course, flat over the grid.
        structures: Names; all but empty ones if None.
        step_gy: Distance of the levels.

    Raises:
        CaseError: If the dose, a structure or the step is not as it should be.
    """
    if not (np.isfinite(step_gy) and step_gy > 0):
        raise CaseError(f"levels {step_gy} Gy apart make no curve; give a positive step")
    dose = checked_dose(dose_gy, case.grid)
    if structures is None:
        structures = [n for n, s in case.structures.items() if s.occupancy.sum() > 0]
    chosen = [checked_structure(name, case) for name in structures]
    histograms = [structure_dvh(structure, dose, case.grid) for structure in chosen]
    top = max((h.dose_gy(0.0) for h in histograms), default=0.0)
    levels = np.arange(int(np.floor(top / step_gy)) + 2, dtype=np.float64) * step_gy
    return tuple(
        DvhCurve(
            structure=structure.name,
            dose_gy=levels,
            volume_cc=(volume := histogram.volume_cc(levels)),
            volume_percent=100 * volume / histogram.total_cc,
        )
        for structure, histogram in zip(chosen, histograms, strict=True)
    )


def dvh_csv(curves: Iterable[DvhCurve]) -> str:
    """The curves as CSV: a column of doses, then % and cc of every structure.

    The last column is empty and named by the notice (`csv_text`).
    """
    curves = tuple(curves)
    heads = [f"{c.structure} [{unit}]" for c in curves for unit in ("%", "cc")]
    columns = [curves[0].dose_gy] if curves else [np.zeros(0)]
    columns += [v for c in curves for v in (c.volume_percent, c.volume_cc)]
    rows = ([f"{v:.6g}" for v in row] for row in np.stack(columns, axis=1))
    return csv_text(["dose [Gy per course]", *heads], rows)
