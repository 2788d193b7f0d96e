"""What the tools of ``textgrad radiotherapy`` refuse, and how they say so; their cache."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from dicom_cases import edit, small_case
from rt_commands import CASE, COARSE, Done, Typed, data_of, protocol, refused, typed
from textgrad_core.cli import main
from textgrad_radiotherapy.cases import judging_case, load_case
from textgrad_radiotherapy.dicom import export_folder, read_dose


def test_plan_refuses_what_it_cannot_plan(tmp_path: Path, made: Path, run: Typed) -> None:
    def plan(*words: str) -> Done:
        return run("radiotherapy", "plan", *words, "--out", "out")

    refused(plan("--case", "liver"), "'liver'", CASE, "path")
    refused(plan("--case", str(made / "case")), "--protocol")
    refused(plan("--case", CASE, "--protocol", "liver"), "'liver'", "chhip-60-20")
    refused(plan("--case", CASE, "--grid-mm", "nan"), "grid_mm", "nan", "0.5 to 20 mm")
    refused(plan("--case", CASE, "--grid-mm", "10", "--bixel-mm", "0"), "bixel_mm", "1 to 50 mm")
    refused(plan("--case", CASE, "--weights", "none.json"), "none.json", "cannot be read")
    for content, words in (
        ("{", ("no JSON",)),
        ('{"PTV under": 1}', ("missing", "PTV over")),
        ('{"Liver": 1}', ("Liver", "PTV under")),
        ("[1]", ("no JSON object",)),
    ):
        (tmp_path / "w.json").write_text(content, "utf-8")
        refused(plan("--case", CASE, *COARSE, "--weights", "w.json"), *words)
    weights = json.loads((made / "plan" / "weights.json").read_text("utf-8"))
    for bad, told in (
        ({"PTV over": float("nan")}, ("PTV over", "nan", "positive")),
        ({"PTV over": -1}, ("PTV over", "-1", "positive")),
        ({"PTV over": 1e9}, ("PTV over", "1e+06")),
        ({"doses_gy": {"PTV over": 1.9}}, ("1.9 Gy", "per course", "not per fraction")),
    ):
        (tmp_path / "w.json").write_text(json.dumps({**weights, **bad}), "utf-8")
        refused(plan("--case", CASE, *COARSE, "--weights", "w.json"), *told)
    for name, content, reasons in (
        ("p.json", "{", ("p.json", "JSON")),
        ("p.json", json.dumps(protocol(prescription_gy={"PTV": 1.8})), ("1.8 Gy", "per course")),
        ("p.json", json.dumps(protocol(goals=[{"goal": "PTV D95 > lots"}])), ("D95 > lots",)),
        ("p.json", json.dumps(protocol(prescription_gy={"GTV": 70}, normalise=None)),
         ("GTV", "aliases")),
    ):  # fmt: skip
        (tmp_path / name).write_text(content, "utf-8")
        refused(plan("--case", CASE, *COARSE, "--protocol", name), *reasons)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"w.json", "p.json"}, "nothing half written"


def test_the_folder_one_is_in_is_named_by_its_name(made: Path, run: Typed, tmp_path: Path) -> None:
    out = ("--out", str(tmp_path / "out"))
    done = run("radiotherapy", "plan", "--case", ".", *out, folder=made / "case")
    refused(done, "case 'case' has no protocol of its own", "--protocol")


def test_nothing_writes_over_what_is_there(made: Path, run: Typed, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine", "utf-8")
    (tmp_path / "file").write_text("mine", "utf-8")
    for out, words in (("full", ("full", "name a")), ("file", ("file",))):
        refused(run("radiotherapy", "plan", "--case", CASE, *COARSE, "--out", out), *words)
        refused(run("radiotherapy", "import-dicom", str(made / "dicom"), "--out", out), *words)
        refused(run("radiotherapy", "export-dicom", str(made / "plan"), "--out", out), *words)
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]
    assert (tmp_path / "file").read_text("utf-8") == "mine"


def test_a_damaged_plan_is_named(made: Path, run: Typed, tmp_path: Path) -> None:
    refused(run("radiotherapy", "evaluate", "nowhere"), "nowhere", "plan_of.json", "--out")
    copy = tmp_path / "plan"
    for name, content, words in (
        ("plan_of.json", b"{", ("cannot be read",)),
        ("plan_of.json", b'{"format": 9}', ("format 9",)),
        ("fluence.npy", b"rubbish", ("fluence.npy is damaged", "plan it again")),
        ("fluence.npy", b"", ("fluence.npy is damaged", "plan it again")),
        ("protocol.json", b"[]", ("protocol.json",)),
    ):
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(made / "plan", copy)
        (copy / name).write_bytes(content)
        told = run("radiotherapy", "dvh", "plan")
        refused(told, *words)
        assert "pickle" not in told.stderr
    np.save(copy / "fluence.npy", np.ones(3))
    shutil.copy(made / "plan" / "protocol.json", copy)
    refused(run("radiotherapy", "evaluate", "plan"), "3 beamlets", "plan it again")
    np.save(copy / "fluence.npy", np.full(np.load(made / "plan" / "fluence.npy").size, np.nan))
    refused(run("radiotherapy", "export-dicom", "plan", "--out", "x"), "fluence")
    assert not (tmp_path / "x").exists()


def test_structures_steps_and_doses_that_do_not_fit(
    made: Path, run: Typed, tmp_path: Path
) -> None:
    plan = str(made / "plan")
    refused(run("radiotherapy", "dvh", plan, "--structure", "Liver"), "'Liver'", "Rectum")
    refused(run("radiotherapy", "dvh", plan, "--step", "nan"), "--step", "nan", "0.001 to 10")
    refused(run("radiotherapy", "evaluate", plan, "--dose", "none.dcm"), "none.dcm")
    (tmp_path / "text.dcm").write_text("no DICOM at all", "utf-8")
    refused(run("radiotherapy", "evaluate", plan, "--dose", "text.dcm"), "text.dcm", "DICOM")
    shutil.copy(made / "dicom" / "RTDOSE.dcm", tmp_path / "dose.dcm")
    case = load_case(CASE, grid_mm=10.0, bixel_mm=10.0, cache=made / "cache" / "influence")
    dose = read_dose(tmp_path / "dose.dcm").on(case.grid).ravel()
    one = 75.6 / 42 / float(np.median(dose[case.structures["PTV"].voxels]))
    edit(
        tmp_path / "dose.dcm",
        lambda d: setattr(d, "DoseGridScaling", f"{float(d.DoseGridScaling) * one:.10e}"),
    )
    refused(
        run("radiotherapy", "evaluate", plan, "--dose", "dose.dcm"),
        "one fraction", "42", "multiply",
    )  # fmt: skip
    edit(
        tmp_path / "dose.dcm",
        lambda d: setattr(d, "DoseGridScaling", f"{float(d.DoseGridScaling) / one * 100:.10e}"),
    )
    refused(
        run("radiotherapy", "evaluate", plan, "--dose", "dose.dcm"),
        "D50% of PTV is", "3 times the 75.6 Gy prescribed", "cGy", "divide",
    )  # fmt: skip
    export_folder(small_case(), tmp_path / "other", dose_gy=np.ones(small_case().grid.voxels))
    other = run("radiotherapy", "evaluate", plan, "--dose", "other/RTDOSE.dcm")
    refused(other, "39 x 27 x 16 voxels", str(judging_case(case).grid))


def test_dicom_files_that_are_no_case(made: Path, run: Typed, tmp_path: Path) -> None:
    def get(folder: str, *words: str) -> Done:
        return run("radiotherapy", "import-dicom", folder, "--out", "out", *COARSE, *words)

    copy = tmp_path / "dicom"

    def fresh() -> Path:
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(made / "dicom", copy)
        return copy

    refused(get("nowhere"), "nowhere")
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.dcm").write_text("no DICOM at all", "utf-8")
    refused(get("text"), "no CT series", "1 other file")
    (fresh() / "RTSTRUCT.dcm").unlink()
    refused(get("dicom"), "structure set")
    (fresh() / "RTPLAN.dcm").unlink()
    refused(get("dicom"), "no beams", "gantry")
    refused(get("dicom", "--gantry", "0", "90"), "prescri")
    slices = sorted(fresh().glob("CT*.dcm"))
    slices[len(slices) // 2].unlink()
    refused(get("dicom"), "slice")
    fresh()
    refused(get("dicom", "--prescription", "PTV=1.8"), "1.8 Gy", "42 fractions", "per course")
    refused(get("dicom", "--prescription", "PTV"), "PTV=70.2")
    refused(get("dicom", "--prescription", "Liver=60"), "Liver")
    refused(get("dicom", "--fractions", "0"), "0 fractions")
    refused(get("dicom", "--gantry", "nan"), "nan")
    refused(get("dicom", "--gantry", "0", "400"), "--gantry 400", "below 360 degrees")
    refused(get("dicom", "--ct", "1.2.3"), "1.2.3", "CT")
    refused(get("dicom", "--structures", "1.2.3"), "1.2.3")
    assert {path.name for path in tmp_path.iterdir()} == {"text", "dicom"}, "nothing half written"


def test_errors_are_json_where_json_is_asked_for(run: Typed) -> None:
    done = run("radiotherapy", "evaluate", "nowhere", "--json")
    assert done.returncode == 2
    assert data_of(done)["exit"] == 2
    assert "nowhere" in data_of(done)["message"]


# the cache


def test_no_cache_keeps_nothing_and_a_named_one_is_used(tmp_path: Path) -> None:
    def plan(out: str, *words: str) -> None:
        done = typed("radiotherapy", "plan", "--case", CASE, *COARSE, "--out", out, *words,
                     folder=tmp_path, cache=tmp_path / "suite")  # fmt: skip
        assert done.returncode in (0, 6), done.stderr

    plan("one", "--no-cache")
    assert not list(tmp_path.rglob("influence"))
    plan("two", "--cache", "here")
    assert len(list((tmp_path / "here").glob("*.npz"))) == 1
    assert not (tmp_path / "suite" / "influence").exists()
    assert (tmp_path / "one" / "goals.csv").read_text() == (
        tmp_path / "two" / "goals.csv"
    ).read_text()


def test_cache_none_keeps_no_matrix_anywhere_and_the_help_tells_it_from_no_cache(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short = ("--case", CASE, *COARSE, "--cache", "none")
    for words in (
        ("radiotherapy", "plan", *short, "--out", "one"),
        ("run", "radiotherapy", *short, "--steps", "1", "--proposals", "1", "--out", "two"),
    ):
        done = typed(*words, folder=tmp_path, cache=tmp_path / "suite")
        assert done.returncode in (0, 6), done.stderr
    assert not list(tmp_path.rglob("influence"))
    for command, told in (
        (("run", "radiotherapy"), "--no-cache is about measurements shared between runs"),
        (("radiotherapy", "plan"), "keep no influence matrix, as --cache none"),
    ):
        with pytest.raises(SystemExit):
            main([*command, "--help"])
        assert told in " ".join(capsys.readouterr().out.split())


# where nothing can be written


@pytest.mark.parametrize(
    "command",
    [("dvh", "plan"), ("export-dicom", "plan"), ("import-dicom", "dicom", *COARSE)],
    ids=lambda command: command[0],
)
def test_a_place_that_cannot_be_written_is_named_as_it_was_asked_for(
    command: tuple[str, ...], made: Path, run: Typed, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine", "utf-8")
    for out in (tmp_path / "file" / "d" / "x", tmp_path / ("x" * 300)):
        done = run("radiotherapy", *command, "--out", str(out), folder=made)
        refused(done, f"--out {str(out)!r} cannot be written", "folder that exists")
        assert ".part" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("cache", ["file", "file/inside"])
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_named_cache_that_can_be_no_folder_is_refused_at_once(
    tmp_path: Path, made: Path, cache: str, form: tuple[str, ...]
) -> None:
    (tmp_path / "file").write_text("mine", "utf-8")
    short = ("--case", CASE, *COARSE, "--out", "out", "--cache", cache, *form)
    for words in (
        ("radiotherapy", "plan", *short),
        ("run", "radiotherapy", *short),
        ("radiotherapy", "evaluate", str(made / "plan"), "--cache", cache, *form),
        ("radiotherapy", "import-dicom", str(made / "dicom"), *short[2:]),
    ):
        done = typed(*words, folder=tmp_path, cache=tmp_path / "suite")
        refused(done, f"--cache {cache}: ", "name a folder that can be written, or 'none'")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text("utf-8") == "mine"


def test_a_cache_in_the_home_of_nobody_is_refused(run: Typed) -> None:
    done = run("radiotherapy", "plan", "--case", CASE, *COARSE, "--out", "p",
               "--cache", "~no-such-user/x")  # fmt: skip
    refused(done, "--cache ~no-such-user/x: there is no such user", "name a folder")


def test_doctor_says_that_a_cache_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine", "utf-8")
    done = typed("radiotherapy", "doctor", "--cache", "file", folder=tmp_path, cache=tmp_path)
    assert "file cannot be read: it is a file" in " ".join(done.stdout.split())


def test_a_damaged_matrix_is_told_on_standard_error_once(tmp_path: Path) -> None:
    def evaluated(*words: str) -> Done:
        return typed("radiotherapy", "evaluate", "plan", "--cache", "kept", *words,
                     folder=tmp_path, cache=tmp_path / "suite")  # fmt: skip

    typed("radiotherapy", "plan", "--case", CASE, *COARSE, "--out", "plan", "--cache", "kept",
          folder=tmp_path, cache=tmp_path / "suite")  # fmt: skip
    (kept,) = (tmp_path / "kept").glob("*.npz")
    kept.write_bytes(kept.read_bytes()[:2000])
    told = evaluated("--json")
    assert told.stderr.startswith(f"textgrad: warning: influence cache: kept/{kept.name} cannot")
    assert told.stderr.count("computed again") == 1
    assert data_of(told)  # and nothing but JSON on standard output
    assert evaluated().stderr == ""
