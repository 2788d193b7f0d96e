"""Messages between the docking client and its server: JSON, each behind its length."""

from __future__ import annotations

import json
import struct
from typing import Any

from textgrad_core.errors import InstrumentError

Message = dict[str, Any]

_LENGTH = struct.Struct(">I")
MAX_MESSAGE_BYTES = 16 * 2**20


def encode(message: Message) -> bytes:
    """One message as bytes."""
    body = json.dumps(message).encode()
    return _LENGTH.pack(len(body)) + body


class Decoder:
    """Cuts a stream of bytes into messages, however it was chopped on the way."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """The messages that ``data`` completes, in order.

        Raises:
            InstrumentError: If the stream is not ours.
        """
        self._pending += data
        messages: list[Message] = []
        while len(self._pending) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._pending)
            if length > MAX_MESSAGE_BYTES:
                raise InstrumentError(f"docking message of {length} bytes: the stream is corrupt")
            end = _LENGTH.size + length
            if len(self._pending) < end:
                break
            messages.append(_object(bytes(self._pending[_LENGTH.size : end])))
            del self._pending[:end]
        return messages


def _object(body: bytes) -> Message:
    try:
        message = json.loads(body)
    except ValueError as error:
        raise InstrumentError("docking message is no JSON: the stream is corrupt") from error
    if not isinstance(message, dict):
        raise InstrumentError(f"docking message is no object: {message!r:.80}")
    return message


def failed(cause: str, *, retryable: bool = True) -> Message:
    """The answer to a job whose instrument failed."""
    return {"failed": cause, "retryable": retryable}
