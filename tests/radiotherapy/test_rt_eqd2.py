"""Equivalent doses against worked examples and their own definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textgrad_radiotherapy.eqd2 import bed_gy, eqd2_gy
from textgrad_radiotherapy.errors import GoalError


@pytest.mark.parametrize(
    ("dose", "fractions", "alpha_beta", "bed", "eqd2"),
    [
        (60.0, 20, 3.0, 120.0, 72.0),
        (60.0, 20, 1.5, 180.0, 180 / (7 / 3)),
        (60.0, 30, 10.0, 72.0, 60.0),
        (0.0, 5, 3.0, 0.0, 0.0),
    ],
)
def test_worked_examples(
    dose: float, fractions: int, alpha_beta: float, bed: float, eqd2: float
) -> None:
    assert bed_gy(dose, fractions, alpha_beta) == pytest.approx(bed)
    assert eqd2_gy(dose, fractions, alpha_beta) == pytest.approx(eqd2)


@given(st.integers(1, 45), st.floats(0.5, 20))
def test_two_gray_fractions_are_their_own_equivalent(fractions: int, alpha_beta: float) -> None:
    assert eqd2_gy(2.0 * fractions, fractions, alpha_beta) == pytest.approx(2.0 * fractions)


def test_voxel_by_voxel() -> None:
    doses = np.array([0.0, 30.0, 60.0])
    assert eqd2_gy(doses, 20, 3.0) == pytest.approx([eqd2_gy(float(d), 20, 3.0) for d in doses])


@pytest.mark.parametrize(
    ("dose", "fractions", "alpha_beta", "message"),
    [
        (60.0, 0, 3.0, "0 fractions"),
        (60.0, 20, 0.0, "above 0 Gy"),
        (60.0, 20, math.inf, "above 0 Gy"),
        (-1.0, 20, 3.0, "negative"),
        (math.nan, 20, 3.0, "not finite"),
    ],
)
def test_what_is_refused(dose: float, fractions: int, alpha_beta: float, message: str) -> None:
    with pytest.raises(GoalError, match=message):
        eqd2_gy(dose, fractions, alpha_beta)
