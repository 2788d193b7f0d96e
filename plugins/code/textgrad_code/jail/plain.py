"""A process that runs a program and is not jailed: limits only.

It forks the program and stays as its keeper: what the program starts and leaves behind becomes
its own child, wherever the kernel offers that, and is ended with the program.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import select
import signal
import sys
import time
from pathlib import Path

from textgrad_code.jail import limits, preload
from textgrad_code.jail.libc import prctl
from textgrad_code.jail.privileges import die_with
from textgrad_code.jail.wire import End

PACKAGES = "TEXTGRAD_PACKAGES"
_ASSUMED_BYTES = 64 << 20  # what Python takes, where there is no /proc to ask
_PR_SET_CHILD_SUBREAPER = 36
_CLEAR_S = 5.0  # a program that starts processes faster than they are ended is given up


def main(job: int, answers: int, end: int, memory_mib: int, cpu_s: int) -> None:
    """Run one program, and tell how it ended once nothing of it is left.

    Args:
        job: Descriptor that frames are read from.
        answers: Descriptor that frames are written to.
        end: Descriptor that an `End` is written to.
        memory_mib: Address space beyond what Python takes.
        cpu_s: CPU seconds.
    """
    from textgrad_code.jail.driver import drive  # not where only the name above is wanted

    preload.load_packages(json.loads(os.environ.pop(PACKAGES)))
    os.environ.clear()
    gc.freeze()  # what is loaded stays: collections in the program need not look at it
    adopts = adopt_orphans()
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: None)
    keeper = os.getpid()
    program = os.fork()
    if program == 0:
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        for descriptor in (end, woken, wake):
            os.close(descriptor)
        if adopts:
            die_with(keeper)
        _limit(memory_mib, cpu_s)
        try:
            drive(job, answers)
        finally:
            os._exit(0)
    for descriptor in (0, 1, 2, job, answers):
        os.close(descriptor)  # the other side sees when the program closes them
    _keep(program, end, woken)


def _limit(memory_mib: int, cpu_s: int) -> None:
    try:
        mapped = limits.mapped_bytes()
    except OSError:
        mapped = _ASSUMED_BYTES
    wanted = {
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_FSIZE: (0, 0),
        resource.RLIMIT_AS: (mapped + (memory_mib << 20),) * 2,
        resource.RLIMIT_CPU: (cpu_s, cpu_s + 1),
    }
    for which, (soft, hard) in wanted.items():
        limits.lower(which, soft, hard)


def adopt_orphans() -> bool:
    """Become the parent of all below that lose theirs; False where no kernel does that."""
    try:
        prctl(_PR_SET_CHILD_SUBREAPER, 1)
    except OSError:
        return False
    return True


def _keep(program: int, end: int, woken: int) -> None:
    """Wait for the program, or for the word to end it; then end all it has left behind.

    The judge's own end is such a word: then nobody can read the other end of ``end``.
    """
    waiting = select.poll()
    waiting.register(woken, select.POLLIN)
    waiting.register(end, 0)
    ended = None
    while ended is None:
        ready = [descriptor for descriptor, _ in waiting.poll()]
        signals = os.read(woken, 4096) if woken in ready else b""
        if end in ready:
            waiting.unregister(end)
        if end in ready or signal.SIGTERM in signals:
            _kill_group(program)
        ended = _collect(program)
    deadline = time.monotonic() + _CLEAR_S
    while _end_the_rest(program) and time.monotonic() < deadline:
        time.sleep(0.001)
    with contextlib.suppress(BrokenPipeError):  # nobody waits for it any more
        os.write(end, ended.pack())


def _collect(program: int) -> End | None:
    """Take in all that have ended; the program's own end, if it is among them."""
    found = None
    with contextlib.suppress(ChildProcessError):
        while (waited := os.wait4(-1, os.WNOHANG))[0]:
            process, status, used = waited
            if process == program:
                peak = used.ru_maxrss if sys.platform == "linux" else used.ru_maxrss >> 10
                found = End(status=status, cpu_s=used.ru_utime + used.ru_stime, peak_kib=peak)
    return found


def _end_the_rest(program: int) -> bool:
    """Kill what is left of the program, once; whether anything was."""
    left = descendants(os.getpid())
    for process in left:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(process, signal.SIGKILL)
    group = _kill_group(program)
    _collect(program)
    return bool(left) or group


def _kill_group(program: int) -> bool:
    try:
        os.killpg(program, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def descendants(process: int) -> list[int]:
    """All processes below one; empty where the kernel lists none."""
    below: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = status.read_text(encoding="utf-8", errors="replace").rpartition(")")
        except OSError:
            continue  # it has ended meanwhile
        below.setdefault(int(rest.split()[1]), []).append(int(name.split()[0]))
    found: list[int] = []
    waiting = [process]
    while waiting:
        children = below.get(waiting.pop(), [])
        found += children
        waiting += children
    return found
