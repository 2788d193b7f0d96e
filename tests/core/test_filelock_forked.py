"""Locks and processes that were forked while one was held."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from textgrad_core.filelock import FileLock

CODE = """
import os, sys, time
from pathlib import Path
from textgrad_core.filelock import FileLock
lock = FileLock(Path(sys.argv[1]))
child = os.fork()
if child == 0:
    os.close(1)
    time.sleep(60)
    os._exit(0)
if sys.argv[2] == "release":
    lock.release()
    FileLock(Path(sys.argv[1])).release()
print(child, flush=True)
os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="platform: needs fork")
@pytest.mark.parametrize("end", ["release", "die"])
def test_a_forked_child_does_not_keep_the_lock(end: str, tmp_path: Path) -> None:
    """Neither after its parent has given it back, nor while it outlives its parent."""
    lock = tmp_path / "a.lock"
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(lock), end],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=60,
    )
    try:
        FileLock(lock).release()
    finally:
        os.kill(int(done.stdout), signal.SIGKILL)
