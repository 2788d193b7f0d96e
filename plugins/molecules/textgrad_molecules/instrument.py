"""The docking engine of a domain: started on first use, never pickled, stopped once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textgrad_molecules.docking import Docker


class LazyDocker:
    """Starts one `Docker` when somebody first asks for it, whichever thread that is.

    Args:
        target: Name of a DOCKSTRING receptor.
        workers: Dockings at the same time; None for one per core.
    """

    def __init__(self, target: str, workers: int | None) -> None:
        self._target, self._workers = target, workers
        self._lock = threading.Lock()
        self._docker: Docker | None = None

    def get(self) -> Docker:
        """The docking engine, started now if it was not."""
        from textgrad_molecules.docking import Docker, dockstring_receptor

        with self._lock:
            if self._docker is None:
                receptor = dockstring_receptor(self._target)
                self._docker = Docker(receptor, workers=self._workers)
            return self._docker

    def close(self) -> None:
        """Stop the engine if it was started; `get` starts a new one."""
        with self._lock:
            docker, self._docker = self._docker, None
        if docker is not None:
            docker.close()
