"""The variables of a primal-dual interior-point method."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from textgrad_radiotherapy.geometry import Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Iterate:
    """Variables that stay above zero.

    Args:
        fluence: x of the free beamlets.
        multiplier: z of the same.
        slope: y of every one-sided square, the size of its derivative by dose.
        slack: s of the same: ``y / twice`` minus its excess.
    """

    fluence: Floats
    multiplier: Floats
    slope: Floats
    slack: Floats

    def moved(self, step: Iterate, length: float) -> Iterate:
        """After a share of a step."""
        return Iterate(
            fluence=self.fluence + length * step.fluence,
            multiplier=self.multiplier + length * step.multiplier,
            slope=self.slope + length * step.slope,
            slack=self.slack + length * step.slack,
        )

    def products(self) -> tuple[Floats, Floats]:
        """Of beamlets and multipliers, of slopes and slacks."""
        return self.fluence * self.multiplier, self.slope * self.slack

    def sum(self) -> float:
        """Of all products: about the distance from the optimum."""
        return float(self.fluence @ self.multiplier + self.slope @ self.slack)

    def longest(self, step: Iterate) -> float:
        """Largest share of a step, at most 1, that leaves nothing below zero."""
        pairs = (
            (self.fluence, step.fluence),
            (self.multiplier, step.multiplier),
            (self.slope, step.slope),
            (self.slack, step.slack),
        )
        shares = [1.0]
        for values, change in pairs:
            down = change < 0.0
            shares.append(float(np.min(-values[down] / change[down], initial=1.0)))
        return min(shares)
