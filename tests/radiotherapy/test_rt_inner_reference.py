"""The shared reference problem, whose optimum another solver confirmed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from published_data import published_data
from textgrad_radiotherapy.inner import InnerOptimiser
from textgrad_radiotherapy.terms import StructureRows, Term

OPTIMUM = 1567.7569  # by Clarabel
TERMS = (
    Term(name="core", structure="Core", kind="squared-overdose", dose_gy=25, weight=300),
    Term(name="ptv", structure="OuterTarget", kind="squared-deviation", dose_gy=50, weight=1000),
    Term(name="body", structure="BODY", kind="squared-overdose", dose_gy=30, weight=100),
)


def test_the_reference_optimum_is_reached_and_proven() -> None:
    file = published_data() / "radiotherapy" / "tg119_ref_b10_g5.npz"
    if not file.exists():
        pytest.skip(f"platform: {file.name} is not among the published data on this machine")
    with np.load(file) as held:
        parts = (held["data"], held["indices"].astype(np.int32), held["indptr"])
        matrix = csr_array(parts, shape=tuple(held["shape"]))
        rows = {}
        for at, name in enumerate(held["names"]):
            voxels = np.flatnonzero(held["structure"] == at)
            share = np.full(voxels.size, 1.0 / held["full_voxels"][at])
            rows[str(name)] = StructureRows(matrix=matrix[voxels], weights=share, voxels=voxels)
    optimiser = InnerOptimiser(rows, TERMS)
    found = optimiser.solve(gap=1e-6)
    assert found.objective == pytest.approx(OPTIMUM, rel=1e-5)
    assert found.lower_bound == pytest.approx(OPTIMUM, rel=1e-5)
    assert found.converged
    optimiser.solve({"core": 700.0})
    assert optimiser.solve(gap=1e-6).objective == pytest.approx(OPTIMUM, rel=1e-5)
