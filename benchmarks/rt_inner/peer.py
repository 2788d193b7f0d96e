"""pyRadPlan's side of the comparison: a worker in its own environment.

Reads one JSON command per line and answers with one JSON line each:
``{"do": "prepare", "bixel_mm": 10, "grid_mm": 5, "file": PATH}`` computes the influence matrix of
TG119 and writes the rows every objective looks at; ``{"do": "solve", "solver": "scipy",
"weights": {...}, "file": PATH}`` solves from its own start with its own settings and writes the
fluence.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from importlib.metadata import version
from typing import Any

import numpy as np
from pyRadPlan import (
    PhotonPlan,
    calc_dose_influence,
    fluence_optimization,
    generate_stf,
    load_tg119,
)
from pyRadPlan.optimization.objectives import SquaredDeviation, SquaredOverdosing
from pyRadPlan.optimization.problems import get_problem_from_pln
from pyRadPlan.optimization.problems._nonlin_fluence import NonLinearFluencePlanningProblem

BEAMS = 9
OBJECTIVES: dict[str, Any] = {
    "Core": lambda weight: SquaredOverdosing(priority=weight, d_max=25.0),
    "OuterTarget": lambda weight: SquaredDeviation(priority=weight, d_ref=50.0),
    "BODY": lambda weight: SquaredOverdosing(priority=weight, d_max=30.0),
}

trace: list[tuple[float, float]] = []
evaluate = NonLinearFluencePlanningProblem._objective_function


def clocked(problem: Any, fluence: Any) -> Any:
    """Keep CPU time and objective of every evaluation."""
    if not trace:
        trace.append((time.process_time(), float("inf")))
    value = evaluate(problem, fluence)
    trace.append((time.process_time(), float(value)))
    return value


class Peer:
    """A case of pyRadPlan's and how it is solved."""

    def prepare(self, bixel_mm: float, grid_mm: float, file: str) -> dict[str, Any]:
        """Influence matrix and structure rows as the package itself selects them."""
        self.ct, self.cst = load_tg119()
        plan = PhotonPlan(machine="Generic")
        plan.prop_stf = {
            "gantry_angles": np.linspace(0, 360, BEAMS, endpoint=False),
            "couch_angles": np.zeros(BEAMS),
            "bixel_width": bixel_mm,
        }
        plan.prop_dose_calc = {
            "dose_grid": {"resolution": {"x": grid_mm, "y": grid_mm, "z": grid_mm}}
        }
        self.plan = plan
        self.set_weights({"Core": 300.0, "OuterTarget": 1000.0, "BODY": 100.0})
        self.stf = generate_stf(self.ct, self.cst, plan)
        started = time.process_time()
        self.dij = calc_dose_influence(self.ct, self.cst, self.stf, plan)
        cpu_s = time.process_time() - started
        matrix = self.dij.physical_dose.flat[0].tocsr()
        arrays: dict[str, Any] = {}
        for name, rows in self.structure_rows().items():
            part = matrix[rows]
            arrays |= {
                f"{name}/data": part.data.astype(np.float32),
                f"{name}/indices": part.indices.astype(np.int32),
                f"{name}/indptr": part.indptr.astype(np.int64),
                f"{name}/voxels": rows,
            }
        np.savez(file, beamlets=matrix.shape[1], **arrays)
        return {
            "beamlets": int(matrix.shape[1]),
            "voxels": int(matrix.shape[0]),
            "influence_cpu_s": cpu_s,
            "version": version("pyRadPlan"),
        }

    def set_weights(self, weights: dict[str, float]) -> None:
        """The objectives of the comparison."""
        for voi in self.cst.vois:
            voi.objectives = [OBJECTIVES[voi.name](weights[voi.name])]

    def structure_rows(self) -> dict[str, Any]:
        """The voxels each objective looks at, from the package's own problem."""
        self.plan.prop_opt = {"solver": "scipy"}
        problem = get_problem_from_pln(self.plan)
        problem._ct, problem._cst, problem._stf, problem._dij = (
            self.ct,
            self.cst,
            self.stf,
            self.dij,
        )
        problem._initialize()
        names = [voi.name for voi in self.cst.vois if voi.objectives]
        return {
            name: np.flatnonzero(mask)
            for name, (mask, _) in zip(names, problem._objective_list, strict=True)
        }

    def solve(self, solver: str, weights: dict[str, float], file: str) -> dict[str, Any]:
        """One cold solve, as every call of the package is, with its default settings."""
        self.set_weights(weights)
        self.plan.prop_opt = {"solver": solver}
        trace.clear()
        info: dict[str, Any] = {}
        started = time.process_time()
        fluence = fluence_optimization(
            self.ct, self.cst, self.stf, self.dij, self.plan, opt_info=info
        )
        ended = time.process_time()
        np.save(file, np.asarray(fluence, dtype=np.float64))
        zero = trace[0][0]
        return {
            "whole_call_cpu_s": ended - started,
            "solve_cpu_s": ended - zero,
            "iterations": info.get("num_iter"),
            "trace": [[at - zero, value] for at, value in trace[1:]],
        }


def main() -> None:
    """Serve commands; what the package prints goes to stderr."""
    logging.disable(logging.WARNING)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    NonLinearFluencePlanningProblem._objective_function = clocked
    peer = Peer()
    for line in sys.stdin:
        command = json.loads(line)
        answer = getattr(peer, command.pop("do"))(**command)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
