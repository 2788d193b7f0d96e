"""Where influence matrices are kept."""

from __future__ import annotations

from pathlib import Path

from textgrad_core.cache import default_cache_path
from textgrad_radiotherapy.errors import CaseError

KEEP_NONE = "none"


def default_folder() -> Path:
    """Where they are kept unless a user says otherwise: beside the suite's other caches."""
    return default_cache_path().parent / "influence"


def cache_folder(wanted: str | None) -> Path | None:
    """The folder a user means: a path, None for the suite's own, ``none`` to keep nothing.

    Raises:
        CaseError: If it is in the home of a user there is not.
    """
    if wanted is None:
        return default_folder()
    try:
        return None if wanted == KEEP_NONE else Path(wanted).expanduser()
    except RuntimeError as error:
        raise CaseError(
            f"--cache {wanted}: there is no such user; name a folder that can be written, or "
            f"{KEEP_NONE!r} to keep none"
        ) from error


def check_cache(wanted: str | None) -> None:
    """Refuse a folder that was named and can be none; one that is not there yet is made.

    Args:
        wanted: As `cache_folder` takes it. The suite's own is not looked at: without it, all that
            is lost is time.

    Raises:
        CaseError: If it is a file, or cannot be made.
    """
    folder = cache_folder(wanted)
    if wanted is None or folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        fault = "is a file" if folder.is_file() else f"cannot be made ({error})"
        raise CaseError(
            f"--cache {wanted}: the folder of influence matrices {fault}; name a folder that can "
            f"be written, or {KEEP_NONE!r} to keep none"
        ) from error


def cache_contents(folder: Path) -> tuple[int, int]:
    """How many influence matrices a folder holds, and their bytes.

    Raises:
        OSError: If it cannot be read.
    """
    if folder.is_file():
        raise NotADirectoryError("it is a file")
    sizes = [path.stat().st_size for path in folder.glob("[!.]*.npz")]  # drafts begin with a dot
    return len(sizes), sum(sizes)
