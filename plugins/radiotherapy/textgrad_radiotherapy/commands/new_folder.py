"""What commands write: all of it or nothing, and words for where nothing can be written."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from textgrad_core.errors import UsageError


def check_free(folder: Path) -> None:
    """Refuse what a command must not write into; before any work is done.

    Raises:
        UsageError: If the folder holds something, is a file, or cannot be looked at.
    """
    with writing(folder):
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"--out {str(folder)!r} is a file: name a new folder")
        if folder.exists() and any(folder.iterdir()):
            raise UsageError(f"--out {str(folder)!r} exists and is not empty: name a new folder")


@contextmanager
def writing(out: Path) -> Iterator[None]:
    """Whatever the system refuses inside is told of the path that was asked for.

    Args:
        out: What ``--out`` names; drafts beside it are nobody's business.

    Raises:
        UsageError: If the system refuses to write; the message has its reason.
    """
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"--out {str(out)!r} cannot be written ({error.strerror or error}): name one in a "
            "folder that exists, may be written to and has room"
        ) from error


@contextmanager
def filled(folder: Path) -> Iterator[Path]:
    """A draft to write into; it becomes the folder if all goes well, else it is removed.

    Args:
        folder: As `check_free` let through; its parents are made.

    Raises:
        UsageError: If the folder cannot be written; nothing is left behind.
    """
    draft = folder.parent / f".{folder.name[:80]}.{secrets.token_hex(8)}.part"
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:  # from before the draft exists, so that an interrupt leaves none behind
            draft.mkdir()
            yield draft
            if folder.is_dir():
                folder.rmdir()  # empty; some systems replace no folder
            draft.replace(folder)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
