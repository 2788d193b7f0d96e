"""Record pyRadPlan's dose of open fields in a block of water, for the tests of the dose engine.

Run it where pyRadPlan 0.5 is installed (with ``pydantic<2.14``)::

    python benchmarks/rt_engine/water.py tests/radiotherapy/pyradplan_water.json

Two beams on a block of 156 x 156 mm, long in z; all beamlets that cover a cube of 60 mm, at
weight 1. Doses are kept along the axis of each beam and across it at three depths, as Gy per unit
weight.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK
from pyRadPlan import PhotonPlan, calc_dose_influence, generate_stf
from pyRadPlan.cst import create_cst
from pyRadPlan.ct import create_ct

from textgrad_radiotherapy.imports.pyradplan import case_from_pyradplan

ANGLES = (0.0, 90.0)
SPACING_MM, ORIGIN_MM, SHAPE = 4.0, (-88.0, -88.0, -88.0), (45, 45, 45)  # (z, y, x)
HALF_MM, TARGET_MM, BIXEL_MM = 78.0, 30.0, 5.0
ACROSS_AT_MM = (-60.0, 0.0, 60.0)  # along the beam of gantry angle 0; the isocentre is at 0
WATER_HU, AIR_HU = 0, -1000


def image(cube: Any) -> SimpleITK.Image:
    """A cube (z, y, x) where it lies."""
    made = SimpleITK.GetImageFromArray(cube)
    made.SetOrigin(ORIGIN_MM)
    made.SetSpacing((SPACING_MM,) * 3)
    return made


def recorded() -> dict[str, Any]:
    """What the file holds."""
    axis = ORIGIN_MM[0] + SPACING_MM * np.arange(SHAPE[0])
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    body = (np.abs(x) < HALF_MM) & (np.abs(y) < HALF_MM)
    target = np.maximum(np.maximum(np.abs(x), np.abs(y)), np.abs(z)) <= TARGET_MM
    ct = create_ct(cube_hu=image(np.where(body, WATER_HU, AIR_HU).astype(np.int16)))
    vois = [
        {"name": name, "voi_type": kind, "ct_image": ct, "mask": image(mask.astype(np.uint8))}
        for name, kind, mask in (("Target", "TARGET", target), ("Body", "EXTERNAL", body))
    ]
    cst = create_cst({"vois": vois, "ct_image": ct}, ct=ct)
    plan = PhotonPlan(num_of_fractions=25, prescribed_dose=50.0)
    plan.prop_stf = {
        "gantry_angles": list(ANGLES),
        "couch_angles": [0.0] * len(ANGLES),
        "bixel_width": BIXEL_MM,
    }
    plan.prop_dose_calc = {"dose_grid": {"resolution": (SPACING_MM,) * 3}}
    stf = generate_stf(ct, cst, plan)
    dij = calc_dose_influence(ct, cst, stf, plan)
    case = case_from_pyradplan(
        cst=cst, stf=stf, dij=dij, prescription_gy={"Target": 50.0}, fractions=25
    )
    if case.grid.shape != SHAPE or case.grid.origin_mm != ORIGIN_MM:
        raise SystemExit(f"pyRadPlan chose another grid: {case.grid}")
    owner = case.influence.beam_of_beamlet
    middle = SHAPE[0] // 2
    fields = []
    for beam, angle in enumerate(ANGLES):
        dose = np.asarray(dij.physical_dose.flat[0] @ (owner == beam).astype(float))
        cube = dose.reshape(SHAPE)
        along = cube[middle, :, middle] if angle == 0.0 else cube[middle, middle, ::-1]
        places = [int(np.abs(axis - at).argmin()) for at in ACROSS_AT_MM]
        across = [cube[middle, p, :] if angle == 0.0 else cube[middle, :, ::-1][:, p]
                  for p in places]  # fmt: skip
        fields.append(
            {
                "gantry_deg": angle,
                "isocentre_mm": list(case.beams[beam].isocentre_mm),
                "sad_mm": case.beams[beam].sad_mm,
                "beamlets_mm": case.influence.position_mm[owner == beam].round(6).tolist(),
                "along": [float(f"{v:.6g}") for v in along],
                "across": [[float(f"{v:.6g}") for v in line] for line in across],
            }
        )
    return {
        "source": "pyRadPlan "
        + version("pyRadPlan")
        + ", its generic photon machine and kernels; "
        "written by benchmarks/rt_engine/water.py",
        "unit": "Gy per unit weight",
        "block_half_mm": HALF_MM,
        "bixel_mm": BIXEL_MM,
        "spacing_mm": SPACING_MM,
        "axis_mm": axis.tolist(),
        "across_at_mm": list(ACROSS_AT_MM),
        "fields": fields,
    }


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(recorded()) + "\n", encoding="utf-8")
