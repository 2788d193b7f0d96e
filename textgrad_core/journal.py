"""The run's journal: cache, resume, replay and audit in one append-only file.

Every effect of a run (a model's reply, an evaluation, a proposal) is one line of
``journal.jsonl``, keyed by its *site*, the place in the program it belongs to, and by the
digest of everything that shaped it. Running the same program again answers from the file
until the first entry that is missing; from there it is live. So a killed run continues where
it stopped, and nothing that was paid for is paid twice.

A line is ``{"n", "kind", "site", "key", "body", "sum"}``; ``sum`` is the CRC-32 of the rest.
Lines never hold a time, a path or a secret. A torn last line, the mark of a kill or of a full
disk, is dropped when the file is opened for writing.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Literal

from textgrad_core.callbacks import Listener as Listener
from textgrad_core.callbacks import hearing
from textgrad_core.errors import Divergence, JournalError, SettingsDiffer
from textgrad_core.journal_file import JournalFile
from textgrad_core.journal_lines import FORMAT, Entry, line_of, read_entries
from textgrad_core.jsondata import JSON, as_stored, canonical_json, digest
from textgrad_core.logs import log

Mode = Literal["live", "replay", "partial"]


class EndOfRecord(Divergence):
    """A partial replay reached the end of what was recorded."""


class Journal:
    """Where a run's effects are recorded and recalled.

    Args:
        path: The file; None records nothing and only tells the listeners.
        settings: What the run was configured with; a file with other settings is refused.
        mode: ``"live"`` runs what is not recorded; ``"replay"`` raises `Divergence` instead;
            ``"partial"`` raises `EndOfRecord`. Only ``"live"`` writes and locks.
        listeners: Told every entry, live or recalled: functions of one entry, or `Callback`s;
            their errors are logged.

    Raises:
        JournalBusy: If another process writes this file.
        SettingsDiffer: If the file holds a run with other settings.
        UsageError: If a listener is none.
        JournalError: If the file is damaged before its end, cannot be opened, or is missing
            in a replay.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        settings: Mapping[str, JSON] | None = None,
        mode: Mode = "live",
        listeners: Iterable[Listener] = (),
    ) -> None:
        """Open the file, recall what it holds, and lock it if it will be written."""
        self.mode: Mode = mode
        self._listeners = hearing(listeners)
        self._entries: dict[tuple[str, str], Entry] = {}
        self._count = 0
        self._guard = threading.Lock()
        self._file: JournalFile | None = None
        if path is None:
            return
        try:
            self._open(path, as_settings(settings or {}))
        except OSError as error:
            self.close()
            raise JournalError(
                f"cannot use {path.parent} as a run folder: {error}; choose another one"
            ) from error
        except BaseException:
            self.close()
            raise

    def _open(self, path: Path, settings: dict[str, JSON]) -> None:
        if self.mode == "live":
            self._file = JournalFile(path)
            entries = self._file.entries
        elif path.exists():
            entries = read_entries(path)[0]
        else:
            raise JournalError(f"no journal at {path}: nothing to replay")
        if entries:
            check_settings(entries[0], settings, path)
        for entry in entries:
            self._entries[entry.kind, entry.site] = entry
        self._count = len(entries)
        if not entries:
            if self.mode != "live":
                raise JournalError(f"the journal at {path} is empty: nothing to replay")
            self.note("run", "run", {"format": FORMAT, "settings": settings})
        else:
            self._tell(entries[0])

    @property
    def settings(self) -> Mapping[str, JSON]:
        """The settings in the file's first line."""
        header = self._entries.get(("run", "run"))
        settings = header.body["settings"] if header else {}
        return settings if isinstance(settings, dict) else {}

    def entries(self) -> tuple[Entry, ...]:
        """Everything recorded so far, in the order of the file."""
        return tuple(sorted(self._entries.values(), key=lambda e: e.number))

    def recall(self, kind: str, site: str) -> Entry | None:
        """The entry recorded for a site, whatever shaped it."""
        return self._entries.get((kind, site))

    def holds(self, kind: str, site: str, request: JSON) -> bool:
        """Whether `perform` would answer this request from the record."""
        found = self._entries.get((kind, site))
        return found is not None and found.key == digest(as_stored(request))

    async def perform(
        self, kind: str, site: str, request: JSON, effect: Callable[[], Awaitable[JSON]]
    ) -> tuple[JSON, bool]:
        """The result of an effect, from the record if it holds it, else by running it.

        Args:
            kind: What sort of effect.
            site: Place in the program; unique per kind within a run.
            request: Everything that shapes the result.
            effect: Runs it; its result is recorded before it is returned.

        Returns:
            The result as the file gives it back, and whether it was recalled.

        Raises:
            Divergence: In a replay, if the record holds no such effect.
        """
        if self._file is None and not self._listeners and self.mode == "live":
            return as_stored(await effect()), False  # nothing is recalled and nobody is told
        key = digest(request)
        found = self._entries.get((kind, site))
        if found is not None and found.key == key:
            self._tell(found)
            return found.body["result"], True
        if self.mode != "live":
            raise self._divergence(kind, site, request, found)
        if found is not None:
            log.warning("the program changed at %s %r: running it again", kind, site)
        result = as_stored(await effect())
        self._append(kind, site, key, {"request": request, "result": result})
        return result, False

    def note(self, kind: str, site: str, body: Mapping[str, JSON]) -> None:
        """Record something that follows from the effects: an acceptance, a step, the end.

        Raises:
            Divergence: In a strict replay, if the record says something else.
        """
        key = digest(dict(body))
        found = self._entries.get((kind, site))
        if found is not None and found.key == key:
            self._tell(found)
            return
        if self.mode == "replay":
            raise self._divergence(kind, site, dict(body), found)
        if self.mode == "live":
            self._append(kind, site, key, dict(body))

    def close(self) -> None:
        """Close the file and release the lock; safe to call twice."""
        with self._guard:
            if self._file is not None:
                self._file.close()

    def _append(self, kind: str, site: str, key: str, body: dict[str, JSON]) -> None:
        with self._guard:
            entry = Entry(number=self._count, kind=kind, site=site, key=key, body=body)
            if self._file is not None:
                self._file.append(line_of(entry))
                self._entries[kind, site] = Entry(
                    number=self._count, kind=kind, site=site, key=key, body=body, recalled=True
                )
            self._count += 1
        self._tell(entry)

    def _tell(self, entry: Entry) -> None:
        for listener in self._listeners:
            try:
                listener(entry)
            except Exception:
                log.exception("a listener failed on entry %d", entry.number)

    def _divergence(self, kind: str, site: str, asked: JSON, found: Entry | None) -> Divergence:
        if found is None:
            message = f"the journal holds no {kind} at {site!r}: {shorten(canonical_json(asked))}"
            return (EndOfRecord if self.mode == "partial" else Divergence)(message)
        held = found.body.get("request", dict(found.body))
        here, there = first_difference(canonical_json(held), canonical_json(asked))
        return Divergence(
            f"{kind} at {site!r} (line {found.number + 1}) differs: "
            f"the journal has ...{here}, this program asks ...{there}"
        )


