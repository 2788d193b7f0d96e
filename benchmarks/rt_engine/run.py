"""The embedded dose engine beside pyRadPlan's on TG119: same beams, beamlets, density and grid.

Run it where pyRadPlan 0.5 is installed (with ``pydantic<2.14``). The case comes through the
adapter ``case_from_pyradplan``; the engine then computes the same beamlets on the same grid.
Prints the comparison and, with ``--write``, stores it as ``result.json`` beside this file.
"""

from __future__ import annotations

import argparse
import json
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from pyRadPlan import PhotonPlan, calc_dose_influence, generate_stf, load_tg119
from SimpleITK import GetArrayFromImage

from textgrad_radiotherapy.case import Case
from textgrad_radiotherapy.dicom.density import AIR, density_of
from textgrad_radiotherapy.engine import Beamlets, influence_of
from textgrad_radiotherapy.geometry import Floats, Grid
from textgrad_radiotherapy.imports.pyradplan import case_from_pyradplan
from textgrad_radiotherapy.kernel import Kernel
from textgrad_radiotherapy.overlap import averaged

ANGLES = [0.0, 120.0, 240.0]
BIXEL_MM, GRID_MM = 10.0, 5.0
RESULT = Path(__file__).parent / "result.json"


def theirs() -> tuple[Case, Any, Floats, float]:
    """pyRadPlan's case, its own matrix, our density of its CT, and its CPU seconds."""
    ct, cst = load_tg119()
    plan = PhotonPlan(num_of_fractions=25, prescribed_dose=50.0)
    plan.prop_stf = {
        "gantry_angles": ANGLES,
        "couch_angles": [0.0] * len(ANGLES),
        "bixel_width": BIXEL_MM,
    }
    plan.prop_dose_calc = {"dose_grid": {"resolution": (GRID_MM,) * 3}}
    stf = generate_stf(ct, cst, plan)
    start = time.process_time()
    dij = calc_dose_influence(ct, cst, stf, plan)
    seconds = time.process_time() - start
    case = case_from_pyradplan(cst=cst, stf=stf, dij=dij, prescription_gy={"OuterTarget": 50.0})
    image = ct.cube_hu
    ct_grid = Grid(
        origin_mm=image.GetOrigin(), spacing_mm=image.GetSpacing(), shape=image.GetSize()[::-1]
    )
    hu = GetArrayFromImage(image)
    water = np.maximum(density_of(hu) - AIR, 0.0)
    return case, dij.physical_dose.flat[0], averaged(water, ct_grid, case.grid, 0.0), seconds


def compare(case: Case, matrix: Any, density: Floats, their_s: float) -> dict[str, Any]:
    """Open fields on the axis and across it, and the targets' and body's mean."""
    beamlets = Beamlets(
        beam_of_beamlet=case.influence.beam_of_beamlet, position_mm=case.influence.position_mm
    )
    body = case.structures["BODY"].voxels
    start = time.process_time()
    ours = influence_of(
        density.astype(np.float32), case.grid, body, case.beams, beamlets, Kernel()
    )
    our_s = time.process_time() - start

    def doses(weights: Floats) -> tuple[Floats, Floats]:
        ours_gy = np.zeros(case.grid.voxels)
        ours_gy[ours.voxels] = ours.matrix @ weights
        return ours_gy, np.asarray(matrix @ weights)

    first_beam = (beamlets.beam_of_beamlet == 0).astype(np.float64)
    x, y, z = case.grid.axes_mm()
    iso = case.beams[0].isocentre_mm
    i, j, k = (int(np.abs(a - c).argmin()) for a, c in zip((x, y, z), iso, strict=True))
    cubes = [d.reshape(case.grid.shape) for d in doses(first_beam)]
    inside = density[k, :, i] > 0.9
    ratio = (cubes[0][k, :, i][inside] / cubes[1][k, :, i][inside]).tolist()
    across = [c[k, j] / c[k, j, i] for c in cubes]
    near = np.abs(x - iso[0]) < 90.0
    open_all = doses(np.ones(len(beamlets.beam_of_beamlet)))
    means = {
        name: float(open_all[0][s.voxels].mean() / open_all[1][s.voxels].mean())
        for name, s in case.structures.items()
    }
    return {
        "versions": {name: version(name) for name in ("pyRadPlan", "numpy", "scipy")},
        "case": f"TG119, {len(ANGLES)} beams, {BIXEL_MM:g} mm bixels, {GRID_MM:g} mm grid",
        "axis_ratio_by_depth": [round(r, 3) for r in ratio],
        "profile_largest_difference": round(float(np.abs(across[0] - across[1])[near].max()), 3),
        "mean_dose_ratio_open_fields": {name: round(r, 3) for name, r in means.items()},
        "cpu_s": {"ours": round(our_s, 2), "pyRadPlan": round(their_s, 2)},
        "nonzeros": {"ours": int(ours.matrix.nnz), "pyRadPlan": int(matrix.nnz)},
    }


def main() -> None:
    """Compare, print, and store on demand."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="store result.json")
    arguments = parser.parse_args()
    result = json.dumps(compare(*theirs()), indent=1)
    print(result)
    if arguments.write:
        RESULT.write_text(result + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
