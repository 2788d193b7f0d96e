"""The fluence of a plan beside where it is judged: on the planning grid, or on held-back voxels.

One fluence is reported: normalised, judged and exported as it is. On the grid that the optimiser
saw the same fluence looks better; how much better is what a report has to say. Where there is no
finer grid, voxels that the optimiser did not see say it, as far as so few can.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from textgrad_core.jsondata import JSON
from textgrad_radiotherapy.case import Case
from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.goals import Protocol
from textgrad_radiotherapy.judgement import judge
from textgrad_radiotherapy.judging import has_own_matrix, held_back, sampled_case
from textgrad_radiotherapy.metrics import value
from textgrad_radiotherapy.rows import HELD_OUT_EVERY
from textgrad_radiotherapy.structure_names import matched


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What a judged fluence gives elsewhere, not scaled anew.

    Args:
        grid: The grid it was planned on.
        values: Value there of every judged goal that can be compared; None if infinite.
        rescaled: Factor that normalising where plans are judged put on the fluence that the
            planning grid asked for; None if the fluence was only measured.
        held_back: Voxels held back and voxels in all, by structure, if the values are those of
            held-back voxels; empty if they are those of the planning grid.
        spread: Standard deviation of a value between samples of as many voxels that the
            optimiser saw: a difference below it says nothing.
    """

    grid: str
    values: Mapping[str, float | None]
    rescaled: float | None = None
    held_back: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    spread: Mapping[str, float] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Where that is, as the head of a column."""
        where = "the voxels held back" if self.held_back else "the planning grid"
        return f"same fluence on {where}"

    @property
    def short(self) -> str:
        """The same where there is little room."""
        return "held back" if self.held_back else "planning grid"

    def to_json(self) -> dict[str, JSON]:
        """Plain data."""
        return {
            "grid": self.grid,
            "values": dict(self.values),
            "rescaled": self.rescaled,
            "held_back": {name: list(counts) for name, counts in self.held_back.items()},
            "spread": dict(self.spread),
        }


def compared(
    planned: Case, dose_gy: Floats, protocol: Protocol, rescaled: float | None = None
) -> Comparison:
    """Measure a judged fluence where it was planned, or on the voxels held back from planning.

    Args:
        planned: What it was planned on.
        dose_gy: Gy per course that the fluence gives there, flat over the grid, shape (voxels,).
        protocol: The goals.
        rescaled: As `Comparison`.
    """
    if has_own_matrix(planned):
        return _on_held_back(planned, dose_gy, protocol)
    table = judge(planned, dose_gy, protocol, planned=True)
    values = {row.goal.name: _finite(row.value) for row in table.judged}
    return Comparison(grid=str(planned.grid), values=values, rescaled=rescaled)


def _on_held_back(planned: Case, dose_gy: Floats, protocol: Protocol) -> Comparison:
    protocol, counts = matched(protocol, planned), held_back(planned)
    samples = [
        replace(sampled_case(planned, part), prescription_gy=protocol.prescription_gy)
        for part in range(HELD_OUT_EVERY)
    ]
    values: dict[str, float | None] = {}
    spread: dict[str, float] = {}
    for row in judge(planned, dose_gy, protocol, planned=True).judged:
        metric = row.goal.metric
        if not counts[metric.structure][0]:
            continue
        unseen, *seen = (value(metric, dose_gy, sample) for sample in samples)
        values[row.goal.name] = _finite(unseen)
        if all(map(math.isfinite, seen)):
            spread[row.goal.name] = statistics.stdev(seen)
    return Comparison(grid=str(planned.grid), values=values, held_back=counts, spread=spread)


def comparison_lines(data: Mapping[str, JSON]) -> list[str]:
    """The comparison in words: where a plan is judged, and what every goal loses there.

    Args:
        data: What `Plan.to_json` wrote; nothing is said of a plan on its planning grid.
    """
    raw: Mapping[str, Any] = data
    told = raw.get("comparison")
    if told is None:
        return []
    held, word = told["held_back"], "held back " if told["held_back"] else ""
    lines = _held_back_lines(raw["grid"], held) if held else [
        f"judged on {raw['grid']}; the same fluence where it was planned, on {told['grid']}:"
    ]  # fmt: skip
    for row in raw["table"]["rows"]:
        found, there = row["value"], told["values"].get(row["goal"])
        if found is None or there is None:
            continue
        spread = told["spread"].get(row["goal"])
        chance = "" if spread is None else f" +/-{spread:.2f}"
        change = f"{round(found - there, 2) + 0.0:+.2f}{chance} {row['unit']}".rstrip()
        lines.append(f"  {row['goal']}: {word}{there:.2f}, judged {found:.2f} ({change})")
    if told["rescaled"] is not None:
        lines.append(
            f"  fluence x {told['rescaled']:.4f} for the normalisation to hold where it is judged"
        )
    return lines


def _held_back_lines(grid: str, held: Mapping[str, tuple[int, int]]) -> list[str]:
    told = [f"{count} of {of} {name} voxels" for name, (count, of) in held.items() if count]
    small = [f"{name} ({of})" for name, (count, of) in held.items() if not count]
    none = f"; none of {', '.join(small)}, too few voxels" if small else ""
    if not told:
        return [
            f"judged on all voxels, {grid}: every one of them was optimised, for all structures "
            f"have too few to hold some back ({', '.join(small)}): nothing tells how far that "
            "flatters the plan"
        ]
    return [
        f"judged on all voxels, {grid}; held back from the optimiser: {', '.join(told)}{none}. "
        "The same fluence on those held back (+/-: what chance makes of so few, one standard "
        "deviation):"
    ]


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None
