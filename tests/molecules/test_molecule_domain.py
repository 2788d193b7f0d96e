"""The domain as the core sees it, docked for real where a score is needed."""

from __future__ import annotations

import pickle
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

import textgrad_molecules
from docking_processes import needs_bindings
from textgrad_core.domain import EvaluationContext
from textgrad_core.errors import Invalid, UsageError
from textgrad_core.jsondata import canonical_json
from textgrad_core.outcome import Evaluated, Rejected, outcome_from_json, outcome_to_json
from textgrad_core.search.result import Result, Trial

Chem = pytest.importorskip("rdkit.Chem", reason="needs the molecules extra")
QED = pytest.importorskip("rdkit.Chem.QED", reason="needs the molecules extra")
pytest.importorskip("openbabel", reason="needs the molecules extra")
pytest.importorskip("dockstring", reason="needs the molecules extra")

from rdkit.Chem.rdMolDescriptors import CalcMolFormula  # noqa: E402

from textgrad_molecules.domain import Molecules, known_ligands  # noqa: E402

pytestmark = needs_bindings
REPORT, SCREEN = EvaluationContext(tier="report"), EvaluationContext(tier="screen")
ACETAMIDE = "CC(N)=O"


@pytest.fixture(scope="module")
def ca2() -> Iterator[Molecules]:
    domain = textgrad_molecules.make(target="CA2", screen_exhaustiveness=1, workers=1)
    yield domain
    domain.close()


@pytest.fixture(scope="module")
def acetamide(ca2: Molecules) -> Evaluated:
    outcome = ca2.evaluate(ACETAMIDE, REPORT)
    assert isinstance(outcome, Evaluated)
    return outcome


def test_acetamide_scores_what_dockstring_and_rdkit_say(
    ca2: Molecules, acetamide: Evaluated
) -> None:
    qed = QED.qed(Chem.MolFromSmiles(ACETAMIDE))
    assert acetamide.scores["vina"] == pytest.approx(-3.1, abs=0.15)
    assert acetamide.scores["qed"] == pytest.approx(qed, abs=1e-9)
    assert ca2.scalar(acetamide.scores) == pytest.approx(acetamide.scores["vina"] + 1 - qed)
    assert set(acetamide.scores) == {objective.name for objective in ca2.objectives}
    assert acetamide.data["exhaustiveness"] == 8
    assert acetamide.data["heavy_atoms"] == 4
    assert acetamide.seconds > 0


def test_outcome_is_json_and_repeats(ca2: Molecules) -> None:
    first, second = (ca2.evaluate(ACETAMIDE, SCREEN) for _ in range(2))
    assert isinstance(first, Evaluated)
    assert isinstance(second, Evaluated)
    assert first.data["exhaustiveness"] == 1
    assert first.scores == second.scores
    assert canonical_json(dict(first.data)) == canonical_json(dict(second.data))
    assert first.artefacts == second.artefacts
    assert outcome_from_json(outcome_to_json(first)) == first


def test_pose_is_the_docked_species(acetamide: Evaluated) -> None:
    (pose,) = acetamide.artefacts
    supplier = Chem.SDMolSupplier()
    supplier.SetData(pose.text)
    (molecule,) = list(supplier)
    assert Chem.MolToSmiles(molecule) == acetamide.data["protonated_smiles"]


def test_explanation_reads_the_outcome(ca2: Molecules, acetamide: Evaluated) -> None:
    feedback = ca2.explain(ACETAMIDE, acetamide, acetamide)
    assert f"{acetamide.scores['vina']:.2f} kcal/mol in CA2" in feedback
    assert "(equal)" in feedback
    assert "write 1" in ca2.explain("C1CC", Rejected(reason="unclosed", hint="write 1"))


def test_written_poses_read_back(ca2: Molecules, acetamide: Evaluated, tmp_path: Path) -> None:
    start = Trial(
        step=0,
        index=0,
        origin="start",
        canonical=ACETAMIDE,
        outcome=acetamide,
        scalar=ca2.scalar(acetamide.scores),
        tier="report",
    )
    result = Result(
        domain=ca2.name,
        objectives=ca2.objectives,
        scalar_name=ca2.scalar_name,
        start=start,
        best=start,
        trials=(start,),
    )
    assert ca2.write(result, tmp_path) == ("poses.sdf",)
    (molecule,) = list(Chem.SDMolSupplier(str(tmp_path / "poses.sdf")))
    assert float(molecule.GetProp("vina_kcal_mol")) == pytest.approx(
        acetamide.scores["vina"], abs=5e-4
    )


def test_undockable_molecule_is_rejected_not_raised(ca2: Molecules) -> None:
    outcome = ca2.evaluate("FS(F)(F)(F)(F)c1ccccc1", SCREEN)
    assert isinstance(outcome, Rejected)
    assert outcome.reason


def test_flexible_molecules_get_the_full_effort() -> None:
    domain = Molecules(screen_exhaustiveness=2, report_exhaustiveness=8)
    rigid, flexible = Chem.MolFromSmiles("c1ccccc1"), Chem.MolFromSmiles("C" * 11)
    assert domain.exhaustiveness(rigid, SCREEN) == 2
    assert domain.exhaustiveness(flexible, SCREEN) == 8
    assert domain.exhaustiveness(rigid, REPORT) == 8
    thorough = Molecules(screen_exhaustiveness=16, report_exhaustiveness=8)
    assert thorough.exhaustiveness(flexible, SCREEN) == 16


