"""The two ways to search poses: Vina's Python bindings, or a Vina executable."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from textgrad_core.errors import InstrumentError
from textgrad_molecules.docking.processes import describe_exit
from textgrad_molecules.docking.receptor import Point, Receptor

MODES = 9
ENERGY_RANGE_KCAL_MOL = 3.0


class PoseSearch(Protocol):
    """Something that docks a prepared ligand into one receptor."""

    def dock(self, ligand_pdbqt: str, exhaustiveness: int) -> str:
        """Vina's output as PDBQT text, best mode first; empty if it found none.

        Raises:
            InstrumentError: If the search failed.
        """
        ...


class BindingsSearch:
    """Vina in this process, its maps computed once. A fatal error of Vina ends the process.

    Args:
        receptor: Where to dock.
        seed: Seed of the search.

    Raises:
        InstrumentError: If the receptor changed, or Vina refuses it.
    """

    def __init__(self, receptor: Receptor, seed: int) -> None:
        from vina import Vina

        check_unchanged(receptor)
        try:
            self._vina: Any = Vina(sf_name="vina", cpu=1, seed=seed, verbosity=0)
            self._vina.set_receptor(str(receptor.pdbqt))
            self._vina.compute_vina_maps(
                center=list(receptor.centre_a), box_size=list(receptor.size_a)
            )
        except Exception as error:
            raise InstrumentError(
                f"Vina refuses receptor {receptor.name}: {_vina_message(error)}"
            ) from error

    def dock(self, ligand_pdbqt: str, exhaustiveness: int) -> str:
        """See `PoseSearch`."""
        try:
            self._vina.set_ligand_from_string(ligand_pdbqt)
            self._vina.dock(exhaustiveness=exhaustiveness, n_poses=MODES)
            return str(self._vina.poses(n_poses=MODES, energy_range=ENERGY_RANGE_KCAL_MOL))
        except Exception as error:
            raise InstrumentError(f"Vina failed: {_vina_message(error)}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutableSearch:
    """A Vina executable, one run per ligand.

    Args:
        executable: Path of the program.
        receptor: Where to dock.
        seed: Seed of the search.
        folder: Folder for the files of one run.
    """

    executable: Path
    receptor: Receptor
    seed: int
    folder: Path

    def dock(self, ligand_pdbqt: str, exhaustiveness: int) -> str:
        """See `PoseSearch`."""
        check_unchanged(self.receptor)
        ligand, out = self.folder / "ligand.pdbqt", self.folder / "out.pdbqt"
        ligand.write_text(ligand_pdbqt, encoding="utf-8")
        command = [str(self.executable), "--receptor", str(self.receptor.pdbqt)]
        command += ["--ligand", str(ligand), "--out", str(out)]
        command += _box_options(self.receptor.centre_a, self.receptor.size_a)
        command += ["--exhaustiveness", str(exhaustiveness), "--seed", str(self.seed)]
        command += ["--num_modes", str(MODES), "--energy_range", f"{ENERGY_RANGE_KCAL_MOL:g}"]
        command += ["--cpu", "1"]
        try:
            run = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                check=False,
            )
        except OSError as error:
            raise InstrumentError(f"cannot run {self.executable}: {error.strerror}") from error
        if run.returncode != 0:
            said = run.stdout.decode("utf-8", "replace").strip()[-300:]
            raise InstrumentError(
                f"{self.executable.name} {describe_exit(run.returncode)}: {said}"
            )
        return out.read_text(encoding="utf-8") if out.exists() else ""


def check_unchanged(receptor: Receptor) -> None:
    """Refuse a receptor file that is not the one the scores are keyed by.

    Raises:
        InstrumentError: If it cannot be read, or its digest differs.
    """
    try:
        found = hashlib.sha256(receptor.pdbqt.read_bytes()).hexdigest()
    except OSError as error:
        raise InstrumentError(
            f"cannot read receptor {receptor.pdbqt}: {error.strerror}"
        ) from error
    if found != receptor.sha256:
        raise InstrumentError(
            f"receptor file {receptor.pdbqt.name} has changed: its digest is {found[:12]}, "
            f"expected {receptor.sha256[:12]}; make the receptor again"
        )


def _box_options(centre_a: Point, size_a: Point) -> list[str]:
    options: list[str] = []
    for kind, point in (("center", centre_a), ("size", size_a)):
        for axis, number in zip("xyz", point, strict=True):
            options += [f"--{kind}_{axis}", repr(number)]
    return options


def _vina_message(error: Exception) -> str:
    """The first line that says something; the bindings append pages about overloads."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
