"""A model cache: replies kept between runs, off unless somebody wraps an engine in it."""

from __future__ import annotations

from typing import Literal

from textgrad_core.cache import ReplyCache
from textgrad_core.claims import claim_or_result
from textgrad_core.engine.protocol import Engine, Reply, Request, engine_key
from textgrad_core.engine.wrapper import Wrapper, model_of, own_params
from textgrad_core.errors import EngineError, UsageError
from textgrad_core.jsondata import digest
from textgrad_core.singleflight import SingleFlight

CacheMode = Literal["off", "read", "read-write", "replay-only"]
KEY_VERSION = 2
LONGEST_WAIT_S = 900.0  # for another process that asks the same


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
        kept = self._kept(key)
        if kept is not None:
            return kept
        if self.mode == "replay-only":
            raise EngineError(
                f"the cache holds no reply of {self.name} to this request (purpose "
                f"{request.purpose!r}, sample {request.sample}), and mode 'replay-only' asks no "
                "model: use 'read-write' once",
                kind="request",
                attempts=0,
            )
        if self.mode == "read":
            return await self.inner.ask(request)
        claim, kept = await claim_or_result(
            self._store, key, lambda: self._kept(key), LONGEST_WAIT_S
        )
        if kept is not None:
            return kept
        try:
            reply = await self.inner.ask(request)
            if _complete(reply):
                self._store.put(key, reply.to_json())
            return reply
        finally:
            if claim is not None:
                claim.release()

    def _kept(self, key: str) -> Reply | None:
        record = self._store.get(key)
        kept = None if record is None else Reply.from_json(record)
        return kept if kept is not None and _complete(kept) else None


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
