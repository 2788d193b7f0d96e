"""The docking server: maps computed once, one forked child per ligand.

Started by `textgrad_molecules.docking.client` as ``python -m
textgrad_molecules.docking.server FD``. FD is one end of a socket pair; its first message is
the configuration, every further one a job or a cancellation. Native code may print, crash or
run for ever in a child: it costs that one job.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import selectors
import signal
import socket
import sys
import tempfile
import time
from collections import deque
from dataclasses import dataclass, field
from typing import IO, NoReturn

from textgrad_core.errors import TextgradError
from textgrad_molecules.docking.job import run_job
from textgrad_molecules.docking.prepare import prepare
from textgrad_molecules.docking.processes import (
    describe_exit,
    die_with_parent,
    leave_interrupts_to_the_user,
    noise_tail,
)
from textgrad_molecules.docking.receptor import receptor_from_json
from textgrad_molecules.docking.search import BindingsSearch, PoseSearch
from textgrad_molecules.docking.wire import Decoder, Message, encode, failed

_LOOK_AROUND_S = 2.0  # how often to notice deadlines and a vanished parent without any event
_CHUNK_BYTES = 65536


@dataclass(slots=True, kw_only=True)
class _Child:
    """A forked child and what it has said so far."""

    job_id: int
    pid: int
    pipe: int
    noise: IO[bytes]
    ends_at: float | None
    deadline_s: float | None
    said: bytearray = field(default_factory=bytearray)
    killed_for: Message | None = None


class Server:
    """Supervises the children; single-threaded, so that forking is safe.

    Args:
        control: Where jobs come from and answers go.
        decoder: Holds what was already read from ``control``.
        search: The warm instrument the children inherit.
        workers: Children at the same time.
    """

    def __init__(
        self, control: socket.socket, decoder: Decoder, search: PoseSearch, workers: int
    ) -> None:
        self._control, self._decoder = control, decoder
        self._search, self._workers = search, workers
        self._parent, self._pid = os.getppid(), os.getpid()
        self._waiting: deque[Message] = deque()
        self._children: dict[int, _Child] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ, None)

    def run(self) -> None:
        """Serve until the client's end closes; leaves no child behind."""
        try:
            while os.getppid() == self._parent:
                for key, _ in self._selector.select(self._patience_s()):
                    if isinstance(key.data, _Child):
                        self._read_child(key.data)
                    elif not self._read_control():
                        return
                self._kill_late()
                self._start_waiting()
        finally:
            for child in list(self._children.values()):
                os.kill(child.pid, signal.SIGKILL)
                self._reap(child)
                child.noise.close()

    def _patience_s(self) -> float:
        ends = [child.ends_at for child in self._children.values() if child.ends_at is not None]
        return max(0.0, min([_LOOK_AROUND_S, *(end - time.monotonic() for end in ends)]))

    def _read_control(self) -> bool:
        data = self._control.recv(_CHUNK_BYTES)
        for message in self._decoder.feed(data):
            if "cancel" in message:
                self._cancel(message["cancel"])
            else:
                self._waiting.append(message)
        return bool(data)

    def _cancel(self, job_id: int) -> None:
        self._waiting = deque(job for job in self._waiting if job["id"] != job_id)
        child = self._children.get(job_id)
        if child is not None:
            self._kill(child, failed("cancelled"))

    def _kill_late(self) -> None:
        now = time.monotonic()
        for child in self._children.values():
            if child.ends_at is not None and child.ends_at <= now:
                cause = f"docking took longer than its deadline of {child.deadline_s:g} s"
                self._kill(child, failed(cause, retryable=False))

    def _kill(self, child: _Child, answer: Message) -> None:
        child.killed_for, child.ends_at = child.killed_for or answer, None
        os.kill(child.pid, signal.SIGKILL)

    def _start_waiting(self) -> None:
        while self._waiting and len(self._children) < self._workers:
            message = self._waiting.popleft()
            try:
                self._fork(message)
            except OSError as error:
                cause = f"cannot start a docking process: {error.strerror}"
                self._answer(message["id"], failed(cause))

    def _fork(self, message: Message) -> None:
        noise = tempfile.TemporaryFile()  # noqa: SIM115 - closed by _reap
        pipe, to_parent = os.pipe()
        pid = os.fork()
        if pid == 0:
            self._be_child(message["job"], to_parent, noise)
        os.close(to_parent)
        deadline_s = message["deadline_s"]
        child = _Child(
            job_id=message["id"],
            pid=pid,
            pipe=pipe,
            noise=noise,
            ends_at=None if deadline_s is None else time.monotonic() + deadline_s,
            deadline_s=deadline_s,
        )
        self._children[child.job_id] = child
        self._selector.register(pipe, selectors.EVENT_READ, child)

    def _be_child(self, job: Message, to_parent: int, noise: IO[bytes]) -> NoReturn:
        status = 1
        try:
            die_with_parent(self._pid)
            self._control.close()
            for sibling in self._children.values():
                os.close(sibling.pipe)
            os.dup2(noise.fileno(), 1)
            os.dup2(noise.fileno(), 2)
            with os.fdopen(to_parent, "wb") as out:
                out.write(json.dumps(run_job(job, self._search)).encode())
            status = 0
        finally:
            os._exit(status)  # the server's own clean-up must not run twice

    def _read_child(self, child: _Child) -> None:
        data = os.read(child.pipe, _CHUNK_BYTES)
        if data:
            child.said += data
            return
        with child.noise:
            status = self._reap(child)
            self._answer(child.job_id, child.killed_for or _understand(child, status))

    def _reap(self, child: _Child) -> int:
        self._selector.unregister(child.pipe)
        os.close(child.pipe)
        del self._children[child.job_id]
        _, status = os.waitpid(child.pid, 0)
        return os.waitstatus_to_exitcode(status)

    def _answer(self, job_id: int, answer: Message) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # next read sees EOF
            self._control.sendall(encode({"id": job_id, "answer": answer}))


def _understand(child: _Child, status: int) -> Message:
    if status == 0:
        with contextlib.suppress(ValueError):
            answer = json.loads(child.said)
            if isinstance(answer, dict):
                return answer
    return failed(f"the docking process {describe_exit(status)}{noise_tail(child.noise)}")


def main() -> None:
    """Load the receptor, compute the maps, serve."""
    leave_interrupts_to_the_user()
    control = socket.socket(fileno=int(sys.argv[1]))
    decoder = Decoder()
    messages: list[Message] = []
    while not messages:
        data = control.recv(_CHUNK_BYTES)
        if not data:
            return
        messages = decoder.feed(data)
    settings = messages[0]
    try:
        search = BindingsSearch(receptor_from_json(settings["receptor"]), settings["seed"])
        _warm_up()
    except (TextgradError, ImportError) as error:
        control.sendall(encode({"broken": str(error)}))
        return
    gc.freeze()  # children share these pages instead of copying them
    control.sendall(encode({"ready": True}))
    Server(control, decoder, search, settings["workers"]).run()


def _warm_up() -> None:
    """Load here what every child would otherwise load again: modules and their tables."""
    prepare("CC(=O)NC")


if __name__ == "__main__":
    main()
