"""Receptors to dock into: a PDBQT file, a search box, and the digest that pins both down."""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textgrad_core.errors import MissingExtra, UsageError
from textgrad_core.jsondata import JSON

Point = tuple[float, float, float]

MAX_EDGE_A = 60.0  # maps grow with the volume: 30 A takes 75 MB, 120 A takes 10 GB
MIN_EDGE_A = 1.0
CUTOFF_A = 8.0  # Vina sees no atom pair beyond it
_TARGET_SUFFIX = "_target.pdbqt"
_CONF_LINE = re.compile(r"^\s*(center|size)_([xyz])\s*=\s*(\S+)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receptor:
    """A rigid receptor and the box in which poses are searched.

    Args:
        name: Short name, as shown.
        pdbqt: Absolute path of the receptor in PDBQT format.
        centre_a: Centre of the box in angstrom, in the frame of the file.
        size_a: Edges of the box in angstrom.
        sha256: Digest of the file, in hexadecimal; docking refuses a file that has changed.

    Raises:
        UsageError: If the box is not finite, or an edge is outside 1..60 A.
    """

    name: str
    pdbqt: Path
    centre_a: Point
    size_a: Point
    sha256: str

    def __post_init__(self) -> None:
        """Refuse a box that would hang the search or exhaust the memory."""
        for axis, centre_a, edge_a in zip("xyz", self.centre_a, self.size_a, strict=True):
            if not math.isfinite(centre_a):
                raise UsageError(
                    f"receptor {self.name}: box centre {axis} is {centre_a}: "
                    "give a finite coordinate in angstrom"
                )
            if not MIN_EDGE_A <= edge_a <= MAX_EDGE_A:  # also refuses NaN
                raise UsageError(
                    f"receptor {self.name}: box edge {axis} is {edge_a} A, allowed are "
                    f"{MIN_EDGE_A:g} to {MAX_EDGE_A:g} A: 20 to 30 A suit a binding pocket"
                )


def receptor_from_file(name: str, pdbqt: Path, centre_a: Point, size_a: Point) -> Receptor:
    """A receptor of your own.

    Args:
        name: Short name, as shown.
        pdbqt: The rigid receptor, protonated, in PDBQT format.
        centre_a: Centre of the search box in angstrom.
        size_a: Edges of the search box in angstrom.

    Raises:
        UsageError: If the file cannot be read, is no PDBQT file, holds no atom near the box,
            or the box is out of bounds.
    """
    if pdbqt.suffix != ".pdbqt":
        raise UsageError(f"receptor {name}: {pdbqt.name} must be a file ending in .pdbqt")
    try:
        content = pdbqt.read_bytes()
    except OSError as error:
        raise UsageError(f"receptor {name}: cannot read {pdbqt}: {error.strerror}") from error
    receptor = Receptor(
        name=name,
        pdbqt=pdbqt.resolve(),
        centre_a=centre_a,
        size_a=size_a,
        sha256=hashlib.sha256(content).hexdigest(),
    )
    atoms = _atom_positions(content.decode("utf-8", "replace"))
    if not atoms:
        raise UsageError(f"receptor {name}: {pdbqt.name} holds no ATOM line with coordinates")
    if not any(_within_reach(atom, receptor) for atom in atoms):
        raise UsageError(
            f"receptor {name}: none of its {len(atoms)} atoms is near the box around {centre_a}; "
            "every ligand would score 0: move centre_a to the binding pocket"
        )
    return receptor


def receptor_names() -> tuple[str, ...]:
    """Names of the receptors in the installed DOCKSTRING package, sorted.

    Raises:
        MissingExtra: If the package is not installed.
    """
    return tuple(
        sorted(
            path.name.removesuffix(_TARGET_SUFFIX)
            for path in _dockstring_folder().glob(f"*{_TARGET_SUFFIX}")
        )
    )


def dockstring_receptor(name: str) -> Receptor:
    """A receptor of the DOCKSTRING benchmark with its published box.

    Args:
        name: Gene name such as ``PPARA``; upper or lower case.

    Raises:
        UsageError: If there is no such receptor; the message names similar ones.
        MissingExtra: If the dockstring package is not installed.
    """
    known = {known.upper(): known for known in receptor_names()}
    found = known.get(name.strip().upper())
    if found is None:
        close = difflib.get_close_matches(name.strip().upper(), known, n=3, cutoff=0.5)
        similar = f"did you mean {' or '.join(known[c] for c in close)}? " if close else ""
        raise UsageError(
            f"no receptor {name!r}: {similar}{len(known)} are known, "
            "textgrad_molecules.docking.receptor_names() lists them"
        )
    folder = _dockstring_folder()
    centre_a, size_a = _read_box(folder / f"{found}_conf.txt")
    return receptor_from_file(found, folder / f"{found}{_TARGET_SUFFIX}", centre_a, size_a)


def receptor_to_json(receptor: Receptor) -> dict[str, JSON]:
    """Plain data for a worker process."""
    return {
        "name": receptor.name,
        "pdbqt": str(receptor.pdbqt),
        "centre_a": list(receptor.centre_a),
        "size_a": list(receptor.size_a),
        "sha256": receptor.sha256,
    }


def receptor_from_json(record: Mapping[str, Any]) -> Receptor:
    """The inverse of `receptor_to_json`."""
    x_a, y_a, z_a = record["centre_a"]
    dx_a, dy_a, dz_a = record["size_a"]
    return Receptor(
        name=record["name"],
        pdbqt=Path(record["pdbqt"]),
        centre_a=(x_a, y_a, z_a),
        size_a=(dx_a, dy_a, dz_a),
        sha256=record["sha256"],
    )


def _dockstring_folder() -> Path:
    # Located without importing: the package loads RDKit and configures logging on import.
    spec = importlib.util.find_spec("dockstring")
    if spec is None or spec.origin is None:
        raise MissingExtra("docking", ("dockstring",), "molecules")
    return Path(spec.origin).parent / "resources" / "targets"


def _read_box(conf: Path) -> tuple[Point, Point]:
    values = {
        (kind, axis): float(number)
        for kind, axis, number in _CONF_LINE.findall(conf.read_text(encoding="utf-8"))
    }
    if len(values) != 6:
        raise UsageError(f"{conf.name}: expected center and size for x, y and z")

    def point(kind: str) -> Point:
        return values[kind, "x"], values[kind, "y"], values[kind, "z"]

    return point("center"), point("size")


def _atom_positions(pdbqt: str) -> list[Point]:
    positions: list[Point] = []
    for line in pdbqt.splitlines():
        if line.startswith(("ATOM", "HETATM")):
            try:
                positions.append((float(line[30:38]), float(line[38:46]), float(line[46:54])))
            except ValueError:
                continue  # Vina names the malformed line when it reads the file
    return positions


def _within_reach(atom: Point, receptor: Receptor) -> bool:
    return all(
        abs(position - centre) <= edge / 2 + CUTOFF_A
        for position, centre, edge in zip(atom, receptor.centre_a, receptor.size_a, strict=True)
    )
