"""The numbers of a problem that change from solve to solve."""

from __future__ import annotations

from dataclasses import dataclass

from textgrad_radiotherapy.geometry import Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Setting:
    """Weights, dose levels and what the outer iterations hold fixed.

    Args:
        weights: Weight of every term, shape (terms,); of a hard limit, its penalty.
        doses_gy: Dose level of every term, shape (terms,), Gy.
        kept: Per term the share, 0 to 1, of every row of its structure that counts, shape
            (rows,); None for all. Only DVH terms leave rows out.
        offset_gy: Per term what is added to its dose level, shape (rows,) or (1,); None for
            nothing. Only hard limits have offsets: their multipliers divided by the penalty.
    """

    weights: Floats
    doses_gy: Floats
    kept: tuple[Floats | None, ...]
    offset_gy: tuple[Floats | None, ...]
