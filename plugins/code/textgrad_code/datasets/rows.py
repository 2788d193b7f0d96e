"""Data sets of one JSON object per line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from textgrad_code.errors import ProblemError
from textgrad_core.data import Dataset, find, read_data
from textgrad_core.jsondata import JSON

Row = Mapping[str, JSON]


def rows(dataset: Dataset, folder: Path | None) -> Iterator[Row]:
    """The rows of a data set's file, in order.

    Raises:
        DataError: If the file is not here, or is another one.
        ProblemError: If a line is no JSON object.
    """
    path = find(dataset, folder)
    for number, line in enumerate(read_data(path).decode("utf-8").splitlines(), 1):
        row = json.loads(line)
        if not isinstance(row, dict):
            raise ProblemError(f"{path}, line {number}: this is no JSON object")
        yield row


def row_named(dataset: Dataset, folder: Path | None, name: str) -> Row:
    """The row of one problem, by its ``task_id``.

    Raises:
        DataError: As `rows`.
        ProblemError: If there is none of that name.
    """
    seen: list[str] = []
    for row in rows(dataset, folder):
        if row["task_id"] == name:
            return row
        seen.append(text(row, "task_id"))
    near = [s for s in seen if name and name.lower() in s.lower()] or seen
    raise ProblemError(
        f"{dataset.name} has no problem {name!r}; there are {len(seen)}, such as "
        + ", ".join(near[:3])
    )


def text(row: Row, field: str) -> str:
    """A field that has to be text.

    Raises:
        ProblemError: If it is missing or something else.
    """
    value = row.get(field)
    if not isinstance(value, str):
        raise ProblemError(f"row {row.get('task_id')!r} has no text {field!r}")
    return value
