"""What every wrapper of an engine has in common: it is an engine, and lets the inner one show."""

from __future__ import annotations

from collections.abc import Mapping

from textgrad_core.engine.base import EngineLM
from textgrad_core.engine.protocol import Engine, Reply, Request, engine_key
from textgrad_core.jsondata import JSON


class Wrapper(EngineLM):
    """An engine around another; by itself it changes nothing.

    Args:
        engine: The engine inside.

    Attributes:
        inner: The engine inside.
        name: Its name, so that wrapping changes no key.
        max_concurrency: As the inner engine says.
        repeats: Whether a request may be sent more than once in one ask.
    """

    def __init__(self, engine: Engine) -> None:
        """Show what the inner engine shows."""
        self.inner = engine
        self.name = engine.name
        self.max_concurrency = engine.max_concurrency
        self.repeats = bool(getattr(engine, "repeats", False))
        self.model = model_of(engine)

    @property
    def params(self) -> Mapping[str, JSON]:
        """Sampling parameters the inner engine sends with every request."""
        return own_params(self.inner)

    @property
    def shaping(self) -> Mapping[str, JSON]:
        """What shapes every reply of the inner engine besides the request."""
        return shaping_of(self.inner)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.inner!r})"

    async def ask(self, request: Request) -> Reply:
        """Hand the request on.

        Raises:
            EngineError: As the inner engine says.
        """
        return await self.inner.ask(request)

    async def aclose(self) -> None:
        """Close the inner engine, if it can be closed."""
        close = getattr(self.inner, "aclose", None)
        if callable(close):
            await close()


def shaping_of(engine: Engine) -> dict[str, JSON]:
    """What shapes an engine's replies besides the request, as far as it says."""
    key = engine_key(engine)["shaping"]
    return key if isinstance(key, dict) else {}


def target_of(engine: Engine) -> object:
    """The engine behind all wrappers: what a limit of width is about."""
    target: object = engine
    while isinstance(target, Wrapper):
        target = target.inner
    return getattr(target, "target", target)  # the user's own object, however often it is wrapped


def own_params(engine: Engine) -> dict[str, JSON]:
    """Sampling parameters an engine sends with every request, as far as it says."""
    params = getattr(engine, "params", None)
    return dict(params) if isinstance(params, Mapping) else {}


def model_of(engine: Engine) -> str:
    """The model an engine was told to use, or else its name."""
    model = getattr(engine, "model", None)
    return model if isinstance(model, str) and model else engine.name
