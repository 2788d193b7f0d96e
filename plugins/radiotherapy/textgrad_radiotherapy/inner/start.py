"""A first fluence: uniform, then quasi-Newton steps on a sample of the rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.inner.functions import UNDER_KINDS
from textgrad_radiotherapy.inner.problem import Problem
from textgrad_radiotherapy.inner.setting import Setting
from textgrad_radiotherapy.inner.workspace import Workspace

SAMPLE_STRIDE = 16  # every 16th row of a large structure, with 16 times its share
ITERATIONS = 60


def first_fluence(problem: Problem, setting: Setting, *, memory_gb: float) -> Floats:
    """A fluence whose objective on a sample of the rows is within some per cent of the best.

    DVH limits are left out: they exempt the hottest voxels, and those are best chosen where the
    other terms would have them.
    """
    limits = [term.kind == "dvh-max" for term in problem.terms]
    setting = replace(setting, weights=np.where(limits, 0.0, setting.weights))
    work = _sample(problem, memory_gb)
    even = np.where(problem.dead, 0.0, 1.0)
    fluence = even * _best_scale(work, setting, even)
    if not fluence.any():
        return fluence
    unit = _units(work)

    def objective(scaled: Floats) -> tuple[float, Floats]:
        point = work.at(scaled * unit, setting)
        return point.objective, work.gradient(point, setting) * unit

    found = minimize(
        objective,
        fluence / unit,
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, None)] * problem.beamlets,
        options={"maxiter": ITERATIONS, "maxcor": 10, "ftol": 1e-4},
    )
    return np.asarray(np.maximum(found.x, 0.0) * unit * even, dtype=np.float64)


def _sample(problem: Problem, memory_gb: float) -> Workspace:
    work = Workspace(problem, memory_gb=memory_gb)
    for name, block in work.blocks.items():
        stride = 1 if problem.whole(name) else SAMPLE_STRIDE
        rows = np.arange(0, problem.matrix[name].shape[0], stride)
        block.add(rows, share=problem.share[name][rows] * stride)
    work.grow({})  # sparse if that was too much
    return work


def _best_scale(work: Workspace, setting: Setting, even: Floats) -> float:
    """The multiple of a uniform fluence with the smallest objective."""
    dose = {name: block.dose(even) for name, block in work.blocks.items()}
    typical = max([float(d.max(initial=0.0)) for d in dose.values()], default=0.0)
    for k in work.problem.of_means():
        typical = max(typical, float(work.problem.mean[work.problem.terms[k].structure].sum()))
    highest_gy = float(setting.doses_gy.max())
    if highest_gy == 0.0:
        return 0.0
    found = minimize_scalar(
        lambda scale: (
            work.from_dose(
                scale * even, {name: scale * d for name, d in dose.items()}, setting
            ).objective
        ),
        bounds=(0.0, 4.0 * highest_gy / typical),
        method="bounded",
    )
    return float(max(found.x, 1e-3 * highest_gy / typical))


def _units(work: Workspace) -> Floats:
    """Scale of every beamlet that makes the objective's curvatures alike."""
    square = np.zeros(work.problem.beamlets)
    for name, block in work.blocks.items():
        aims = {work.problem.terms[k].kind for k in work.problem.of_rows(name)}
        if aims & (UNDER_KINDS | {"squared-deviation", "geud-under"}):
            square += block.back_squared(block.share)
    scale = np.sqrt(square)
    floor = 0.05 * float(scale.max(initial=0.0)) or 1.0
    return np.asarray(1.0 / np.maximum(scale, floor), dtype=np.float64)
