"""Dock molecules with AutoDock Vina, isolated, repeatable, with poses to look at.

Importing this package loads neither RDKit nor Vina; the first `Docker.dock` does, in a process
of its own.
"""

from __future__ import annotations

from textgrad_molecules.docking.backends import NoDockingBackend, backend_checks
from textgrad_molecules.docking.docker import (
    DEFAULT_EXHAUSTIVENESS,
    PROTOCOL_VERSION,
    Docker,
    DockResult,
)
from textgrad_molecules.docking.prepare import DOCKSTRING_SEED, PreparedLigand, prepare
from textgrad_molecules.docking.receptor import (
    Receptor,
    dockstring_receptor,
    receptor_from_file,
    receptor_names,
)

__all__ = [
    "DEFAULT_EXHAUSTIVENESS",
    "DOCKSTRING_SEED",
    "PROTOCOL_VERSION",
    "DockResult",
    "Docker",
    "NoDockingBackend",
    "PreparedLigand",
    "Receptor",
    "backend_checks",
    "dockstring_receptor",
    "prepare",
    "receptor_from_file",
    "receptor_names",
]
