"""Cases that many tests look at and none changes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dicom_cases import exported_ball
from rt_commands import CASE, COARSE, Done, Typed, typed
from textgrad_radiotherapy.case import Case
from textgrad_radiotherapy.cases import load_case


@pytest.fixture(scope="session")
def prostate() -> Case:
    """The mock prostate on a coarse grid, of 6 mm voxels and 10 mm beamlets."""
    return load_case("tg119-prostate", grid_mm=6.0, bixel_mm=10.0)


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The DICOM files of a ball in a cylinder."""
    return exported_ball(tmp_path_factory.mktemp("dicom") / "ball")


@pytest.fixture
def folder(exported: Path, tmp_path: Path) -> Path:
    """A copy of them to damage."""
    return Path(shutil.copytree(exported, tmp_path / "case"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a plan, its DICOM files, and the case they were read back to."""
    folder = tmp_path_factory.mktemp("commands")
    cache = folder / "cache"
    planned = typed("radiotherapy", "plan", "--case", CASE, *COARSE, "--out", "plan",
                    folder=folder, cache=cache)  # fmt: skip
    assert planned.returncode in (0, 6), planned.stderr
    out = typed("radiotherapy", "export-dicom", "plan", "--out", "dicom",
                folder=folder, cache=cache)  # fmt: skip
    assert out.returncode == 0, out.stderr
    back = typed("radiotherapy", "import-dicom", "dicom", "--out", "case", *COARSE, "--json",
                 folder=folder, cache=cache)  # fmt: skip
    assert back.returncode == 0, back.stderr
    (folder / "planned.txt").write_text(planned.stdout, "utf-8")
    (folder / "imported.json").write_text(back.stdout, "utf-8")
    return folder


@pytest.fixture
def run(tmp_path: Path, made: Path) -> Typed:
    def call(*words: str, folder: Path | None = None) -> Done:
        return typed(*words, folder=folder or tmp_path, cache=made / "cache")

    return call
