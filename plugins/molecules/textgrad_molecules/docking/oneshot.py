"""Docking with a Vina executable: one worker process per ligand, on any platform."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from textgrad_molecules.docking.processes import (
    SINGLE_THREADED,
    describe_exit,
    kill_tree,
    noise_tail,
)
from textgrad_molecules.docking.receptor import Receptor, receptor_to_json
from textgrad_molecules.docking.wire import Message, failed

_WORKER = "textgrad_molecules.docking.job"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutableSettings:
    """How to dock with an executable.

    Args:
        executable: Path of the Vina program.
        receptor: Where to dock.
        workers: Ligands docked at the same time, one core each.
    """

    executable: Path
    receptor: Receptor
    workers: int


class OneShotClient:
    """Docks each ligand in a process of its own; thread-safe, picklable.

    Args:
        settings: How to dock.
    """

    def __init__(self, settings: ExecutableSettings) -> None:
        self._settings = settings
        self._reset()

    def _reset(self) -> None:
        self._turns = threading.BoundedSemaphore(self._settings.workers)
        self._lock = threading.Lock()
        self._running: list[subprocess.Popen[bytes]] = []

    def __getstate__(self) -> dict[str, Any]:
        """Settings only."""
        return {"settings": self._settings}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._settings = state["settings"]
        self._reset()

    def dock(self, job: Message, deadline_s: float | None) -> Message:
        """Run one job and wait for its answer (see `textgrad_molecules.docking.job.run_job`).

        Args:
            job: ``smiles``, ``exhaustiveness``, ``seed``.
            deadline_s: Seconds the job may take once it has a core; None for no limit.
        """
        with (
            self._turns,
            tempfile.TemporaryDirectory(prefix="textgrad-dock-", ignore_cleanup_errors=True) as d,
            tempfile.TemporaryFile() as noise,
        ):
            order = {
                "job": job,
                "folder": d,
                "executable": str(self._settings.executable),
                "receptor": receptor_to_json(self._settings.receptor),
            }
            return self._run(json.dumps(order).encode() + b"\n", noise, deadline_s)

    def close(self) -> None:
        """Stop what is running; those jobs are answered as failed."""
        with self._lock:
            for process in self._running:
                process.kill()  # its thread clears up the rest of the tree

    def _run(self, order: bytes, noise: IO[bytes], deadline_s: float | None) -> Message:
        with subprocess.Popen(
            [sys.executable, "-P", "-m", _WORKER],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=noise,
            env=os.environ | SINGLE_THREADED,
            start_new_session=True,
        ) as process:
            with self._lock:
                self._running.append(process)
            try:
                said = _converse(process, order, deadline_s)
            finally:
                with self._lock:
                    self._running.remove(process)
                kill_tree(process)
        if said is None:
            cause = f"docking took longer than its deadline of {deadline_s:g} s"
            return failed(cause, retryable=False)
        return _understand(said, process.returncode, noise)


def _converse(
    process: subprocess.Popen[bytes], order: bytes, deadline_s: float | None
) -> bytes | None:
    """What the worker answered, None at the deadline.

    Standard input stays open until the answer is there: its end tells the worker that nobody
    waits any more.
    """
    assert process.stdin is not None  # noqa: S101 - it was asked for
    assert process.stdout is not None  # noqa: S101 - it was asked for
    late = threading.Event()

    def stop() -> None:
        late.set()
        kill_tree(process)

    timer = None if deadline_s is None else threading.Timer(deadline_s, stop)
    if timer is not None:
        timer.daemon = True
        timer.start()
    try:
        try:
            process.stdin.write(order)
            process.stdin.flush()
        except BrokenPipeError:  # it died at once; the exit status says how
            pass
        said = process.stdout.read()
    finally:
        if timer is not None:
            timer.cancel()
            timer.join()
    return None if late.is_set() else said


def _understand(said: bytes, status: int, noise: IO[bytes]) -> Message:
    try:
        answer = json.loads(said)
    except ValueError:
        answer = None
    if isinstance(answer, dict):
        return answer
    return failed(f"the docking process {describe_exit(status)}{noise_tail(noise)}")