def test_settings_are_checked_at_once() -> None:
    with pytest.raises(UsageError, match=r"'PPARX': did you mean .*PPARA"):
        textgrad_molecules.make(target="PPARX")
    with pytest.raises(UsageError, match=r"screen_exhaustiveness is 0: .* 1 to"):
        textgrad_molecules.make(screen_exhaustiveness=0)
    with pytest.raises(UsageError, match="exhaustiveness is 10000"):
        textgrad_molecules.make(exhaustiveness=10_000)
    with pytest.raises(UsageError, match="max_heavy_atoms is 3"):
        textgrad_molecules.make(max_heavy_atoms=3)
    with pytest.raises(UsageError, match="workers is 0"):
        textgrad_molecules.make(workers=0)


def test_pickle_carries_settings_only(ca2: Molecules, acetamide: Evaluated) -> None:
    assert acetamide.scores  # the original has started its engine
    copy = pickle.loads(pickle.dumps(ca2))  # noqa: S301 - our own bytes
    assert copy == ca2
    assert (copy.target, copy.screen_exhaustiveness, copy.workers) == ("CA2", 1, 1)
    assert copy.parse("OCC") == "CCO"


def test_fingerprint_tells_settings_apart() -> None:
    prints = [
        canonical_json(dict(textgrad_molecules.make(**settings).fingerprint()))
        for settings in (
            {},
            {"target": "CA2"},
            {"screen_exhaustiveness": 2},
            {"exhaustiveness": 16},
            {"max_heavy_atoms": 30},
        )
    ]
    assert len(set(prints)) == 5
    assert prints[0] == canonical_json(dict(textgrad_molecules.make().fingerprint()))


def test_number_of_workers_is_no_part_of_the_score() -> None:
    one, two = (textgrad_molecules.make(workers=count) for count in (1, 2))
    assert one.fingerprint() == two.fingerprint()


def test_size_limit_reaches_parser_and_proposer() -> None:
    domain = textgrad_molecules.make(max_heavy_atoms=10)
    with pytest.raises(Invalid, match="11 heavy atoms, at most 10"):
        domain.parse("C" * 11)
    assert domain.proposer is not None
    assert domain.canonical(domain.parse("OCC")) == "CCO"


def test_known_ligands_have_their_formulas_and_a_receptor() -> None:
    for target, ligands in known_ligands().items():
        domain = textgrad_molecules.make(target=target)
        assert len(domain.references()) == len(ligands) >= 1
        for ligand, reference in zip(ligands, domain.references(), strict=True):
            canonical = domain.parse(reference.answer)
            assert CalcMolFormula(Chem.MolFromSmiles(canonical)) == ligand["formula"]
            assert reference.note
    assert {"PPARA", "CA2"} <= set(known_ligands())
    assert textgrad_molecules.make(target="KIT").references() == ()


def test_picture_is_one_transparent_svg(ca2: Molecules) -> None:
    picture = ca2.picture(ACETAMIDE, Rejected(reason="any"))
    assert picture is not None
    assert picture.text.startswith("<svg")
    assert ET.fromstring(picture.text).tag.endswith("svg")  # noqa: S314 - our own drawing
    assert "<rect" not in picture.text


def test_critique_asks_for_chemistry_in_terms_of_s(ca2: Molecules) -> None:
    assert ca2.critique is not None
    for word in ("medicinal chemist", "Vina", "QED", "s = Vina + (1 - QED)", "protein"):
        assert word in ca2.critique


def test_importing_the_plugin_loads_nothing() -> None:
    code = (
        "import sys, textgrad_molecules as m; assert m.plugin.name == 'molecules';"
        "print(sorted({'rdkit', 'vina', 'numpy', 'openbabel', 'dockstring'} & set(sys.modules)))"
    )
    paths = f"import sys; sys.path[:0] = {sys.path!r}; "
    run = [sys.executable, "-c", paths + code]
    assert subprocess.run(run, check=True, capture_output=True, text=True).stdout == "[]\n"


def test_doctor_counts_receptors() -> None:
    assert textgrad_molecules.plugin.doctor is not None
    lines = list(textgrad_molecules.plugin.doctor())
    assert len(lines) >= 2
    (receptors,) = [line for line in lines if "58" in line.detail]
    assert receptors.ok


def test_doctor_survives_missing_libraries() -> None:
    code = (
        "import sys\n"
        "for name in ('rdkit', 'vina', 'openbabel', 'dockstring', 'numpy'):\n"
        "    sys.modules[name] = None\n"
        "import textgrad_molecules\n"
        "lines = list(textgrad_molecules.plugin.doctor())\n"
        "assert any(not line.ok and line.remedy for line in lines), lines\n"
    )
    paths = f"import sys; sys.path[:0] = {sys.path!r}\n"
    subprocess.run([sys.executable, "-c", paths + code], check=True)


def test_defaults_start_from_a_molecule_the_domain_reads(ca2: Molecules) -> None:
    defaults = textgrad_molecules.plugin.defaults
    assert defaults.start is not None
    assert ca2.canonical(ca2.parse(defaults.start)) == defaults.start
