"""Where a program's standard input comes from: a file it can read and only this side writes.

The file has no name. What the child gets is opened for reading alone, so that the program can do
with it whatever programs do with descriptor 0, and nothing more.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from textgrad_code.errors import SandboxFailed


def input_file() -> tuple[int, int]:
    """Descriptors of an empty file: one to write it, one to read it.

    Raises:
        OSError: If none can be made.
    """
    try:
        writes = os.memfd_create("standard input")
    except (AttributeError, OSError):  # not Linux, or memory without a name is forbidden
        return _file_without_a_name()
    try:
        return writes, os.open(f"/proc/self/fd/{writes}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # no /proc here
        os.close(writes)
        return _file_without_a_name()


def _file_without_a_name() -> tuple[int, int]:
    writes, name = tempfile.mkstemp()
    try:
        return writes, os.open(name, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        os.close(writes)
        raise
    finally:
        Path(name).unlink()


def give(descriptor: int, text: str) -> None:
    """Make a text the whole content of the file.

    Args:
        descriptor: The one to write it.
        text: What the program will read, as UTF-8.

    Raises:
        SandboxFailed: If there is no room for it.
    """
    rest, offset = memoryview(text.encode("utf-8", "surrogatepass")), 0
    try:
        os.ftruncate(descriptor, 0)
        while rest:
            written = os.pwrite(descriptor, rest, offset)
            rest, offset = rest[written:], offset + written
    except OSError as error:
        raise SandboxFailed(f"no room for a program's input: {error}") from error
