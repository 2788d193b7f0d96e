"""The dose engine against doses that pyRadPlan computed, recorded by `benchmarks/rt_engine`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from textgrad_radiotherapy.case import Beam
from textgrad_radiotherapy.engine import Beamlets, influence_of
from textgrad_radiotherapy.geometry import Floats, Grid
from textgrad_radiotherapy.kernel import Kernel

RECORD: dict[str, Any] = json.loads(
    (Path(__file__).parent / "pyradplan_water.json").read_text(encoding="utf-8")
)
AXIS = np.asarray(RECORD["axis_mm"])
MIDDLE = int(np.abs(AXIS).argmin())
BUILD_UP_SAMPLES = 3  # along the axis, 2 to 10 mm below the surface


@pytest.fixture(scope="module", params=RECORD["fields"], ids=lambda f: f"gantry {f['gantry_deg']}")
def field(request: pytest.FixtureRequest) -> tuple[dict[str, Any], Floats]:
    """A recorded field, and the same computed here, (z, along the beam, across it)."""
    told: dict[str, Any] = request.param
    spacing = RECORD["spacing_mm"]
    grid = Grid(origin_mm=(AXIS[0],) * 3, spacing_mm=(spacing,) * 3, shape=(len(AXIS),) * 3)
    inside = np.abs(AXIS) < RECORD["block_half_mm"]
    water = np.broadcast_to(np.outer(inside, inside), grid.shape).astype(np.float32)
    beam = Beam(
        gantry_deg=told["gantry_deg"],
        isocentre_mm=tuple(told["isocentre_mm"]),
        sad_mm=told["sad_mm"],
        bixel_mm=RECORD["bixel_mm"],
    )
    centres = np.asarray(told["beamlets_mm"])
    influence = influence_of(
        water,
        grid,
        np.flatnonzero(water),
        [beam],
        Beamlets(beam_of_beamlet=np.zeros(len(centres), dtype=np.intp), position_mm=centres),
        Kernel(),
    )
    dose = np.zeros(grid.voxels)
    dose[influence.voxels] = influence.matrix @ np.ones(len(centres))
    cube = dose.reshape(grid.shape)
    return told, cube if told["gantry_deg"] == 0.0 else cube.swapaxes(1, 2)[:, ::-1, :]


def test_dose_along_the_axis(field: tuple[dict[str, Any], Floats]) -> None:
    """Within 4 % from 14 mm below the surface to the exit, scale and all: nothing is fitted."""
    told, cube = field
    theirs, ours = np.asarray(told["along"]), cube[MIDDLE, :, MIDDLE]
    inside = np.flatnonzero(np.abs(AXIS) < RECORD["block_half_mm"])[BUILD_UP_SAMPLES:]
    assert theirs[inside].min() > 0.5
    np.testing.assert_allclose(ours[inside], theirs[inside], rtol=0.04)
    in_air = np.abs(AXIS) > RECORD["block_half_mm"]
    assert np.all(ours[in_air] == 0.0)


def test_dose_across_the_field(field: tuple[dict[str, Any], Floats]) -> None:
    """Within 5 % of the dose on the axis, penumbra and all, at three depths."""
    told, cube = field
    for at, line in zip(RECORD["across_at_mm"], told["across"], strict=True):
        ours, theirs = cube[MIDDLE, int(np.abs(AXIS - at).argmin()), :], np.asarray(line)
        difference = ours / ours[MIDDLE] - theirs / theirs[MIDDLE]
        assert np.abs(difference).max() < 0.05, f"{at:g} mm from the isocentre"
        assert np.abs(difference[np.abs(AXIS) < 25.0]).max() < 0.03
