"""Radiotherapy plans by textual feedback over an exact inner optimiser."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from textgrad_core.plugin import Check, Plugin, RunDefaults
from textgrad_radiotherapy.commands import COMMANDS

if TYPE_CHECKING:
    from textgrad_radiotherapy.domain import Plans

__all__ = ["make", "plugin"]


def make(
    *,
    case: str = "tg119-prostate",
    protocol: str | None = None,
    grid_mm: float = 3.0,
    bixel_mm: float = 5.0,
    gap: float = 1e-4,
    cache: str | None = None,
    planner: str = "sensitivity",
) -> Plans:
    """Build the domain.

    Args:
        case: An embedded case ('textgrad radiotherapy cases' lists them), or your own: a case
            folder, a folder of DICOM files, a matRad .mat file, an .npz file of arrays.
        protocol: An embedded protocol, or a JSON or TOML file; the case's own if left out.
        grid_mm: Voxel size, where the influence is computed; plans are judged on a finer grid.
        bixel_mm: Width of the beamlets, likewise.
        gap: Relative duality gap that every solve has to prove.
        cache: Folder of influence matrices; the suite's own if left out, 'none' to keep none
            (--no-cache is about measurements shared between runs, not about matrices).
        planner: Who proposes where no model does: sensitivity, proportional, or optuna (the
            paper's baseline, extra 'optuna'; it takes --steps 50 --proposals 1).

    Raises:
        UsageError: If case, protocol or planner is unknown, or they do not go together.
    """
    from textgrad_radiotherapy.domain import Plans
    from textgrad_radiotherapy.outline import default_protocol
    from textgrad_radiotherapy.protocols import load_protocol

    return Plans(
        case=case,
        protocol=load_protocol(default_protocol(case) if protocol is None else protocol),
        grid_mm=grid_mm,
        bixel_mm=bixel_mm,
        gap=gap,
        cache=cache,
        planner=planner,
    )


def doctor() -> Iterable[Check]:
    """What is installed for planning; raises nothing and needs no extra."""
    from textgrad_radiotherapy.doctor import radiotherapy_checks

    return radiotherapy_checks()


plugin = Plugin(
    name="radiotherapy",
    summary="Plan IMRT by clinical goals over an exact inner optimiser (research use only)",
    make=make,
    extra="radiotherapy",
    requires=("numpy", "scipy"),
    defaults=RunDefaults(steps=8, proposals=3, finalists=1),
    doctor=doctor,
    commands=COMMANDS,
    distributions=("numpy", "scipy"),
)
