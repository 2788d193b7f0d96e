"""Results of many programs in a file of JSON lines, so that an interrupted command goes on."""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from textgrad_core.errors import Invalid, UsageError
from textgrad_core.jsondata import JSON
from textgrad_core.schema import parse_json


class Results:
    """Records by ``key``; each goes to the file as soon as it is added.

    What was not judged (a record with ``error``) is kept in the file and judged again next time.
    A last record that was cut while it was written is dropped.

    Args:
        path: The file; None for no file.
        keys: Keys of all that is asked for.

    Raises:
        UsageError: If the file cannot be written, or holds something else; nothing is changed
            in it then.
    """

    def __init__(self, path: Path | None, keys: Collection[str]) -> None:
        self.path = path
        self.records: dict[str, dict[str, Any]] = {}
        self._file: BinaryIO | None = None
        if path is not None:
            try:
                self._file = path.open("r+b" if path.exists() else "w+b")
                self._recall(self._file, path, frozenset(keys))
            except OSError as error:
                self.close()
                reason = error.strerror or error
                raise UsageError(f"--out {path} cannot be written: {reason}") from error
            except UsageError:
                self.close()
                raise

    def _recall(self, file: BinaryIO, path: Path, keys: Collection[str]) -> None:
        *lines, cut = file.read().split(b"\n")
        for number, line in enumerate(lines, 1):
            try:
                record = parse_json(line.decode())
            except (Invalid, UnicodeDecodeError):
                record = None
            key = record.get("key") if isinstance(record, dict) else None
            if not isinstance(record, dict) or key not in keys:
                raise _foreign(path, number)
            if "error" not in record:
                self.records[str(key)] = record
        heads = (f'{{"key": "{key}"'.encode() for key in keys)
        if cut and not any(head.startswith(cut[: len(head)]) for head in heads):
            raise _foreign(path, len(lines) + 1)
        file.seek(-len(cut), os.SEEK_END)
        file.truncate()

    def add(self, record: dict[str, JSON]) -> None:
        """Keep a record."""
        self.records[str(record["key"])] = record
        if self._file is not None:
            self._file.write(json.dumps(record, ensure_ascii=False).encode() + b"\n")
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> Results:
        """It is open already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()


def _foreign(path: Path, number: int) -> UsageError:
    return UsageError(
        f"--out {path}, line {number} is no result of these samples, tests and limits: name "
        "another file, or remove it to judge anew"
    )
