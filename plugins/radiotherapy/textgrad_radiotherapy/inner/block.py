"""Working rows of one structure: dose and back-projection in single and double precision."""

from __future__ import annotations

import copy
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from textgrad_radiotherapy.geometry import Floats

Singles = NDArray[np.float32]
SPARE = 8  # one row in so many is kept free when rows are added
CHUNK_ROWS = 256  # rows that are converted to double precision at a time


class Block:
    """Some rows of a structure's influence matrix, dense or sparse, in the order they came.

    Args:
        matrix: All rows of the structure, float32 CSR, shape (rows, beamlets).
        weights: Share of the volume of every row, shape (rows,).
    """

    def __init__(self, matrix: csr_array, weights: Floats) -> None:
        self._matrix = matrix
        self._weights = weights
        self._dense = True
        self.rows: NDArray[np.intp] = np.zeros(0, dtype=np.intp)
        self.share: Floats = np.zeros(0)
        self._has = np.zeros(matrix.shape[0], dtype=bool)
        self._buffer: Singles = np.zeros((0, matrix.shape[1]), dtype=np.float32)
        self._array: Singles | csr_array = self._buffer

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Another one in the same state; rows that are there do not change and are shared."""
        other = copy.copy(self)
        other._has = self._has.copy()
        other._buffer = self._array if self._dense else self._buffer
        return other

    def missing(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """Those of these rows that are no working rows yet."""
        return np.asarray(rows[~self._has[rows]], dtype=np.intp)

    def add(self, rows: NDArray[np.intp], share: Floats | None = None) -> int:
        """Make these rows working rows too; returns how many were new."""
        new = self.missing(rows)
        if not new.size:
            return 0
        self._has[new] = True
        self.rows = np.concatenate([self.rows, new])
        more = self._weights[new] if share is None else share
        self.share = np.concatenate([self.share, more])
        if self._dense:
            self._append(self._matrix[new].toarray())
        else:
            self._array = self._matrix[self.rows]
        return int(new.size)

    def _append(self, fresh: Singles) -> None:
        """Put dense rows after those there are, with room for a few more."""
        held, height = self._array.shape[0], self.rows.size
        if height > self._buffer.shape[0]:
            room = height + (height // SPARE if held else 0)
            larger = np.empty((min(room, self._has.size), fresh.shape[1]), dtype=np.float32)
            larger[:held] = self._array
            self._buffer = larger
        self._buffer[held:height] = fresh
        self._array = self._buffer[:height]

    def make_sparse(self) -> None:
        """Hold the rows sparse: a tenth of the memory, products several times slower."""
        if self._dense:
            self._dense = False
            self._buffer = self._buffer[:0].copy()
            self._array = self._matrix[self.rows]

    @property
    def array(self) -> Singles | csr_array:
        """The working rows, shape (working rows, beamlets)."""
        return self._array

    def dense(self, positions: NDArray[np.intp]) -> Singles:
        """Some of the working rows, by position."""
        some = self._array[positions]
        return some if isinstance(some, np.ndarray) else np.asarray(some.toarray())

    def dose(self, fluence: Floats) -> Floats:
        """Dose of the working rows in Gy, accumulated in single precision."""
        return np.asarray(self._array @ fluence.astype(np.float32), dtype=np.float64)

    def back(self, slope: Floats) -> Floats:
        """Transposed product, accumulated in single precision."""
        return np.asarray(slope.astype(np.float32) @ self._array, dtype=np.float64)

    def back_squared(self, slope: Floats) -> Floats:
        """Transposed product with the squares of the influence."""
        single, out = slope.astype(np.float32), np.zeros(self._matrix.shape[1])
        for at in range(0, self.rows.size, CHUNK_ROWS):
            part = slice(at, at + CHUNK_ROWS)
            array = self._array[part]
            out += single[part] @ (array * array)
        return out

    def dose_exact(self, fluence: Floats) -> Floats:
        """Dose of the working rows in Gy (columns: several fluences) in double precision."""
        if not self._dense:
            return np.asarray(self._array @ fluence, dtype=np.float64)
        out = np.empty((self.rows.size, *fluence.shape[1:]))
        for at in range(0, self.rows.size, CHUNK_ROWS):
            part = slice(at, at + CHUNK_ROWS)
            out[part] = self._array[part].astype(np.float64) @ fluence
        return out

    def back_exact(self, slope: Floats) -> Floats:
        """Transposed product (columns: several slopes) in double precision."""
        if not self._dense:
            return np.asarray(self._array.T @ slope, dtype=np.float64)
        out = np.zeros((self._matrix.shape[1], *slope.shape[1:]))
        for at in range(0, self.rows.size, CHUNK_ROWS):
            part = slice(at, at + CHUNK_ROWS)
            if slope[part].any():
                out += self._array[part].astype(np.float64).T @ slope[part]
        return out
