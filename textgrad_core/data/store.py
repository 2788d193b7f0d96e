"""Where copies of data sets lie: a user's own folder first, then the folder `fetch` fills."""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from textgrad_core.cache import default_cache_path
from textgrad_core.data.dataset import DataFile, Dataset
from textgrad_core.errors import DataError

_GZIP_MAGIC = b"\x1f\x8b"
_BLOCK = 1 << 20


def data_folder() -> Path:
    """``TEXTGRAD_DATA`` if set, else ``data`` in the suite's folder of the user's cache."""
    named = os.environ.get("TEXTGRAD_DATA")
    return Path(named).expanduser() if named else default_cache_path().parent / "data"


def find(dataset: Dataset, folder: Path | None = None, name: str = "") -> Path:
    """A copy of one file, checked against its recorded digest.

    Args:
        dataset: The data set.
        folder: The user's own folder, searched first with everything below it; a file there is
            found by its name. Then comes what `fetch` keeps.
        name: Which file; may be left out if there is one, or if any one is enough.

    Returns:
        The file; `read_data` reads it, packed or not.

    Raises:
        DataError: If there is no copy, or what the user's folder has under that name is
            something else; the message names both digests.
        UsageError: If the data set has no such file.
    """
    if not name and dataset.any_one:
        return _any_copy(dataset, folder)
    file = dataset.file(name)
    found = _copy_of(file, dataset, folder)
    if found is None:
        raise DataError(
            f"{dataset.name}: {file.name} is not here{_where(folder)}; {remedy(dataset)}"
        )
    return found


def is_here(dataset: Dataset, folder: Path | None = None) -> bool:
    """Whether `find` would find the whole data set."""
    try:
        for name in ("",) if dataset.any_one else (f.name for f in dataset.files):
            find(dataset, folder, name)
    except DataError:
        return False
    return True


def read_data(path: Path) -> bytes:
    """The content of a file, unpacked if it is gzip.

    Raises:
        DataError: If it cannot be read.
    """
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content.startswith(_GZIP_MAGIC) else content
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def is_copy(path: Path, file: DataFile) -> bool:
    """Whether a file has the recorded digest, as it is or unpacked."""
    return file.sha256 == sha256_of(path) or bool(
        file.content_sha256 and file.content_sha256 == sha256_of(path, unpacked=True)
    )


def sha256_of(path: Path, *, unpacked: bool = False) -> str:
    """SHA-256 of a file or of what it holds packed; empty if that cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as raw:
            packed = unpacked and raw.read(2) == _GZIP_MAGIC
            raw.seek(0)
            for block in _blocks(gzip.GzipFile(fileobj=raw) if packed else raw):
                digest.update(block)
    except (OSError, EOFError, zlib.error):
        return ""  # neither this file nor a copy of it
    return digest.hexdigest()


def remedy(dataset: Dataset) -> str:
    """How to get a data set, in words for an error."""
    ways = [
        "name a folder that holds it: --data DIR "
        f"(or textgrad data fetch {dataset.name} --from DIR)"
    ]
    if any(f.url for f in dataset.files):
        ways.insert(0, f"fetch it: textgrad data fetch {dataset.name}")
    return ", or ".join(ways)


def _any_copy(dataset: Dataset, folder: Path | None) -> Path:
    refused: list[str] = []
    for file in dataset.files:
        try:
            found = _copy_of(file, dataset, folder)
        except DataError as error:
            refused.append(str(error))
            continue
        if found is not None:
            return found
    if refused:
        raise DataError("; ".join(refused))
    names = " or ".join(f.name for f in dataset.files)
    raise DataError(f"{dataset.name}: {names} is not here{_where(folder)}; {remedy(dataset)}")


def _copy_of(file: DataFile, dataset: Dataset, folder: Path | None) -> Path | None:
    if folder is not None:
        candidates = list(_named(file, folder))
        for path in candidates:
            if is_copy(path, file):
                return path
        if candidates:
            raise DataError(_refusal(candidates[0], file, dataset))
    kept = data_folder() / dataset.name
    return next((p for n in sorted(file.names()) if is_copy(p := kept / n, file)), None)


def _named(file: DataFile, folder: Path) -> Iterator[Path]:
    """Files anywhere in a folder that have one of the names, in a fixed order.

    A folder that is a symbolic link counts, one that was looked into before does not.

    Raises:
        DataError: If the folder is none.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder: name one that holds {file.name}")
    names = file.names()
    seen: set[str] = set()
    for inside, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(inside)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        yield from (Path(inside, name) for name in sorted(names.intersection(files)))


def _refusal(path: Path, file: DataFile, dataset: Dataset) -> str:
    return (
        f"{path} is not the {file.name} of {dataset.name}: its SHA-256 is "
        f"{sha256_of(path) or 'unreadable'}, recorded is {file.sha256}; {remedy(dataset)}"
    )


def _where(folder: Path | None) -> str:
    kept = str(data_folder())
    return f" (looked in {kept})" if folder is None else f" (looked in {folder} and {kept})"


def _blocks(stream: IO[bytes] | gzip.GzipFile) -> Iterator[bytes]:
    while block := stream.read(_BLOCK):
        yield block
