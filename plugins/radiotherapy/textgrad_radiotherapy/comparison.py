"""The fluence of a plan where it was planned, beside what it gives where it is judged.

One fluence is reported: normalised, judged and exported as it is. On the grid that the optimiser
saw the same fluence looks better; how much better is what a report has to say.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from textgrad_core.jsondata import JSON
from textgrad_radiotherapy.case import Case
from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.goals import Protocol
from textgrad_radiotherapy.judgement import judge


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What a judged fluence gives elsewhere, not scaled anew.

    Args:
        grid: The grid it was planned on.
        values: Value of every judged goal there; None if infinite.
        rescaled: Factor that normalising where plans are judged put on the fluence that the
            planning grid asked for; None if the fluence was only measured.
    """

    grid: str
    values: Mapping[str, float | None]
    rescaled: float | None = None

    @property
    def title(self) -> str:
        """Where that is, as the head of a column."""
        return "same fluence on the planning grid"

    def to_json(self) -> dict[str, JSON]:
        """Plain data."""
        return {"grid": self.grid, "values": dict(self.values), "rescaled": self.rescaled}


def compared(
    planned: Case, dose_gy: Floats, protocol: Protocol, rescaled: float | None = None
) -> Comparison:
    """Measure a judged fluence where it was planned.

    Args:
        planned: What it was planned on.
        dose_gy: Gy per course that the fluence gives there, flat over the grid, shape (voxels,).
        protocol: The goals.
        rescaled: As `Comparison`.
    """
    table = judge(planned, dose_gy, protocol, planned=True)
    values = {row.goal.name: _finite(row.value) for row in table.judged}
    return Comparison(grid=str(planned.grid), values=values, rescaled=rescaled)


def comparison_lines(data: Mapping[str, JSON]) -> list[str]:
    """The comparison in words: where a plan is judged, and what every goal loses there.

    Args:
        data: What `Plan.to_json` wrote; nothing is said of a plan on its planning grid.
    """
    raw: Mapping[str, Any] = data
    told = raw.get("comparison")
    if told is None:
        return []
    lines = [f"judged on {raw['grid']}; the same fluence where it was planned, on {told['grid']}:"]
    for row in raw["table"]["rows"]:
        value, there = row["value"], told["values"].get(row["goal"])
        if value is not None and there is not None:
            change = f"{round(value - there, 2) + 0.0:+.2f} {row['unit']}".rstrip()
            lines.append(f"  {row['goal']}: {there:.2f}, judged {value:.2f} ({change})")
    if told["rescaled"] is not None:
        lines.append(
            f"  fluence x {told['rescaled']:.4f} for the normalisation to hold where it is judged"
        )
    return lines


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None
