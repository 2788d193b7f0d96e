"""Several askers, one answer: while somebody works on a key, others wait for the result."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Runs one piece of work per key at a time, for the tasks of each event loop.

    A result that is not worth sharing, an error and a cancellation are the leader's own: the
    next one in line then does the work itself.

    Args:
        worth_sharing: Whether a result is handed to those who waited for it.
    """

    def __init__(self, worth_sharing: Callable[[T], bool] = lambda _: True) -> None:
        """Nothing is under way."""
        self._worth_sharing = worth_sharing
        self._flying: dict[tuple[int, str], asyncio.Future[tuple[T] | None]] = {}

    async def fly(self, key: str, work: Callable[[], Awaitable[T]]) -> tuple[T, bool]:
        """The result of the work, and whether somebody else did it."""
        import asyncio

        loop = asyncio.get_running_loop()
        place = id(loop), key
        while (flight := self._flying.get(place)) is not None:
            landed = await asyncio.shield(flight)
            if landed is not None:
                return landed[0], True
        mine = self._flying[place] = loop.create_future()
        shared: tuple[T] | None = None
        try:
            result = await work()
            if self._worth_sharing(result):
                shared = (result,)
            return result, False
        finally:
            del self._flying[place]
            mine.set_result(shared)
