"""Fetching a data set: pooch downloads, the digest decides, and no file is ever half there."""

from __future__ import annotations

import contextlib
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from textgrad_core.data.dataset import DataFile, Dataset
from textgrad_core.data.store import data_folder, find, is_copy, remedy
from textgrad_core.errors import DataError, MissingExtra, UsageError

Progress = Callable[[str, int, int], None]
_READABLE = 0o644


def no_progress(name: str, done: int, total: int) -> None:
    """Tell nobody."""


def fetch(
    dataset: Dataset,
    *,
    source: str | None = None,
    folder: Path | None = None,
    progress: Progress = no_progress,
) -> tuple[Path, ...]:
    """Bring every file of a data set here, or one if any one is enough.

    A file that is here already is not fetched again, so an interrupted fetch goes on with the
    file it had begun. A file gets its name only once its digest is right.

    Args:
        dataset: The data set.
        source: Base address (``http://`` or ``https://``) or local folder to take the files
            from, instead of where they are published.
        folder: Where to keep them; None for ``data_folder()``, where `find` looks. Each data
            set has a folder of its own inside.
        progress: Told the name of a file, and how many of how many bytes are here.

    Returns:
        The files.

    Raises:
        DataError: If a file cannot be had, or is not the recorded one; nothing of it is kept.
        MissingExtra: If a download needs pooch and it is not installed.
        UsageError: If the source is neither a folder nor such an address.
    """
    kept = (folder or data_folder()) / dataset.name
    if not dataset.any_one:
        return tuple(_bring(file, dataset, source, kept, progress) for file in dataset.files)
    failures: list[str] = []
    for file in dataset.files:
        try:
            return (_bring(file, dataset, source, kept, progress),)
        except DataError as error:
            failures.append(str(error))
    raise DataError("\n".join(failures))


def _bring(
    file: DataFile, dataset: Dataset, source: str | None, kept: Path, progress: Progress
) -> Path:
    here = next((p for n in sorted(file.names()) if is_copy(p := kept / n, file)), None)
    if here is not None:
        progress(file.name, file.bytes, file.bytes)
        return here
    try:
        kept.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"{kept} cannot be made ({error}): set TEXTGRAD_DATA to another folder"
        ) from error
    if source is None:
        if not file.url:
            raise DataError(
                f"{dataset.name}: {file.name} cannot be fetched. {dataset.note}".strip()
            )
        return _download(file.url, file, dataset, kept, progress)
    if source.startswith(("http://", "https://")):
        return _download(f"{source.rstrip('/')}/{file.name}", file, dataset, kept, progress)
    local = Path(source).expanduser()
    if "://" in source or not local.is_dir():
        raise UsageError(f"source {source!r} is no folder and no http(s) address: name one")
    return _copy(find(dataset, local, file.name), file, kept, progress)


def _copy(path: Path, file: DataFile, kept: Path, progress: Progress) -> Path:
    """Take a checked local file over, under its own name, packed as it is."""
    plain = file.name.removesuffix(".gz")
    target = kept / (f"{plain}.gz" if path.name.endswith(".gz") else plain)
    try:
        with tempfile.NamedTemporaryFile(dir=kept, delete=False) as made:
            draft = Path(made.name)
        try:
            shutil.copyfile(path, draft)
            if not is_copy(draft, file):
                raise DataError(f"{path} changed while it was copied: try again")
            draft.chmod(_READABLE)
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(f"{path} could not be copied to {kept}: {error}") from error
    progress(file.name, file.bytes, file.bytes)
    return target


def _download(url: str, file: DataFile, dataset: Dataset, kept: Path, progress: Progress) -> Path:
    try:
        import pooch
        from requests.exceptions import HTTPError, RequestException
    except ImportError as error:
        raise MissingExtra("downloading data", ("pooch",), "data") from error
    offline = (
        "If this machine has no way there, fetch the file elsewhere and name the folder it lies "
        f"in: --data DIR, or textgrad data fetch {dataset.name} --from DIR"
    )
    try:
        with _quiet(pooch.get_logger()):
            pooch.retrieve(
                url,
                known_hash=f"sha256:{file.sha256}",
                fname=file.name,
                path=kept,
                downloader=pooch.HTTPDownloader(
                    progressbar=_Meter(file, progress), chunk_size=1 << 16
                ),
            )
    except HTTPError as error:
        if error.response is not None:
            error.response.close()
        raise DataError(f"{url} was refused: {error}. {offline}") from error
    except RequestException as error:
        raise DataError(f"{url} could not be downloaded: {_cause(error)}. {offline}") from error
    except ValueError as error:  # pooch's word for another digest; it names both
        raise DataError(
            f"{url} is not the {file.name} of {dataset.name}: {error} "
            f"Nothing was kept; {remedy(dataset)}"
        ) from error
    except OSError as error:
        raise DataError(f"{kept} cannot be written: {error}; set TEXTGRAD_DATA") from error
    target = kept / file.name
    target.chmod(_READABLE)
    progress(file.name, file.bytes, file.bytes)
    return target


def _cause(error: Exception) -> str:
    """What lies behind a chain of errors, without the chain."""
    inner = getattr(error, "reason", None) or (error.args[0] if error.args else None)
    return _cause(inner) if isinstance(inner, Exception) else str(error)


class _Meter:
    """What pooch tells how far it is."""

    total = 0

    def __init__(self, file: DataFile, progress: Progress) -> None:
        self._file, self._progress, self._done = file, progress, 0

    def update(self, count: int) -> None:
        self._done = min(self._done + count, self._file.bytes)
        self._progress(self._file.name, self._done, self._file.bytes)

    def reset(self) -> None:
        self._done = 0

    def close(self) -> None:
        """Nothing to close."""


@contextlib.contextmanager
def _quiet(logger: Any) -> Iterator[None]:
    """Keep pooch from announcing what we announce ourselves."""
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)
