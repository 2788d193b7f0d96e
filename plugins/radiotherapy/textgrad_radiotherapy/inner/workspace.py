"""The objective on the working rows: value, gradient and the pieces the Hessian is made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.inner import functions
from textgrad_radiotherapy.inner.block import Block, Singles
from textgrad_radiotherapy.inner.functions import Piece
from textgrad_radiotherapy.inner.problem import Problem
from textgrad_radiotherapy.inner.setting import Setting

SQUARES_IN_A_STEP = 4  # square matrices a Newton step needs besides the Gram matrices
BYTES_PER_NUMBER = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Point:
    """A fluence and everything that was computed from it.

    Args:
        fluence: Shape (beamlets,).
        dose_gy: Dose of the working rows by structure.
        pieces: Every term at that dose.
        objective: Weighted sum of the values, hard limits with their penalty.
    """

    fluence: Floats
    dose_gy: dict[str, Floats]
    pieces: tuple[Piece, ...]
    objective: float


class Workspace:
    """Working rows of every structure and the objective on them.

    Args:
        problem: The fixed part.
        memory_gb: What dense rows and Gram matrices may take; beyond it rows are held sparse.
    """

    def __init__(self, problem: Problem, *, memory_gb: float) -> None:
        self.problem = problem
        self.dense = True
        self._memory_gb = memory_gb
        self._seen: tuple[Floats, dict[str, Singles]] = np.zeros(0), {}
        self.blocks = {
            name: Block(problem.matrix[name], problem.share[name]) for name in problem.by_rows
        }
        self._fit(0)

    def grow(self, rows: dict[str, NDArray[np.intp]]) -> None:
        """Make rows working rows too."""
        self._fit(sum(self.blocks[name].missing(new).size for name, new in rows.items()))
        for name, new in rows.items():
            self.blocks[name].add(new)

    def _fit(self, more_rows: int) -> None:
        """Let go of dense arrays if that many more rows would not fit."""
        n = self.problem.beamlets
        squares = len(self.problem.gram_terms()) + SQUARES_IN_A_STEP
        numbers = (self.working_rows() + more_rows + squares * n) * n
        if self.dense and numbers * BYTES_PER_NUMBER > self._memory_gb * 1e9:
            self.dense = False
            for block in self.blocks.values():
                block.make_sparse()

    def working_rows(self) -> int:
        """How many rows there are."""
        return sum(block.rows.size for block in self.blocks.values())

    def whole_dose(self, name: str, fluence: Floats) -> Singles:
        """Dose of all rows of a structure; what was last looked at is not computed again."""
        if not np.array_equal(self._seen[0], fluence):
            self._seen = fluence.copy(), {}
        found = self._seen[1]
        if name not in found:
            found[name] = self.problem.matrix[name] @ fluence.astype(np.float32)
        return found[name]

    def at(self, fluence: Floats, setting: Setting, *, exact: bool = False) -> Point:
        """The objective at a fluence; doses in double precision if `exact`."""
        dose = {
            name: block.dose_exact(fluence) if exact else block.dose(fluence)
            for name, block in self.blocks.items()
        }
        return self.from_dose(fluence, dose, setting)

    def after(self, point: Point, fluence: Floats, setting: Setting) -> Point:
        """The objective at another fluence, its dose from that of a point and the difference.

        The rounding error of the new dose is that of the step, not that of the whole.
        """
        step = fluence - point.fluence
        dose = {
            name: point.dose_gy[name] + block.dose(step) for name, block in self.blocks.items()
        }
        return self.from_dose(fluence, dose, setting)

    def from_dose(self, fluence: Floats, dose: dict[str, Floats], setting: Setting) -> Point:
        """The objective at a fluence whose dose on the working rows is known."""
        pieces = tuple(
            self.piece(k, fluence, dose, setting) for k in range(len(self.problem.terms))
        )
        total = sum(w * p.value for w, p in zip(setting.weights, pieces, strict=True) if w)
        return Point(fluence=fluence, dose_gy=dose, pieces=pieces, objective=float(total))

    def piece(self, k: int, fluence: Floats, dose: dict[str, Floats], setting: Setting) -> Piece:
        """A term at a fluence whose dose on the working rows is known."""
        term = self.problem.terms[k]
        if term.kind in functions.MEAN_KINDS:
            mean_gy = float(self.problem.mean[term.structure] @ fluence)
            return functions.mean(term.kind, mean_gy, self.level(k, setting))
        structure_gy = dose[term.structure]
        if term.kind in functions.GEUD_KINDS:
            share = self.blocks[term.structure].share
            return functions.geud(term.kind, structure_gy, share, term.a, self.level(k, setting))
        share, levels = self.share(k, setting), self.levels(k, setting)
        return functions.squares(term.kind, structure_gy, share, levels)

    def level(self, k: int, setting: Setting, *, shifted: bool = True) -> float:
        """Dose level of a term that looks at one number, in Gy."""
        offset = setting.offset_gy[k] if shifted else None
        return float(setting.doses_gy[k]) + (0.0 if offset is None else float(offset[0]))

    def levels(self, k: int, setting: Setting, *, shifted: bool = True) -> Floats:
        """Dose level of a term in each working row of its structure, in Gy."""
        rows = self.blocks[self.problem.terms[k].structure].rows
        offset = setting.offset_gy[k] if shifted else None
        base = np.full(rows.size, setting.doses_gy[k])
        return base if offset is None else base + offset[rows]

    def share(self, k: int, setting: Setting) -> Floats:
        """Share of the volume that a term counts, of every working row of its structure."""
        block, kept = self.blocks[self.problem.terms[k].structure], setting.kept[k]
        return block.share if kept is None else block.share * kept[block.rows]

    def gradient(self, point: Point, setting: Setting, *, exact: bool = False) -> Floats:
        """Gradient of the objective by the fluence, shape (beamlets,)."""
        total = np.zeros(self.problem.beamlets)
        for name, block in self.blocks.items():
            slope = np.zeros(block.rows.size)
            for k in self.problem.of_rows(name):
                slope += setting.weights[k] * point.pieces[k].slope
            total += block.back_exact(slope) if exact else block.back(slope)
        for k in self.problem.of_means():
            factor = setting.weights[k] * point.pieces[k].slope[0]
            total += factor * self.problem.mean[self.problem.terms[k].structure]
        return total
