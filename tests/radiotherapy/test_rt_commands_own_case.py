"""A user's own files given to ``--case``: what is planned, what is refused and how."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rt_commands import Done, Typed, protocol, refused, typed
from rt_matrad_files import patient, saved, with_dij
from textgrad_radiotherapy import outline, session
from textgrad_radiotherapy.cases import dose, load_case
from textgrad_radiotherapy.inner import InnerOptimiser
from textgrad_radiotherapy.outline import case_digest


@pytest.fixture
def run(tmp_path: Path) -> Typed:
    def call(*words: str) -> Done:
        return typed(*words, folder=tmp_path, cache=tmp_path / "cache")

    return call


def arrays(**changed: Any) -> dict[str, Any]:
    """A file of arrays that can be planned: a target in a body, two beams."""
    shape = (6, 8, 8)
    body, target = np.ones(shape, dtype=bool), np.zeros(shape, dtype=bool)
    target[2:4, 3:5, 3:5] = True
    organ = np.zeros(shape, dtype=bool)
    organ[2:4, 6, 3:5] = True
    rng = np.random.default_rng(3)
    influence = rng.random((body.size, 12)) * 0.2
    influence[target.ravel()] += 1.0
    found = {
        "target:PTV": target,
        "oar:Rectum": organ,
        "external:Body": body,
        "prescription_gy:PTV": 75.6,
        "fractions": 42,
        "origin_mm": np.zeros(3),
        "spacing_mm": np.full(3, 5.0),
        "influence": influence,
        "gantry_deg": np.array([0.0, 90.0]),
        "beam_of_beamlet": np.repeat([0, 1], 6),
    }
    found.update(changed)
    return {key: value for key, value in found.items() if value is not None}


def changed_at(array: NDArray[Any], index: tuple[int, ...], number: float) -> NDArray[Any]:
    array[index] = number
    return array


def test_a_file_of_arrays_is_planned(tmp_path: Path, run: Typed) -> None:
    np.savez(tmp_path / "my.npz", **arrays())
    (tmp_path / "mine.json").write_text(json.dumps(protocol()), "utf-8")
    done = run("radiotherapy", "plan", "--case", "my.npz", "--protocol", "mine.json", "--out", "p")
    assert done.returncode in (0, 6), done.stderr
    assert "PTV D95% >= 60 Gy" in done.stdout
    said = " ".join(done.stdout.split())
    for told in ("Source: file of arrays my.npz", "cannot be delivered as it is", "too few"):
        assert told in said
    assert run("radiotherapy", "dvh", "p", "--structure", "PTV").returncode == 0
    assert "is not used" not in done.stdout


def test_a_plan_asks_for_no_levers(
    tmp_path: Path, run: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*_: Any) -> None:
        pytest.fail("nothing in the folder or on the terminal shows levers")

    monkeypatch.setattr(InnerOptimiser, "fluence_sensitivities", asked)
    np.savez(tmp_path / "my.npz", **arrays())
    (tmp_path / "mine.json").write_text(json.dumps(protocol()), "utf-8")
    done = run("radiotherapy", "plan", "--case", "my.npz", "--protocol", "mine.json", "--out", "p")
    assert done.returncode in (0, 6), done.stderr
    assert (tmp_path / "p" / "weights.json").exists()


@pytest.mark.parametrize(
    "command", [("radiotherapy", "plan"), ("run", "radiotherapy", "--steps", "1")]
)
def test_a_case_is_read_once(
    tmp_path: Path, run: Typed, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    loaded: list[str] = []

    def noted(case: str, **options: Any) -> Any:
        loaded.append(case)
        return load_case(case, **options)

    for module in (outline, session):
        monkeypatch.setattr(module, "load_case", noted)
    np.savez(tmp_path / "my.npz", **arrays())
    (tmp_path / "mine.json").write_text(json.dumps(protocol()), "utf-8")
    done = run(*command, "--case", "my.npz", "--protocol", "mine.json", "--out", "p")
    assert done.returncode in (0, 6), done.stderr
    assert len(loaded) == 1


@pytest.mark.parametrize("command", [("radiotherapy", "plan"), ("run", "radiotherapy")])
def test_a_plan_is_not_opened_with_another_case_than_its_own(
    command: tuple[str, ...], tmp_path: Path, run: Typed
) -> None:
    np.savez(tmp_path / "my.npz", **arrays())
    (tmp_path / "mine.json").write_text(json.dumps(protocol()), "utf-8")
    more = ("--steps", "1", "--proposals", "1") if command[0] == "run" else ()
    done = run(*command, "--case", "my.npz", "--protocol", "mine.json", *more, "--out", "p")
    assert done.returncode in (0, 6), done.stderr
    own = run("radiotherapy", "evaluate", "p")
    assert own.returncode in (0, 6), own.stderr
    assert own.stderr == ""

    kept = json.loads((tmp_path / "p" / "plan_of.json").read_text("utf-8"))
    np.savez(tmp_path / "my.npz", **arrays(influence=arrays()["influence"] * 0.5))
    tools = (("evaluate", "p"), ("dvh", "p"), ("export-dicom", "p", "--out", "dicom"))
    for words in tools:
        told = run("radiotherapy", *words)
        refused(told, "is not what the plan in p was made with", "plan it again")
        assert kept["case_digest"][:12] in told.stderr
        assert case_digest(str(tmp_path / "my.npz"))[:12] in told.stderr
    assert not (tmp_path / "dicom").exists()

    np.savez(tmp_path / "my.npz", **arrays())
    changed = {**kept, "case_digest": case_digest(str(tmp_path / "my.npz")), "engine": "other 2"}
    (tmp_path / "p" / "plan_of.json").write_text(json.dumps(changed), "utf-8")
    engine = run("radiotherapy", "evaluate", "p")
    refused(engine, "'other 2'", repr(kept["engine"]), "plan it again")


def test_a_plan_folder_of_an_earlier_version_is_opened_with_a_note(
    tmp_path: Path, run: Typed
) -> None:
    np.savez(tmp_path / "my.npz", **arrays())
    (tmp_path / "mine.json").write_text(json.dumps(protocol()), "utf-8")
    done = run("radiotherapy", "plan", "--case", "my.npz", "--protocol", "mine.json", "--out", "p")
    assert done.returncode in (0, 6), done.stderr
    with (tmp_path / "p" / "goals.csv").open() as stream:
        heads = next(csv.reader(stream))
    assert "start" not in heads, "one solve has no plan it began with"
    kept = json.loads((tmp_path / "p" / "plan_of.json").read_text("utf-8"))
    del kept["case_digest"], kept["engine"]
    (tmp_path / "p" / "plan_of.json").write_text(json.dumps(kept), "utf-8")
    opened = run("radiotherapy", "evaluate", "p")
    assert opened.returncode in (0, 6), opened.stderr
    assert "it cannot be checked that" in " ".join(opened.stderr.split())


def test_a_grid_that_a_case_does_not_take_is_told(tmp_path: Path, run: Typed) -> None:
    np.savez(tmp_path / "my.npz", **arrays())
    (tmp_path / "mine.json").write_text(json.dumps(protocol()), "utf-8")
    done = run("radiotherapy", "plan", "--case", "my.npz", "--protocol", "mine.json", "--out", "p",
               "--grid-mm", "6", "--bixel-mm", "7")  # fmt: skip
    told = " ".join(done.stdout.split())
    for name in ("grid_mm = 6", "bixel_mm = 7"):
        assert f"{name} is not used: the case brings its own voxels of 5 x 5 x 5 mm" in told


def test_a_sparse_influence_gives_the_same_case(tmp_path: Path) -> None:
    from scipy.sparse import csc_array

    dense = arrays()
    matrix = csc_array(dense["influence"])
    sparse = arrays(
        influence=None, data=matrix.data, indices=matrix.indices, indptr=matrix.indptr,
        shape=np.array(matrix.shape), format=np.array("csc"),
    )  # fmt: skip
    np.savez(tmp_path / "dense.npz", **dense)
    np.savez(tmp_path / "sparse.npz", **sparse)
    one, other = (load_case(tmp_path / f"{name}.npz") for name in ("dense", "sparse"))
    assert (one.influence.matrix != other.influence.matrix).nnz == 0
    assert len(other.beams) == 2


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"influence": None}, ("lacks the influence", "data, indices, indptr, shape, format")),
        ({"origin_mm": None}, ("lacks origin_mm",)),
        ({"origin_mm": np.zeros(2)}, ("origin_mm", "(2,)", "three numbers")),
        ({"spacing_mm": np.array([5.0, 0.0, 5.0])}, ("positive spacings",)),
        ({"prescription_gy:PTV": None}, ("lacks prescription_gy:NAME",)),
        ({"prescription_gy:PTV": 1.8}, ("1.8 Gy", "42 fractions", "75.6 Gy per course")),
        ({"prescription_gy:PTV": float("nan")}, ("nan",)),
        ({"prescription_gy:GTV": 60.0}, ("GTV",)),
        ({"fractions": 2.5}, ("my.npz: fractions is 2.5", "whole number")),
        ({"fractions": float("nan")}, ("fractions is nan", "whole number")),
        ({"beams": np.zeros(3)}, ("unknown array 'beams'", "gantry_deg")),
        ({"influence": np.full((384, 12), np.nan)}, ("influence", "row 0", "column 0")),
        ({"influence": changed_at(np.ones((384, 12)), (7, 5), np.nan)},
         ("1 values that are NaN", "row 7 (voxel 7)", "column 5", "compute it again")),
        ({"target:PTV": changed_at(np.ones((6, 8, 8)), (1, 2, 3), np.nan)},
         ("'PTV' has 1 values that are NaN", "[1, 2, 3]", "0 or False")),
        ({"target:PTV": np.zeros((6, 8, 8))}, ("'PTV' is empty", "has to have voxels")),
        ({"density": changed_at(np.ones((6, 8, 8)), (1, 2, 3), np.inf)},
         ("the density has 1 values", "index 1, 2, 3")),
        ({"influence": np.ones((383, 12))}, ("383 rows", "384 voxels", "8 x 8 x 6")),
        ({"oar:Rectum": np.zeros((6, 8, 8), dtype=bool)}, ("'Rectum' is empty",)),
        ({"oar:Rectum": np.zeros((6, 8, 9), dtype=bool)}, ("(6, 8, 8)", "(6, 8, 9)", "one grid")),
        ({"influence": np.array([object()])}, ("cannot be read as .npz", "without objects")),
    ],
)  # fmt: skip
def test_a_wrong_file_of_arrays_is_refused(
    changed: Mapping[str, Any], words: tuple[str, ...], tmp_path: Path
) -> None:
    from textgrad_core.errors import UsageError

    np.savez(tmp_path / "my.npz", allow_pickle=True, **arrays(**changed))
    with pytest.raises(UsageError) as told:
        load_case(tmp_path / "my.npz")
    for word in words:
        assert word in str(told.value), str(told.value)


# what is refused


def matrad_goals(**changed: Any) -> str:
    return json.dumps(
        protocol(
            prescription_gy={"Target": 60.0}, fractions=30,
            normalise={"structure": "Target", "volume_percent": 50, "dose_gy": 60},
            goals=[{"goal": "Target D95% >= 45 Gy"}, {"goal": "Cord Dmean <= 60 Gy"}],
        )
        | changed
    )  # fmt: skip


@pytest.mark.parametrize("command", [("radiotherapy", "plan"), ("run", "radiotherapy")])
def test_a_matrad_file_is_planned(command: tuple[str, ...], tmp_path: Path, run: Typed) -> None:
    saved(with_dij(patient()), tmp_path)
    (tmp_path / "mine.json").write_text(matrad_goals(), "utf-8")
    more = ("--steps", "1", "--proposals", "1") if command[0] == "run" else ()
    done = run(*command, "--case", "case.mat", "--protocol", "mine.json", *more, "--out", "p")
    assert done.returncode in (0, 6), done.stderr
    assert "Note: The dose grid is coarse for Cord" in done.stdout
    assert "Target D95% >= 45 Gy" in (tmp_path / "p" / "goals.csv").read_text("utf-8")
    assert run("radiotherapy", "evaluate", "p").returncode in (0, 6)


def test_a_damaged_matrad_file_of_version_7_3_is_refused_with_the_way_out(
    tmp_path: Path, run: Typed
) -> None:
    (tmp_path / "new.mat").write_bytes(
        b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(512)
    )
    (tmp_path / "mine.json").write_text(matrad_goals(), "utf-8")
    done = run("radiotherapy", "plan", "--case", "new.mat", "--protocol", "mine.json",
               "--out", "p")  # fmt: skip
    refused(done, "new.mat", "version 7.3", "-v7")
    assert not (tmp_path / "p").exists()


def without_dose(rows: Any, columns: Any) -> NDArray[np.floating]:
    """The influence of `arrays` with zeros somewhere."""
    influence = np.array(arrays()["influence"])
    influence[rows, columns] = 0.0
    return influence


TARGET_ROW = int(np.flatnonzero(arrays()["target:PTV"])[3])
ORGAN_ROW = int(np.flatnonzero(arrays()["oar:Rectum"])[0])


@pytest.mark.parametrize(
    ("influence", "words"),
    [
        (without_dose(slice(None), 4), ("1 beamlets give no dose", "number 4", "leave their col")),
        (without_dose(TARGET_ROW, slice(None)), ("no beamlet reaches 1 of 8 voxels", "'PTV'")),
    ],
)
def test_a_beamlet_or_target_voxel_without_dose_is_refused(
    influence: NDArray[np.floating], words: tuple[str, ...], tmp_path: Path, run: Typed
) -> None:
    np.savez(tmp_path / "my.npz", allow_pickle=True, **arrays(influence=influence))
    (tmp_path / "mine.json").write_text(json.dumps(protocol()), "utf-8")
    plan = ("radiotherapy", "plan", "--case", "my.npz", "--protocol", "mine.json", "--out", "p")
    refused(run(*plan), *words)


def test_an_organ_s_voxel_without_dose_counts_as_cold(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "my.npz",
        allow_pickle=True,
        **arrays(influence=without_dose(ORGAN_ROW, slice(None))),
    )
    case = load_case(tmp_path / "my.npz")
    found = dose(case, np.ones(12))
    assert found[ORGAN_ROW] == 0.0
    assert np.count_nonzero(found) == case.grid.voxels - 1
