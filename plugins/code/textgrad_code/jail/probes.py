"""What a jailed program must not be able to do, tried from inside.

The fork server runs this in a child of its own before it is trusted with anything else. The
one line of the job names what to try and on whom; the answers tell what happened. Who asked
looks for himself as well: a secret that was read or a file that was written is a breach.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from textgrad_code.jail.libc import call

_PTRACE_SEIZE, _NEWUSER = 0x4206, 0x10000000  # to seize does not stop the other process
_UNLOADED_MODULE = "colorsys"


def _read(path: str) -> str:
    return Path(path).read_text(encoding="utf-8", errors="replace")[:4096]


def _write(path: str) -> str:
    Path(path).write_text("breach", encoding="utf-8")
    return "written"


def _socket(family: int, kind: int) -> str:
    with socket.socket(family, kind) as opened:
        return f"socket {opened.fileno()}"


def _fork() -> str:
    child = os.fork()
    if child == 0:
        os._exit(0)
    return f"forked {child}"


def _execute() -> str:
    os.execv("/bin/true", ["true"])  # the point is whether it works


def _signal(process: int) -> str:
    os.kill(process, 0)  # only whether one may: nothing is sent
    return "permitted"


def _steal(process: int, address: int, size: int) -> str:
    """Another process's memory by ``process_vm_readv``."""
    here = ctypes.create_string_buffer(size)
    local = (ctypes.c_size_t * 2)(ctypes.addressof(here), size)
    remote = (ctypes.c_size_t * 2)(address, size)
    vectors = [ctypes.cast(v, ctypes.c_void_p).value or 0 for v in (local, remote)]
    call("process_vm_readv", process, vectors[0], 1, vectors[1], 1, 0)
    return here.raw.decode(errors="replace")


def _attempts(job: dict[str, Any]) -> dict[str, Callable[[], str]]:
    parent, secret = job["process"], job["secret_file"]
    return {
        "read /etc/passwd": lambda: _read("/etc/passwd"),
        "read a file": lambda: _read(secret),
        "read the environment": lambda: _read(f"/proc/{parent}/environ"),
        "read memory by /proc": lambda: _read(f"/proc/{parent}/mem"),
        "write a file": lambda: _write(job["new_file"]),
        "write to the root": lambda: _write("/textgrad-code-probe"),
        "open a TCP socket": lambda: _socket(socket.AF_INET, socket.SOCK_STREAM),
        "open a UDP socket": lambda: _socket(socket.AF_INET, socket.SOCK_DGRAM),
        "open a local socket": lambda: _socket(socket.AF_UNIX, socket.SOCK_STREAM),
        "fork": _fork,
        "execute": _execute,
        "signal the parent": lambda: _signal(parent),
        "signal its own parent": lambda: _signal(os.getppid()),
        "attach to the parent": lambda: str(call("ptrace", _PTRACE_SEIZE, parent, 0, 0)),
        "read memory": lambda: _steal(parent, job["address"], job["size"]),
        "new namespace": lambda: str(call("unshare", _NEWUSER)),
    }


def _compute() -> str:
    total: list[int] = []
    thread = threading.Thread(target=lambda: total.append(sum(range(101))))
    thread.start()
    thread.join()
    return str(total[0])


def _import() -> str:
    return str(__import__(_UNLOADED_MODULE).__name__)


_NEEDED: dict[str, Callable[[], str]] = {"compute": _compute, "import": _import}


def drive(job: int, answers: int) -> None:
    """Try what the job asks for; one line of JSON tells what came of each attempt."""
    asked = json.loads(os.read(job, 1 << 16))
    known = {**_attempts(asked), **_NEEDED}
    for name in asked["attempts"]:
        try:
            outcome = [name, "done", known[name]()]
        except Exception as error:  # whatever stops an attempt is good news
            outcome = [name, "refused", f"{type(error).__name__}: {error}"]
        os.write(answers, json.dumps(outcome).encode() + b"\n")
