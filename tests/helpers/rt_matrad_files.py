"""The same case as matRad saves it: its indices, its structs, its cells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.io import savemat
from scipy.sparse import csc_matrix

from rt_own_arrays import BEAMLETS, GRID, INFLUENCE, MASKS
from textgrad_radiotherapy.geometry import Floats


def columns_of(mask: NDArray[np.bool_]) -> NDArray[np.floating]:
    """matRad's indices of a mask: over (y, x, z), by columns, from 1."""
    return np.flatnonzero(mask.transpose(1, 2, 0).ravel(order="F")) + 1.0


def by_columns(influence: Floats) -> Floats:
    """Rows in matRad's order."""
    rows = np.arange(GRID.voxels).reshape(GRID.shape).transpose(1, 2, 0).ravel(order="F")
    return np.asarray(influence[rows], dtype=np.float64)


def cells(*items: Any) -> NDArray[Any]:
    found = np.empty((1, len(items)), dtype=object)
    for index, item in enumerate(items):
        found[0, index] = item
    return found


def cst_row(number: int, name: str, label: str, mask: NDArray[np.bool_], goal: Any) -> list[Any]:
    return [float(number), name, label, cells(columns_of(mask)[:, None]), {"Priority": 1.0}, goal]


def deviation(gy: float) -> dict[str, Any]:
    return {
        "className": "DoseObjectives.matRad_SquaredDeviation",
        "parameters": cells(gy),
        "penalty": 800.0,
    }


def overdosing(gy: float) -> dict[str, Any]:
    return {
        "className": "DoseObjectives.matRad_SquaredOverdosing",
        "parameters": cells(gy),
        "penalty": 100.0,
    }


def patient() -> dict[str, Any]:
    x, y, z = GRID.axes_mm()
    density = np.where(MASKS["BODY"], 1.0, 0.0)
    cst = np.empty((3, 6), dtype=object)
    listed = [
        cst_row(0, "Cord", "OAR", MASKS["Cord"], overdosing(20.0)),
        cst_row(1, "Target", "TARGET", MASKS["Target"], deviation(60.0)),
        cst_row(2, "BODY", "OAR", MASKS["BODY"], overdosing(30.0)),
    ]
    for i, row in enumerate(listed):
        for j, value in enumerate(row):
            cst[i, j] = value
    return {
        "ct": {
            "cubeDim": np.array([[5, 6, 4]], dtype=np.uint8),
            "resolution": {"x": 4.0, "y": 3.0, "z": 6.0},
            "x": x[None, :],
            "y": y[None, :],
            "z": z[None, :],
            "cube": cells(density.transpose(1, 2, 0)),
            "numOfCtScen": 1.0,
        },
        "cst": cst,
        "pln": {
            "numOfFractions": 30.0,
            "propStf": {
                "gantryAngles": np.array([[0.0, 120.0]]),
                "couchAngles": np.array([[0.0, 10.0]]),
                "bixelWidth": 5.0,
            },
        },
    }


def with_dij(file: dict[str, Any]) -> dict[str, Any]:
    rays = [{"rayPos_bev": np.array([[5.0 * k, 0.0, -5.0]])} for k in range(BEAMLETS)]
    steering = np.empty(2, dtype=object)
    for index, (gantry, part) in enumerate(((0.0, rays[:4]), (120.0, rays[4:]))):
        steering[index] = {
            "gantryAngle": gantry,
            "couchAngle": 0.0,
            "SAD": 900.0,
            "bixelWidth": 5.0,
            "ray": np.array(part, dtype=object),
        }
    dij = {
        "physicalDose": cells(csc_matrix(by_columns(INFLUENCE))),
        "beamNum": np.array([[1.0]] * 4 + [[2.0]] * 3),
        "doseGrid": {
            **{key: file["ct"][key] for key in ("resolution", "x", "y", "z")},
            "dimensions": np.array([[5, 6, 4]], dtype=np.uint8),
        },
    }
    return {**file, "dij": dij, "stf": steering}


def saved(file: dict[str, Any], folder: Path) -> Path:
    path = folder / "case.mat"
    savemat(path, file, do_compression=True)
    return path
