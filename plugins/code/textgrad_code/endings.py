"""What the end of a program's process says about the program."""

from __future__ import annotations

import math
import signal

from textgrad_code.sandbox.protocol import Exit
from textgrad_code.verdict import Verdict

TICKS = 0.5  # the kernel may count by the tick for the limit that ends in SIGXCPU


def verdict_of_exit(ended: Exit, cpu_s: float) -> tuple[Verdict, str]:
    """What it means that the process ended while an answer was due.

    Args:
        ended: How it ended. An exit code is no evidence of anything but that; nor is a signal,
            which a program may send to itself.
        cpu_s: CPU seconds it was given.
    """
    if ended.signal is None:
        return Verdict.RE, f"ended before returning (exit {ended.code})"
    name = signal_name(ended.signal)
    if ended.signal == signal.SIGSYS:
        return Verdict.SV, f"killed by {name}: a forbidden system call, or its own signal"
    limits_s: dict[int, float] = {signal.SIGXCPU: TICKS * cpu_s, signal.SIGKILL: cpu_s}
    if ended.cpu_s >= limits_s.get(ended.signal, math.inf):
        return Verdict.TLE, f"used up {cpu_s:g} s of CPU time"
    return Verdict.RE, f"killed by {name}"


def signal_name(number: int) -> str:
    """Its name, such as SIGSEGV."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
