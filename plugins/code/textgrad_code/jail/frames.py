"""Frames between the judge and the process that runs a program: four bytes length, then JSON."""

from __future__ import annotations

import json
import os
from typing import Any

HEADER_BYTES = 4
LONGEST = (1 << 32) - 1
CHUNK = 1 << 16
NONCE = b'"nonce":"'


class Encoder(json.JSONEncoder):
    """JSON's own, which stays what it is when a program puts something else in its place."""

    encode, iterencode = json.JSONEncoder.encode, json.JSONEncoder.iterencode


class Decoder(json.JSONDecoder):
    """The same, the other way round."""

    raw_decode = json.JSONDecoder.raw_decode


DECODER = Decoder()
ENCODER = Encoder(separators=(",", ":"), allow_nan=False)


def packed(frame: object) -> bytes:
    """A frame as it is sent: length (little endian) and ASCII JSON.

    Raises:
        ValueError: If it holds NaN or an infinity, or is longer than a length can say.
    """
    body = ENCODER.encode(frame).encode("ascii")
    if len(body) > LONGEST:
        raise ValueError(f"a frame of {len(body)} bytes; the longest has {LONGEST}")
    return framed(body)


def framed(body: bytes) -> bytes:
    """The same of JSON text."""
    return len(body).to_bytes(HEADER_BYTES, "little") + body


def unpacked(body: bytes) -> Any:
    """The value of a frame's ASCII JSON, which has no white space around it.

    Raises:
        ValueError: If it is something else.
    """
    value, end = DECODER.raw_decode(body.decode("ascii"))
    if end != len(body):
        raise ValueError(f"{len(body) - end} bytes after the value of a frame")
    return value


def read_body(fd: int) -> bytes | None:
    """The JSON text of the next frame; None once the other side has closed."""
    header = _read(fd, HEADER_BYTES)
    return None if header is None else _read(fd, int.from_bytes(header, "little"))


def nonce_of(body: bytes) -> str:
    """The nonce of a frame without taking in the rest: it comes after all data of the problem."""
    start = body.rindex(NONCE) + len(NONCE)
    return body[start : body.index(b'"', start)].decode("ascii")


def write_frame(fd: int, frame: Any) -> None:
    """Send one frame and wait until it is taken."""
    send(fd, packed(frame))


def send(fd: int, data: bytes) -> None:
    """Write all of it."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def _read(fd: int, size: int) -> bytes | None:
    first = os.read(fd, min(size, CHUNK)) if size else b""
    if len(first) == size:
        return first
    parts = bytearray(first)
    while len(parts) < size:
        part = os.read(fd, min(size - len(parts), CHUNK))
        if not part:
            return None
        parts += part
    return bytes(parts)
