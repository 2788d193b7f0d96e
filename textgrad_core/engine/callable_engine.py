"""A user's own function or object as an engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from textgrad_core.engine.base import EngineLM, own_method
from textgrad_core.engine.protocol import Message, Reply, Request
from textgrad_core.engine.shaping import as_data, bound_in
from textgrad_core.errors import BudgetExhausted, EngineError, EngineFailure, UsageError
from textgrad_core.jsondata import JSON
from textgrad_core.threads import in_thread
from textgrad_core.values import ImageURL

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

DEFAULT_CONCURRENCY = 32


class CallableEngine(EngineLM):
    """Wraps ``f(prompt, system_prompt=None) -> str``, or an object with ``generate`` like it.

    A function that is not async runs in a thread of its own pool. A function that does not take
    ``system_prompt`` gets the system message in front of the prompt. Sampling parameters are
    passed by name if the function takes them, and refused if it does not. A prompt with images
    is a list: texts as str, images as bytes, and images that are known by their web address as
    `ImageURL`, a subclass of str.

    Args:
        target: The function, or an object with ``generate`` or ``__call__``. With an attribute
            ``thread_safe = False`` it is never called twice at the same time.
        name: Stable name of the model behind it, part of every key; by default where the
            function is defined, and its ``model_string`` or ``model`` if it has one.
        max_concurrency: Calls that may be under way at once; by default what the target's own
            attribute of that name says, or else 32: a batch waits for the slowest call, not for
            a queue.
        params: Sampling parameters passed by name with every call; a request's own go before
            them. Part of every key.
        shaping: What else shapes the answers, as JSON data, so that answers of other settings
            are never taken for these; by default what the target's own attribute of that name
            says. What ``functools.partial`` binds is part of every key by itself.

    Raises:
        UsageError: If the target cannot be called, takes no such parameter, or what shapes the
            answers is no JSON data.
    """

    def __init__(
        self,
        target: object,
        *,
        name: str | None = None,
        max_concurrency: int | None = None,
        params: Mapping[str, JSON] | None = None,
        shaping: Mapping[str, JSON] | None = None,
    ) -> None:
        if max_concurrency is None:
            own = getattr(target, "max_concurrency", None)
            max_concurrency = own if isinstance(own, int) else DEFAULT_CONCURRENCY
        if max_concurrency < 1:
            raise UsageError(f"max_concurrency is {max_concurrency}: it must be 1 or more")
        call = own_method(target)
        if call is None:
            raise UsageError(
                f"{type(target).__name__} is no engine: give a function f(prompt, "
                "system_prompt=None) -> str or an object with generate"
            )
        self.target = target
        self._call: Callable[..., Any] = call
        self._keywords = _keywords(call)
        self._pools: dict[int, ThreadPoolExecutor] = {}
        safe = getattr(target, "thread_safe", True) is not False
        self.max_concurrency = max_concurrency if safe else 1
        self.name = name or _name_of(target)
        self.params: Mapping[str, JSON] = as_data("params", params or {})
        mistake = self._not_taken(self.params)
        if mistake:
            raise UsageError(mistake)
        self._shaping = shaping
        _ = self.shaping  # so that a mistake is found here

    @property
    def shaping(self) -> Mapping[str, JSON]:
        """What shapes every reply besides the request."""
        told = self._shaping
        if told is None:
            told = getattr(self.target, "shaping", None)
        own = as_data("shaping", told) if isinstance(told, Mapping) else {}
        bound = bound_in(self.target)
        return {
            **own,
            **({"params": dict(self.params)} if self.params else {}),
            **({"bound": bound} if bound else {}),
        }

    def __repr__(self) -> str:
        return f"CallableEngine({self.name!r})"

    async def ask(self, request: Request) -> Reply:
        """Answer one request by calling the function.

        Raises:
            EngineError: If it raises, gives something other than text, or cannot take a
                parameter of the request.
        """
        prompt, keywords = self._arguments(request)
        try:
            answer = await self._called(prompt, keywords)
        except (EngineError, BudgetExhausted):  # of a call it made through the run
            raise
        except Exception as error:
            kind, retryable = _kind_of(error)
            raise EngineError(
                f"{self.name} raised {type(error).__name__}: {error}",
                kind=kind,
                retryable=retryable,
            ) from error
        return _reply(answer, self.name)

    async def aclose(self) -> None:
        """Let the threads end; calls under way are not waited for."""
        while self._pools:
            self._pools.popitem()[1].shutdown(wait=False)

    async def _called(
        self, prompt: str | list[str | bytes], keywords: Mapping[str, Any]
    ) -> object:
        import inspect

        if _is_async(self._call):
            return await self._call(prompt, **keywords)
        answer = await in_thread(lambda: self._call(prompt, **keywords), self._threads)
        return await answer if inspect.isawaitable(answer) else answer

    def _threads(self, level: int) -> ThreadPoolExecutor:
        """Own threads: asyncio's default pool is as narrow as the machine has cores.

        A function that asks its own engine waits in its thread, so each level has its own.
        """
        if level not in self._pools:
            from concurrent.futures import ThreadPoolExecutor

            self._pools[level] = ThreadPoolExecutor(self.max_concurrency, "textgrad-engine")
        return self._pools[level]

    def _not_taken(self, params: Mapping[str, JSON]) -> str:
        """Why the function cannot be given these; empty if it can."""
        for name in params:
            if self._keywords is not None and name not in self._keywords:
                return (
                    f"{self.name} takes no parameter {name!r}: leave it out, or add it to the "
                    "function"
                )
        return ""

    def _arguments(self, request: Request) -> tuple[str | list[str | bytes], dict[str, Any]]:
        mistake = self._not_taken(request.params)
        if mistake:
            raise EngineError(mistake, kind="request", attempts=0)
        keywords: dict[str, Any] = {**self.params, **request.params}
        system = "\n\n".join(m.content for m in request.messages if m.role == "system")
        prompt = _transcript([m for m in request.messages if m.role != "system"])
        if not system:
            return prompt, keywords
        if self._keywords is None or "system_prompt" in self._keywords:
            return prompt, {**keywords, "system_prompt": system}
        if isinstance(prompt, list):
            return [system, *prompt], keywords
        return f"{system}\n\n{prompt}", keywords


def _transcript(messages: list[Message]) -> str | list[str | bytes]:
    """One prompt: a lone message as it is, a conversation with its speakers named.

    A message with images becomes a list of texts, bytes and addresses; an address is an
    `ImageURL`, which is a str of its own kind.
    """
    if len(messages) == 1 and messages[0].parts:
        return [p if isinstance(p, str) else p.data or ImageURL(p.url) for p in messages[0].parts]
    if len(messages) == 1:
        return messages[0].content
    return "\n\n".join(f"{m.role.capitalize()}: {m.content}" for m in messages)


def _reply(answer: object, name: str) -> Reply:
    if isinstance(answer, Reply):
        return answer
    if answer is None or (isinstance(answer, str) and not answer.strip()):
        raise EngineError(f"{name} gave an empty answer", kind="empty", retryable=True)
    if not isinstance(answer, str):
        raise EngineError(
            f"{name} gave a {type(answer).__name__}: it must return text", kind="wrong_shape"
        )
    return Reply(text=answer, model=name)


def _kind_of(error: Exception) -> tuple[EngineFailure, bool]:
    """What a foreign exception says about trying again."""
    match error:
        case TimeoutError():
            return "timeout", True
        case ConnectionError():
            return "network", True
        case _:
            return "server", False


def _keywords(call: Callable[..., Any]) -> frozenset[str] | None:
    """Names it takes by keyword, besides the prompt; None if it takes any."""
    import inspect

    try:
        parameters = list(inspect.signature(call).parameters.values())
    except (TypeError, ValueError):  # some built-in and extension functions have none
        return frozenset()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    first = parameters[:1] if parameters and parameters[0].kind in by_name[:1] else []
    return frozenset(p.name for p in parameters[len(first) :] if p.kind in by_name)


def _is_async(call: Callable[..., Any]) -> bool:
    import inspect

    return inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(
        getattr(call, "__call__", None)  # noqa: B004 - the method itself is what may be async
    )


def _name_of(target: object) -> str:
    """Where it is defined; a name that is the same in the next process."""
    from functools import partial

    while isinstance(target, partial):
        target = target.func
    place = target if hasattr(target, "__qualname__") else type(target)
    label = f"callable:{getattr(place, '__module__', '')}.{getattr(place, '__qualname__', '')}"
    for attribute in ("model_string", "model"):
        model = getattr(target, attribute, None)
        if isinstance(model, str) and model:
            return f"{label}:{model}"
    return label
