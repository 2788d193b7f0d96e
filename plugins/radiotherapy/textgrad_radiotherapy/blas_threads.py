"""One BLAS thread while plans are made.

The matrices of the inner optimiser are small: on a machine that does something else too, threads
that wait for each other cost ten times what they save. Plans run side by side instead.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
import scipy

_lock = threading.Lock()
_inside = 0
_before: list[int] = []


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Hold the OpenBLAS of numpy's and scipy's wheels to one thread.

    What was set before holds again when the last of the callers is done. Other builds of BLAS
    are left as they are.
    """
    global _inside
    with _lock:
        if _inside == 0:
            _before[:] = [get() for get, _ in _controls()]
            for _, put in _controls():
                put(1)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                for (_, put), threads in zip(_controls(), _before, strict=True):
                    put(threads)


def blas_threads() -> tuple[int, ...]:
    """Thread count of every OpenBLAS that can be held to one; empty for other builds."""
    return tuple(get() for get, _ in _controls())


@cache
def _controls() -> tuple[tuple[Callable[[], int], Callable[[int], None]], ...]:
    """Getter and setter of the thread count of every OpenBLAS that a wheel brought."""
    found = []
    for package in (np, scipy):
        home = Path(str(package.__file__)).parent
        for folder in (home.parent / f"{home.name}.libs", home / ".dylibs"):
            for file in sorted(folder.glob("libscipy_openblas*")):
                library = ctypes.CDLL(str(file))
                for suffix in ("", "64_"):
                    get = getattr(library, f"scipy_openblas_get_num_threads{suffix}", None)
                    put = getattr(library, f"scipy_openblas_set_num_threads{suffix}", None)
                    if get is not None and put is not None:
                        found.append((get, put))
    return tuple(found)
