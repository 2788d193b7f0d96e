"""A driver for tests of the sandbox: runs whatever source it is sent, and tells what came of it.

It is imported inside the sandbox, so it needs nothing but the standard library.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any


def drive(job_fd: int, answer_fd: int) -> None:
    os.dup2(2, 1)
    source = b""
    while chunk := os.read(job_fd, 1 << 16):
        source += chunk

    def answer(value: object) -> None:
        os.write(answer_fd, json.dumps({"answer": value}).encode() + b"\n")

    names: dict[str, Any] = {"__name__": "program", "answer": answer}
    try:
        exec(compile(source, "program", "exec"), names)  # noqa: S102 - runs what tests wrote
    except BaseException as error:  # noqa: BLE001 - all of it is told
        told = {"error": type(error).__name__, "message": str(error)[:300]}
        os.write(answer_fd, json.dumps(told).encode() + b"\n")
    sys.stdout.flush()
