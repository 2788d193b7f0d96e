"""The judge's side of the channel to one child: one frame out, one frame in, before a deadline.

Whatever the other side sends, closes or prints ends in one of three ways: a `Reply`, an `Ended`
that says what to blame the program for, or `SandboxFailed`, which is never the program's fault.
"""

from __future__ import annotations

import os
import secrets
import select
from collections.abc import Callable
from dataclasses import replace
from time import monotonic
from typing import Any

from textgrad_code.answers import Violation, parse_frame
from textgrad_code.endings import verdict_of_exit
from textgrad_code.errors import DeadlinePassed, SandboxFailed
from textgrad_code.jail.frames import HEADER_BYTES, packed
from textgrad_code.problem import Limits
from textgrad_code.replies import Ended, Reply
from textgrad_code.sandbox.inputs import give
from textgrad_code.sandbox.protocol import Child, Exit
from textgrad_code.verdict import Verdict

START_S = 30.0  # a machine may be busy; a sandbox that needs longer is broken
EXIT_S = 5.0
MOST_PATIENCE = 10.0  # times what was asked for, however long it waits for a processor
QUICK_S = 0.01  # in less, nothing waits long enough to be worth a look
MOST_THREADS = 128
WATCH_S = 0.02  # how often they are counted
CHUNK = 1 << 16
KEPT_OUTPUT = 16_384
SPARE_BYTES = 1 << 21  # a frame is longer than the answer in it
IN, OUT = select.POLLIN, select.POLLOUT


