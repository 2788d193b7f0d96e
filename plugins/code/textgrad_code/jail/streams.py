"""What a program reads and prints."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from typing import Any

STANDARD_INPUT = (0, "/dev/stdin")


def own_streams() -> tuple[Any, Any, Any]:
    """Streams on the descriptors 0, 1 and 2 that never fail for a character."""
    streams = (
        open(0, encoding="utf-8", errors="replace", closefd=False),  # descriptors
        open(1, "w", encoding="utf-8", errors="backslashreplace", closefd=False),
        open(  # descriptors
            2, "w", encoding="utf-8", errors="backslashreplace", closefd=False, buffering=1
        ),
    )
    use_streams(streams)
    vars(sys).update(__stdout__=streams[1], __stderr__=streams[2])
    return streams


def use_streams(streams: tuple[Any, Any, Any]) -> None:
    """Make them the program's."""
    sys.stdin, sys.stdout, sys.stderr = streams
    vars(sys)["__stdin__"] = streams[0]  # which typeshed calls final


def flush_streams(streams: tuple[Any, Any, Any]) -> None:
    """Hand on what was printed, also to streams the program put in their place."""
    for stream in (*streams[1:], sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # a stream of the program's own may do anything
            continue


class Captured(io.BytesIO):
    """Standard output as bytes; too many end the test.

    Args:
        most: How many bytes are taken.
        too_many: Called when there are more; does not return.
    """

    def __init__(self, most: int, too_many: Callable[[], None]) -> None:
        super().__init__()
        self.most, self.too_many = most, too_many

    def write(self, data: Any) -> int:
        """Take bytes."""
        written = super().write(data)
        if self.tell() > self.most:
            self.too_many()
        return written

    def close(self) -> None:
        """Keep what was printed, even if the program closes the stream."""


class Script:
    """Standard input and output of one run of a script.

    Args:
        text: What it reads.
        most: How many bytes it may print.
        too_many: Called when it prints more; does not return.
    """

    def __init__(self, text: str, most: int, too_many: Callable[[], None]) -> None:
        self.captured = Captured(most, too_many)
        self.stdin = io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8")
        self.stdout = io.TextIOWrapper(self.captured, encoding="utf-8", errors="backslashreplace")

    def open(self, file: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        """The built-in `open`, for which descriptor 0 is the script's standard input."""
        if file in STANDARD_INPUT and type(file) is not bool:
            return self.stdin.buffer if "b" in mode else self.stdin
        return open(file, mode, *arguments, **options)  # as the script says

    def printed(self) -> str:
        """What it printed."""
        if not self.stdout.closed:
            self.stdout.flush()
        return self.captured.getvalue().decode("utf-8", "backslashreplace")
