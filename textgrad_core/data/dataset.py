"""What is known about a published data set: files by digest, licence, citation."""

from __future__ import annotations

import re
from dataclasses import dataclass

from textgrad_core.errors import UsageError

_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """One file of a data set.

    Args:
        name: Name it is kept under. The last part of ``url`` is another name it may have in a
            user's own folder, and either may come with or without ``.gz``.
        sha256: SHA-256 of the file as published, in lower-case hexadecimal.
        bytes: Its size; 0 if it is not known.
        url: Where it is published; empty if it cannot be fetched, then `Dataset.note` says why.
        unpacked_sha256: SHA-256 of the content of a ``.gz`` file, so that a copy which was
            unpacked, or packed again, is recognised.
    """

    name: str
    sha256: str
    bytes: int
    url: str = ""
    unpacked_sha256: str = ""

    def __post_init__(self) -> None:
        """Refuse what could never be found.

        Raises:
            UsageError: If the name is no plain file name or a digest is none.
        """
        if not _PLAIN_NAME.fullmatch(self.name):
            raise UsageError(f"data file {self.name!r}: use letters, digits, '.', '_' and '-'")
        for digest in filter(None, (self.sha256, self.unpacked_sha256)):
            if not _SHA256.fullmatch(digest):
                raise UsageError(f"{self.name}: {digest!r} is no SHA-256 in lower-case hex")
        if not self.sha256:
            raise UsageError(f"{self.name} has no SHA-256: record that of the published file")

    @property
    def packed(self) -> bool:
        """Whether it is published compressed."""
        return self.name.endswith(".gz")

    @property
    def content_sha256(self) -> str:
        """SHA-256 of what a reader sees, after unpacking; empty if it is not known."""
        return self.unpacked_sha256 if self.packed else self.sha256

    def names(self) -> frozenset[str]:
        """The names a copy may have."""
        published = {self.name, self.url.rpartition("/")[2]} - {""}
        plain = {name.removesuffix(".gz") for name in published}
        return frozenset({*published, *plain, *(f"{name}.gz" for name in plain)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A published data set.

    Args:
        name: As typed after ``textgrad data fetch``.
        summary: One line.
        files: Its files.
        licence: Short name of the licence, and whose.
        citation: What to cite.
        note: What a user should know besides.
        any_one: The files are different copies of the same thing: one is enough, the first that
            is found counts.
    """

    name: str
    summary: str
    files: tuple[DataFile, ...]
    licence: str
    citation: str = ""
    note: str = ""
    any_one: bool = False

    def __post_init__(self) -> None:
        """Refuse a record that names nothing.

        Raises:
            UsageError: If the name is no plain name, or there is no file.
        """
        if not _PLAIN_NAME.fullmatch(self.name):
            raise UsageError(f"data set {self.name!r}: use letters, digits, '.', '_' and '-'")
        if not self.files:
            raise UsageError(f"data set {self.name!r} has no files")

    def file(self, name: str = "") -> DataFile:
        """One file by its name; without one, the only file there is.

        Raises:
            UsageError: If there is none of that name, or there are several and none was named.
        """
        known = {f.name: f for f in self.files}
        if not name and len(known) == 1:
            return self.files[0]
        if name not in known:
            raise UsageError(f"{self.name} has no file {name!r}; its files: {', '.join(known)}")
        return known[name]
