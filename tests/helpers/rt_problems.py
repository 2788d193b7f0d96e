"""Small radiotherapy problems and their objective, written down once more in plain numpy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_array

from textgrad_radiotherapy.terms import StructureRows, Term, TermKind

Floats = NDArray[np.float64]

CONVEX_KINDS: tuple[TermKind, ...] = (
    "squared-deviation",
    "squared-overdose",
    "squared-underdose",
    "mean-dose",
    "squared-mean-overdose",
    "geud-over",
    "geud-under",
)


def rows_of(dense: Any, weights: Any = None) -> StructureRows:
    """Rows from a dense array; equal volume shares unless given."""
    array = np.asarray(dense, dtype=np.float32)
    share = np.full(len(array), 1.0 / max(len(array), 1)) if weights is None else weights
    return StructureRows(
        matrix=csr_array(array),
        weights=np.asarray(share, dtype=np.float64),
        voxels=np.arange(len(array)),
    )


def random_rows(seed: int, *, beamlets: int = 12, voxels: int = 40) -> dict[str, StructureRows]:
    """A target and an organ that every beamlet reaches in part, with partial volumes."""
    rng = np.random.default_rng(seed)
    found = {}
    for name, strength in (("PTV", 1.0), ("OAR", 0.5)):
        dense = strength * rng.random((voxels, beamlets)) * (rng.random((voxels, beamlets)) < 0.5)
        dense[np.arange(voxels), rng.integers(0, beamlets, voxels)] += strength
        occupancy = rng.uniform(0.2, 1.0, voxels)
        found[name] = rows_of(dense, occupancy / occupancy.sum())
    return found


def value(term: Term, dose: Floats, share: Floats) -> float:
    """Value f of a convex term, straight from its definition."""
    level = term.dose_gy
    if term.kind == "squared-deviation":
        return float(np.sum(share * (dose - level) ** 2))
    if term.kind == "squared-overdose":
        return float(np.sum(share * np.clip(dose - level, 0, None) ** 2))
    if term.kind == "squared-underdose":
        return float(np.sum(share * np.clip(level - dose, 0, None) ** 2))
    mean = float(np.sum(share * dose))
    if term.kind == "mean-dose":
        return mean
    if term.kind == "squared-mean-overdose":
        return max(mean - level, 0.0) ** 2
    with np.errstate(divide="ignore"):  # 0 to a negative power, and back again
        equivalent = float(np.sum(share * dose**term.a) ** (1.0 / term.a))
    excess = equivalent - level if term.kind == "geud-over" else level - equivalent
    return max(excess, 0.0) ** 2


def objective(rows: Mapping[str, StructureRows], terms: Sequence[Term], fluence: Floats) -> float:
    """Weighted sum of the values of the terms."""
    total = 0.0
    for term in terms:
        part = rows[term.structure]
        dose = part.matrix.toarray().astype(np.float64) @ fluence
        total += term.weight * value(term, dose, part.weights)
    return total


def best_of_scipy(
    rows: Mapping[str, StructureRows], terms: Sequence[Term], start: Floats
) -> tuple[Floats, float]:
    """L-BFGS-B with numerical gradients on the plain objective."""
    scale = max(objective(rows, terms, start), 1e-3)

    def scaled(x: Floats) -> float:
        return objective(rows, terms, np.maximum(x, 0.0)) / scale

    bounds = [(0.0, None)] * start.size
    options = {"maxiter": 5000, "maxfun": 500_000, "ftol": 1e-15, "gtol": 1e-10}
    found = start
    for _ in range(3):
        found = minimize(
            scaled, found, method="L-BFGS-B", jac="3-point", bounds=bounds, options=options
        ).x
    found = np.maximum(found, 0.0)
    return found, objective(rows, terms, found)
