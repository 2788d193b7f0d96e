"""Bytes to and from one child. What they mean is for `textgrad_code.session`.

Nothing here waits for longer than it is told, and no more is kept of what arrives than an answer
may be long.
"""

from __future__ import annotations

import os
import select
from collections.abc import Callable
from time import monotonic

from textgrad_code.answers import Violation
from textgrad_code.jail.frames import HEADER_BYTES
from textgrad_code.problem import Limits
from textgrad_code.sandbox.protocol import Child, Exit

CHUNK = 1 << 16
KEPT_OUTPUT = 16_384
SPARE_BYTES = 1 << 21  # a frame is longer than the answer in it
BRIEF_S = 0.002  # who prints more than a pipe holds in it, waits for the rest of it
IN, OUT = select.POLLIN, select.POLLOUT


class Channel:
    """The descriptors of one child, and what has come through them.

    Args:
        child: A process that runs the driver.
        limits: How much it may send.

    Attributes:
        received: Bytes of frames that nobody has taken yet.
        outgoing: What the child has not read yet.
        output: The beginning of what it printed since `forget_output`.
        printed: How many bytes that were.
        script_output: What a script wrote to its descriptor 1.
        frame_bytes: How long the frame taken last was.
        closed: Whether no frame can follow those received.
        exit: How the child ended, as soon as that is known.
    """

    def __init__(self, child: Child, limits: Limits) -> None:
        self.child, self.limits = child, limits
        self.exit: Exit | None = None
        self.received, self.outgoing = bytearray(child.heard), memoryview(b"")
        self.output, self.script_output = bytearray(), bytearray()
        self.printed = self.frame_bytes = 0
        self.closed = False
        self._just_asked = False
        self._poll, self._answers = select.poll(), select.poll()
        # Looked at in this order: who sees an answer sees what was printed before it.
        self._readers: dict[int, Callable[[], None]] = {
            child.answer_fd: self._read_answer,
            child.output_fd: self._read_output,
            child.exit_fd: self._read_exit,
        }
        for fd in self._readers:
            self._poll.register(fd, IN)
        for fd in (child.answer_fd, child.exit_fd):
            self._answers.register(fd, IN)
        for fd in (child.job_fd, child.answer_fd, child.output_fd, child.printed_fd):
            os.set_blocking(fd, False)

    def read_script_output(self) -> None:
        """Take in from now on what is written to descriptor 1; only a script keeps that.

        Who sees an answer sees what was written there before it: this is looked at last.
        """
        self._readers[self.child.printed_fd] = self._read_script_output
        self._answers.register(self.child.printed_fd, IN)
        self._poll.register(self.child.printed_fd, IN)

    def forget_output(self) -> None:
        """What is printed from now on belongs to another question."""
        self.output.clear()
        self.printed = 0

    def send(self, data: bytes) -> None:
        """Have a frame sent: as much as fits now, the rest by `pump`."""
        self.outgoing, self._just_asked = memoryview(data), True
        self._send()

    def pump(self, seconds: float) -> None:
        """Wait for something to happen, and take it in.

        For what is printed nobody is woken at first: the answer may be a moment away.

        Raises:
            SandboxFailed: If the sandbox broke.
        """
        if self.outgoing:
            self._poll.register(self.child.job_fd, OUT)
        elif self._just_asked:
            self._just_asked = False
            if self._answers.poll(min(seconds, BRIEF_S) * 1000):
                seconds = 0
        ready = self._poll.poll(seconds * 1000)
        if self.outgoing:
            self._poll.unregister(self.child.job_fd)
        for fd, _ in ready:
            self._readers.get(fd, self._send)()

    def pump_until_exit(self, seconds: float) -> Exit | None:
        """Take in what comes until the child has ended; None if it has not by then.

        Raises:
            SandboxFailed: If the sandbox broke.
        """
        deadline = monotonic() + seconds
        while self.exit is None and (left := deadline - monotonic()) > 0:
            self.pump(left)
        return self.exit

    def next_body(self) -> bytes | None:
        """The next frame, taken from what was received, if all of it is there.

        Raises:
            Violation: If it is too long.
        """
        if len(self.received) < HEADER_BYTES:
            return None
        size = int.from_bytes(self.received[:HEADER_BYTES], "little")
        if size > self.limits.answer_bytes + SPARE_BYTES:
            raise Violation(f"a frame of {size} bytes")
        end = HEADER_BYTES + size
        if len(self.received) < end:
            return None
        body, self.frame_bytes = bytes(self.received[HEADER_BYTES:end]), size
        del self.received[:end]
        return body

    def _send(self) -> None:
        try:
            self.outgoing = self.outgoing[os.write(self.child.job_fd, self.outgoing) :]
        except BlockingIOError:
            return
        except BrokenPipeError:  # how it ended is told by the other descriptors
            self.outgoing = memoryview(b"")

    def _read_answer(self) -> None:
        data = self._read(self.child.answer_fd)
        if data is not None:
            self.received += data
            self.closed = self.closed or not data

    def _read_output(self) -> None:
        while data := self._read(self.child.output_fd):
            self.printed += len(data)
            self.output += data[: KEPT_OUTPUT - len(self.output)]
            if self.printed > self.limits.output_bytes:
                return

    def _read_script_output(self) -> None:
        while data := self._read(self.child.printed_fd):
            self.script_output += data
            if len(self.script_output) > self.limits.answer_bytes:
                return

    def _read_exit(self) -> None:
        self.exit = self.child.exit()
        if self.exit is None:
            return
        self._forget(self.child.exit_fd)
        while not self.closed and (data := self._read(self.child.answer_fd)):
            self.received += data
            if len(self.received) > self.limits.answer_bytes + SPARE_BYTES + HEADER_BYTES:
                break
        self._read_output()
        self.closed = True

    def _read(self, fd: int) -> bytes | None:
        """What there is; empty at the end of the stream, None if there is nothing now."""
        if fd not in self._readers:
            return None
        try:
            data = os.read(fd, CHUNK)
        except BlockingIOError:
            return None
        if not data:
            self._forget(fd)
        return data

    def _forget(self, fd: int) -> None:
        if self._readers.pop(fd, None) is not None:
            self._poll.unregister(fd)
            if fd != self.child.output_fd:
                self._answers.unregister(fd)
