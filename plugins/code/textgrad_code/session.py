"""The judge's side of the channel to one child: one frame out, one frame in, before a deadline.

Whatever the other side sends, closes or prints ends in one of three ways: a `Reply`, an `Ended`
that says what to blame the program for, or `SandboxFailed`, which is never the program's fault.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from time import monotonic
from typing import Any

from textgrad_code.answers import TooManyValues, Violation, parse_frame
from textgrad_code.channel import Channel
from textgrad_code.endings import verdict_of_exit
from textgrad_code.errors import DeadlinePassed, SandboxFailed
from textgrad_code.jail.frames import HEADER_BYTES, packed
from textgrad_code.jail.limits import MOST_THREADS
from textgrad_code.problem import Limits
from textgrad_code.replies import VIOLATION, Ended, Reply
from textgrad_code.sandbox.inputs import give
from textgrad_code.sandbox.protocol import Child, Exit
from textgrad_code.stopwatch import Stopwatch
from textgrad_code.verdict import Verdict

START_S = 30.0  # a machine may be busy; a sandbox that needs longer is broken
EXIT_S, LAST_WORDS_S = 5.0, 1.0
GOODBYE_S, LEAST_GOODBYE_S = 0.5, 0.05
MOST_PATIENCE = 10.0  # times what was asked for, however long it waits for a processor
LONGEST_VERSION = 40
WATCH_S = 0.02  # how often they are counted


class Session:
    """One child, from its first frame to its end.

    Args:
        child: A process that runs the driver.
        limits: What the program may use.
        cpu_s: CPU seconds the child was given.
    """

    def __init__(self, child: Child, limits: Limits, cpu_s: float) -> None:
        self.child, self.limits, self.cpu_s = child, limits, cpu_s
        self._channel, self._watch = Channel(child, limits), Stopwatch(child)
        self._is_script = False
        self._count_at = monotonic() + WATCH_S

    def greet(self, most_s: float = START_S) -> str:
        """Wait for the driver, which has not seen the program yet; its version of Python.

        Args:
            most_s: How long.

        Raises:
            SandboxFailed: If it does not start.
            DeadlinePassed: If there is less time than a sandbox may need for that.
        """
        known = version_in(bytes(self._channel.received))
        if known is not None:
            self._channel.received.clear()
            return known
        told = self._await(most_s, most_s)
        if isinstance(told, Reply) and isinstance(told.frame.get("hello"), str):
            return version_of(told.frame)
        if most_s < START_S and isinstance(told, Ended) and told.verdict is Verdict.TLE:
            raise DeadlinePassed(f"the driver had not started {most_s:.3g} s before the deadline")
        self.child.no_greeting = True
        why = told.message if isinstance(told, Ended) else "it sent something else"
        output = bytes(self._channel.output[:400]).decode("utf-8", "replace").strip()
        raise SandboxFailed(f"the driver did not start: {why}. {output}".strip())

    def ask(
        self,
        frame: dict[str, Any],
        seconds: float,
        most_s: float | None = None,
        most_values: Callable[[], int] = lambda: 0,
        *,
        last: bool = False,
    ) -> Reply | Ended:
        """Send a frame and wait for its answer.

        Args:
            frame: What is asked, without a nonce. The text that a script reads is put where it
                reads it from; what it prints is the answer in the reply.
            seconds: How long the answer may take, not counting how long the child waits for a
                processor or for this process.
            most_s: How long it may take with that; None for `MOST_PATIENCE` times `seconds`.
            most_values: How many values, beyond a few, the answer may have.
            last: Whether to see that nothing follows the answer but a goodbye.

        Raises:
            SandboxFailed: If the sandbox broke.
        """
        channel, nonce = self._channel, secrets.token_hex(8)
        frame = {**self._without_input(frame), "nonce": nonce}
        question = packed({**frame, "last": True} if last else frame)
        channel.forget_output()
        self._watch.start()
        self._pump(0)
        if channel.received:
            return self._violation("data before they were asked for")
        most_s = MOST_PATIENCE * seconds if most_s is None else most_s
        channel.send(question)
        self._pump(min(seconds, most_s, WATCH_S))
        told = self._await(seconds, most_s, most_values)
        if not isinstance(told, Reply):
            return told
        if told.frame.get("nonce") != nonce:
            return self._violation("a frame with a wrong nonce")
        followed = last and not self._says_goodbye(nonce, most_s)
        if followed or channel.received:
            return self._violation("more data than were asked for")
        return self._with_what_it_printed(told)

    def _without_input(self, frame: dict[str, Any]) -> dict[str, Any]:
        if frame.get("kind") == "stdin":
            self._is_script = True
            self._channel.read_script_output()
        if not self._is_script or "arguments" not in frame:
            return frame
        (text,) = frame["arguments"]
        give(self.child.input_fd, text)
        return {**frame, "arguments": []}

    def _says_goodbye(self, nonce: str, most_s: float) -> bool:
        """Whether what follows the last answer, if anything does, says that it was the last."""
        now_s = self._watch.wall_s()
        most_s = max(min(most_s, now_s + MOST_PATIENCE * GOODBYE_S), now_s + LEAST_GOODBYE_S)
        told = self._await(now_s + GOODBYE_S, most_s)
        if isinstance(told, Ended):
            return not told.message.startswith(VIOLATION)
        return told.frame == {"bye": True, "nonce": nonce}

    def _with_what_it_printed(self, told: Reply) -> Reply:
        """The answer of a script, whatever the frame has in its place."""
        if not self._is_script or "answer" not in told.frame:
            return told
        printed = self._channel.script_output
        text = printed.decode("utf-8", "backslashreplace")
        return replace(told, frame={**told.frame, "answer": text}, size=len(printed))

    def finish(self) -> Exit | None:
        """Kill the child and wait for its last words; None if there are none in time.

        Raises:
            SandboxFailed: If the sandbox broke.
        """
        self.child.kill()
        return self._channel.pump_until_exit(EXIT_S)

    def _await(
        self, seconds: float, most_s: float, most_values: Callable[[], int] = lambda: 0
    ) -> Reply | Ended:
        channel, last_look = self._channel, False
        while True:
            try:
                body = channel.next_body()
                taken_s = 0.0 if body is None else self._own_s()
                frame = None if body is None else parse_frame(body, most_values)
            except TooManyValues as error:
                return self._ended(Verdict.WA, str(error))
            except Violation as error:
                return self._violation(str(error))
            if frame is not None and channel.outgoing:
                return self._violation("an answer before the question was read")
            if len(channel.script_output) > self.limits.answer_bytes:
                return self._ended(Verdict.OLE, "the answer is too large")
            if channel.printed > self.limits.output_bytes:
                most = self.limits.output_bytes
                return self._ended(Verdict.OLE, f"printed more than {most} bytes")
            if frame is not None:
                return Reply(
                    frame=frame,
                    seconds=taken_s,
                    output=bytes(channel.output),
                    size=channel.frame_bytes,
                    waited_s=self._watch.waited_s,
                )
            if channel.closed:
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

    def _pump(self, seconds: float) -> None:
        self._channel.pump(seconds)
        self._watch.looked(seconds)

    def _threads(self) -> int:
        """How many the program has; 0 if that is not known, or was looked at just now."""
        if monotonic() < self._count_at:
            return 0
        self._count_at = monotonic() + WATCH_S
        return self.child.threads() or 0

    def _own_s(self) -> float:
        return self._watch.own_s(ended=self._channel.exit is not None)

    def _how_it_ended(self) -> tuple[Verdict, str]:
        ended = self._channel.pump_until_exit(LAST_WORDS_S)
        if ended is None:
            return Verdict.RE, f"{VIOLATION}: it closed the channel"
        return verdict_of_exit(ended, self.cpu_s)

    def _violation(self, what: str) -> Ended:
        return self._ended(Verdict.RE, f"{VIOLATION}: {what}")

    def _ended(self, verdict: Verdict, message: str) -> Ended:
        return Ended(
            verdict=verdict,
            message=message,
            seconds=self._own_s(),
            output=bytes(self._channel.output),
            waited_s=self._watch.waited_s,
        )


def version_of(greeting: dict[str, Any]) -> str:
    """The version of Python in a greeting."""
    return str(greeting["hello"])[:LONGEST_VERSION]


@lru_cache(maxsize=8)
def version_in(heard: bytes) -> str | None:
    """The same of bytes that are a greeting and nothing more; None of others.

    All children of one sandbox say the same.
    """
    body = heard[HEADER_BYTES:]
    if len(body) != int.from_bytes(heard[:HEADER_BYTES], "little"):
        return None
    try:
        greeting = parse_frame(body)
    except Violation:
        return None
    return version_of(greeting) if isinstance(greeting.get("hello"), str) else None
