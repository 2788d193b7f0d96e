"""Primitives of isolation that this machine lacks."""

from __future__ import annotations


class MissingPrimitive(Exception):
    """A step into the jail failed.

    Args:
        primitive: Which one: a key of the table of remedies.
        detail: What the kernel said.
    """

    def __init__(self, primitive: str, detail: str) -> None:
        """Keep both parts."""
        super().__init__(f"{primitive}: {detail}")
        self.primitive, self.detail = primitive, detail


class MissingPrimitives(Exception):
    """Several of them.

    Args:
        missing: Each one.
    """

    def __init__(self, missing: list[MissingPrimitive]) -> None:
        """Keep them."""
        super().__init__("; ".join(map(str, missing)))
        self.missing = missing
