"""A model cache: replies kept between runs, off unless somebody wraps an engine in it."""

from __future__ import annotations

from typing import Literal

from textgrad_core.cache import ReplyCache
from textgrad_core.engine.protocol import Engine, Reply, Request, engine_key
from textgrad_core.engine.wrapper import Wrapper, model_of, own_params
from textgrad_core.errors import EngineError, UsageError
from textgrad_core.jsondata import digest
from textgrad_core.singleflight import SingleFlight

CacheMode = Literal["off", "read", "read-write", "replay-only"]
KEY_VERSION = 2


class Cached(Wrapper):
    """Answers from a cache what was asked before; same requests under way are sent once.

    The key holds the engine's name, the model, every sampling parameter, the messages and the
    sample index: two samples of one prompt are two entries. Only complete answers are kept:
    no error, nothing cut, nothing empty. A kept reply counts in a run's tokens and cost as it did
    when it was paid for, so that a run takes the same course whatever is kept.

    Args:
        engine: What answers the rest.
        store: Where replies are kept.
        mode: ``"read-write"``; ``"read"`` adds nothing; ``"replay-only"`` refuses what is not
            there, for reproducing offline; ``"off"`` only hands on.
    """

    def __init__(self, engine: Engine, store: ReplyCache, mode: CacheMode = "read-write") -> None:
        """Wrap; nothing is opened yet."""
        super().__init__(engine)
        if mode not in ("off", "read", "read-write", "replay-only"):
            raise UsageError(
                f"mode is {mode!r}: choose 'off', 'read', 'read-write' or 'replay-only'"
            )
        self.mode: CacheMode = mode
        self._store = store
        self._flights: SingleFlight[Reply] = SingleFlight(_complete)

    async def ask(self, request: Request) -> Reply:
        """The kept reply, else the inner engine's.

        Raises:
            EngineError: As the inner engine says; in ``"replay-only"`` for what is not kept.
        """
        if self.mode == "off":
            return await self.inner.ask(request)
        key = reply_key(self.inner, request)
        return (await self._flights.fly(key, lambda: self._looked_up(key, request)))[0]

    async def aclose(self) -> None:
        """Close the store and the inner engine."""
        self._store.close()
        await super().aclose()

    async def _looked_up(self, key: str, request: Request) -> Reply:
        record = self._store.get(key)
        kept = None if record is None else Reply.from_json(record)
        if kept is not None and _complete(kept):
            return kept
        if self.mode == "replay-only":
            raise EngineError(
                f"the cache holds no reply of {self.name} to this request (purpose "
                f"{request.purpose!r}, sample {request.sample}), and mode 'replay-only' asks no "
                "model: use 'read-write' once",
                kind="request",
                attempts=0,
            )
        reply = await self.inner.ask(request)
        if self.mode == "read-write" and _complete(reply):
            self._store.put(key, reply.to_json())
        return reply


def reply_key(engine: Engine, request: Request) -> str:
    """The digest of everything that shapes a reply; what a request is for does not."""
    shaped = request.to_json()
    del shaped["purpose"]
    shaped["params"] = {**own_params(engine), **request.params}
    return digest(
        {"version": KEY_VERSION, **engine_key(engine), "model": model_of(engine), **shaped}
    )


def _complete(reply: Reply) -> bool:
    return reply.finish_reason == "stop" and bool(reply.text.strip())
