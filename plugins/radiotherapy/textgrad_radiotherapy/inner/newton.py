"""Projected semi-smooth Newton method on the working rows.

Near-zero beamlets with a positive gradient are driven to zero, the others make a Newton step with
a Levenberg shift that adapts to how far the steps get; a search along the projected arc makes the
objective fall.

Source: D. P. Bertsekas, Projected Newton methods for optimization problems with simple
constraints, SIAM J. Control Optim. 20 (1982) 221.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.inner.model import Descent, Hessian
from textgrad_radiotherapy.inner.setting import Setting
from textgrad_radiotherapy.inner.workspace import Point, Workspace

NEAR_ZERO = 0.02  # of the mean fluence: beamlets below may be pinned
SUFFICIENT = 1e-4  # share of the predicted decrease a step has to reach (Armijo)
REFINEMENTS = 4  # times that beamlets a step would make negative are pinned instead
CROSSING = 2e-3  # of the mean fluence: so far below zero a step may lead
SHIFT_OF_NEW_PROBLEM = 1e-3
HALVINGS = 25
SHORT = 0.3  # share of a step below which it counts as short
SHORT_STEPS = 40  # more of them in one solve and the method counts as stuck
SHIFT_FLOOR, SHIFT_CEILING = 1e-9, 10.0


def descend(
    work: Workspace,
    hessian: Hessian,
    setting: Setting,
    point: Point,
    state: Descent,
    *,
    tolerance: float,
    limit: int,
    exact: bool = False,
) -> Point:
    """Make Newton steps until one lowers the objective by less than `tolerance` of it.

    Args:
        work: The objective.
        hessian: Its second-order model.
        setting: Weights and levels.
        point: Where to start; its fluence is not negative.
        state: Shift and step count; updated.
        tolerance: Relative decrease below which to stop.
        limit: Largest number of steps.
        exact: Whether gradients are accumulated in double precision.
    """
    for _ in range(limit):
        gradient = work.gradient(point, setting, exact=exact)
        hessian.refresh(point, setting)
        step = _step(hessian, point.fluence, gradient, state, work.problem.dead)
        trial, length = _search(work, setting, point, gradient, step)
        _adapt(state, length)
        state.short += length < SHORT
        state.stuck = state.short > SHORT_STEPS or (trial is None and state.shift >= 1.0)
        if state.stuck:
            return point if trial is None else trial
        if trial is None:
            continue
        decrease = point.objective - trial.objective
        point = trial
        if decrease <= tolerance * abs(point.objective):
            return point
    return point


def _step(
    hessian: Hessian,
    fluence: Floats,
    gradient: Floats,
    state: Descent,
    dead: NDArray[np.bool_],
) -> Floats:
    positive = fluence[fluence > 0]
    mean = float(positive.mean()) if positive.size else 1.0
    steepest = float(np.abs(gradient).max()) or 1.0
    moved = fluence - np.maximum(fluence - gradient * mean / steepest, 0.0)
    residual = float(np.linalg.norm(moved)) / (np.sqrt(fluence.size) * mean)
    fixed = (fluence <= min(NEAR_ZERO, residual) * mean) & (gradient > 0)
    fixed |= dead
    step = np.where(fixed, -fluence, 0.0)
    free = np.flatnonzero(~fixed)
    if not free.size:
        return step
    system = hessian.system(gradient, free, step, state.shift)
    state.shift = system.shift
    state.steps += 1
    crossing = np.zeros(free.size, dtype=bool)
    for _ in range(REFINEMENTS):
        new = ~crossing & (fluence[free] + system.step < -CROSSING * mean)
        if not new.any():
            break
        crossing |= new
        system.pin(np.flatnonzero(new), -fluence[free[new]])
    step[free] = system.step
    return step


def _search(
    work: Workspace, setting: Setting, point: Point, gradient: Floats, step: Floats
) -> tuple[Point | None, float]:
    length = 1.0
    for _ in range(HALVINGS):
        fluence = np.maximum(point.fluence + length * step, 0.0)
        trial = work.after(point, fluence, setting)
        predicted = float(gradient @ (fluence - point.fluence))
        if trial.objective <= point.objective + SUFFICIENT * min(predicted, 0.0):
            return trial, length
        length *= 0.5
    return None, 0.0


def _adapt(state: Descent, length: float) -> None:
    if length == 1.0:
        state.shift = max(state.shift / 5.0, SHIFT_FLOOR)
    elif length < SHORT:
        state.shift = min(state.shift * 5.0, SHIFT_CEILING)
