"""Where influence matrices are kept."""

from __future__ import annotations

from pathlib import Path

from textgrad_core.cache import default_cache_path

KEEP_NONE = "none"


def default_folder() -> Path:
    """Where they are kept unless a user says otherwise: beside the suite's other caches."""
    return default_cache_path().parent / "influence"


def cache_folder(wanted: str | None) -> Path | None:
    """The folder a user means: a path, None for the suite's own, ``none`` to keep nothing."""
    if wanted is None:
        return default_folder()
    return None if wanted == KEEP_NONE else Path(wanted).expanduser()


def cache_contents(folder: Path) -> tuple[int, int]:
    """How many influence matrices a folder holds, and their bytes.

    Raises:
        OSError: If it cannot be read.
    """
    sizes = [path.stat().st_size for path in folder.glob("*.npz")]
    return len(sizes), sum(sizes)
