"""From Vina's output to a molecule: bond orders, all hydrogens, checked stereochemistry."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from textgrad_core.errors import InstrumentError
from textgrad_molecules.docking.prepare import PreparedLigand, species_smiles
from textgrad_molecules.docking.receptor import Point

if TYPE_CHECKING:
    from rdkit.Chem import Mol

_RESULT = re.compile(r"^REMARK VINA RESULT:\s*(\S+)", re.MULTILINE)
_SAME_PLACE_A = 0.002  # PDBQT rounds to 0.001 A, the mol block to 0.0001 A


def affinities(vina_output: str) -> tuple[float, ...]:
    """Affinity of each mode in kcal/mol, best first.

    Args:
        vina_output: PDBQT text as Vina writes it.

    Raises:
        InstrumentError: If an affinity is no finite number.
    """
    try:
        numbers = tuple(float(number) for number in _RESULT.findall(vina_output))
    except ValueError as error:
        raise InstrumentError(f"Vina wrote an affinity that is no number: {error}") from error
    if not all(math.isfinite(number) for number in numbers):
        raise InstrumentError(f"Vina wrote affinities {numbers}")
    return numbers


def pose_molblock(ligand: PreparedLigand, vina_output: str, mode: int = 0) -> str:
    """One docked pose as a mol block, in the frame of the receptor.

    Heavy atoms keep their order in ``ligand.molblock``. Non-polar hydrogens, which Vina does
    not move, are placed again at ideal positions.

    Args:
        ligand: What was docked.
        vina_output: PDBQT text as Vina writes it.
        mode: Which mode, 0 the best.

    Raises:
        InstrumentError: If the output does not belong to the ligand, or the pose is another
            stereoisomer than the ligand.
    """
    from rdkit import Chem
    from rdkit.rdBase import BlockLogs

    start = atom_positions(ligand.pdbqt)
    models = re.split(r"^ENDMDL.*$", vina_output, flags=re.MULTILINE)
    docked = atom_positions(models[mode]) if mode < len(models) else []
    if [name for name, _ in start] != [name for name, _ in docked]:
        raise InstrumentError(f"mode {mode + 1} of the docking output is not the ligand's atoms")
    with BlockLogs():
        mol = Chem.MolFromMolBlock(ligand.molblock, removeHs=False)
        moved = dict(zip(_atom_indices(mol, [p for _, p in start]), docked, strict=True))
        pose = _with_positions(mol, {index: position for index, (_, position) in moved.items()})
        molblock = Chem.MolToMolBlock(pose)
        found = species_smiles(molblock)
    if found != ligand.protonated_smiles:
        raise InstrumentError(f"the pose is {found}, but {ligand.protonated_smiles} was docked")
    return molblock


def atom_positions(pdbqt: str) -> list[tuple[str, Point]]:
    """Name and coordinates in angstrom of each atom of a PDBQT text, in order."""
    return [
        (line[12:16].strip(), (float(line[30:38]), float(line[38:46]), float(line[46:54])))
        for line in pdbqt.splitlines()
        if line.startswith(("ATOM", "HETATM"))
    ]


def _atom_indices(mol: Mol, positions: list[Point]) -> list[int]:
    """Which atom of the mol block each PDBQT atom is, by its place before docking."""
    conformer = mol.GetConformer()
    places = [tuple(conformer.GetAtomPosition(i)) for i in range(mol.GetNumAtoms())]
    indices = []
    for position in positions:
        index = min(range(len(places)), key=lambda i: math.dist(places[i], position))
        if math.dist(places[index], position) > _SAME_PLACE_A:
            raise InstrumentError(f"no atom of the ligand is at {position}")
        indices.append(index)
    if len(set(indices)) != len(indices):
        raise InstrumentError("two atoms of the docking input are the same atom of the ligand")
    return indices


def _with_positions(mol: Mol, positions: dict[int, Point]) -> Mol:
    """The molecule with some atoms moved; hydrogens without a position are placed anew."""
    from rdkit import Chem
    from rdkit.Geometry import Point3D

    lost = [a.GetIdx() for a in mol.GetAtoms() if a.GetIdx() not in positions]
    if any(mol.GetAtomWithIdx(index).GetAtomicNum() != 1 for index in lost):
        raise InstrumentError("a heavy atom of the ligand is absent from the docking output")
    conformer = mol.GetConformer()
    for index, (x_a, y_a, z_a) in positions.items():
        conformer.SetAtomPosition(index, Point3D(x_a, y_a, z_a))
    edited = Chem.RWMol(mol)
    for index in sorted(lost, reverse=True):
        edited.RemoveAtom(index)
    for atom in edited.GetAtoms():  # parity marks refer to neighbours that are gone
        atom.SetChiralTag(Chem.ChiralType.CHI_UNSPECIFIED)
    pose = edited.GetMol()
    Chem.SanitizeMol(pose)
    Chem.AssignStereochemistryFrom3D(pose)
    return Chem.AddHs(pose, addCoords=True)
