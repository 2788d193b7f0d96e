"""What docking processes need from the operating system: naming deaths, leaving nothing behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from typing import IO

_PR_SET_PDEATHSIG = 1
_NOISE_TAIL_BYTES = 2000

# One core per ligand: a numerical library that starts its own threads only gets in the way.
SINGLE_THREADED = {
    f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB")
}


def describe_exit(status: int) -> str:
    """A return code as `subprocess` gives it, in words."""
    if status >= 0:
        return f"ended with exit status {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"


def noise_tail(noise: IO[bytes]) -> str:
    """The end of what a process wrote to standard error, in one line, with a lead-in."""
    noise.seek(max(0, noise.seek(0, os.SEEK_END) - _NOISE_TAIL_BYTES))
    lines = [line.strip() for line in noise.read().decode("utf-8", "replace").splitlines()]
    said = " | ".join([line for line in lines if line][-3:])
    return f": {said[-300:]}" if said else ""


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when its parent ends, however it ends.

    Args:
        parent: The parent's process id, to notice that it is gone already.
    """
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def leave_interrupts_to_the_user() -> None:
    """Never see Ctrl-C: it is for the user's process, which decides.

    Blocked, not only ignored: RDKit installs a handler of its own while it embeds, and would
    report an interrupted search as "no conformer found", a verdict on the molecule.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def kill_tree(process: subprocess.Popen[bytes]) -> None:
    """Kill a process started with ``start_new_session`` and all it started; then reap it."""
    if sys.platform == "win32":
        if process.poll() is None:
            subprocess.run(
                ["taskkill", "/F", "/T", "/PID", str(process.pid)],  # noqa: S607 - Windows finds it
                capture_output=True,
                check=False,
            )
    else:
        # Its number is its own until it is reaped below, so no stranger can be hit.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
    process.wait()
