"""Where a beam comes from, and where its beamlets are."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Real

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from textgrad_radiotherapy.case import Beam
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.geometry import Floats

MOST_DEG = 360.0  # beyond a full turn an angle is a slip of the pen


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """A beam's own axes in patient coordinates (head first, supine).

    Args:
        source_mm: The source, shape (3,).
        axis: Unit vector from the source to the isocentre.
        u: Unit vector of the first coordinate of a beamlet (IEC beam limiting device X).
        v: Unit vector of the second one (Y, superior at couch 0).
        sad_mm: Source-to-axis distance.
    """

    source_mm: Floats
    axis: Floats
    u: Floats
    v: Floats
    sad_mm: float

    def project(self, points_mm: Floats) -> tuple[Floats, Floats, Floats]:
        """Coordinates u and v in the isocentre plane, and distance along the axis; each (m,).

        Args:
            points_mm: Points in patient coordinates, shape (m, 3).
        """
        from_source = points_mm - self.source_mm
        along = from_source @ self.axis
        scale = self.sad_mm / along
        return (from_source @ self.u) * scale, (from_source @ self.v) * scale, along


def check_beam(beam: Beam, where: str = "a beam") -> None:
    """Refuse a beam whose numbers describe none, wherever it comes from.

    Args:
        beam: The beam.
        where: What to call it in the message.

    Raises:
        CaseError: If an angle, a coordinate or a length is no finite number, an angle is more
            than a full turn, or a length is not above 0.
    """
    for name, angle in (("gantry_deg", beam.gantry_deg), ("couch_deg", beam.couch_deg)):
        if not _finite((angle,)) or abs(angle) > MOST_DEG:
            raise CaseError(
                f"{where}: {name} is {angle}: angles have to be finite, from {-MOST_DEG:g} to "
                f"{MOST_DEG:g} degrees"
            )
    if len(beam.isocentre_mm) != 3 or not _finite(beam.isocentre_mm):
        raise CaseError(
            f"{where}: isocentre_mm is {beam.isocentre_mm}: three coordinates x, y, z are needed, "
            "and they have to be finite"
        )
    for name, length in (("sad_mm", beam.sad_mm), ("bixel_mm", beam.bixel_mm)):
        if not _finite((length,)) or length <= 0:
            raise CaseError(
                f"{where}: {name} is {length}: lengths have to be finite and above 0 mm"
            )


def _finite(numbers: Iterable[object]) -> bool:
    return all(
        isinstance(n, Real) and not isinstance(n, bool) and math.isfinite(n) for n in numbers
    )


def frame_of(beam: Beam) -> Frame:
    """Axes of a beam by IEC 61217: gantry 0 from anterior, 90 from the patient's left.

    A positive couch angle turns the patient counter-clockwise as seen from above.

    Raises:
        CaseError: As `check_beam`.
    """
    check_beam(beam)
    gantry, couch = np.deg2rad(beam.gantry_deg), np.deg2rad(beam.couch_deg)
    sin_g, cos_g, sin_c, cos_c = np.sin(gantry), np.cos(gantry), np.sin(couch), np.cos(couch)

    def to_patient(right: float, to_gantry: float, up: float) -> Floats:
        """From the room (IEC fixed system) to the patient on the turned couch."""
        left = cos_c * right + sin_c * to_gantry
        superior = cos_c * to_gantry - sin_c * right
        return np.array([left, -up, superior])

    axis = -to_patient(sin_g, 0.0, cos_g)
    return Frame(
        source_mm=np.asarray(beam.isocentre_mm) - beam.sad_mm * axis,
        axis=axis,
        u=to_patient(cos_g, 0.0, -sin_g),
        v=to_patient(0.0, 1.0, 0.0),
        sad_mm=beam.sad_mm,
    )


def beamlets_covering(
    beam: Beam, points_mm: Floats, reach_mm: float, margin_mm: float
) -> NDArray[np.float64]:
    """Centres of the beamlets that cover a target, sorted by v, then u; shape (n, 2).

    Beamlets lie on a lattice of the bixel width of which four meet on the axis, as the leaves of
    a collimator do. Those are taken whose square touches the projection of a target point,
    widened by `reach_mm` (half a voxel) and then by `margin_mm`.

    Args:
        beam: The beam.
        points_mm: Points of the targets, shape (m, 3).
        reach_mm: Half the size of what every point stands for.
        margin_mm: Margin in the isocentre plane.

    Raises:
        CaseError: If there is no target point.
    """
    if not len(points_mm):
        raise CaseError(f"beam at gantry {beam.gantry_deg:g} has no target to cover")
    pu, pv, _ = frame_of(beam).project(points_mm)
    width = beam.bixel_mm
    shifts = np.array([-reach_mm, 0.0, reach_mm])
    iu = np.floor((pu[:, None] + shifts) / width).astype(np.int64)[:, None, :]
    iv = np.floor((pv[:, None] + shifts) / width).astype(np.int64)[:, :, None]
    steps = int(np.ceil(margin_mm / width))
    first = np.array([iv.min() - steps, iu.min() - steps])
    shape = np.array([iv.max() + steps, iu.max() + steps]) - first + 1
    touched = np.zeros(shape, dtype=np.bool_)
    touched[iv - first[0], iu - first[1]] = True
    if steps:
        near = np.hypot(*np.mgrid[-steps : steps + 1, -steps : steps + 1]) * width
        touched = binary_dilation(touched, near <= margin_mm + 1e-9)
    rows, columns = np.nonzero(touched)
    return (np.stack([columns + first[1], rows + first[0]], axis=1) + 0.5) * width
