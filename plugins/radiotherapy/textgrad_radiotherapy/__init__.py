"""Radiotherapy plans by textual feedback over an exact inner optimiser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textgrad_core.plugin import Plugin, RunDefaults
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
) -> Plans:
    """Build the domain.

    Args:
        case: An embedded case ('textgrad radiotherapy cases' lists them), or the folder of a
            saved one.
        protocol: An embedded protocol, or a JSON or TOML file; the case's own if left out.
        grid_mm: Voxel size of an embedded case; plans are judged on a finer grid.
        bixel_mm: Width of an embedded case's beamlets.
        gap: Relative duality gap that every solve has to prove.
        cache: Folder of influence matrices; the suite's own if left out.

    Raises:
        UsageError: If case or protocol is unknown, or they do not go together.
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
    )


plugin = Plugin(
    name="radiotherapy",
    summary="Plan IMRT by clinical goals over an exact inner optimiser (research use only)",
    make=make,
    extra="radiotherapy",
    requires=("numpy", "scipy"),
    defaults=RunDefaults(steps=8, proposals=3, finalists=1),
    commands=COMMANDS,
    distributions=("numpy", "scipy"),
)
