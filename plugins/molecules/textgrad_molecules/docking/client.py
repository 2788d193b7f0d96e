"""The user's side of the docking server: start on first use, share, respawn, leave nothing."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from textgrad_core.errors import InstrumentError
from textgrad_molecules.docking.processes import (
    SINGLE_THREADED,
    describe_exit,
    kill_tree,
    noise_tail,
)
from textgrad_molecules.docking.receptor import Receptor, receptor_to_json
from textgrad_molecules.docking.wire import Decoder, Message, encode, failed

START_LIMIT_S = 180.0  # maps of a 60 A box take about 10 s on a slow core
_CHUNK_BYTES = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """What one docking server is for.

    Args:
        receptor: Where to dock.
        seed: Seed of the search.
        workers: Ligands docked at the same time, one core each.
    """

    receptor: Receptor
    seed: int
    workers: int


class _Connection:
    """One server process, the socket to it, and the thread that reads from it."""

    def __init__(self, settings: ServerSettings) -> None:
        self._owner = os.getpid()
        self._lock, self._sending = threading.Lock(), threading.Lock()
        self._jobs: dict[int, Future[Message]] = {}
        self._next_id = 0
        self._ended: str | None = None
        self._stopping = False
        self.answered, self.refused = 0, False
        self.ready: Future[str | None] = Future()  # None, or why the server cannot work
        self._noise = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", _SERVER, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=self._noise,
                stderr=self._noise,
                pass_fds=[theirs.fileno()],
                env=os.environ | SINGLE_THREADED,
                start_new_session=True,  # out of reach of the terminal's Ctrl-C
            )
        self._reader = threading.Thread(target=self._read, name="docking-reader", daemon=True)
        self._reader.start()
        self._send(
            {
                "receptor": receptor_to_json(settings.receptor),
                "seed": settings.seed,
                "workers": settings.workers,
            }
        )

    @property
    def pid(self) -> int:
        """Process id of the server."""
        return self._process.pid

    @property
    def ended(self) -> str | None:
        """How the server ended, None while it runs."""
        with self._lock:
            return self._ended

    def submit(self, job: Message, deadline_s: float | None) -> tuple[int, Future[Message]]:
        """Queue a job; the future always gets an answer."""
        future: Future[Message] = Future()
        with self._lock:
            job_id, self._next_id = self._next_id, self._next_id + 1
            if self._ended is not None:
                future.set_result(failed(self._ended))
                return job_id, future
            self._jobs[job_id] = future
        self._send({"id": job_id, "job": job, "deadline_s": deadline_s})
        return job_id, future

    def cancel(self, job_id: int) -> None:
        """Stop a job nobody waits for any more."""
        self._send({"cancel": job_id})

    def stop(self) -> None:
        """End the server and everything it started; answer what was in flight."""
        if os.getpid() != self._owner:  # a fork of the user's process: the server is not ours
            return
        self._stopping = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        if self._reader is not threading.current_thread():
            self._reader.join()
        self._socket.close()
        self._noise.close()

    def _send(self, message: Message) -> None:
        with self._sending, contextlib.suppress(OSError):  # the reader reports a dead server
            self._socket.sendall(encode(message))

    def _read(self) -> None:
        decoder = Decoder()
        cause = ""
        try:
            while data := self._socket.recv(_CHUNK_BYTES):
                for message in decoder.feed(data):
                    self._receive(message)
        except (OSError, InstrumentError) as error:
            cause = f" ({error})"
        self._end(self._obituary() + cause)

    def _receive(self, message: Message) -> None:
        if "ready" in message:
            self.ready.set_result(None)
        elif "broken" in message:
            self.refused = True
            self.ready.set_result(str(message["broken"]))
        else:
            with self._lock:
                future = self._jobs.pop(message["id"], None)
                self.answered += 1
            if future is not None:
                future.set_result(message["answer"])

    def _obituary(self) -> str:
        kill_tree(self._process)  # at the end of the stream it is dying or of no more use
        if self._stopping:
            return "docking was closed"
        status = describe_exit(self._process.returncode)
        return f"the docking server {status}{noise_tail(self._noise)}"

    def _end(self, cause: str) -> None:
        with self._lock:
            self._ended = cause
            jobs, self._jobs = list(self._jobs.values()), {}
        for future in jobs:
            future.set_result(failed(cause))
        if not self.ready.done():
            self.ready.set_result(cause)


_SERVER = "textgrad_molecules.docking.server"


class DockingClient:
    """Docks through one server process; thread-safe, picklable, started by the first job.

    Args:
        settings: What the server is for.
        start_limit_s: Seconds the server may take to load the receptor and compute its maps.
    """

    def __init__(self, settings: ServerSettings, start_limit_s: float = START_LIMIT_S) -> None:
        self._settings, self._start_limit_s = settings, start_limit_s
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._connection: _Connection | None = None
        self._finalizer: Callable[[], Any] | None = None
        self._barren = 0  # servers in a row that ended without an answer
        self._broken: str | None = None
        self._owner = os.getpid()

    def __getstate__(self) -> dict[str, Any]:
        """Settings only; the copy starts a server of its own."""
        return {"settings": self._settings, "start_limit_s": self._start_limit_s}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._settings, self._start_limit_s = state["settings"], state["start_limit_s"]
        self._reset()

    @property
    def server_pid(self) -> int | None:
        """Process id of the server, None before the first job and after `close`."""
        connection = self._connection
        return None if connection is None else connection.pid

    def dock(self, job: Message, deadline_s: float | None) -> Message:
        """Run one job and wait for its answer (see `textgrad_molecules.docking.job.run_job`).

        Args:
            job: ``smiles``, ``exhaustiveness``, ``seed``.
            deadline_s: Seconds the job may take once it has a core; None for no limit.
        """
        connection = self._connect()
        if isinstance(connection, str):
            return failed(connection, retryable=self._broken is None)
        job_id, future = connection.submit(job, deadline_s)
        try:
            return future.result()
        except BaseException:  # Ctrl-C: nobody will read the answer
            connection.cancel(job_id)
            raise

    def close(self) -> None:
        """Stop the server. Jobs in flight are answered as failed; a later job starts anew."""
        if self._owner != os.getpid():
            self._reset()
        with self._lock:
            self._drop()
            self._barren, self._broken = 0, None

    def _connect(self) -> _Connection | str:
        """A working connection, or why there is none."""
        if self._owner != os.getpid():
            self._reset()
        with self._lock:
            connection = self._connection
            if connection is not None and connection.ended is None:
                return connection
            if connection is not None:
                self._bury(connection)
            return self._broken or self._start()

    def _bury(self, connection: _Connection) -> None:
        self._barren = 0 if connection.answered else self._barren + 1
        if self._barren > 1:
            self._broken = f"{connection.ended}, twice in a row without docking anything"
        self._drop()

    def _start(self) -> _Connection | str:
        connection = self._connection = _Connection(self._settings)
        self._finalizer = weakref.finalize(self, connection.stop)
        try:
            trouble = connection.ready.result(self._start_limit_s)
        except TimeoutError:
            trouble = f"the docking server was not ready after {self._start_limit_s:g} s"
            connection.refused = True
        except BaseException:
            self._drop()
            raise
        if trouble is None:
            return connection
        if connection.refused:  # it would be refused again
            self._broken = trouble
            self._drop()
        return trouble

    def _drop(self) -> None:
        if self._finalizer is not None:
            self._finalizer()
        self._connection = self._finalizer = None
