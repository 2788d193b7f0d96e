"""An engine that answers from a script, for tests and offline examples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from textgrad_core.engine.base import EngineLM
from textgrad_core.engine.protocol import Reply, Request
from textgrad_core.errors import EngineError, UsageError

Answer: TypeAlias = str | Reply | Exception


class ScriptedEngine(EngineLM):
    """Gives prepared answers, in the order in which it is asked.

    Args:
        replies: Answers to give one after the other (an exception is raised instead), or a
            function from the request to the answer.
        name: Name to go by; part of every key.
        max_concurrency: As in the protocol.

    Attributes:
        requests: Every request it was asked, in order.
    """

    def __init__(
        self,
        replies: Sequence[Answer] | Callable[[Request], Answer],
        *,
        name: str = "scripted",
        max_concurrency: int = 32,
    ) -> None:
        if isinstance(replies, str):
            raise UsageError("replies is one string: give a list of them")
        self.name = name
        self.max_concurrency = max_concurrency
        self.requests: list[Request] = []
        self._replies = replies if callable(replies) else tuple(replies)

    async def ask(self, request: Request) -> Reply:
        """Give the next answer.

        Raises:
            EngineError: If the script has run out, or the script says so.
        """
        place = len(self.requests)
        self.requests.append(request)
        answer = self._replies(request) if callable(self._replies) else self._line(place, request)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Reply) else Reply(text=answer, model=self.name)

    def _line(self, place: int, request: Request) -> Answer:
        if callable(self._replies) or place >= len(self._replies):
            raise EngineError(
                f"the script holds {place} replies and this is request {place + 1} "
                f"(purpose {request.purpose!r}): add replies to it",
                kind="request",
                attempts=0,
            )
        return self._replies[place]
