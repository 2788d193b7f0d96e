"""Hounsfield units and densities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from dicom_cases import GRID, edit_ct
from textgrad_radiotherapy.dicom import read_folder
from textgrad_radiotherapy.dicom.density import HU_TABLE, density_of, hu_of
from textgrad_radiotherapy.errors import CaseError


def test_density_table_rises_and_inverts() -> None:
    assert density_of([-1000.0, 0.0, -3000.0]) == pytest.approx([0.00121, 1.0, 0.00121])
    # Schneider 2000: 1.017 + 0.592e-3 HU in bone
    assert density_of([400.0, 1200.0]) == pytest.approx([1.2538, 1.7274])
    units = np.linspace(-1000, 3000, 41)
    assert hu_of(density_of(units)) == pytest.approx(units)
    with pytest.raises(CaseError, match="rise in both columns"):
        density_of(0.0, (*HU_TABLE, (3100.0, 2.0)))


def test_a_couch_is_air_where_the_outline_of_the_body_is_known(folder: Path) -> None:
    def couch(image: Dataset) -> None:
        pixels = image.pixel_array.copy()
        pixels[-1] = 300 + 1024
        image.PixelData = pixels.tobytes()

    edit_ct(folder, couch)
    known = read_folder(folder, grid_mm=None)
    assert known.density[:, -1] == pytest.approx(np.full((GRID.shape[0], GRID.shape[2]), 0.00121))
    assert "outside BODY the density is that of air" in known.notes
    unknown = read_folder(folder, grid_mm=None, kinds={"BODY": "oar"})
    assert unknown.density[:, -1] == pytest.approx(np.full((GRID.shape[0], GRID.shape[2]), 1.1946))
    assert any(note.startswith("no external outline") for note in unknown.notes)
