"""Ligand preparation against DOCKSTRING's own code, which calls the obabel program."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from textgrad_core.errors import Invalid
from textgrad_molecules.docking import DOCKSTRING_SEED, prepare

LIGANDS = {
    "amide": "CC(N)=O",
    "zwitterion": "NCC(=O)O",
    "stereo": "C[C@H](N)C(=O)O",
    "open stereo": "CC(O)C(F)Cl",
    "double bond": "C/C=C\\c1ccncc1",
    "guanidinium": "NC(=N)NCCC[C@@H](N)C(=O)O",
    "phosphate": "OP(=O)(O)OCC",
    "quaternary": "C[N+](C)(C)CC(=O)[O-]",
    "sulfonium": "C[S+](C)CC",
    "sulfoxide": "CS(=O)c1ccccc1",
    "nitro": "O=[N+]([O-])c1ccccc1",
    "macrocycle": "NC(=O)C1CCCCCCCCCCC1",
    "iodine": "[125I]c1ccccc1",
    "tautomer": "O=c1[nH]cnc2[nH]cnc12",
    "fenofibric acid": "CC(C)(Oc1ccc(cc1)C(=O)c1ccc(Cl)cc1)C(=O)O",
}


def coordinates_and_torsions(pdbqt: str) -> list[str]:
    kept = ("ATOM", "ROOT", "ENDROOT", "BRANCH", "ENDBRANCH", "TORSDOF")
    return [line for line in pdbqt.splitlines() if line.startswith(kept)]


@pytest.fixture
def with_obabel(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = str(Path(sys.executable).parent)
    monkeypatch.setenv("PATH", folder + os.pathsep + os.environ["PATH"])


@pytest.mark.usefixtures("with_obabel")
@pytest.mark.parametrize("smiles", LIGANDS.values(), ids=list(LIGANDS))
def test_same_docking_input_as_dockstring(smiles: str, tmp_path: Path) -> None:
    from dockstring import utils

    mol = utils.sanitize_mol(utils.smiles_to_mol(utils.canonicalize_smiles(smiles)))
    mol = utils.embed_mol(utils.protonate_mol(mol, pH=7.4), seed=DOCKSTRING_SEED)
    mol = utils.refine_mol_with_ff(mol)
    utils.assign_stereochemistry(mol)
    utils.write_mol_to_mol_file(mol, tmp_path / "ligand.mol")
    utils.convert_mol_file_to_pdbqt(tmp_path / "ligand.mol", tmp_path / "ligand.pdbqt")
    theirs = coordinates_and_torsions((tmp_path / "ligand.pdbqt").read_text())

    assert coordinates_and_torsions(prepare(smiles).pdbqt) == theirs


def test_what_is_known_about_a_ligand() -> None:
    ligand = prepare("C[C@H](N)C(=O)O")
    assert ligand.smiles == "C[C@H](N)C(=O)O"
    assert ligand.protonated_smiles == "C[C@H]([NH3+])C(=O)[O-]"
    assert (ligand.heavy_atoms, ligand.rotors) == (6, 2)


def test_an_open_stereocentre_is_decided_and_reported() -> None:
    assert prepare("CC(O)C(F)Cl").protonated_smiles.count("@") >= 2


def test_another_spelling_is_the_same_ligand() -> None:
    assert prepare("OCC") == prepare(" C(C)O ")


def test_another_seed_is_another_conformer() -> None:
    assert prepare("CCCCO", seed=7).pdbqt != prepare("CCCCO").pdbqt
    assert prepare("CCCCO", seed=7) == prepare("CCCCO", seed=7)


@pytest.mark.parametrize(
    ("smiles", "reason"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("C1CC", "no valid SMILES"),
        ("C(C)(C)(C)(C)C", "no valid SMILES"),
        ("I would try aspirin", "text after the SMILES"),
        ("CCO ethanol", "text after the SMILES"),
        ("CCO\nCCN", "text after the SMILES"),
        ("CCN.Cl", "2 unconnected fragments"),
        ("[CH2]C", "radical"),
        ("CC[2H]", "hydrogens"),
        ("*CC", "cannot type"),
        ("CB(O)O", "cannot type: B"),
        ("C[Si](C)(C)C", "cannot type: Si"),
        ("[CH3:1]CO", "atom map"),
        ("C$C", "quadruple"),
        ("C" * 1001, "1001 characters"),
        ("C" * 101, "101 heavy atoms"),
        ("FS(F)(F)(F)(F)c1ccccc1", "no force field"),
    ],
)
def test_what_cannot_be_docked_says_why_and_what_to_do(smiles: str, reason: str) -> None:
    with pytest.raises(Invalid, match=reason) as caught:
        prepare(smiles)
    assert caught.value.hint


def test_impossible_shape_is_no_crash() -> None:
    inside_out_norbornane = "C1C[C@@H]2CC[C@@H]1C2"
    with pytest.raises(Invalid, match="no 3D structure"):
        prepare(inside_out_norbornane)


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    for smiles in ("C1CC", "C[C@H](N)C(=O)O", "CC(O)C(F)Cl"):
        try:
            prepare(smiles)
        except Invalid:
            continue
    assert capfd.readouterr() == ("", "")
