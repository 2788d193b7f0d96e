"""Poses: what Vina moved comes back as the same molecule at the new place."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem
from rdkit.Chem import rdMolTransforms

from textgrad_core.errors import InstrumentError
from textgrad_molecules.docking import PreparedLigand, prepare
from textgrad_molecules.docking.poses import affinities, pose_molblock
from textgrad_molecules.docking.receptor import Point

STEREO = prepare("C[C@H](O)[C@@H](N)/C=C/c1ccc(O)cc1")
CHARGED = prepare("NC(=N)NCCC[C@@H](N)C(=O)O")
AROMATIC = prepare("O=c1[nH]cnc2[nH]cnc12")
LIGANDS = [STEREO, CHARGED, AROMATIC, prepare("C"), prepare("CC(N)=O"), prepare("CS(=O)CC#N")]


def moved(ligand: PreparedLigand, move: Callable[[Point], Point], score: str = "-5.000") -> str:
    """The ligand's own docking input, every atom moved: what Vina writes, without Vina."""
    lines = []
    for line in ligand.pdbqt.splitlines():
        if line.startswith("ATOM"):
            x, y, z = move((float(line[30:38]), float(line[38:46]), float(line[46:54])))
            lines.append(f"{line[:30]}{x:8.3f}{y:8.3f}{z:8.3f}{line[54:]}")
        else:
            lines.append(line)
    head = ["MODEL 1", f"REMARK VINA RESULT:    {score}      0.000      0.000"]
    return "\n".join([*head, *lines, "ENDMDL", ""])


def rotation(angle: float, shift: Point) -> Callable[[Point], Point]:
    """About z, then a shift."""
    c, s = math.cos(angle), math.sin(angle)
    return lambda p: (
        c * p[0] - s * p[1] + shift[0],
        s * p[0] + c * p[1] + shift[1],
        p[2] + shift[2],
    )


@settings(max_examples=25)
@given(
    st.sampled_from(LIGANDS),
    st.floats(-math.pi, math.pi),
    st.tuples(st.floats(-90, 90), st.floats(-90, 90), st.floats(-90, 90)),
)
def test_a_rigid_motion_keeps_the_molecule(
    ligand: PreparedLigand, angle: float, shift: Point
) -> None:
    pose = Chem.MolFromMolBlock(
        pose_molblock(ligand, moved(ligand, rotation(angle, shift))), removeHs=False
    )
    start = Chem.MolFromMolBlock(ligand.molblock, removeHs=False)
    assert pose.GetNumAtoms() == start.GetNumAtoms()
    where = rotation(angle, shift)
    for index in range(ligand.heavy_atoms):
        assert pose.GetAtomWithIdx(index).GetSymbol() == start.GetAtomWithIdx(index).GetSymbol()
        expected = where(tuple(start.GetConformer().GetAtomPosition(index)))
        assert math.dist(expected, tuple(pose.GetConformer().GetAtomPosition(index))) < 0.003
    Chem.AssignStereochemistryFrom3D(pose)
    assert Chem.MolToSmiles(Chem.RemoveHs(pose)) == ligand.protonated_smiles


@pytest.mark.parametrize("ligand", LIGANDS, ids=lambda ligand: ligand.smiles)
def test_every_hydrogen_is_at_bonding_distance_and_apart_from_others(
    ligand: PreparedLigand,
) -> None:
    pose = Chem.MolFromMolBlock(
        pose_molblock(ligand, moved(ligand, rotation(1.0, (5.0, 6.0, 7.0)))), removeHs=False
    )
    places = [tuple(pose.GetConformer().GetAtomPosition(i)) for i in range(pose.GetNumAtoms())]
    for atom in pose.GetAtoms():
        if atom.GetAtomicNum() == 1:
            (bond,) = atom.GetBonds()
            length = rdMolTransforms.GetBondLength(
                pose.GetConformer(), bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
            )
            assert 0.9 < length < 1.4
            others = [p for i, p in enumerate(places) if i != atom.GetIdx()]
            assert min(math.dist(places[atom.GetIdx()], p) for p in others) > 0.9


@pytest.mark.parametrize("ligand", [STEREO, CHARGED], ids=["stereo", "charged"])
def test_the_mirror_image_is_refused(ligand: PreparedLigand) -> None:
    with pytest.raises(InstrumentError, match="was docked"):
        pose_molblock(ligand, moved(ligand, lambda p: (-p[0], p[1], p[2])))


def test_output_of_another_ligand_is_refused() -> None:
    with pytest.raises(InstrumentError, match="not the ligand's atoms"):
        pose_molblock(STEREO, moved(CHARGED, lambda p: p))


def test_a_mode_that_is_not_there_is_refused() -> None:
    with pytest.raises(InstrumentError, match="mode 2"):
        pose_molblock(STEREO, moved(STEREO, lambda p: p), mode=1)


def test_affinities_are_read_in_order_and_must_be_numbers() -> None:
    two = moved(STEREO, lambda p: p, "-7.125") + moved(STEREO, lambda p: p, "  12.5")
    assert affinities(two) == (-7.125, 12.5)
    assert affinities("") == ()
    for wrong in ("nan", "inf", "****"):
        with pytest.raises(InstrumentError):
            affinities(moved(STEREO, lambda p: p, wrong))
