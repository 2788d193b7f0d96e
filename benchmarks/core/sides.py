"""The two libraries behind one face, so that every measurement is one program.

Each side is asked through an engine of its own kind that lives in the process, sleeps, and
keeps what it was asked. Nothing here imports either library before it is chosen.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

SIDES = ("ours", "ours-plain", "textgrad")
ANSWER = "<VALUE>improved</VALUE>\n<IMPROVED_VARIABLE>improved</IMPROVED_VARIABLE>"
# as wide as a rented model allows; TextGrad has no such number and makes one call at a time
WIDTH = 64

Reply = Callable[[str], str]


@dataclass(slots=True)
class Log:
    """What an engine was asked, and how much of it at the same time."""

    prompts: list[str] = field(default_factory=list)
    peak: int = 0
    under_way: int = 0
    guard: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, prompt: str) -> None:
        """One more call is under way."""
        with self.guard:
            self.prompts.append(prompt)
            self.under_way += 1
            self.peak = max(self.peak, self.under_way)

    def end(self) -> None:
        """It has been answered."""
        with self.guard:
            self.under_way -= 1


class PlainEngine:
    """An engine as a TextGrad user writes it: one function that waits."""

    model_string = "sleeper"
    system_prompt = ""

    def __init__(self, sleep_s: float, reply: Reply) -> None:
        self.log = Log()
        self._sleep_s, self._reply = sleep_s, reply

    def generate(self, prompt: str, system_prompt: str | None = None) -> str:
        """Answer after a while."""
        asked = f"{system_prompt or ''}\n{prompt}"
        self.log.begin(asked)
        if self._sleep_s:
            time.sleep(self._sleep_s)
        self.log.end()
        return self._reply(asked)


class AsyncEngine:
    """An engine as ours are inside: it waits without a thread."""

    name = "sleeper"
    max_concurrency = WIDTH

    def __init__(self, sleep_s: float, reply: Reply, make: Callable[..., Any]) -> None:
        self.log = Log()
        self._sleep_s, self._reply, self._make = sleep_s, reply, make

    async def ask(self, request: Any) -> Any:
        """Answer after a while."""
        asked = "\n".join(message.content for message in request.messages)
        self.log.begin(asked)
        if self._sleep_s:
            await asyncio.sleep(self._sleep_s)
        self.log.end()
        return self._make(text=self._reply(asked))


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One library, loaded.

    Args:
        tg: Its top module.
        call: Its operation that asks a model.
        make_engine: From seconds to sleep and a reply to an engine with a ``log``.
    """

    tg: Any
    call: Any
    make_engine: Callable[[float, Reply], Any]

    def engine(self, sleep_s: float, reply: Reply = lambda _: ANSWER) -> Any:
        """An engine that sleeps, then answers; its ``log`` says what it was asked."""
        return self.make_engine(sleep_s, reply)

    def variable(self, value: str, *, frozen: bool = False, role: str = "a text") -> Any:
        """A leaf."""
        return self.tg.Variable(value, role_description=role, requires_grad=not frozen)


def load(name: str) -> Side:
    """Import a library and say how it is asked.

    Args:
        name: ``textgrad``; ``ours`` with an async engine; ``ours-plain`` with the class that a
            TextGrad user already has.
    """
    if name == "textgrad":
        tg = import_module("textgrad")
        kind = type("Sleeper", (PlainEngine, tg.EngineLM), {"__call__": PlainEngine.generate})
        return Side(tg=tg, call=import_module("textgrad.autograd").LLMCall, make_engine=kind)
    tg = import_module("textgrad_core")
    if name == "ours-plain":
        return Side(tg=tg, call=tg.LLMCall, make_engine=PlainEngine)
    make = import_module("textgrad_core.engine").Reply
    return Side(
        tg=tg,
        call=tg.LLMCall,
        make_engine=lambda sleep_s, reply: AsyncEngine(sleep_s, reply, make),
    )
