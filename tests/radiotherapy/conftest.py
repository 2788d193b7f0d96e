"""Cases that many tests look at and none changes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dicom_cases import exported_ball
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
