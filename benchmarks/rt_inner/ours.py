"""Our side of the comparison: the same rows and objectives, and an independent judge."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from textgrad_radiotherapy.inner import InnerOptimiser, Solution
from textgrad_radiotherapy.terms import StructureRows, Term

WEIGHTS = {"Core": 300.0, "OuterTarget": 1000.0, "BODY": 100.0}
TERMS = (
    Term(name="Core", structure="Core", kind="squared-overdose", dose_gy=25.0, weight=300.0),
    Term(
        name="OuterTarget",
        structure="OuterTarget",
        kind="squared-deviation",
        dose_gy=50.0,
        weight=1000.0,
    ),
    Term(name="BODY", structure="BODY", kind="squared-overdose", dose_gy=30.0, weight=100.0),
)
CHANGES = (
    ("Core", 2.5), ("BODY", 0.4), ("OuterTarget", 2.5), ("Core", 0.35),
    ("BODY", 2.5), ("BODY", 2.5), ("OuterTarget", 0.4), ("Core", 2.5),
)  # fmt: skip


def load(file: Path) -> dict[str, StructureRows]:
    """The rows pyRadPlan selected, every voxel of a structure with the same share."""
    with np.load(file) as held:
        beamlets = int(held["beamlets"])
        found = {}
        for name in WEIGHTS:
            parts = (held[f"{name}/data"], held[f"{name}/indices"], held[f"{name}/indptr"])
            voxels = held[f"{name}/voxels"]
            found[name] = StructureRows(
                matrix=csr_array(parts, shape=(voxels.size, beamlets)),
                weights=np.full(voxels.size, 1.0 / voxels.size),
                voxels=voxels,
            )
    return found


def load_reference(file: Path) -> tuple[dict[str, StructureRows], float]:
    """The shared reference problem and its optimum."""
    with np.load(file) as held:
        parts = (held["data"], held["indices"].astype(np.int32), held["indptr"])
        matrix = csr_array(parts, shape=tuple(held["shape"]))
        found = {}
        for at, name in enumerate(held["names"]):
            voxels = np.flatnonzero(held["structure"] == at)
            found[str(name)] = StructureRows(
                matrix=matrix[voxels],
                weights=np.full(voxels.size, 1.0 / held["full_voxels"][at]),
                voxels=voxels,
            )
        return found, float(held["F_opt"])


def judged(rows: Mapping[str, StructureRows], fluence: Any, weights: Mapping[str, float]) -> float:
    """The objective in double precision, apart from both optimisers."""
    total = 0.0
    for term in TERMS:
        part = rows[term.structure]
        excess = part.matrix.astype(np.float64) @ fluence - term.dose_gy
        if term.kind == "squared-overdose":
            excess = np.maximum(excess, 0.0)
        total += weights[term.name] * float(part.weights @ excess**2)
    return total


def cold(rows: Mapping[str, StructureRows], gap: float) -> tuple[Solution, float]:
    """A solve from nothing; CPU seconds with the assembly of the problem."""
    started = time.process_time()
    found = InnerOptimiser(rows, TERMS).solve(gap=gap)
    return found, time.process_time() - started


def changed_weights() -> list[dict[str, float]]:
    """The weights after each of the eight changes."""
    weights, found = dict(WEIGHTS), []
    for name, factor in CHANGES:
        weights[name] *= factor
        found.append(dict(weights))
    return found


def reweight(rows: Mapping[str, StructureRows], gap: float) -> list[dict[str, Any]]:
    """Eight changes of weights on one optimiser."""
    optimiser = InnerOptimiser(rows, TERMS)
    optimiser.solve(gap=gap)
    found = []
    for weights in changed_weights():
        solution = optimiser.solve(weights, gap=gap)
        found.append(
            {
                "cpu_s": solution.cpu_s,
                "newton_steps": solution.newton_steps,
                "proven_gap": solution.gap,
                "objective": judged(rows, solution.fluence, weights),
            }
        )
    return found
