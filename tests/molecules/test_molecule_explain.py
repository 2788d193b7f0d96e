"""Feedback texts: every figure in them must be one that was put in or follows from it."""

from __future__ import annotations

import re

import pytest

from textgrad_core.outcome import Evaluated, Rejected, Unmeasured

Chem = pytest.importorskip("rdkit.Chem", reason="needs the molecules extra")
QED = pytest.importorskip("rdkit.Chem.QED", reason="needs the molecules extra")

from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from textgrad_core.errors import UsageError  # noqa: E402
from textgrad_molecules.druglikeness import druglikeness, synthetic_accessibility  # noqa: E402
from textgrad_molecules.explain import explain  # noqa: E402
from textgrad_molecules.measurement import Measurement, measurement_from_json  # noqa: E402

BENZENE = "c1ccccc1"
CELECOXIB = "Cc1ccc(cc1)-c1cc(nn1-c1ccc(cc1)S(N)(=O)=O)C(F)(F)F"
DOCOSANE = "C" * 22


def outcome(smiles: str, vina_kcal_mol: float, rotors: int = 0, effort: int = 4) -> Evaluated:
    molecule = Chem.MolFromSmiles(smiles)
    parts = druglikeness(molecule)
    measured = Measurement(
        smiles=smiles,
        protonated_smiles=smiles,
        target="CA2",
        vina_kcal_mol=vina_kcal_mol,
        affinities_kcal_mol=(vina_kcal_mol, vina_kcal_mol + 0.5),
        qed=parts.qed,
        components=parts.components,
        sa_score=synthetic_accessibility(molecule),
        heavy_atoms=molecule.GetNumHeavyAtoms(),
        rotors=rotors,
        exhaustiveness=effort,
    )
    scores = {"vina": vina_kcal_mol, "qed": parts.qed}
    return Evaluated(scores=scores, data=measured.to_json())


def text(now: object, before: object = None, limit: int = 60) -> str:
    return explain(now, before, max_heavy_atoms=limit)  # type: ignore[arg-type]


def test_parts_add_up_to_s() -> None:
    feedback = text(outcome(CELECOXIB, -8.25, 5))
    qed = QED.qed(Chem.MolFromSmiles(CELECOXIB))
    assert f"-8.25 + (1 - {qed:.2f}) = {-8.25 + 1 - qed:.2f}" in feedback
    assert "CA2" in feedback
    assert "exhaustiveness 4" in feedback


def test_efficiency_is_affinity_per_heavy_atom() -> None:
    assert f"{8.25 / 26:.2f} kcal/mol per heavy atom" in text(outcome(CELECOXIB, -8.25, 5))


def test_qed_table_is_sorted_by_gain_and_complete() -> None:
    feedback = text(outcome(BENZENE, -4.0))
    rows = re.findall(r"^  (\w+) .*QED ([+-]\d\.\d{3}) if ideal", feedback, re.MULTILINE)
    gains = [float(gain) for _, gain in rows]
    assert sorted(name for name, _ in rows) == sorted(
        ["MW", "ALOGP", "HBA", "HBD", "PSA", "ROTB", "AROM", "ALERTS"]
    )
    assert gains == sorted(gains, reverse=True)
    assert rows[0][0] == "MW"


def test_small_molecule_is_told_to_grow_and_a_large_one_is_not() -> None:
    assert "grow" in text(outcome(BENZENE, -4.0))
    assert "grow" not in text(outcome(CELECOXIB, -8.0, 5))
    assert "grow" not in text(outcome(BENZENE, -4.0), limit=6)


def test_growth_forecast_is_arithmetic() -> None:
    # 6 atoms at -4.2 make 0.7 per atom; 14 more at half of that are worth 4.9.
    feedback = text(outcome(BENZENE, -4.2))
    assert "14 more heavy atoms" in feedback
    assert "Vina would come to -9.1" in feedback


def test_greasy_flexible_chain_is_told_so() -> None:
    feedback = text(outcome(DOCOSANE, -4.4, 19))
    assert "too greasy" in feedback
    assert "shorten chains" in feedback
    assert "more rigid" in feedback
    assert "drop or replace" in feedback  # 0.20 kcal/mol per heavy atom


def test_rotor_gain_follows_vinas_formula() -> None:
    contacts = -8.25 * (1 + 0.05846 * 5)
    change = contacts / (1 + 0.05846 * 4) - -8.25
    assert f"up to {change:.2f}" in text(outcome(CELECOXIB, -8.25, 5))


def test_change_against_the_one_before_is_signed() -> None:
    feedback = text(outcome(CELECOXIB, -8.25, 5), outcome(BENZENE, -4.0))
    qeds = [QED.qed(Chem.MolFromSmiles(s)) for s in (CELECOXIB, BENZENE)]
    assert "Vina -4.25" in feedback
    assert f"QED {qeds[0] - qeds[1]:+.2f}" in feedback
    assert "(better)" in feedback
    assert "heavy atoms 6 -> 26" in feedback
    assert "AROM 1 -> 3" in feedback
    assert "(worse)" in text(outcome(BENZENE, -4.0), outcome(CELECOXIB, -8.25, 5))
    assert "(equal)" in text(outcome(BENZENE, -4.0), outcome(BENZENE, -4.0))


def test_different_effort_is_admitted() -> None:
    feedback = text(outcome(BENZENE, -4.1, effort=8), outcome(BENZENE, -4.0, effort=4))
    assert "exhaustiveness 8, the one before at 4" in feedback


def test_rejection_gives_the_remedy_first_and_no_number() -> None:
    refused = Rejected(reason="unclosed ring 1, opened at character 2", hint="write 1 again")
    lines = text(refused, outcome(BENZENE, -4.0)).splitlines()
    assert lines[0] == "How to mend it: write 1 again"
    assert "character 2" in lines[1]
    assert BENZENE in lines[-1]
    assert text(Rejected(reason="odd")).splitlines()[0] == "Refused: odd"


def test_failed_instrument_does_not_blame_the_molecule() -> None:
    feedback = text(Unmeasured(cause="worker died"), Rejected(reason="x"))
    assert "worker died" in feedback
    assert "nothing about the molecule" in feedback


@given(
    smiles=st.sampled_from([BENZENE, CELECOXIB, DOCOSANE, "C", "CC(N)=O"]),
    vina=st.floats(-15, 5),
    rotors=st.integers(0, 30),
)
def test_feedback_stays_short_and_repeats(smiles: str, vina: float, rotors: int) -> None:
    now, before = outcome(smiles, vina, rotors), outcome(BENZENE, -4.0)
    feedback = text(now, before)
    assert len(feedback.splitlines()) <= 40
    assert feedback == text(now, before)
    assert ("does not fit" in feedback) == (vina >= 0)


@given(vina=st.floats(-15, 5), rotors=st.integers(0, 30))
def test_measurement_survives_json(vina: float, rotors: int) -> None:
    data = outcome(CELECOXIB, vina, rotors).data
    assert measurement_from_json(data).to_json() == data


def test_foreign_data_is_refused_by_field() -> None:
    data = dict(outcome(BENZENE, -4.0).data)
    del data["rotors"]
    with pytest.raises(UsageError, match="rotors"):
        measurement_from_json(data)
    with pytest.raises(UsageError, match="expected a number"):
        measurement_from_json({**data, "rotors": "many"})
