"""Variables of a MATLAB file of version 7.3, which is HDF5, as scipy gives those of older ones.

Arrays are stored with their axes reversed, text as numbers, cells and struct arrays as references,
sparse matrices by columns. MATLAB's own names for what a dataset is stand in its attributes.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

if TYPE_CHECKING:
    import h5py

NUMBERS = frozenset(
    ("double", "single", "logical", *(f"{u}int{n}" for u in ("", "u") for n in (8, 16, 32, 64)))
)


def read_mat73(path: Path, names: Collection[str]) -> dict[str, Any]:
    """The variables of these names that the file has, as `scipy.io.loadmat` squeezes them.

    Scalars are numbers, text is text, structs have their fields as attributes, struct arrays and
    cells are arrays of objects; what has one element is that element. Objects of classes, function
    handles and the like are structs without fields.

    Args:
        path: The file.
        names: The variables to read; others are not touched.

    Raises:
        ImportError: If h5py is not installed.
        OSError: If it is no HDF5 file, or cut off.
    """
    import h5py

    with h5py.File(path, "r") as file:
        return {name: _value(file[name], file) for name in names if name in file}


def _value(item: h5py.Group | h5py.Dataset, file: h5py.File) -> Any:
    kind = _text_of(item.attrs.get("MATLAB_class", b""))
    if "MATLAB_sparse" in item.attrs:
        return _sparse(item)
    if hasattr(item, "keys"):
        return _struct(item, file)
    if item.attrs.get("MATLAB_empty", 0):
        return "" if kind == "char" else np.zeros(0, dtype=float if kind in NUMBERS else object)
    if kind == "char":
        return _letters(item)
    if kind == "cell":
        return _cells(item, file)
    if kind in NUMBERS:
        return _squeezed(item[()].T.astype(bool) if kind == "logical" else item[()].T)
    return SimpleNamespace()


def _struct(group: h5py.Group, file: h5py.File) -> Any:
    """A struct; an array of them where every field is a dataset of references."""
    fields = {name: group[name] for name in group}
    if not fields or not all(map(_is_one_each, fields.values())):
        return SimpleNamespace(**{name: _value(item, file) for name, item in fields.items()})
    columns = {name: np.asarray(_cells(item, file, keep=True)) for name, item in fields.items()}
    shape = next(iter(columns.values())).shape
    made = np.empty(shape, dtype=object)
    for at in np.ndindex(shape):
        made[at] = SimpleNamespace(**{name: column[at] for name, column in columns.items()})
    return _squeezed(made)


def _is_one_each(item: Any) -> bool:
    """Whether a field of a struct array: references without a class of their own."""
    return "MATLAB_class" not in item.attrs and str(getattr(item, "dtype", "")) == "object"


def _cells(item: h5py.Dataset, file: h5py.File, *, keep: bool = False) -> Any:
    references = item[()].T
    found = np.empty(references.shape, dtype=object)
    for at in np.ndindex(references.shape):
        found[at] = _value(file[references[at]], file)
    return found if keep else _squeezed(found)


def _sparse(group: h5py.Group) -> csc_array:
    """MATLAB leaves out the parts of a matrix without entries."""
    rows = int(group.attrs["MATLAB_sparse"])
    pointers = group["jc"][()].astype(np.int64)
    data = group["data"][()] if "data" in group else np.zeros(0)
    found = group["ir"][()] if "ir" in group else np.zeros(0, dtype=np.uint64)
    places = found.astype(np.int32 if rows < np.iinfo(np.int32).max else np.int64)
    return csc_array((data, places, pointers), shape=(rows, pointers.size - 1))


def _letters(item: h5py.Dataset) -> Any:
    """Text of one line; several lines as an array."""
    codes = np.atleast_2d(item[()].T)
    lines = ["".join(map(chr, line)) for line in codes.tolist()]
    return lines[0] if len(lines) == 1 else np.array(lines)


def _squeezed(array: NDArray[Any]) -> Any:
    array = np.squeeze(array)
    return array.item() if array.shape == () else array


def _text_of(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)
