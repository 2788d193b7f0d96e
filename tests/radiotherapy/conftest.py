"""Cases that many tests look at and none changes."""

from __future__ import annotations

import pytest

from textgrad_radiotherapy.case import Case
from textgrad_radiotherapy.cases import load_case


@pytest.fixture(scope="session")
def prostate() -> Case:
    """The mock prostate on a coarse grid, of 6 mm voxels and 10 mm beamlets."""
    return load_case("tg119-prostate", grid_mm=6.0, bixel_mm=10.0)
