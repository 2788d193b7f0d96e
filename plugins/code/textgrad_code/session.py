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

from textgrad_code.answers import TooManyValues, Violation, parse_frame
from textgrad_code.endings import verdict_of_exit
from textgrad_code.errors import DeadlinePassed, SandboxFailed
from textgrad_code.jail.frames import HEADER_BYTES, packed
from textgrad_code.problem import Limits
from textgrad_code.replies import Ended, Reply
from textgrad_code.sandbox.inputs import give
from textgrad_code.sandbox.protocol import Child, Exit
from textgrad_code.stopwatch import Stopwatch
from textgrad_code.verdict import Verdict

START_S = 30.0  # a machine may be busy; a sandbox that needs longer is broken
EXIT_S = 5.0
MOST_PATIENCE = 10.0  # times what was asked for, however long it waits for a processor
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
        self._watch = Stopwatch(child)
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
        told = self._await(most_s, most_s)
        if isinstance(told, Reply) and isinstance(told.frame.get("hello"), str):
            return str(told.frame["hello"])[:40]
        if most_s < START_S and isinstance(told, Ended) and told.verdict is Verdict.TLE:
            raise DeadlinePassed(f"the driver had not started {most_s:.3g} s before the deadline")
        self.child.no_greeting = True
        why = told.message if isinstance(told, Ended) else "it sent something else"
        output = bytes(self._output[:400]).decode("utf-8", "replace").strip()
        raise SandboxFailed(f"the driver did not start: {why}. {output}".strip())

    def ask(
        self,
        frame: dict[str, Any],
        seconds: float,
        most_s: float | None = None,
        most_values: Callable[[], int] = lambda: 0,
    ) -> Reply | Ended:
        """Send a frame and wait for its answer.

        Args:
            frame: What is asked, without a nonce. The text that a script reads is put where it
                reads it from; what it prints is the answer in the reply.
            seconds: How long the answer may take, not counting how long the child waits for a
                processor or for this process.
            most_s: How long it may take with that; None for `MOST_PATIENCE` times `seconds`.
            most_values: How many values, beyond a few, the answer may have.

        Raises:
            SandboxFailed: If the sandbox broke.
        """
        frame, nonce = self._without_input(frame), secrets.token_hex(8)
        question = memoryview(packed({**frame, "nonce": nonce}))
        self._output.clear()
        self._printed = 0
        self._watch.start()
        self._pump(0)
        if self._received:
            return self._violation("data before they were asked for")
        self._outgoing = question
        self._send()
        most_s = MOST_PATIENCE * seconds if most_s is None else most_s
        told = self._await(seconds, most_s, most_values)
        if not isinstance(told, Reply):
            return told
        if told.frame.get("nonce") != nonce:
            return self._violation("a frame with a wrong nonce")
        if self._received:
            return self._violation("more data than were asked for")
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

    def _await(
        self, seconds: float, most_s: float, most_values: Callable[[], int] = lambda: 0
    ) -> Reply | Ended:
        last_look = False
        while True:
            try:
                body = self._next_body()
                taken_s = 0.0 if body is None else self._own_s()
                frame = None if body is None else parse_frame(body, most_values)
            except TooManyValues as error:
                return self._ended(Verdict.WA, str(error))
            except Violation as error:
                return self._violation(str(error))
            if frame is not None and self._outgoing:
                return self._violation("an answer before the question was read")
            if frame is not None:
                self._read_output()
                self._read_script_output()
            if len(self._script_output) > self.limits.answer_bytes:
                return self._ended(Verdict.OLE, "the answer is too large")
            if self._printed > self.limits.output_bytes:
                most = self.limits.output_bytes
                return self._ended(Verdict.OLE, f"printed more than {most} bytes")
            if frame is not None:
                return Reply(
                    frame=frame,
                    seconds=taken_s,
                    output=bytes(self._output),
                    size=self._frame_bytes,
                    waited_s=self._watch.waited_s,
                )
            if self._closed:
                return self._ended(*self._how_it_ended())
            left = min(seconds + self._watch.waited_s, most_s) - self._watch.wall_s()
            if left <= 0:
                left = min(seconds - self._own_s(), most_s - self._watch.wall_s())
            if left <= 0 and last_look:
                waited_for_s = min(seconds, self._own_s())
                return self._ended(Verdict.TLE, f"no answer after {waited_for_s:.2f} s")
            last_look = left <= 0  # this thread may have been kept from looking for long
            threads = self._threads()
            if threads > MOST_THREADS:
                message = f"had {threads} threads; at most {MOST_THREADS} may run at a time"
                return self._ended(Verdict.RE, message)
            self._pump(max(min(left, WATCH_S), 0.0))

    def _threads(self) -> int:
        """How many the program has; 0 if that is not known, or was looked at just now."""
        if monotonic() < self._count_at:
            return 0
        self._count_at = monotonic() + WATCH_S
        return self.child.threads() or 0

    def _own_s(self) -> float:
        return self._watch.own_s(ended=self.exit is not None)

    def _next_body(self) -> bytes | None:
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
        return body

    def _pump(self, seconds: float) -> None:
        """Wait for something to happen, and take it in."""
        if self._outgoing:
            self._poll.register(self.child.job_fd, OUT)
        asked = monotonic()
        ready = self._poll.poll(seconds * 1000)
        if ready:
            self._watch.heard(seconds)
        else:
            self._watch.silent(asked + seconds)
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

    def _violation(self, what: str) -> Ended:
        return self._ended(Verdict.RE, f"protocol violation: {what}")

    def _ended(self, verdict: Verdict, message: str) -> Ended:
        return Ended(
            verdict=verdict,
            message=message,
            seconds=self._own_s(),
            output=bytes(self._output),
            waited_s=self._watch.waited_s,
        )
