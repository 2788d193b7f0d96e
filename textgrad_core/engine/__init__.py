"""Language models behind one protocol. Importing this loads no client."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

from textgrad_core.absent import told
from textgrad_core.engine.base import CachedEngine, EngineLM
from textgrad_core.engine.protocol import Engine, Message, Reply, Request
from textgrad_core.errors import UsageError
from textgrad_core.values import ImageURL

if TYPE_CHECKING:
    from textgrad_core.engine.cached import Cached as Cached
    from textgrad_core.engine.callable_engine import CallableEngine as CallableEngine
    from textgrad_core.engine.limits import RateLimited as RateLimited
    from textgrad_core.engine.openai import OpenAIEngine as OpenAIEngine
    from textgrad_core.engine.retrying import Retrying as Retrying
    from textgrad_core.engine.retrying import RetryRule as RetryRule
    from textgrad_core.engine.scripted import ScriptedEngine as ScriptedEngine

__all__ = [
    "CachedEngine",
    "Engine",
    "EngineLM",
    "EngineLike",
    "ImageURL",
    "Message",
    "Reply",
    "Request",
    "get_engine",
    "is_engine",
]


class Generates(Protocol):
    """A user's object with a method ``generate(prompt, system_prompt=None) -> str``."""

    @property
    def generate(self) -> Callable[..., Any]:
        """The method."""
        ...


EngineLike: TypeAlias = Engine | EngineLM | Generates | Callable[..., Any] | str
"""What every argument named ``engine`` takes; `get_engine` makes an engine of it."""

KNOWN_PREFIXES = ("openai",)
_OPENAI_OPTIONS = (
    "api_key",
    "max_concurrency",
    "deadline_s",
    "max_retries",
    "total_deadline_s",
    "max_answer_bytes",
)
_LAZY = {
    "Cached": "cached",
    "CallableEngine": "callable_engine",
    "OpenAIEngine": "openai",
    "RateLimited": "limits",
    "RetryRule": "retrying",
    "Retrying": "retrying",
    "ScriptedEngine": "scripted",
}


def get_engine(engine_name: object, base_url: str | None = None, **params: object) -> Engine:
    """The engine a short description means.

    A model given by name repeats requests after passing failures. The wrappers compose by hand:
    ``Cached(Retrying(RateLimited(get_engine("m", max_retries=0), requests_per_minute=9)), kept)``.

    Args:
        engine_name: ``"openai:MODEL"`` or a model name alone; or a user's function or object (see
            `CallableEngine`); or an engine, which is returned as it is.
        base_url: Address of the server, for a model given by name.
        **params: For a model given by name: options of `OpenAIEngine` (``api_key``,
            ``max_concurrency``, ``deadline_s``, ``max_retries``, ``total_deadline_s``,
            ``max_answer_bytes``, ``params``); every other name is a sampling parameter that is
            sent as it is, such as ``temperature=0``.

    Raises:
        UsageError: If the description means no engine.
    """
    if isinstance(engine_name, str):
        return _named(engine_name, base_url, params)
    if base_url is not None or params:
        given = ["base_url"] * (base_url is not None) + list(params)
        raise UsageError(
            f"{', '.join(given)} only applies to a model given by name, not to a "
            f"{type(engine_name).__name__}: set it there"
        )
    if is_engine(engine_name):
        return cast(Engine, engine_name)
    from textgrad_core.engine.callable_engine import CallableEngine

    return CallableEngine(engine_name)


def is_engine(candidate: object) -> bool:
    """Whether an object has what the `Engine` protocol asks for."""
    return (
        not isinstance(candidate, type)
        and callable(getattr(candidate, "ask", None))
        and isinstance(getattr(candidate, "name", None), str)
        and isinstance(getattr(candidate, "max_concurrency", None), int)
    )


def _named(engine_name: str, base_url: str | None, params: dict[str, object]) -> Engine:
    prefix, colon, rest = engine_name.partition(":")
    if colon and prefix not in KNOWN_PREFIXES:
        known = ", ".join(f"{p}:MODEL" for p in KNOWN_PREFIXES)
        raise UsageError(
            f"engine {engine_name!r} starts with {prefix!r}; known are: {known}. If the model's "
            f"own name holds a colon, write 'openai:{engine_name}' with the base_url of its server"
        )
    if params.pop("cache", False):
        raise UsageError(
            "cache is no option of an engine: what a Run with a folder has asked is remembered "
            "there; leave cache out"
        )
    from textgrad_core.engine.openai import OpenAIEngine

    options: dict[str, Any] = {name: params[name] for name in _OPENAI_OPTIONS if name in params}
    sampling: dict[str, Any] = {
        k: v for k, v in params.items() if k not in options and k != "params"
    }
    given: Any = params.get("params") or {}
    return OpenAIEngine(
        rest if colon else engine_name,
        base_url,
        params={**given, **sampling},
        **options,
    )


def __getattr__(name: str) -> object:
    if name in _LAZY:
        found: object = getattr(import_module(f"textgrad_core.engine.{_LAZY[name]}"), name)
        return found
    raise AttributeError(told(__name__, name))