def check_settings(header: Entry, settings: Mapping[str, JSON], path: Path) -> None:
    """Refuse to continue a run that was configured differently."""
    held = header.body.get("settings")
    held = held if isinstance(held, dict) else {}
    if settings and held != settings:
        told = differences(held, dict(settings))
        raise SettingsDiffer(
            f"{path.parent} holds a run with other settings ({told}): "
            "choose another folder with --out, or start over with --fresh"
        )


def differences(held: JSON, now: JSON, name: str = "") -> str:
    """Where two records differ, leaf by leaf: ``make.target: was A, now B``."""
    if isinstance(held, dict) and isinstance(now, dict):
        told = [
            differences(held.get(key), now.get(key), f"{name}.{key}" if name else key)
            for key in sorted({*held, *now})
            if held.get(key) != now.get(key)
        ]
        return "; ".join(told)
    return f"{name}: was {shorten(str(held), 60)}, now {shorten(str(now), 60)}"


def as_settings(settings: Mapping[str, JSON]) -> dict[str, JSON]:
    """Settings in the form in which a file gives them back."""
    stored = as_stored(dict(settings))
    return stored if isinstance(stored, dict) else {}


def first_difference(left: str, right: str, width: int = 60) -> tuple[str, str]:
    """The two texts from a little before the first place where they differ."""
    place = next(
        (i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b),
        min(len(left), len(right)),
    )
    start = max(0, place - width // 3)
    return left[start : start + width], right[start : start + width]


def shorten(text: str, width: int = 120) -> str:
    """At most ``width`` characters, with a mark where something was left out."""
    return text if len(text) <= width else text[: width - 3] + "..."
