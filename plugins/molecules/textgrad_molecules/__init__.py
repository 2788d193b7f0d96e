"""Dock and improve molecules: AutoDock Vina and QED as a textual loss."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from textgrad_core.plugin import Check, Plugin, RunDefaults

if TYPE_CHECKING:
    from textgrad_molecules.domain import Molecules

__all__ = ["make", "plugin"]


def make(
    *,
    target: str = "PPARA",
    screen_exhaustiveness: int = 4,
    exhaustiveness: int = 8,
    max_heavy_atoms: int = 60,
    workers: int | None = None,
) -> Molecules:
    """Build the domain.

    Args:
        target: Protein to dock to, one of DOCKSTRING's 58, such as PPARA, CA2 or EGFR.
        screen_exhaustiveness: Docking effort inside the loop.
        exhaustiveness: Docking effort for every number that is reported.
        max_heavy_atoms: Largest molecule accepted, in atoms other than hydrogen.
        workers: Dockings at the same time; one per core if not given.

    Raises:
        UsageError: If the target is unknown or a number is out of bounds.
    """
    from textgrad_molecules.domain import Molecules

    return Molecules(
        target=target,
        screen_exhaustiveness=screen_exhaustiveness,
        report_exhaustiveness=exhaustiveness,
        max_heavy_atoms=max_heavy_atoms,
        workers=workers,
    )


def doctor() -> Iterable[Check]:
    """What is installed for docking; raises nothing and needs no extra."""
    from textgrad_molecules.docking import backend_checks

    return backend_checks()


plugin = Plugin(
    name="molecules",
    summary="Find drug-like molecules that dock well (AutoDock Vina, QED, DOCKSTRING receptors)",
    make=make,
    extra="molecules",
    requires=("rdkit", "openbabel", "dockstring"),
    defaults=RunDefaults(start="c1ccccc1", steps=5, proposals=4, finalists=3),
    doctor=doctor,
    distributions=("vina", "rdkit", "openbabel-wheel", "dockstring", "numpy"),
)
