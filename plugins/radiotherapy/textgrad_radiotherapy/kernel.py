"""The analytic pencil beam: depth dose, inverse square and two lateral Gaussians.

The dose of a beamlet of unit weight at a point at radiological depth L, at distance t from the
source along the axis, whose projection lies (du, dv) from the beamlet's centre, is

    D(L) (SAD / t)^2 [(1 - tail) E1(du) E1(dv) + tail / c E2(du) E2(dv)],   |(du, dv)| <= cut-off

    D(L) = output b / (b - m) (exp(-m L) - exp(-b L))

with E the share of a Gaussian that a bixel receives and c the share of the wide Gaussian
within the cut-off, so that a broad field gets D(L) (SAD / t)^2 on its axis whatever the cut-off.
The constants follow the generic 6 MV photon data that ship with matRad and pyRadPlan: in an open
field of 10 x 10 cm the depth dose agrees within 3 % (benchmarks/rt_engine). No machine is
commissioned.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.geometry import Floats

NAME = "analytic pencil beam, not commissioned"
VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """Parameters of the engine.

    Args:
        attenuation_per_mm: m, decrease of the dose behind its maximum.
        build_up_per_mm: b, growth towards the maximum.
        output: Scale of the depth dose, Gy per unit beamlet weight.
        narrow_mm: Standard deviation of the narrow Gaussian, in the isocentre plane.
        wide_mm: The same of the wide one.
        tail: Share of the wide one.
        cutoff_mm: Where the lateral kernel ends.

    Raises:
        CaseError: If a parameter is out of bounds.
    """

    attenuation_per_mm: float = 0.0036
    build_up_per_mm: float = 0.35
    output: float = 1.16
    narrow_mm: float = 2.4
    wide_mm: float = 20.0
    tail: float = 0.22
    cutoff_mm: float = 30.0

    def __post_init__(self) -> None:
        """Refuse what describes no beam."""
        if not all(np.isfinite(v) and v > 0 for v in asdict(self).values()) or self.tail >= 1:
            raise CaseError(f"{self}: all parameters have to be positive, the tail below 1")
        if self.build_up_per_mm <= self.attenuation_per_mm:
            raise CaseError(f"{self}: the dose has to build up faster than it falls")

    def describe(self) -> str:
        """Name, version and parameters, for reports and digests."""
        return f"{NAME}; version {VERSION}; {json.dumps(asdict(self), sort_keys=True)}"

    @staticmethod
    def described(text: str) -> Kernel | None:
        """The kernel that `describe` told, or None if the text is about something else.

        Raises:
            CaseError: If the parameters cannot be read.
        """
        head = f"{NAME}; version {VERSION}; "
        if not text.startswith(head):
            return None
        try:
            return Kernel(**json.loads(text.removeprefix(head)))
        except (ValueError, TypeError) as fault:
            raise CaseError(f"the engine's parameters cannot be read from {text!r}") from fault

    def depth_dose(self, depth_mm: Floats) -> Floats:
        """D(L) in Gy per unit beamlet weight."""
        m, b = self.attenuation_per_mm, self.build_up_per_mm
        shape = np.exp(-m * depth_mm) - np.exp(-b * depth_mm)
        return np.asarray(self.output * b / (b - m) * shape)

    @property
    def wide_share(self) -> float:
        """Weight of the wide Gaussian, tail / c."""
        return self.tail / float(-np.expm1(-((self.cutoff_mm / self.wide_mm) ** 2) / 2))

    def lateral(self, du_mm: Floats, dv_mm: Floats, bixel_mm: float) -> Floats:
        """Lateral part at distances from a beamlet's centre; the arrays broadcast."""
        half = bixel_mm / 2
        narrow = _share(du_mm, half, self.narrow_mm) * _share(dv_mm, half, self.narrow_mm)
        wide = _share(du_mm, half, self.wide_mm) * _share(dv_mm, half, self.wide_mm)
        total = (1 - self.tail) * narrow + self.wide_share * wide
        return np.where(np.hypot(du_mm, dv_mm) <= self.cutoff_mm, total, 0.0)


def _share(distance_mm: Floats, half_mm: float, sigma_mm: float) -> Floats:
    """Share of a Gaussian at a distance that falls on a bixel."""
    scale = np.sqrt(2.0) * sigma_mm
    upper, lower = erf((distance_mm + half_mm) / scale), erf((distance_mm - half_mm) / scale)
    return np.asarray(0.5 * (upper - lower))


def bixel_shares(
    positions_mm: Floats, centres_mm: Floats, bixel_mm: float, sigma_mm: float
) -> NDArray[np.float32]:
    """Shares of a row of adjoining bixels, shape (m, n), each edge computed once.

    Args:
        positions_mm: Points along the row, shape (m,).
        centres_mm: Centres of the bixels, ascending in steps of the bixel width, shape (n,).
        bixel_mm: Width of a bixel.
        sigma_mm: Standard deviation of the Gaussian.
    """
    edges = np.append(centres_mm - bixel_mm / 2, centres_mm[-1] + bixel_mm / 2)
    scaled = (edges[None, :] - positions_mm[:, None]) / (np.sqrt(2.0) * sigma_mm)
    below = erf(scaled.astype(np.float32))
    return np.asarray((below[:, 1:] - below[:, :-1]) * np.float32(0.5), dtype=np.float32)
