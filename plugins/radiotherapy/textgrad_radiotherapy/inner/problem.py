"""The fixed part of a problem: checked rows, terms and what follows from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.inner import checks
from textgrad_radiotherapy.inner.functions import MEAN_KINDS, OVER_KINDS
from textgrad_radiotherapy.terms import StructureRows, Term

SMALL_ROWS = 3000  # structures with at most so many rows are working rows as a whole


class Problem:
    """Influence rows and terms of a case.

    Args:
        rows: Influence rows by structure.
        terms: The terms.

    Raises:
        CaseError: If rows are not as they should be.
        GoalError: If terms are not as they should be.
    """

    def __init__(self, rows: Mapping[str, StructureRows], terms: Sequence[Term]) -> None:
        self.beamlets = checks.check_rows(rows)
        checks.check_terms(terms, rows)
        self.terms = tuple(terms)
        used = {term.structure for term in terms}
        self.matrix: dict[str, csr_array] = {
            name: checks.compact(part.matrix) for name, part in rows.items() if name in used
        }
        self.share: dict[str, Floats] = {
            name: np.asarray(rows[name].weights, dtype=np.float64) for name in self.matrix
        }
        self.mean: dict[str, Floats] = {
            name: np.asarray(matrix.T @ self.share[name], dtype=np.float64)
            for name, matrix in self.matrix.items()
        }
        reached = np.sum(list(self.mean.values()), axis=0)
        self.dead: NDArray[np.bool_] = reached <= 0.0
        self.by_rows = tuple(
            name
            for name in self.matrix
            if any(t.structure == name and t.kind not in MEAN_KINDS for t in terms)
        )

    def of_rows(self, structure: str) -> list[int]:
        """Indices of the terms that look at single rows of a structure."""
        return [
            k
            for k, term in enumerate(self.terms)
            if term.structure == structure and term.kind not in MEAN_KINDS
        ]

    def of_means(self) -> list[int]:
        """Indices of the terms that look at the mean dose of a structure."""
        return [k for k, term in enumerate(self.terms) if term.kind in MEAN_KINDS]

    def only_means(self, weights: Floats) -> bool:
        """Whether nothing but mean doses counts, so that no dose is the best dose.

        Args:
            weights: By term; those of hard limits do not matter, they count in any case.
        """
        return all(
            term.kind in MEAN_KINDS
            for term, weight in zip(self.terms, weights, strict=True)
            if weight > 0 or term.hard
        )

    def whole(self, structure: str) -> bool:
        """Whether every row of a structure can matter, or the structure is small."""
        kinds = {self.terms[k].kind for k in self.of_rows(structure)}
        return self.matrix[structure].shape[0] <= SMALL_ROWS or not kinds <= OVER_KINDS

    def convex(self) -> bool:
        """Whether no term depends on which voxels are hottest or coldest."""
        return not any(term.kind.startswith("dvh") for term in self.terms)

    def gram_terms(self) -> list[int]:
        """Indices of the terms whose Hessian needs a Gram matrix."""
        return [k for k, term in enumerate(self.terms) if term.kind not in MEAN_KINDS]
