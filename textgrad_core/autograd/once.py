"""Foreign work that answers several questions at once, and is done once for all of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")


class Once(Generic[T]):
    """Shares the result of a piece of work among those that ask for it; a failure is forgotten."""

    def __init__(self) -> None:
        """Nothing is done yet."""
        self._under_way: dict[Hashable, asyncio.Future[T]] = {}

    async def get(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """The result of the work for this key; it is started if nobody has."""
        import asyncio

        found = self._under_way.get(key)
        if found is None:
            found = self._under_way[key] = asyncio.ensure_future(work())
        try:
            return await asyncio.shield(found)
        except BaseException:
            if found.done():
                self._under_way.pop(key, None)
            raise
