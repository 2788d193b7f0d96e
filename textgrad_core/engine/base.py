"""TextGrad's base class for engines: write `generate` or ``__call__``, and it is an engine.

Everything that takes an engine takes a subclass of `EngineLM`, or any function or object with
one of these two methods; there is no need to derive from anything.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

from textgrad_core.errors import UsageError

if TYPE_CHECKING:
    from textgrad_core.engine.protocol import Engine


class EngineLM:
    """A language model to be called with a prompt; subclasses write one of the two methods.

    The engines of this package derive from it too, so ``engine.generate(prompt)`` and
    ``engine(prompt)`` work with all of them, wait for the answer, and are recorded and counted
    like every other call of the run.

    Attributes:
        thread_safe: Set it to False in a subclass whose methods must not run twice at the same
            time; then it is asked one thing after the other.
    """

    thread_safe: bool = True

    def close(self) -> None:
        """Close connections and threads, from code that is not async; safe to call twice.

        A program that ends closes what it left open. In async code: ``await engine.aclose()``.

        Raises:
            UsageError: If called on the background loop.
        """
        aclose = getattr(self, "aclose", None)
        if callable(aclose):
            from textgrad_core import runtime

            runtime.run(aclose())

    def __enter__(self) -> Self:
        """Close it at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def generate(
        self, prompt: str | Sequence[str | bytes], system_prompt: str | None = None, **params: Any
    ) -> str:
        """The answer to a prompt.

        Args:
            prompt: Text, or a list of texts and images; blank lines go between them.
            system_prompt: Goes before it.
            **params: Sampling parameters.

        Raises:
            UsageError: If the subclass defines neither this method nor ``__call__``.
            EngineError: If there is no usable answer.
        """
        if callable(getattr(self, "ask", None)):
            return _ask_and_wait(cast("Engine", self), prompt, system_prompt, params)
        if type(self).__call__ is EngineLM.__call__:
            raise UsageError(
                f"{type(self).__name__} defines neither generate(prompt, system_prompt=None) nor "
                "__call__(prompt): define one of them"
            )
        if system_prompt is not None:
            params["system_prompt"] = system_prompt
        return str(self(prompt, **params))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The same as `generate`."""
        return self.generate(*args, **kwargs)


def own_method(target: object) -> Any:
    """The method by which a user's engine is called; None if it has none.

    ``generate`` goes first. Of a subclass of `EngineLM` only what the subclass itself wrote
    counts, because the inherited methods call each other.
    """
    generate = getattr(target, "generate", None)
    if isinstance(target, EngineLM):
        if type(target).generate is not EngineLM.generate:
            return generate
        return target if type(target).__call__ is not EngineLM.__call__ else None
    if callable(generate):
        return generate
    return target if callable(target) else None


class CachedEngine:
    """TextGrad's helper for engines that keep their own answers; nothing is kept unless asked.

    A subclass calls `_check_cache` and `_save_cache` with whatever text identifies an answer:
    everything that shapes it belongs there. The engines of this package do not use it, because
    the journal of a `Run` remembers answers by everything that shapes them.

    Args:
        cache_path: Folder with one JSON file per answer; without one, answers are kept as long
            as the object.
    """

    def __init__(self, cache_path: str | Path | None = None) -> None:
        self._answers: dict[str, Any] = {}
        self._folder = None if cache_path is None else Path(cache_path)

    def _hash_prompt(self, prompt: str) -> str:
        """A digest that is the same in every process."""
        return sha256(prompt.encode("utf-8", "surrogatepass")).hexdigest()

    def _check_cache(self, prompt: str) -> Any:
        """What was saved for this text, else None."""
        if prompt in self._answers or self._folder is None:
            return self._answers.get(prompt)
        try:
            kept = json.loads(self._file(prompt).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):  # nothing there, or not a whole file
            return None
        return kept.get("answer") if isinstance(kept, dict) else None

    def _save_cache(self, prompt: str, response: Any) -> None:
        """Keep an answer that is JSON data."""
        self._answers[prompt] = response
        if self._folder is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._file(prompt)
        draft = file.with_suffix(f".{os.getpid()}.tmp")
        draft.write_text(json.dumps({"answer": response}), encoding="utf-8")
        draft.replace(file)

    def _file(self, prompt: str) -> Path:
        return Path(self._folder or ".", f"{self._hash_prompt(prompt)}.json")


def _ask_and_wait(
    engine: Engine,
    prompt: str | Sequence[str | bytes],
    system_prompt: str | None,
    params: dict[str, Any],
) -> str:
    from textgrad_core import runtime
    from textgrad_core.engine.messages import message
    from textgrad_core.engine.protocol import Message, Request
    from textgrad_core.run import current_run

    parts = [prompt] if isinstance(prompt, str) else list(prompt)
    system = () if system_prompt is None else (Message(role="system", content=system_prompt),)
    user = message("user", ((part,) for part in parts), "\n\n")
    run = current_run()
    asked = Request(messages=(*system, user), purpose="direct", params=params)
    return runtime.run(run.ask(engine, asked, run.site("direct call"))).text