class Session:
    """One child, from its first frame to its end.

    Args:
        child: A process that runs the driver.
        limits: What the program may use.
        cpu_s: CPU seconds the child was given.
    """

    def __init__(self, child: Child, limits: Limits, cpu_s: float) -> None:
        self.child, self.limits, self.cpu_s = child, limits, cpu_s
        self.exit: Exit | None = None
        self._received, self._outgoing = bytearray(), memoryview(b"")
        self._output, self._printed, self._frame_bytes = bytearray(), 0, 0
        self._script_output = bytearray()
        self._closed = self._is_script = False
        self._count_at = monotonic() + WATCH_S
        self._waited_before = self._waited_s = 0.0  # for a processor: so far; since the question
        self._poll = select.poll()
        self._readers: dict[int, Callable[[], None]] = {
            child.answer_fd: self._read_answer,
            child.output_fd: self._read_output,
            child.printed_fd: self._read_script_output,
            child.exit_fd: self._read_exit,
        }
        for fd in self._readers:
            self._poll.register(fd, IN)
        for fd in (child.job_fd, child.answer_fd, child.output_fd, child.printed_fd):
            os.set_blocking(fd, False)

    def greet(self, most_s: float = START_S) -> str:
        """Wait for the driver, which has not seen the program yet; its version of Python.

        Args:
            most_s: How long.

        Raises:
            SandboxFailed: If it does not start.
            DeadlinePassed: If there is less time than a sandbox may need for that.
        """
        told = self._await(monotonic(), most_s, most_s)
        if isinstance(told, Reply) and isinstance(told.frame.get("hello"), str):
            return str(told.frame["hello"])[:40]
        if most_s < START_S and isinstance(told, Ended) and told.verdict is Verdict.TLE:
            raise DeadlinePassed(f"the driver had not started {most_s:.3g} s before the deadline")
        self.child.no_greeting = True
        why = told.message if isinstance(told, Ended) else "it sent something else"
        output = bytes(self._output[:400]).decode("utf-8", "replace").strip()
        raise SandboxFailed(f"the driver did not start: {why}. {output}".strip())

    def ask(
        self, frame: dict[str, Any], seconds: float, most_s: float | None = None
    ) -> Reply | Ended:
        """Send a frame and wait for its answer.

        Args:
            frame: What is asked, without a nonce. The text that a script reads is put where it
                reads it from; what it prints is the answer in the reply.
            seconds: How long the answer may take, not counting how long the child waits for a
                processor.
            most_s: How long it may take with that; None for `MOST_PATIENCE` times `seconds`.

        Raises:
            SandboxFailed: If the sandbox broke.
        """
        started = monotonic()
        self._output.clear()
        self._printed, self._waited_s = 0, 0.0
        self._waited_before = self.child.waited_s()
        self._pump(0)
        if self._received:
            return self._violation("data before they were asked for", started)
        frame = self._without_input(frame)
        nonce = secrets.token_hex(8)
        self._outgoing = memoryview(packed({**frame, "nonce": nonce}))
        self._send()
        most_s = MOST_PATIENCE * seconds if most_s is None else most_s
        told = self._await(started, seconds, most_s)
        if not isinstance(told, Reply):
            return told
        if told.frame.get("nonce") != nonce:
            return self._violation("a frame with a wrong nonce", started)
        if self._received:
            return self._violation("more data than were asked for", started)
        return self._with_what_it_printed(told)

    def _without_input(self, frame: dict[str, Any]) -> dict[str, Any]:
        self._is_script = self._is_script or frame.get("kind") == "stdin"
        if not self._is_script or "arguments" not in frame:
            return frame
        (text,) = frame["arguments"]
        give(self.child.input_fd, text)
        return {**frame, "arguments": []}

    def _with_what_it_printed(self, told: Reply) -> Reply:
        """The answer of a script, whatever the frame has in its place."""
        if not self._is_script or "answer" not in told.frame:
            return told
        text = self._script_output.decode("utf-8", "backslashreplace")
        return replace(told, frame={**told.frame, "answer": text}, size=len(self._script_output))

    def finish(self) -> Exit | None:
        """Kill the child and wait for its last words; None if there are none in time.

        Raises:
            SandboxFailed: If the sandbox broke.
        """
        self.child.kill()
        deadline = monotonic() + EXIT_S
        while self.exit is None and (left := deadline - monotonic()) > 0:
            self._pump(left)
        return self.exit

    def _await(self, started: float, seconds: float, most_s: float) -> Reply | Ended:
        while True:
            try:
                frame = self._next_frame()
            except Violation as error:
                return self._violation(str(error), started)
            if frame is not None and self._outgoing:
                return self._violation("an answer before the question was read", started)
            if frame is not None:
                self._read_output()
                self._read_script_output()
            if len(self._script_output) > self.limits.answer_bytes:
                return self._ended(Verdict.OLE, "the answer is too large", started)
            if self._printed > self.limits.output_bytes:
                most = self.limits.output_bytes
                return self._ended(Verdict.OLE, f"printed more than {most} bytes", started)
            if frame is not None:
                seconds = self._seconds_since(started)
                return Reply(
                    frame=frame,
                    seconds=seconds,
                    output=bytes(self._output),
                    size=self._frame_bytes,
                    waited_s=self._waited_s,
                )
            if self._closed:
                return self._ended(*self._how_it_ended(), started)
            left = started + min(seconds + self._waited_s, most_s) - monotonic()
            if left <= 0:
                left = min(seconds - self._seconds_since(started), most_s + started - monotonic())
            if left <= 0:
                return self._ended(Verdict.TLE, f"no answer after {seconds:.2f} s", started)
            threads = self._threads()
            if threads > MOST_THREADS:
                message = f"had {threads} threads; at most {MOST_THREADS} may run at a time"
                return self._ended(Verdict.RE, message, started)
            self._pump(min(left, WATCH_S))

    def _threads(self) -> int:
        """How many the program has; 0 if that is not known, or was looked at just now."""
        if monotonic() < self._count_at:
            return 0
        self._count_at = monotonic() + WATCH_S
        return self.child.threads() or 0

    def _seconds_since(self, started: float) -> float:
        """Wall time without what the child waited for a processor since then."""
        seconds = monotonic() - started
        if seconds > QUICK_S and self.exit is None:
            self._waited_s = max(self._waited_s, self.child.waited_s() - self._waited_before)
        return max(seconds - self._waited_s, 0.0)

    def _next_frame(self) -> dict[str, Any] | None:
        if len(self._received) < HEADER_BYTES:
            return None
        size = int.from_bytes(self._received[:HEADER_BYTES], "little")
        if size > self.limits.answer_bytes + SPARE_BYTES:
            raise Violation(f"a frame of {size} bytes")
        end = HEADER_BYTES + size
        if len(self._received) < end:
            return None
        body, self._frame_bytes = bytes(self._received[HEADER_BYTES:end]), size
        del self._received[:end]
        return parse_frame(body)

    def _pump(self, seconds: float) -> None:
        """Wait for something to happen, and take it in."""
        if self._outgoing:
            self._poll.register(self.child.job_fd, OUT)
        ready = self._poll.poll(seconds * 1000)
        if self._outgoing:
            self._poll.unregister(self.child.job_fd)
        for fd, _ in ready:
            self._readers.get(fd, self._send)()

    def _send(self) -> None:
        try:
            self._outgoing = self._outgoing[os.write(self.child.job_fd, self._outgoing) :]
        except BlockingIOError:
            return
        except BrokenPipeError:  # how it ended is told by the other descriptors
            self._outgoing = memoryview(b"")

    def _read_answer(self) -> None:
        data = self._read(self.child.answer_fd)
        if data is not None:
            self._received += data
            self._closed = self._closed or not data

    def _read_output(self) -> None:
        while data := self._read(self.child.output_fd):
            self._printed += len(data)
            self._output += data[: KEPT_OUTPUT - len(self._output)]
            if self._printed > self.limits.output_bytes:
                return

    def _read_script_output(self) -> None:
        while data := self._read(self.child.printed_fd):
            self._script_output += data
            if len(self._script_output) > self.limits.answer_bytes:
                return

    def _read_exit(self) -> None:
        self.exit = self.child.exit()
        if self.exit is None:
            return
        self._forget(self.child.exit_fd)
        while not self._closed and (data := self._read(self.child.answer_fd)):
            self._received += data
            if len(self._received) > self.limits.answer_bytes + SPARE_BYTES + HEADER_BYTES:
                break
        self._read_output()
        self._closed = True

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

    def _how_it_ended(self) -> tuple[Verdict, str]:
        deadline = monotonic() + 1.0
        while self.exit is None and (left := deadline - monotonic()) > 0:
            self._pump(left)
        if self.exit is None:
            return Verdict.RE, "protocol violation: it closed the channel"
        return verdict_of_exit(self.exit, self.cpu_s)

    def _violation(self, what: str, started: float) -> Ended:
        return self._ended(Verdict.RE, f"protocol violation: {what}", started)

    def _ended(self, verdict: Verdict, message: str, started: float) -> Ended:
        return Ended(
            verdict=verdict,
            message=message,
            seconds=max(monotonic() - started - self._waited_s, 0.0),
            output=bytes(self._output),
            waited_s=self._waited_s,
        )
