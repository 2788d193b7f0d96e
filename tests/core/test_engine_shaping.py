"""What shapes a function's answers is the user's to say, and part of every key."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from textgrad_core.cache import ReplyCache
from textgrad_core.engine.cached import Cached
from textgrad_core.engine.callable_engine import CallableEngine
from textgrad_core.engine.protocol import Message, Request, engine_key
from textgrad_core.engine.retrying import Retrying
from textgrad_core.engine.tokens import estimate_tokens
from textgrad_core.errors import EngineError, UsageError
from textgrad_core.run import Run


def request(text: str = "x", **params: Any) -> Request:
    return Request(messages=(Message(role="user", content=text),), params=params)


def warm(prompt: str, temperature: float = 0.0, max_tokens: int = 5) -> str:
    return f"{prompt} at {temperature} in {max_tokens}"


def test_parameters_go_with_every_call_and_a_request_s_own_before_them() -> None:
    engine = CallableEngine(warm, params={"temperature": 0.5, "max_tokens": 7})
    assert asyncio.run(engine.ask(request())).text == "x at 0.5 in 7"
    assert asyncio.run(engine.ask(request(temperature=1))).text == "x at 1 in 7"
    assert estimate_tokens(request(), Retrying(engine).params).completion == 7


def test_a_parameter_the_function_does_not_take_is_refused_at_once() -> None:
    with pytest.raises(UsageError, match="takes no parameter 'top_k'"):
        CallableEngine(warm, params={"top_k": 4})
    with pytest.raises(EngineError, match="takes no parameter 'top_k'"):
        asyncio.run(CallableEngine(warm).ask(request(top_k=4)))


@pytest.mark.parametrize("given", [{"params": {"temperature": warm}}, {"shaping": {"a": {1, 2}}}])
def test_what_is_no_data_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"{next(iter(given))} is no JSON data"):
        CallableEngine(warm, **given)


class Model:
    """A user's engine whose settings may change under way."""

    def __init__(self) -> None:
        self.weights = "v1"
        self.calls = 0

    @property
    def shaping(self) -> dict[str, str]:
        return {"weights": self.weights}

    def generate(self, prompt: str) -> str:
        self.calls += 1
        return f"{prompt} by {self.weights}"


def test_a_change_of_what_shapes_the_answers_is_another_key(tmp_path: Path) -> None:
    model = Model()
    plain = CallableEngine(model)
    kept = Cached(Retrying(plain), ReplyCache(tmp_path / "replies.sqlite3"))
    for weights in ("v1", "v2", "v1"):
        model.weights = weights
        assert engine_key(kept) == engine_key(plain)
        assert asyncio.run(kept.ask(request())).text == f"x by {weights}"
        with Run(tmp_path / "run") as run:
            asyncio.run(run.ask(plain, request(), f"at {weights}"))
    assert model.calls == 2 + 2
    kept.close()


def test_every_way_to_say_it_is_part_of_the_key() -> None:
    engines = [
        CallableEngine(warm, name="m"),
        CallableEngine(warm, name="m", params={"temperature": 0.5}),
        CallableEngine(warm, name="m", params={"temperature": 0.6}),
        CallableEngine(warm, name="m", shaping={"temperature": 0.5}),
        CallableEngine(partial(warm, temperature=0.5), name="m"),
        CallableEngine(partial(partial(warm, temperature=0.5), temperature=0.7), name="m"),
    ]
    keys = [str(engine_key(e)) for e in engines]
    assert len(set(keys)) == len(keys)
    assert engine_key(engines[0]) == {"engine": "m", "shaping": {}}  # as before, without settings
    assert engines[-1].shaping == {"bound": {"temperature": 0.7}}


def test_what_cannot_be_data_among_bound_arguments_is_left_out() -> None:
    def ask(client: object, prompt: str, top_k: int) -> str:
        return f"{type(client)} {prompt} {top_k}"

    engine = CallableEngine(partial(ask, object(), top_k=3))
    assert engine.shaping == {"bound": {"top_k": 3}}
