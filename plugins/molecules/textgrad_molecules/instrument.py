"""The docking engine of a domain: started on first use, never pickled, stopped once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textgrad_molecules.docking import Docker

_guard = threading.Lock()
_dockers: dict[tuple[str, int | None], Docker] = {}


class LazyDocker:
    """The one `Docker` per target and number of workers that a process has.

    Domains of the same settings share it, so a domain that is sent to a worker process again and
    again starts its docking server there once.

    Args:
        target: Name of a DOCKSTRING receptor.
        workers: Dockings at the same time; None for one per core.
    """

    def __init__(self, target: str, workers: int | None) -> None:
        self._key = (target, workers)

    def get(self) -> Docker:
        """The docking engine, made now if there is none; its server starts at the first dock."""
        from textgrad_molecules.docking import Docker, dockstring_receptor

        target, workers = self._key
        with _guard:
            if self._key not in _dockers:
                _dockers[self._key] = Docker(dockstring_receptor(target), workers=workers)
            return _dockers[self._key]

    def close(self) -> None:
        """Stop the engine if there is one; `get` makes a new one."""
        with _guard:
            docker = _dockers.pop(self._key, None)
        if docker is not None:
            docker.close()
