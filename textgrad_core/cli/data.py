"""``textgrad data``: list the published data sets plugins use, and fetch one."""

from __future__ import annotations

import difflib
import json
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from textgrad_core.cli.exits import OK
from textgrad_core.cli.table import WIDTH
from textgrad_core.data import DataFile, Dataset, data_folder, fetch, is_here
from textgrad_core.errors import UsageError


def show_datasets(datasets: Sequence[Dataset], *, as_json: bool) -> int:
    """List every data set: what it is, its licence, whether it is here."""
    if as_json:
        print(json.dumps([_record(d) for d in datasets], ensure_ascii=False))
        return OK
    if not datasets:
        print("No installed plugin uses a data set.")
        return OK
    width = max(len(d.name) for d in datasets)
    for dataset in datasets:
        state = "here" if is_here(dataset) else "to fetch" if _fetchable(dataset) else "by hand"
        size = _size(sum(f.bytes for f in _needed(dataset)))
        head = f"{dataset.name:<{width}}  {state:8}  {size:>8}  "
        told = textwrap.fill(head + dataset.licence, WIDTH, subsequent_indent=" " * len(head))
        print(told)
        for text in filter(None, (dataset.summary, dataset.note)):
            print(textwrap.fill(text, WIDTH, initial_indent="    ", subsequent_indent="    "))
    print(f"\nFolder: {data_folder()}")
    print("'textgrad data fetch NAME' brings one here.")
    return OK


def fetch_dataset(
    datasets: Sequence[Dataset],
    name: str,
    *,
    source: str | None,
    folder: Path | None,
    as_json: bool,
) -> int:
    """Fetch one data set and say where its files are.

    Raises:
        UsageError: If no plugin knows a data set of that name.
        DataError: If it cannot be had.
    """
    dataset = _named(datasets, name)
    meter = _Meter(sys.stderr)
    try:
        files = fetch(dataset, source=source, folder=folder, progress=meter)
    finally:
        meter.close()
    if as_json:
        print(json.dumps({**_record(dataset), "files": [str(f) for f in files]}))
        return OK
    for file in files:
        print(file)
    print(f"{dataset.name}: {dataset.licence}")
    if dataset.citation:
        print(textwrap.fill(f"Please cite: {dataset.citation}", WIDTH))
    return OK


class _Meter:
    """Progress of a download: one line that is rewritten on a terminal, else one per file."""

    def __init__(self, out: TextIO) -> None:
        self._out, self._live, self._shown = out, out.isatty(), ""

    def __call__(self, name: str, done: int, total: int) -> None:
        text = f"{name}: {_size(done)} of {_size(total)}"
        if text == self._shown or not (self._live or done >= total):
            return
        self._shown = text
        self._out.write(f"\r\x1b[2K{text}" if self._live else f"{text}\n")
        self._out.flush()

    def close(self) -> None:
        if self._live and self._shown:
            self._out.write("\n")


def _named(datasets: Sequence[Dataset], name: str) -> Dataset:
    known = {d.name: d for d in datasets}
    if name in known:
        return known[name]
    close = difflib.get_close_matches(name, known, n=1)
    meant = f"; did you mean {close[0]!r}?" if close else ""
    raise UsageError(f"no data set {name!r}; known: {', '.join(known) or 'none'}{meant}")


def _size(count: int) -> str:
    """Bytes as a person reads them."""
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def _needed(dataset: Dataset) -> Sequence[DataFile]:
    return dataset.files[:1] if dataset.any_one else dataset.files


def _fetchable(dataset: Dataset) -> bool:
    some = any if dataset.any_one else all
    return some(bool(f.url) for f in dataset.files)


def _record(dataset: Dataset) -> dict[str, object]:
    return {
        "name": dataset.name,
        "summary": dataset.summary,
        "licence": dataset.licence,
        "citation": dataset.citation,
        "note": dataset.note,
        "here": is_here(dataset),
        "any_one": dataset.any_one,
        "published": [
            {"name": f.name, "url": f.url, "sha256": f.sha256, "bytes": f.bytes}
            for f in dataset.files
        ],
    }
