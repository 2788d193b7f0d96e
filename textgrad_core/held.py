"""A value that may still be on its way: in a file, or in an operation under way."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textgrad_core import runtime
from textgrad_core.errors import UsageError
from textgrad_core.values import ImageURL, is_address, plain

if TYPE_CHECKING:
    from textgrad_core.deferred import Deferred


class Held:
    """Holds a value; what is not there yet is waited for where it is read."""

    __slots__ = ("_file", "_future", "_value")

    _value: Any
    _file: Path | None
    _future: Deferred[Any] | None

    def _hold(self, value: Any, image_path: str | Path = "") -> None:
        """Take in a value, or an image without reading it."""
        self._future, self._file = None, None
        if not image_path:
            self._value = plain(value)
            return
        if value not in ("", None):
            raise UsageError("both value and image_path are given: give one of them")
        path = str(image_path)
        if is_address(path):
            self._value = ImageURL(path)
            return
        if not Path(path).is_file():
            raise UsageError(f"image_path {path!r} is no file: check the path")
        self._value, self._file = value, Path(path)

    @property
    def value(self) -> Any:
        """The value; waits for the operation that makes it, and raises its error."""
        file = self._file
        if file is not None:
            data = file.read_bytes()
            if self._file is file:  # nobody set another value meanwhile
                self._value, self._file = data, None
        future = self._future
        if future is None:
            return self._value
        value = runtime.wait(future)
        if self._future is future:  # nobody set another value, or read this one, meanwhile
            self._value = value
            self._future = None
        return value

    @value.setter
    def value(self, value: Any) -> None:
        self._value = plain(value)
        self._future = self._file = None

    def get_value(self) -> Any:
        """The same as `value`."""
        return self.value

    def set_value(self, value: Any) -> None:
        """The same as assigning `value`."""
        self.value = value

    def __await__(self) -> Generator[Any, None, Any]:
        """Wait for the value without blocking the running loop."""
        if self._future is not None and not self._future.done():
            return runtime.settled(self._future).__await__()
        return self._ready().__await__()

    async def _ready(self) -> Any:
        return self.value

    def _shown(self) -> str:
        """The value as code, or what there is of it; never waits."""
        if self._file is not None:
            return f"image_path={str(self._file)!r}"
        if self._future is None:
            return repr(self._value)
        return "'...'" if self._future.done() else "<under way>"
