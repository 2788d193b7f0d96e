"""Influence matrices on disk, by the digest of everything that shapes them.

A file is written beside its place and moved there, so a reader never sees half of one. It is
verified when it is read; what does not fit is computed again, with a warning. The folder is
kept below a size by removing what was not used for longest.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from textgrad_core.logs import log
from textgrad_radiotherapy.case import Beam, Influence
from textgrad_radiotherapy.case_checks import check_influence
from textgrad_radiotherapy.engine import Beamlets
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.geometry import Grid
from textgrad_radiotherapy.kernel import Kernel
from textgrad_radiotherapy.stored_arrays import DAMAGE, read_npz

LARGEST_BYTES = 4 * 1024**3
DRAFT = ".part-"  # how names of files begin that are being written
DRAFT_SECONDS = 24 * 3600.0  # no write takes that long


def digest_of(
    density: NDArray[np.float32],
    grid: Grid,
    voxels: NDArray[np.intp],
    beams: Sequence[Beam],
    beamlets: Beamlets,
    kernel: Kernel,
) -> str:
    """Hexadecimal SHA-256 of everything that shapes an influence."""
    described = json.dumps(
        {"grid": asdict(grid), "beams": [asdict(b) for b in beams], "engine": kernel.describe()},
        sort_keys=True,
    )
    found = hashlib.sha256(described.encode())
    for array, kind in (
        (density, "<f4"),
        (voxels, "<i8"),
        (beamlets.beam_of_beamlet, "<i8"),
        (beamlets.position_mm, "<f8"),
    ):
        found.update(f"{array.shape}".encode())
        found.update(np.ascontiguousarray(array, dtype=kind).data)
    return found.hexdigest()


def cached(
    folder: Path | None, digest: str, grid: Grid, compute: Callable[[], Influence]
) -> Influence:
    """The influence under a digest, computed and kept if it is not there.

    Args:
        folder: The cache; None computes without keeping anything.
        digest: From `digest_of`.
        grid: The dose grid, to check what was read.
        compute: Computes it.
    """
    if folder is None:
        return compute()
    path = folder / f"{digest}.npz"
    if path.exists():
        try:
            found = _read(path, digest, grid)
        except (*DAMAGE, CaseError) as damage:
            log.warning("influence cache: %s cannot be used (%s), computed again", path, damage)
        else:
            _touch(path)
            return found
    made = compute()
    try:
        _write(path, digest, made)
        _prune(folder, keep=path)
    except OSError as failure:
        log.warning("influence cache: %s cannot be written (%s), going on", path, failure)
    return made


def _write(path: Path, digest: str, influence: Influence) -> None:
    matrix = influence.matrix
    narrow = np.uint16 if matrix.shape[1] <= np.iinfo(np.uint16).max else np.int32
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=DRAFT, suffix=".npz")
    try:
        with os.fdopen(handle, "wb") as stream:
            np.savez(
                stream,
                digest=np.array(digest),
                engine=np.array(influence.engine),
                shape=np.array(matrix.shape),
                data=matrix.data,
                indices=matrix.indices.astype(narrow),
                indptr=matrix.indptr,
                voxels=influence.voxels,
                beam_of_beamlet=influence.beam_of_beamlet,
                position_mm=influence.position_mm,
            )
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


def _read(path: Path, digest: str, grid: Grid) -> Influence:
    """What is in a file; the archive's own checksums are verified as it is read."""
    kept = read_npz(path)
    if str(kept["digest"]) != digest:
        raise CaseError("it holds another influence than its name says")
    rows, columns = kept["shape"].tolist()
    indices = kept["indices"].astype(np.int32)
    matrix = csr_array((kept["data"], indices, kept["indptr"]), shape=(rows, columns))
    matrix.check_format(full_check=True)
    found = Influence(
        matrix=matrix,
        voxels=kept["voxels"],
        beam_of_beamlet=kept["beam_of_beamlet"],
        position_mm=kept["position_mm"],
        engine=str(kept["engine"]),
    )
    check_influence(found, grid)
    return found


def _touch(path: Path) -> None:
    """Mark a file as used; a folder that may only be read is no fault."""
    try:
        path.touch()
    except OSError as failure:
        log.debug("influence cache: %s stays at its age (%s)", path, failure)


def _prune(folder: Path, keep: Path) -> None:
    """Remove what was not used for longest until the folder is below its size.

    Drafts are of processes that write now, but for those of a day ago, whose process was killed.
    What another process removes at the same time is gone, and no fault.
    """
    now, total = time.time(), 0
    found = _ages(folder.glob("*.npz"))
    for path, (age, _) in found.items():
        if path.name.startswith(DRAFT) and now - age > DRAFT_SECONDS:
            path.unlink(missing_ok=True)
    kept = {path: found[path] for path in found if not path.name.startswith(DRAFT)}
    for path, (_, size) in sorted(kept.items(), key=lambda item: item[1][0], reverse=True):
        total += size
        if total > LARGEST_BYTES and path != keep:
            path.unlink(missing_ok=True)


def _ages(paths: Iterable[Path]) -> dict[Path, tuple[float, int]]:
    """When each file was used last, and its bytes."""
    found = {}
    for path in paths:
        try:
            state = path.stat()
        except FileNotFoundError:
            continue
        found[path] = state.st_mtime, state.st_size
    return found
