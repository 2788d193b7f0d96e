"""What this machine offers to the plugin; needs no extra and raises nothing."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from importlib import metadata

from textgrad_core.errors import install_command
from textgrad_core.plugin import Check
from textgrad_radiotherapy.cache_folder import cache_contents, cache_folder

NEEDED = (
    ("numpy", "numpy", "everything"),
    ("scipy", "scipy", "sparse matrices"),
    ("matplotlib", "matplotlib", "the figures of a plan"),
    ("pydicom", "pydicom", "DICOM RT in and out"),
    ("h5py", "h5py", "matRad files of version 7.3"),
)


def radiotherapy_checks(cache: str | None = None) -> Iterable[Check]:
    """Versions, optional extras, BLAS threads, and the cache of influence matrices.

    Args:
        cache: As `cache_folder` takes it.
    """
    for module, distribution, purpose in NEEDED:
        yield _installed(module, distribution, purpose, install_command("radiotherapy"))
    yield _installed(
        "optuna", "optuna", "the baseline planner", install_command("optuna"), needed=False
    )
    yield _installed(
        "pyRadPlan",
        "pyRadPlan",
        "handing over its objects (imports.pyradplan); .mat and DICOM files need no pyRadPlan",
        "pip install 'pyRadPlan' 'pydantic<2.14', best in an environment of its own",
        needed=False,
    )
    yield _blas()
    yield _cache(cache)


def _installed(
    module: str, distribution: str, purpose: str, remedy: str, *, needed: bool = True
) -> Check:
    name = f"radiotherapy: {module}"
    if importlib.util.find_spec(module) is None:
        detail = f"not installed; for {purpose}"
        return Check(name=name, ok=False, detail=detail, remedy=remedy, needed=needed)
    try:
        found = metadata.version(distribution)
    except metadata.PackageNotFoundError:
        found = "of unknown version"
    return Check(name=name, ok=True, detail=f"{found}, for {purpose}", needed=needed)


def _blas() -> Check:
    name = "radiotherapy: BLAS threads"
    if any(importlib.util.find_spec(module) is None for module in ("numpy", "scipy")):
        return Check(name=name, ok=False, detail="numpy or scipy is missing", needed=False)
    from textgrad_radiotherapy.blas_threads import blas_threads

    found = blas_threads()
    if not found:
        return Check(
            name=name,
            ok=False,
            detail="this BLAS cannot be held to one thread from here",
            remedy="set OMP_NUM_THREADS=1 where the machine does other work too",
            needed=False,
        )
    told = " and ".join(map(str, found))
    return Check(name=name, ok=True, detail=f"{told} (OpenBLAS); 1 while a plan is made")


def _cache(wanted: str | None) -> Check:
    name = "radiotherapy: cache of influence matrices"
    folder = cache_folder(wanted)
    if folder is None:
        return Check(name=name, ok=True, detail="none is kept")
    try:
        count, size = cache_contents(folder)
    except OSError as error:
        remedy = "name another with --cache DIR, or set TEXTGRAD_CACHE"
        detail = f"{folder} cannot be read: {error}"
        return Check(name=name, ok=False, detail=detail, remedy=remedy, needed=False)
    return Check(name=name, ok=True, detail=f"{folder}, {count} in {size / 2**20:.0f} MiB")
