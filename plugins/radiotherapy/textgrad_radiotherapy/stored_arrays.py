"""Arrays of numpy from files, whatever the files went through.

numpy and `zipfile` trust what they read: a damaged byte makes them raise almost anything, or take
half the bytes of an array for all of it. Here every array is read to its end, where the archive's
checksum is compared, and every fault is one kind of error.
"""

from __future__ import annotations

import struct
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

SUFFIX = ".npy"
DAMAGE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,  # a shape that was never written
    OSError,
    RuntimeError,  # passwords and versions that zipfile does not know, and nesting
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


class Unreadable(ValueError):
    """A file does not hold the arrays it should; what was found is its text."""


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of a file that `numpy.savez` wrote, by name.

    Raises:
        FileNotFoundError: If there is no file.
        Unreadable: If it cannot be read, is damaged, or holds anything but arrays of numbers
            and text.
    """
    try:
        found: dict[str, NDArray[Any]] = {}
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                with archive.open(member) as stream:
                    found[member.filename.removesuffix(SUFFIX)] = _array(stream)
    except FileNotFoundError:
        raise
    except DAMAGE as fault:
        raise Unreadable(_told(fault)) from fault
    return found


def read_npy(path: Path) -> NDArray[Any]:
    """The array of a file that `numpy.save` wrote.

    Raises:
        FileNotFoundError: If there is no file.
        Unreadable: If it cannot be read, or is damaged.
    """
    try:
        with path.open("rb") as stream:
            return _array(stream)
    except FileNotFoundError:
        raise
    except DAMAGE as fault:
        raise Unreadable(_told(fault)) from fault


def _array(stream: IO[bytes]) -> NDArray[Any]:
    array = np.lib.format.read_array(stream, allow_pickle=False)
    if stream.read(1):
        raise ValueError(f"more bytes follow than an array of shape {array.shape} has")
    return np.asarray(array)


def _told(fault: BaseException) -> str:
    text = str(fault).strip()
    return text if isinstance(fault, OSError) and text else f"{type(fault).__name__}: {text}"
