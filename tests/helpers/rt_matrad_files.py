"""The same case as matRad saves it: its indices, its structs, its cells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from scipy.io import savemat
from scipy.sparse import csc_matrix, issparse

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


def saved73(file: dict[str, Any], folder: Path) -> Path:
    """The same as version 7.3, as MATLAB lays it out; lists of structs are struct arrays."""
    path = folder / "case73.mat"
    with h5py.File(path, "w", userblock_size=512) as made:
        Written73(made).members(made, file)
    with path.open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    return path


class Written73:
    """What is written into a file of version 7.3; cells and structs refer to ``#refs#``."""

    def __init__(self, file: Any) -> None:
        self.file, self.referred = file, 0

    def members(self, group: Any, values: dict[str, Any]) -> None:
        for name, value in values.items():
            self.write(group, name, value)

    def write(self, group: Any, name: str, value: Any) -> None:
        if isinstance(value, dict):
            made = group.create_group(name)
            made.attrs["MATLAB_class"] = np.bytes_("struct")
            self.members(made, value)
        elif isinstance(value, str):
            codes = np.array([[ord(letter)] for letter in value], dtype=np.uint16)
            data = codes if value else np.zeros(2, np.uint64)
            self.array(group, name, data, "char", empty=not value)
        elif issparse(value):
            self.sparse(group, name, csc_matrix(value))
        elif isinstance(value, np.ndarray) and value.dtype == object:
            self.objects(group, name, np.atleast_2d(value))
        else:
            numbers = np.atleast_2d(np.asarray(value))
            kind = {"float64": "double"}.get(numbers.dtype.name, numbers.dtype.name)
            self.array(group, name, numbers.T, kind)

    def array(self, group: Any, name: str, data: Any, kind: str, *, empty: bool = False) -> None:
        made = group.create_dataset(name, data=data)
        made.attrs["MATLAB_class"] = np.bytes_(kind)
        if empty:
            made.attrs["MATLAB_empty"] = np.uint8(1)

    def sparse(self, group: Any, name: str, matrix: Any) -> None:
        made = group.create_group(name)
        made.attrs["MATLAB_class"] = np.bytes_("double")
        made.attrs["MATLAB_sparse"] = np.uint64(matrix.shape[0])
        made.create_dataset("jc", data=matrix.indptr.astype(np.uint64))
        if matrix.nnz:
            made.create_dataset("ir", data=matrix.indices.astype(np.uint64))
            made.create_dataset("data", data=matrix.data)

    def objects(self, group: Any, name: str, items: NDArray[Any]) -> None:
        if not all(isinstance(item, dict) for item in items.flat):
            made = self.references(group, name, items)
            made.attrs["MATLAB_class"] = np.bytes_("cell")
            return
        made = group.create_group(name)
        made.attrs["MATLAB_class"] = np.bytes_("struct")
        for key in items.flat[0]:
            column = np.empty(items.shape, dtype=object)
            for at in np.ndindex(items.shape):
                column[at] = items[at][key]
            self.references(made, key, column)

    def references(self, group: Any, name: str, items: NDArray[Any]) -> Any:
        made = group.create_dataset(name, items.shape[::-1], dtype=h5py.ref_dtype)
        aside = self.file.require_group("#refs#")
        for at in np.ndindex(items.shape):
            self.referred += 1
            key = str(self.referred)
            self.write(aside, key, items[at])
            made[at[::-1]] = aside[key].ref
        return made
