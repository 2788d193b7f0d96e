"""How the optimum moves with weights and dose levels.

At an optimum with free beamlets A, gradient g_k and Hessian H the fluence moves by
``dx_A = -H_AA^-1 (w_k g_k)_A`` per unit of ln w_k, and by ``-H_AA^-1 (w_k dg_k/dlevel)_A`` per Gy
of a level (implicit function theorem). The system is solved by conjugate gradients in double
precision, with the single-precision factor as preconditioner.

Where a voxel lies on its level or a beamlet on its bound with no gradient, the optimum has
different derivatives to both sides; the one reported belongs to the voxels and beamlets that are
active at the solution.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from textgrad_radiotherapy.errors import CaseError, SolverFailed
from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.inner.functions import GEUD_KINDS, MEAN_KINDS
from textgrad_radiotherapy.inner.model import Hessian
from textgrad_radiotherapy.inner.newton import NEAR_ZERO
from textgrad_radiotherapy.inner.problem import Problem
from textgrad_radiotherapy.inner.setting import Setting
from textgrad_radiotherapy.inner.solution import Sensitivities
from textgrad_radiotherapy.inner.workspace import Point, Workspace

FREE_SHARE = 1e-6  # of the largest fluence: beamlets above it are free
RIDGE = 1e-9  # of the mean diagonal: directions that move next to no dose do not move
ACCURACY = 1e-6  # relative residual of the linear systems
ITERATIONS = 100


def metric_gradients(
    problem: Problem, gradients: Sequence[tuple[str, NDArray[np.intp], Floats]]
) -> Floats:
    """Gradients of metrics by fluence from those by dose.

    Args:
        problem: Holds the influence rows.
        gradients: Per metric the structure, rows of its influence matrix and the derivative of
            the metric by the dose of each.

    Returns:
        Shape (metrics, beamlets).

    Raises:
        CaseError: If a structure or row is unknown.
    """
    found = np.zeros((len(gradients), problem.beamlets))
    for at, (name, rows, slope) in enumerate(gradients):
        if name not in problem.matrix:
            raise CaseError(
                f"no term looks at structure {name!r}; known: {', '.join(problem.matrix)}"
            )
        height = problem.matrix[name].shape[0]
        if rows.size and not 0 <= int(rows.min()) <= int(rows.max()) < height:
            raise CaseError(f"rows of {name!r} have to be from 0 to {height - 1}")
        found[at] = problem.matrix[name][rows].T @ np.asarray(slope, dtype=np.float64)
    return found


def sensitivities(
    work: Workspace, hessian: Hessian, setting: Setting, point: Point, gradients: Floats
) -> Sensitivities:
    """Derivatives of metrics by weights and dose levels.

    Args:
        work: The objective.
        hessian: Second-order model; taken over at the point.
        setting: As the point was optimised with.
        point: The optimum.
        gradients: Gradient of every metric by fluence, shape (metrics, beamlets).
    """
    by_weight, by_level = _term_gradients(work, setting, point)
    free = _free(work, setting, point)
    moved = np.zeros((gradients.shape[0], work.problem.beamlets))
    pulled = by_weight[free].any() or by_level[free].any()  # else nothing conflicts: no lever
    if pulled and gradients.shape[0]:
        hessian.refresh(point, setting)
        moved[:, free] = _solve(work, hessian, setting, point, free, gradients[:, free].T).T
    return Sensitivities(
        terms=tuple(term.name for term in work.problem.terms),
        by_log_weight=-moved @ by_weight,
        by_dose_level=-moved @ by_level,
    )


def _free(work: Workspace, setting: Setting, point: Point) -> NDArray[np.intp]:
    """Beamlets that are off their bound and would not be on it at the exact optimum."""
    fluence = point.fluence
    positive = fluence > FREE_SHARE * fluence.max(initial=0.0)
    if not positive.any():
        return np.zeros(0, dtype=np.intp)
    gradient = work.gradient(point, setting, exact=True)
    leaving = (fluence < NEAR_ZERO * float(fluence[positive].mean())) & (gradient > 0.0)
    return np.flatnonzero(positive & ~leaving & ~work.problem.dead)


def _term_gradients(work: Workspace, setting: Setting, point: Point) -> tuple[Floats, Floats]:
    """Of every term: w g and w dg/dlevel, both by fluence, shape (beamlets, terms)."""
    problem = work.problem
    shape = (problem.beamlets, len(problem.terms))
    by_weight, by_level = np.zeros(shape), np.zeros(shape)
    for k, (term, piece) in enumerate(zip(problem.terms, point.pieces, strict=True)):
        weight = float(setting.weights[k])
        if weight == 0.0:
            continue
        if term.kind in MEAN_KINDS:
            mean = problem.mean[term.structure]
            by_weight[:, k] = weight * piece.slope[0] * mean
            by_level[:, k] = -weight * piece.curvature[0] * mean
            continue
        if term.kind in GEUD_KINDS:
            inner = np.zeros(piece.slope.size) if piece.axis is None else 2.0 * piece.axis
        else:
            inner = piece.curvature
        both = np.stack([piece.slope, -inner], axis=1)
        back = weight * work.blocks[term.structure].back_exact(both)
        by_weight[:, k], by_level[:, k] = back[:, 0], back[:, 1]
        if term.hard:
            by_weight[:, k] = 0.0  # a limit has a multiplier, not a weight
    return by_weight, by_level


def _product(
    work: Workspace, setting: Setting, point: Point, free: NDArray[np.intp], columns: Floats
) -> Floats:
    """Exact Hessian of the free beamlets times columns."""
    problem = work.problem
    whole = np.zeros((problem.beamlets, columns.shape[1]))
    whole[free] = columns
    out = np.zeros_like(whole)
    for name, block in work.blocks.items():
        dose = block.dose_exact(whole)
        slope = np.zeros_like(dose)
        for k in problem.of_rows(name):
            piece, weight = point.pieces[k], float(setting.weights[k])
            slope += weight * piece.curvature[:, None] * dose
            if piece.axis is not None:
                slope += weight * piece.axis_curvature * np.outer(piece.axis, piece.axis @ dose)
        out += block.back_exact(slope)
    for k in problem.of_means():
        mean = problem.mean[problem.terms[k].structure]
        factor = float(setting.weights[k] * point.pieces[k].curvature[0])
        out += factor * np.outer(mean, mean @ whole)
    return out[free]


def _solve(
    work: Workspace,
    hessian: Hessian,
    setting: Setting,
    point: Point,
    free: NDArray[np.intp],
    right: Floats,
) -> Floats:
    """Preconditioned conjugate gradients for all columns at once."""
    precondition = hessian.preconditioner(free, RIDGE)
    ridge = RIDGE * precondition.scale
    norm = np.linalg.norm(right, axis=0)
    norm[norm == 0.0] = 1.0
    found = np.zeros_like(right)
    residual = right.copy()
    towards = precondition.apply(residual)
    along = np.einsum("ij,ij->j", residual, towards)
    for _ in range(ITERATIONS):
        pushed = _product(work, setting, point, free, towards) + ridge * towards
        bend = np.einsum("ij,ij->j", towards, pushed)
        length = np.divide(along, bend, out=np.zeros_like(along), where=bend > 0.0)
        found += length * towards
        residual -= length * pushed
        if (np.linalg.norm(residual, axis=0) <= ACCURACY * norm).all():
            return found
        corrected = precondition.apply(residual)
        next_along = np.einsum("ij,ij->j", residual, corrected)
        ratio = np.divide(next_along, along, out=np.zeros_like(along), where=along > 0.0)
        towards = corrected + ratio * towards
        along = next_along
    reached = float((np.linalg.norm(residual, axis=0) / norm).max())
    if reached > 1e-2:
        raise SolverFailed(
            f"sensitivities: the linear systems were solved to {reached:.1e} only after "
            f"{ITERATIONS} iterations; the influence matrix may have equal columns"
        )
    return found
