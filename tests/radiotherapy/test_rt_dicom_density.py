"""Hounsfield units and densities."""

from __future__ import annotations

import numpy as np
import pytest

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
