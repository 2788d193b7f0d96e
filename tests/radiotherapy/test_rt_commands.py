"""The tools of ``textgrad radiotherapy`` as they are typed: what they print, write and refuse."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from dicom_cases import edit
from rt_commands import CASE, COARSE, Done, Typed, data_of, protocol, refused, typed
from textgrad_radiotherapy.cases import load_case
from textgrad_radiotherapy.notice import NOTICE, SENTENCE

OUT_OF_ALL = ("weights.json", "plan.json", "plan_of.json", "protocol.json", "fluence.npy",
              "goals.csv", "dvh.csv", "dvh.svg", "dvh.png", "dose_wash.png",
              "report.html")  # fmt: skip


# what each tool gives


def test_plan_prints_the_goals_and_leaves_a_whole_folder(made: Path) -> None:
    text = (made / "planned.txt").read_text("utf-8")
    assert "PTV D95% >= 75.6 Gy" in text
    assert NOTICE in text
    assert all(len(line) <= 80 for line in text.splitlines()), text
    assert text.count(" Gy (a)") == 2
    with (made / "plan" / "goals.csv").open() as stream:
        assumed = [row["goal"] for row in csv.DictReader(stream) if row["assumed"] == "yes"]
    assert [goal.startswith("Body D1cc") for goal in assumed] == [True, True]
    written = {path.name for path in (made / "plan").iterdir()}
    assert set(OUT_OF_ALL) <= written
    assert not [path for path in made.iterdir() if path.name.startswith(".")]
    modes = {path.stat().st_mode & 0o777 for path in (made / "plan").iterdir()}
    assert len(modes) == 1, "one file is more private than the others"
    assert (made / "plan" / "README.txt").read_text("utf-8").count(
        "protocol TG-119 mock prostate"
    ) == 1


def test_plan_takes_weights_and_says_what_it_wrote_as_json(made: Path, run: Typed) -> None:
    weights = json.loads((made / "plan" / "weights.json").read_text("utf-8"))
    weights["PTV over"] = 8.0
    (made / "heavier.json").write_text(json.dumps(weights), "utf-8")
    done = run("radiotherapy", "plan", "--case", CASE, *COARSE, "--weights", "heavier.json",
               "--out", "heavier", "--json", folder=made)  # fmt: skip
    found = data_of(done)
    assert done.returncode == (0 if found["goals_missed"] == 0 else 6)
    assert found["weights"]["PTV over"] == 8.0
    assert found["notice"] == NOTICE
    assert {path.name for path in (made / "heavier").iterdir()} == set(found["files"])
    before = json.loads((made / "plan" / "plan.json").read_text("utf-8"))
    over = [
        next(term["value"] for term in plan["terms"] if term["name"] == "PTV over")
        for plan in (before, found)
    ]
    assert over[1] < over[0], "the term with more weight has to fall"


def test_evaluate_says_again_what_plan_said_and_judges_by_another_protocol(
    made: Path, run: Typed
) -> None:
    done = run("radiotherapy", "evaluate", "plan", folder=made)
    kept = json.loads((made / "plan" / "plan.json").read_text("utf-8"))
    assert done.returncode == (0 if kept["goals_missed"] == 0 else 6)
    assert all(len(line) <= 80 for line in done.stdout.splitlines()), done.stdout
    assert "-0.00 " not in done.stdout
    planned = (made / "planned.txt").read_text("utf-8")
    told = done.stdout[: done.stdout.index("judged on ")]
    assert told in planned, "the same table"
    lines = [line for line in done.stdout.splitlines() if ", judged " in line]
    assert len(lines) == len(kept["comparison"]["values"])
    assert all(line in planned for line in lines), "the same comparison"
    found = data_of(run("radiotherapy", "evaluate", "plan", "--json", folder=made))
    assert found["grid"] == kept["grid"]
    for row, other in zip(found["table"]["rows"], kept["table"]["rows"], strict=True):
        assert row["value"] == pytest.approx(other["value"], rel=1e-6)
    for goal, there in kept["comparison"]["values"].items():
        assert found["comparison"]["values"][goal] == pytest.approx(there, rel=1e-4)
    other = run("radiotherapy", "evaluate", "plan", "--protocol", "prostate-78-39", folder=made)
    assert other.returncode == 6
    assert "78 Gy" in other.stdout


def test_evaluate_exits_by_the_goals_where_plans_are_judged(
    made: Path, run: Typed, tmp_path: Path
) -> None:
    kept = json.loads((made / "plan" / "plan.json").read_text("utf-8"))
    there = kept["comparison"]["values"]
    worse_there = {
        row["metric"]: (row["value"], there[row["goal"]])
        for row in kept["table"]["rows"]
        if row["structure"] == "PTV"
    }
    metric, (judged, planned) = next(iter(worse_there.items()))
    sign = "<=" if planned > judged else ">="  # met where plans are judged, missed on the other
    limit = (judged + planned) / 2
    goals = [{"goal": f"PTV {metric} {sign} {limit:.6f} Gy"}]
    mine = json.dumps(protocol(goals=goals, normalise=None))
    (tmp_path / "mine.json").write_text(mine, "utf-8")
    done = run("radiotherapy", "evaluate", str(made / "plan"), "--protocol", "mine.json")
    assert "1 of 1 goals met" in done.stdout
    assert done.returncode == 0, done.stdout


def test_an_exported_dose_is_judged_as_the_plan_is(made: Path, run: Typed) -> None:
    theirs = data_of(
        run("radiotherapy", "evaluate", "plan", "--dose", "dicom/RTDOSE.dcm", "--json",
            folder=made)
    )  # fmt: skip
    ours = json.loads((made / "plan" / "plan.json").read_text("utf-8"))
    assert theirs["grid"] == ours["grid"]
    assert theirs["comparison"] is None
    for row, other in zip(ours["table"]["rows"], theirs["table"]["rows"], strict=True):
        assert other["value"] == pytest.approx(row["value"], abs=1e-4)


@pytest.mark.parametrize(
    ("keyword", "value", "words"),
    [
        ("DoseSummationType", "BEAM", ("DoseSummationType BEAM", "export PLAN")),
        ("DoseSummationType", "FRACTION", ("DoseSummationType FRACTION",)),
        ("DoseType", "EFFECTIVE", ("DoseType EFFECTIVE", "export PHYSICAL")),
        ("DoseType", "ERROR", ("DoseType ERROR",)),
    ],
)
def test_only_the_physical_dose_of_a_plan_is_judged(
    made: Path, run: Typed, tmp_path: Path, keyword: str, value: str, words: tuple[str, ...]
) -> None:
    shutil.copy(made / "dicom" / "RTDOSE.dcm", tmp_path / "dose.dcm")
    edit(tmp_path / "dose.dcm", lambda d: setattr(d, keyword, value))
    refused(run("radiotherapy", "evaluate", str(made / "plan"), "--dose", "dose.dcm"), *words)


def test_a_dose_of_nothing_is_not_judged(made: Path, run: Typed, tmp_path: Path) -> None:
    def judged(change: Callable[[Dataset], object]) -> Done:
        shutil.copy(made / "dicom" / "RTDOSE.dcm", tmp_path / "dose.dcm")
        edit(tmp_path / "dose.dcm", change)
        return run("radiotherapy", "evaluate", str(made / "plan"), "--dose", "dose.dcm")

    unscaled = judged(lambda d: setattr(d, "DoseGridScaling", "0"))
    refused(unscaled, "dose.dcm is damaged", "DoseGridScaling", "is 0")
    empty = judged(lambda d: setattr(d, "PixelData", bytes(len(d.PixelData))))
    refused(empty, "dose.dcm is damaged", "0 Gy in all")


def test_a_dose_of_another_frame_of_reference(made: Path, run: Typed, tmp_path: Path) -> None:
    shutil.copy(made / "dicom" / "RTDOSE.dcm", tmp_path / "dose.dcm")
    edit(tmp_path / "dose.dcm", lambda d: setattr(d, "FrameOfReferenceUID", "1.2.3"))
    done = run("radiotherapy", "plan", "--case", str(made / "case"), "--protocol",
               "tg119-prostate", "--out", "imported")  # fmt: skip
    assert done.returncode in (0, 6), done.stderr
    frame = load_case(made / "case").meta["dicom.frame_of_reference_uid"]
    own, other = str(made / "dicom" / "RTDOSE.dcm"), "dose.dcm"
    refused(run("radiotherapy", "evaluate", "imported", "--dose", other), "1.2.3", frame)
    assert run("radiotherapy", "evaluate", "imported", "--dose", own).returncode in (0, 6)
    # a phantom is in the frame it is exported in; of another nobody can tell
    noted = run("radiotherapy", "evaluate", str(made / "plan"), "--dose", other)
    assert noted.returncode in (0, 6), noted.stderr
    assert "dose.dcm is in the frame of reference 1.2.3" in " ".join(noted.stderr.split())
    silent = run("radiotherapy", "evaluate", str(made / "plan"), "--dose", own)
    assert "frame" not in silent.stderr


def test_dvh_gives_the_curves_of_the_plan_folder_in_other_steps(made: Path, run: Typed) -> None:
    printed = run("radiotherapy", "dvh", "plan", "--structure", "PTV", "--step", "1", folder=made)
    assert printed.returncode == 0
    head, *rows = list(csv.reader(printed.stdout.splitlines()))
    assert head == ["dose [Gy per course]", "PTV [%]", "PTV [cc]", NOTICE]
    assert {row[3] for row in rows} == {""}
    volumes = [float(row[1]) for row in rows]
    assert volumes[0] == pytest.approx(100.0)
    assert volumes == sorted(volumes, reverse=True)
    with (made / "plan" / "dvh.csv").open() as stream:
        kept = {row["dose [Gy per course]"]: row["PTV [%]"] for row in csv.DictReader(stream)}
    for level, percent, _, _ in rows:
        assert float(percent) == pytest.approx(float(kept.get(level, 0.0)), abs=1e-3)
    done = run("radiotherapy", "dvh", "plan", "--structure", "PTV", "--step", "1", "--out",
               "curve.csv", folder=made)  # fmt: skip
    assert NOTICE in " ".join(done.stdout.split())
    grid = json.loads((made / "plan" / "plan.json").read_text("utf-8"))["grid"]
    assert grid in " ".join(done.stdout.split())
    assert (made / "curve.csv").read_text("utf-8") == printed.stdout


def test_protocols_lists_shows_and_prints_one_that_can_be_given_back(
    tmp_path: Path, run: Typed
) -> None:
    listed = run("radiotherapy", "protocols")
    assert "chhip-60-20" in listed.stdout
    assert all(len(line) <= 80 for line in listed.stdout.splitlines())
    shown = run("radiotherapy", "protocols", "chhip-60-20")
    assert "in 20 fractions" in shown.stdout
    assert "Source:" in shown.stdout
    assert "PTV Paddick CI >= 0.7 (a)\n" in shown.stdout
    assert "\n(a) assumed: not in the protocol's source.\n" in shown.stdout
    mine = run("radiotherapy", "protocols", "chhip-60-20", "--json")
    (tmp_path / "mine.json").write_text(mine.stdout, "utf-8")
    again = run("radiotherapy", "protocols", "mine.json", "--json")
    assert data_of(again) == data_of(mine)
    assert len(data_of(run("radiotherapy", "protocols", "--json"))) == len(
        listed.stdout.split("\n\n")[0].splitlines()
    )


def test_cases_lists_what_load_case_knows(run: Typed) -> None:
    found = data_of(run("radiotherapy", "cases", "--json"))
    assert CASE in found
    text = run("radiotherapy", "cases").stdout
    assert all(name in text for name in found)
    assert all(len(line) <= 80 for line in text.splitlines())


def test_doctor_tells_versions_extras_threads_and_the_cache(made: Path, run: Typed) -> None:
    done = run("radiotherapy", "doctor")
    assert done.returncode == 0
    for word in ("numpy", "scipy", "matplotlib", "pydicom", "optuna", "pyRadPlan", "BLAS"):
        assert word in done.stdout
    found = {c["name"]: c for c in data_of(run("radiotherapy", "doctor", "--json"))}
    cache = found["radiotherapy: cache of influence matrices"]["detail"]
    held = list((made / "cache" / "influence").glob("*.npz"))
    assert held
    assert str(made / "cache" / "influence") in cache
    assert f"{len(held)} in" in cache
    overall = {c["name"] for c in data_of(run("doctor", "--json"))}
    assert set(found) <= overall


def test_run_leaves_what_the_other_tools_read(tmp_path: Path, run: Typed) -> None:
    done = run("run", "radiotherapy", "--case", CASE, *COARSE, "--steps", "1", "--proposals", "1",
               "--out", "run")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert all(len(line) <= 80 for line in done.stdout.splitlines()), done.stdout
    _, end = done.stdout.split("Goals of the best plan, measured on")
    with (tmp_path / "run" / "goals.csv").open() as stream:
        for row in csv.DictReader(stream):
            line = re.search(
                rf"{re.escape(row['goal'])}(?: \(a\))?\s([^\n]*)", end
            )  # of long ones the next
            assert line is not None
            assert f" {float(row['margin']):+z.2f}  {row['verdict']}" in line[1]
            named = f"{row['goal']} by {-float(row['margin']):.2f} {row['unit']}"
            assert (named in " ".join(end.split())) == (row["verdict"] != "pass")
    assert NOTICE in end
    written = {path.name for path in (tmp_path / "run").iterdir()}
    assert {*OUT_OF_ALL, "result.csv", "weights_history.csv"} <= written
    page = (tmp_path / "run" / "report.html").read_text("utf-8")
    assert f"<strong>{SENTENCE}</strong>" in page
    assert SENTENCE in done.stdout
    assert "Research use only." not in done.stdout + page
    kept = json.loads((tmp_path / "run" / "result.json").read_text("utf-8"))
    assert kept["notice"] == SENTENCE
    assert run("radiotherapy", "evaluate", "run").returncode in (0, 6)


# there and back by DICOM


def test_dicom_there_and_back_keeps_geometry_and_dvh(tmp_path: Path, made: Path) -> None:
    grid = ("--grid-mm", "5", "--bixel-mm", "10")
    for words in (
        ("plan", "--case", CASE, *grid, "--out", "plan"),
        ("export-dicom", "plan", "--out", "dicom"),
        ("import-dicom", "dicom", "--out", "case", *grid),
        ("plan", "--case", "case", "--protocol", "tg119-prostate", "--out", "replanned"),
    ):
        done = typed("radiotherapy", *words, folder=tmp_path, cache=made / "cache")
        assert done.returncode in (0, 6), done.stderr
    here = load_case(CASE, grid_mm=5.0, bixel_mm=10.0, cache=made / "cache" / "influence")
    back = load_case(tmp_path / "case")
    shift = (np.asarray(back.grid.origin_mm) - np.asarray(here.grid.origin_mm)) / 5.0
    assert shift == pytest.approx(np.round(shift), abs=1e-6), "voxels lie on voxels"
    assert back.grid.spacing_mm == pytest.approx(here.grid.spacing_mm)
    assert [b.gantry_deg for b in back.beams] == pytest.approx([b.gantry_deg for b in here.beams])
    assert back.fractions == here.fractions
    assert dict(back.prescription_gy) == pytest.approx(dict(here.prescription_gy))
    for name, structure in here.structures.items():
        moved = back.structures[name]
        one, other = (
            np.average(g.centres_mm(s.voxels), axis=0, weights=s.occupancy)
            for g, s in ((here.grid, structure), (back.grid, moved))
        )
        assert other == pytest.approx(one, abs=1.0), name
        volume = structure.volume_cc(here.grid)
        assert moved.volume_cc(back.grid) == pytest.approx(volume, rel=0.1), name
    first, second = (
        json.loads((tmp_path / plan / "plan.json").read_text("utf-8"))["table"]["rows"]
        for plan in ("plan", "replanned")
    )
    for row, again in zip(first, second, strict=True):
        one_voxel = row["structure"] == "Body"  # 1 cc on this grid
        near = (0.06 if one_voxel else 0.04) * 75.6
        assert again["value"] == pytest.approx(row["value"], abs=near), row["goal"]


def test_import_tells_the_structures_and_how_to_go_on(made: Path, run: Typed) -> None:
    found = json.loads((made / "imported.json").read_text("utf-8"))
    assert found["fractions"] == 42
    assert found["prescription_gy"] == {"PTV": pytest.approx(75.6)}
    told = run("radiotherapy", "import-dicom", "dicom", "--out", "again", *COARSE, "--gantry",
               "0", "120", "240", folder=made)  # fmt: skip
    assert told.returncode == 0, told.stderr
    assert "3 beams" in told.stdout
    assert "in 42 fractions" in told.stdout
    assert "--case again" in told.stdout
    assert told.stdout.startswith("again: ")  # a case is called as its folder
    assert NOTICE in told.stdout
    assert {path.name for path in (made / "again").iterdir()} == {"case.json", "arrays.npz"}


def test_the_files_say_what_they_are_not_for(made: Path) -> None:
    dose = pydicom.dcmread(made / "dicom" / "RTDOSE.dcm")
    assert NOTICE in str(dose.get("SeriesDescription", "")) + str(dose.get("DoseComment", ""))


def test_a_folder_of_dicom_files_is_planned_as_it_is(made: Path, run: Typed) -> None:
    done = run("radiotherapy", "plan", "--case", "dicom", "--protocol", "tg119-prostate", *COARSE,
               "--out", "from-dicom", folder=made)  # fmt: skip
    assert done.returncode in (0, 6), done.stderr
    kept = json.loads((made / "from-dicom" / "plan_of.json").read_text("utf-8"))
    assert Path(kept["case"]) == (made / "dicom").resolve()
    assert run("radiotherapy", "evaluate", "from-dicom", folder=made).returncode in (0, 6)
