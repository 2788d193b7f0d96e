"""QED and its parts, against RDKit's own QED and a table of known values."""

from __future__ import annotations

import pytest

Chem = pytest.importorskip("rdkit.Chem", reason="needs the molecules extra")
QED = pytest.importorskip("rdkit.Chem.QED", reason="needs the molecules extra")


from textgrad_molecules.druglikeness import (  # noqa: E402
    druglikeness,
    ideal_value,
    synthetic_accessibility,
)

MOLECULES = (
    "c1ccccc1",
    "CC(N)=O",
    "CCCCC",
    "Cc1ccc(cc1)-c1cc(nn1-c1ccc(cc1)S(N)(=O)=O)C(F)(F)F",
    "CC(C)c1c(C(=O)Nc2ccccc2)c(-c2ccccc2)c(-c2ccc(F)cc2)n1CC[C@@H](O)C[C@@H](O)CC(=O)O",
    "C",
    "N=C(CCSCc1csc(N=C(N)N)n1)NS(N)(=O)=O",
    "C" * 60,
)


@pytest.mark.parametrize("smiles", MOLECULES)
def test_qed_equals_rdkit(smiles: str) -> None:
    molecule = Chem.MolFromSmiles(smiles)
    assert druglikeness(molecule).qed == pytest.approx(QED.qed(molecule), abs=1e-9)


@pytest.mark.parametrize("smiles", MOLECULES)
def test_gain_equals_rdkit_with_that_property_replaced(smiles: str) -> None:
    molecule = Chem.MolFromSmiles(smiles)
    properties = QED.properties(molecule)
    parts = druglikeness(molecule)
    assert [part.name for part in parts.components] == list(properties._fields)
    for part in parts.components:
        assert part.value == pytest.approx(getattr(properties, part.name))
        ideal = QED.qed(molecule, qedProperties=properties._replace(**{part.name: part.ideal}))
        assert part.qed_if_ideal == pytest.approx(ideal, abs=1e-9)
        assert part.gain == pytest.approx(ideal - QED.qed(molecule), abs=1e-9)


@pytest.mark.parametrize("name", QED.properties(Chem.MolFromSmiles("C"))._fields)
def test_no_value_is_better_than_the_ideal_one(name: str) -> None:
    curve = QED.adsParameters[name]
    best = QED.ads(ideal_value(name), curve)
    assert all(QED.ads(k, curve) <= best + 1e-4 for k in range(-5, 700))


@pytest.mark.parametrize(
    ("smiles", "qed"), [("c1ccccc1", 0.443), ("CC(N)=O", 0.401), ("CCCCC", 0.469)]
)
def test_start_fragments_have_their_published_qed(smiles: str, qed: float) -> None:
    assert druglikeness(Chem.MolFromSmiles(smiles)).qed == pytest.approx(qed, abs=5e-4)


def test_benzene_gains_most_from_weight() -> None:
    parts = druglikeness(Chem.MolFromSmiles("c1ccccc1"))
    best = max(parts.components, key=lambda part: part.gain)
    assert best.name == "MW"
    assert best.gain == pytest.approx(0.24, abs=0.01)


def test_synthetic_accessibility_orders_aspirin_before_a_macrolide() -> None:
    aspirin = Chem.MolFromSmiles("CC(=O)Oc1ccccc1C(=O)O")
    erythromycin = Chem.MolFromSmiles(
        "CCC1OC(=O)C(C)C(OC2CC(C)(OC)C(O)C(C)O2)C(C)C(OC2OC(C)CC(N(C)C)C2O)C(C)(O)CC(C)C(=O)"
        "C(C)C(O)C1(C)O"
    )
    assert 1.0 <= synthetic_accessibility(aspirin) < 2.0
    assert synthetic_accessibility(erythromycin) > 5.0
