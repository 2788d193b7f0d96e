"""The filter strikes what a chemist would and lets known drugs pass."""

from __future__ import annotations

import pytest

Chem = pytest.importorskip("rdkit.Chem", reason="needs the molecules extra")

from textgrad_molecules.filters import ProposalFilter, group_fault, ring_fault  # noqa: E402
from textgrad_molecules.fragments import FUSED, LINKERS, RINGS, SMALL, attachable  # noqa: E402


@pytest.mark.parametrize(
    "smiles",
    [
        "Cc1ccc(cc1)-c1cc(nn1-c1ccc(cc1)S(N)(=O)=O)C(F)(F)F",
        "Cn1cnc2c1c(=O)n(C)c(=O)n2C",
        "CC(C)Cc1ccc(cc1)C(C)C(=O)O",
        "COc1ccc2[nH]cc(CC(=O)O)c2c1",
        "O=C(Nc1ccc(F)cc1)c1cc2ccccc2[nH]1",
        "Cc1cc(-c2ccccc2)no1",
        "FC(F)(F)Oc1ccc(CN2CCOCC2)cc1",
    ],
)
def test_ordinary_drug_molecules_pass(smiles: str) -> None:
    assert ProposalFilter().fault(Chem.MolFromSmiles(smiles)) is None


@pytest.mark.parametrize(
    ("smiles", "words"),
    [
        ("C=C=Cc1ccccc1", "cumulene"),
        ("O=C=Nc1ccccc1", "cumulene"),
        ("CSSC", "sulfur-sulfur"),
        ("COOC", "oxygen-oxygen"),
        ("CNN(C)N", "three nitrogens"),
        ("CNNC", "nitrogen-nitrogen"),
        ("CN(Cl)C", "halogen on a hetero atom"),
        ("CS(=O)C", "hypervalent sulfur"),
        ("CCS", "carries hydrogen"),
        ("C[SH](=O)=O", "sulfur"),
        ("COCO", "two hetero atoms"),
        ("CC(=O)Cl", "acid halide"),
        ("CC(=O)OC(C)=O", "anhydride"),
        ("CC(F)(F)OC(F)(F)F", "fluorine on both sides"),
        ("CC(=O)n1ccnc1", "acyl azole"),
        ("CP(C)(C)=O", "phosphorus"),
        ("C[N+](C)(C)C", "charged"),
    ],
)
def test_odd_groups_are_struck(smiles: str, words: str) -> None:
    assert words in (group_fault(Chem.MolFromSmiles(smiles)) or "")


@pytest.mark.parametrize(
    ("smiles", "words"),
    [
        ("C1CCC1", "ring of 4"),
        ("C1CCCCCCC1", "ring of 8"),
        ("C1CC2CCC1C2", "bridged"),
        ("c1cc2cc(c1)CCC2", "bridged"),
        ("C1OC1C", "three-ring"),
        ("C1CC2CC2C1", "three-ring fused"),
        ("C1CC12CC21CC1", "spiro"),
    ],
)
def test_odd_rings_are_struck(smiles: str, words: str) -> None:
    assert words in (ring_fault(Chem.MolFromSmiles(smiles)) or "")


def test_size_flexibility_alerts_and_synthesis_are_struck() -> None:
    keep = ProposalFilter(max_heavy_atoms=10, max_rotors=2)
    assert keep.fault(Chem.MolFromSmiles("c1ccc(-c2ccccc2)cc1")) == "too many heavy atoms"
    assert keep.fault(Chem.MolFromSmiles("CCCCCC")) == "too many rotatable bonds"
    assert "BRENK" in (ProposalFilter().fault(Chem.MolFromSmiles("O=[N+]([O-])c1ccccc1")) or "")
    assert ProposalFilter(max_sa=1.0).fault(Chem.MolFromSmiles("CC1CCCC(C)C1")) == (
        "hard to synthesise"
    )


def test_every_fragment_joins_to_every_linker() -> None:
    joined = [("", group) for group in SMALL]
    joined += [(linker, ring) for linker in LINKERS for ring in (*RINGS, *FUSED)]
    for linker, fragment in joined:
        piece = Chem.MolFromSmiles(attachable(linker, fragment))
        assert piece is not None, (linker, fragment)
        first = piece.GetAtomWithIdx(0)
        assert first.GetTotalNumHs() > 0, (linker, fragment)
