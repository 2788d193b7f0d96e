"""How many calls of one engine may be under way at once, also where an engine asks itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from textgrad_core.engine.protocol import Engine
from textgrad_core.engine.wrapper import target_of
from textgrad_core.errors import EngineError

if TYPE_CHECKING:
    import asyncio


@dataclass(slots=True)
class _Slot:
    """The right to ask one engine, while its call is under way.

    A call that the engine makes of itself meanwhile uses the same right, since the outer call
    waits for it. Of several such calls one goes after the other, so that no more requests are
    worked on at once than the engine allows.
    """

    target: object
    inner: asyncio.Semaphore
    held: bool = True


@dataclass(frozen=True, slots=True)
class _Gate:
    loop: asyncio.AbstractEventLoop
    width: int
    semaphore: asyncio.Semaphore


_gates: WeakKeyDictionary[object, _Gate] = WeakKeyDictionary()
_mine: ContextVar[tuple[_Slot, ...]] = ContextVar("textgrad_slots", default=())


@dataclass(slots=True)
class Slots:
    """The limits of all engines, shared by the runs of a process.

    Engines that cannot be hashed or referred to weakly are limited for each run alone.
    """

    _own: dict[object, _Gate] = field(default_factory=dict)

    @asynccontextmanager
    async def one(self, engine: Engine) -> AsyncIterator[None]:
        """Hold the right to ask an engine once.

        Raises:
            EngineError: If the engine asks itself and must not be entered twice.
        """
        import asyncio

        target = target_of(engine)
        outer = tuple(slot for slot in _mine.get() if slot.held)
        around = next((slot for slot in reversed(outer) if slot.target is target), None)
        if around is not None and getattr(target, "thread_safe", True) is False:
            raise EngineError(
                f"{engine.name} asked itself while it answered, and thread_safe=False says that "
                "it must not be entered twice: set thread_safe=True if it may, or let it ask "
                "another engine",
                kind="request",
                attempts=0,
            )
        async with around.inner if around else self._gate(engine, target):
            slot = _Slot(target, asyncio.Semaphore(1))
            token = _mine.set((*outer, slot))
            try:
                yield
            finally:
                slot.held = False
                _mine.reset(token)

    def _gate(self, engine: Engine, target: object) -> asyncio.Semaphore:
        import asyncio

        loop, width = asyncio.get_running_loop(), engine.max_concurrency
        try:
            gates: MutableMapping[object, _Gate] = _gates
            gate = gates.get(target)
        except TypeError:
            gates, target = self._own, id(target)
            gate = gates.get(target)
        if gate is None or gate.width != width or gate.loop is not loop:
            gate = gates[target] = _Gate(loop, width, asyncio.Semaphore(width))
        return gate.semaphore
