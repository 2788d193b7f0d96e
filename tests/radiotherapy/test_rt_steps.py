"""Widths of voxels and beamlets out of bounds are refused before anything is begun."""

from __future__ import annotations

from pathlib import Path

import pytest

from rt_commands import CASE, Done, Typed, refused, typed
from rt_matrad_files import patient, saved
from textgrad_radiotherapy.cases import load_case, save_case

BOUNDS = {"--grid-mm": ("grid_mm", "0.5 to 20 mm"), "--bixel-mm": ("bixel_mm", "1 to 50 mm")}


@pytest.fixture
def run(tmp_path: Path) -> Typed:
    def call(*words: str) -> Done:
        return typed(*words, folder=tmp_path, cache=tmp_path / "cache")

    return call


@pytest.mark.parametrize("width", ["nan", "inf", "0", "-5", "1e9"])
@pytest.mark.parametrize("option", BOUNDS)
def test_a_run_with_an_impossible_width_is_not_begun(
    option: str, width: str, run: Typed, tmp_path: Path
) -> None:
    name, bounds = BOUNDS[option]
    coarse = ("--grid-mm", "10") if option == "--bixel-mm" else ()
    for command in (("run", "radiotherapy"), ("radiotherapy", "plan")):
        done = run(*command, "--case", CASE, *coarse, option, width, "--out", "out")
        refused(done, f"{name} is {float(width):g}", bounds)
        assert "resume" not in done.stderr
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("option", BOUNDS)
def test_so_is_one_of_a_user_s_own_case(option: str, run: Typed, tmp_path: Path) -> None:
    save_case(load_case(CASE, grid_mm=10.0, bixel_mm=20.0), tmp_path / "case")
    (tmp_path / "mat").mkdir()
    mat = saved(patient(), tmp_path / "mat")
    (tmp_path / "dicom").mkdir()
    words = (option, "inf", "--out", "out")
    for case in ("case", str(mat)):
        own = ("--case", case, "--protocol", CASE)
        refused(run("run", "radiotherapy", *own, *words), *BOUNDS[option])
    refused(run("radiotherapy", "import-dicom", "dicom", *words), *BOUNDS[option])
    assert not (tmp_path / "out").exists()
