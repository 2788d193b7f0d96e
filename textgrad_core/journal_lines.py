"""The lines of a journal: one entry each, with a checksum."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from textgrad_core.errors import JournalError
from textgrad_core.jsondata import JSON, canonical_json

FORMAT = 1
_BEGINNING = b'{"body":{"format":'  # of every journal, whatever its format
_FORMAT_IN = re.compile(re.escape(_BEGINNING) + rb"([0-9]+)[,}]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the journal, as listeners see it.

    Args:
        number: Place in the file.
        kind: ``run``, ``instrument``, ``evaluation``, ``model``, ``proposal``, or a note's.
        site: Place in the program.
        key: Digest of what shaped it.
        body: ``{"request", "result"}`` of an effect, or a note's content.
        recalled: It was read from the file, not made by this process.
    """

    number: int
    kind: str
    site: str
    key: str
    body: Mapping[str, JSON]
    recalled: bool = False


def line_of(entry: Entry) -> bytes:
    """One line of the file, checksum included."""
    record: dict[str, JSON] = {
        "n": entry.number,
        "kind": entry.kind,
        "site": entry.site,
        "key": entry.key,
        "body": dict(entry.body),
    }
    text = canonical_json(record)
    total = f"{zlib.crc32(text.encode('utf-8', 'surrogatepass')):08x}"
    return (text[:-1] + f',"sum":"{total}"}}\n').encode("utf-8", "surrogatepass")


def entry_of(line: bytes) -> Entry | None:
    """The inverse of `line_of`; None if the line is torn or altered."""
    head, mark, tail = line.rpartition(b',"sum":"')
    if not mark or len(tail) != 10 or not tail.endswith(b'"}'):
        return None
    if f"{zlib.crc32(head + b'}'):08x}".encode() != tail[:8]:
        return None
    try:
        record = json.loads((head + b"}").decode("utf-8", "surrogatepass"))
        return Entry(
            number=record["n"],
            kind=record["kind"],
            site=record["site"],
            key=record["key"],
            body=record["body"],
            recalled=True,
        )
    except (ValueError, KeyError, TypeError):  # whole, but no entry
        return None


def read_entries(path: Path) -> tuple[list[Entry], int]:
    """Every whole line of a journal, and how many bytes they take.

    Raises:
        JournalError: If a line before the last is damaged, lost or repeated, or if this is no
            journal, or one of another format.
    """
    content = path.read_bytes()
    _check_kind(path, content)
    entries: list[Entry] = []
    start = 0
    while start < len(content):
        end = content.find(b"\n", start)
        entry = entry_of(content[start:end]) if end >= 0 else None
        if entry is None or entry.number != len(entries):
            if end >= 0 and (end + 1 < len(content) or not entries):
                raise JournalError(
                    f"{path}, line {len(entries) + 1} is damaged: keep a copy, cut the file "
                    f"after line {len(entries)}, and run the same command again"
                )
            break
        entries.append(entry)
        start = end + 1
    return entries, start


def _check_kind(path: Path, content: bytes) -> None:
    """Refuse what is no journal this version reads; a torn beginning of one is none, but ours."""
    written = _FORMAT_IN.match(content)
    if written is not None and int(written[1]) != FORMAT:
        raise JournalError(
            f"{path} has format {int(written[1])}, this version reads and writes {FORMAT}: use "
            "the version of textgrad-suite that wrote it, or choose another folder"
        )
    zeros = not content.strip(b"\0")  # a crash of the system leaves them
    if not (zeros or content.startswith(_BEGINNING) or _BEGINNING.startswith(content)):
        raise JournalError(
            f"{path} is no journal: choose another folder, or move that file out of it"
        )
