"""The SD file, read back by RDKit; poses here are embedded conformers."""

from __future__ import annotations

from pathlib import Path

import pytest

from textgrad_core.domain import Objective
from textgrad_core.outcome import Artefact, Evaluated, Outcome, Rejected
from textgrad_core.search.result import Result, Trial

Chem = pytest.importorskip("rdkit.Chem", reason="needs the molecules extra")

from rdkit.Chem import rdDistGeom  # noqa: E402

from textgrad_molecules.poses import POSE_NAME, SDF_TYPE, sdf_record, write_poses  # noqa: E402


def molblock(smiles: str) -> str:
    molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
    rdDistGeom.EmbedMolecule(molecule, randomSeed=7)
    text: str = Chem.MolToMolBlock(molecule)
    return text


def docked(smiles: str, protonated: str, vina: float) -> Evaluated:
    pose = Artefact(
        name=POSE_NAME, media_type=SDF_TYPE, text=sdf_record(molblock(protonated), smiles, {})
    )
    return Evaluated(
        scores={"vina": vina, "qed": 0.5},
        data={"protonated_smiles": protonated, "exhaustiveness": 8, "target": "CA2"},
        artefacts=(pose,),
    )


def trial(smiles: str, outcome: Outcome, origin: str = "graph edits", step: int = 1) -> Trial:
    scalar = outcome.scores["vina"] + 0.5 if isinstance(outcome, Evaluated) else None
    return Trial(
        step=step,
        index=0,
        origin=origin,
        canonical=smiles,
        outcome=outcome,
        scalar=scalar,
        tier="report",
    )


def result(**changes: object) -> Result:
    start = trial("CC(=O)O", docked("CC(=O)O", "CC(=O)[O-]", -3.0), "start", 0)
    best = trial("N[C@@H](C)C(=O)O", docked("N[C@@H](C)C(=O)O", "[NH3+][C@@H](C)C(=O)[O-]", -4.0))
    fields = {
        "domain": "molecules",
        "objectives": (Objective(name="vina"), Objective(name="qed", direction="max")),
        "scalar_name": "s",
        "start": start,
        "best": best,
        "trials": (start, best),
        "finals": (start, best, trial("CCO", docked("CCO", "CCO", -3.5), step=2)),
        "references": (trial("CCN", docked("CCN", "CC[NH3+]", -2.0), "ethyl\namine", 0),),
    }
    return Result(**{**fields, **changes})  # type: ignore[arg-type]


def test_poses_read_back_as_the_docked_species(tmp_path: Path) -> None:
    path = tmp_path / "poses.sdf"
    assert write_poses(result(), path) == 4
    molecules = list(Chem.SDMolSupplier(str(path)))
    assert [m.GetProp("name") for m in molecules] == ["start", "best", "finalist", "ethyl amine"]
    for molecule in molecules:
        protonated = Chem.CanonSmiles(molecule.GetProp("protonated_SMILES"))
        assert Chem.MolToSmiles(molecule) == protonated
        assert molecule.GetConformer().Is3D()
        assert molecule.GetProp("_Name") == molecule.GetProp("name")
        assert molecule.GetProp("tier") == "report"
        assert molecule.GetProp("target") == "CA2"
        assert molecule.GetProp("exhaustiveness") == "8"
        s = float(molecule.GetProp("vina_kcal_mol")) + 1 - float(molecule.GetProp("qed"))
        assert float(molecule.GetProp("s")) == pytest.approx(s, abs=1e-3)
    assert [m.GetProp("SMILES") for m in molecules][1] == "N[C@@H](C)C(=O)O"
    assert [m.GetProp("step") for m in molecules] == ["0", "1", "2", "0"]


def test_nothing_docked_writes_nothing(tmp_path: Path) -> None:
    refused = trial("C", Rejected(reason="no"), "start", 0)
    empty = result(start=refused, best=refused, finals=(), references=())
    assert write_poses(empty, tmp_path / "poses.sdf") == 0
    assert list(tmp_path.iterdir()) == []


def test_writing_again_replaces_the_file_and_leaves_no_other(tmp_path: Path) -> None:
    path = tmp_path / "poses.sdf"
    path.write_text("half a file")
    write_poses(result(references=()), path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["poses.sdf"]
    assert len(Chem.SDMolSupplier(str(path))) == 3


def test_field_values_cannot_break_the_record() -> None:
    record = sdf_record(
        molblock("CCO"), "a\n$$$$\nb", {"note": "one\n\n>  <x>\n$$$$\ntwo", "e": ""}
    )
    supplier = Chem.SDMolSupplier()
    supplier.SetData(record)
    (molecule,) = list(supplier)
    assert molecule.GetProp("_Name") == "a $$$$ b"
    assert molecule.GetProp("note") == "one > <x> $$$$ two"
    assert molecule.GetProp("e") == "-"
