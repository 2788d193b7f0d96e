"""Engines that need no wire: a script, and a user's own function."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
import time
from collections.abc import Callable

import pytest

from textgrad_core.engine.callable_engine import CallableEngine
from textgrad_core.engine.protocol import Engine, Message, Reply, Request
from textgrad_core.engine.scripted import ScriptedEngine
from textgrad_core.errors import EngineError, UsageError

PLACE = contextvars.ContextVar("PLACE", default="nowhere")


def request(*turns: tuple[str, str], **params: float) -> Request:
    messages = tuple(Message(role=role, content=text) for role, text in turns)  # type: ignore[arg-type]
    return Request(messages=messages, params=params)


HELLO = request(("user", "hello"))


def ask(engine: Engine, asked: Request = HELLO) -> Reply:
    return asyncio.run(engine.ask(asked))


def asked_of(call: Callable[..., object], asked: Request = HELLO) -> str:
    return ask(CallableEngine(call), asked).text


class TestScripted:
    def test_replies_come_in_order_and_requests_are_kept(self) -> None:
        cut = Reply(text="b", finish_reason="length")
        engine = ScriptedEngine(["a", cut])
        assert (ask(engine).text, ask(engine)) == ("a", cut)
        assert engine.requests == [HELLO, HELLO]

    def test_an_exception_is_raised(self) -> None:
        engine = ScriptedEngine([EngineError("slow down", kind="rate", retryable=True), "b"])
        with pytest.raises(EngineError, match="slow down"):
            ask(engine)
        assert ask(engine).text == "b"

    def test_running_out_is_an_error_that_names_the_request(self) -> None:
        with pytest.raises(EngineError, match=r"holds 0 replies.*request 1 .*'forward'"):
            ask(ScriptedEngine([]))

    def test_a_function_sees_the_request(self) -> None:
        engine = ScriptedEngine(lambda r: r.messages[-1].content.upper())
        assert ask(engine).text == "HELLO"
        assert engine.requests == [HELLO]

    def test_concurrent_asks_are_answered_in_the_order_they_were_made(self) -> None:
        async def several() -> list[str]:
            engine = ScriptedEngine([str(i) for i in range(5)])
            return [r.text for r in await asyncio.gather(*(engine.ask(HELLO) for _ in range(5)))]

        assert asyncio.run(several()) == ["0", "1", "2", "3", "4"]

    def test_one_string_is_not_a_script(self) -> None:
        with pytest.raises(UsageError, match="give a list"):
            ScriptedEngine("abc")


class TestCallable:
    SYSTEM = request(("system", "be brief"), ("user", "hello"))

    def test_prompt_and_system_prompt(self) -> None:
        def f(prompt: str, system_prompt: str | None = None) -> str:
            return f"{system_prompt}|{prompt}"

        assert asked_of(f) == "None|hello"
        assert asked_of(f, self.SYSTEM) == "be brief|hello"

    def test_without_system_prompt_it_goes_in_front(self) -> None:
        assert asked_of(lambda prompt: prompt + "!", self.SYSTEM) == "be brief\n\nhello!"

    def test_a_conversation_names_its_speakers(self) -> None:
        talk = request(("user", "hi"), ("assistant", "yes?"), ("user", "why"))
        assert asked_of(lambda p: p + ".", talk) == "User: hi\n\nAssistant: yes?\n\nUser: why."

    def test_an_async_function(self) -> None:
        async def f(prompt: str, **_more: object) -> str:
            await asyncio.sleep(0)
            return f"{prompt} on {threading.current_thread().name}"

        assert asked_of(f) == "hello on MainThread"
        assert asked_of(functools.partial(f, system_prompt="x")) == "hello on MainThread"

    def test_generate_goes_before_call(self) -> None:
        class Model:
            model_string = "tiny"

            def __call__(self, prompt: str) -> str:
                raise AssertionError(prompt)

            def generate(self, prompt: str, **_more: object) -> str:
                return f"generated {prompt}"

        engine = CallableEngine(Model())
        assert ask(engine).text == "generated hello"
        assert engine.name.endswith("Model:tiny")
        assert engine.name == CallableEngine(Model()).name

    def test_an_async_call_method(self) -> None:
        class Model:
            async def __call__(self, prompt: str) -> str:
                return prompt[::-1]

        assert ask(CallableEngine(Model())).text == "olleh"

    def test_a_blocking_function_runs_beside_others_and_off_the_loop(self) -> None:
        meeting = threading.Barrier(3, timeout=20)

        def f(_prompt: str) -> str:
            meeting.wait()  # passes only if three calls are inside at once
            return threading.current_thread().name

        async def three() -> list[str]:
            engine = CallableEngine(f)
            return [r.text for r in await asyncio.gather(*(engine.ask(HELLO) for _ in range(3)))]

        names = asyncio.run(three())
        assert len(set(names)) == 3
        assert "MainThread" not in names

    def test_a_function_that_is_not_thread_safe_is_never_called_twice_at_once(self) -> None:
        class Model:
            thread_safe = False

            def __init__(self) -> None:
                self.inside, self.most = 0, 0

            def __call__(self, prompt: str) -> str:
                self.inside += 1
                self.most = max(self.most, self.inside)
                time.sleep(0.01)
                self.inside -= 1
                return prompt

        model = Model()
        engine = CallableEngine(model, max_concurrency=4)

        async def many() -> None:
            await asyncio.gather(*(engine.ask(HELLO) for _ in range(6)))
            await engine.aclose()

        asyncio.run(many())
        assert (engine.max_concurrency, model.most) == (1, 1)

    def test_context_variables_reach_the_function(self) -> None:
        async def inside() -> str:
            PLACE.set("here")
            return (await CallableEngine(lambda _prompt: PLACE.get()).ask(HELLO)).text

        assert asyncio.run(inside()) == "here"

    def test_parameters_are_passed_or_refused_never_dropped(self) -> None:
        warm = request(("user", "hello"), temperature=0.5)
        assert asked_of(lambda p, temperature=0: f"{p} {temperature}", warm) == "hello 0.5"
        assert asked_of(lambda p, **rest: f"{p} {rest}", warm) == "hello {'temperature': 0.5}"
        with pytest.raises(EngineError, match="takes no parameter 'temperature'"):
            asked_of(lambda p: str(p), warm)

    @pytest.mark.parametrize(
        ("error", "kind", "retryable"),
        [
            (ValueError("bad"), "server", False),
            (TimeoutError("late"), "timeout", True),
            (ConnectionResetError("gone"), "network", True),
        ],
    )
    def test_its_exceptions_are_typed_and_kept(
        self, error: Exception, kind: str, retryable: bool
    ) -> None:
        def f(_prompt: str) -> str:
            raise error

        with pytest.raises(EngineError, match=type(error).__name__) as caught:
            asked_of(f)
        assert (caught.value.kind, caught.value.retryable) == (kind, retryable)
        cause = caught.value.__cause__
        assert (type(cause), str(cause)) == (type(error), str(error))

    @pytest.mark.parametrize(
        ("answer", "kind"), [(None, "empty"), (" \n", "empty"), (42, "wrong_shape")]
    )
    def test_an_answer_that_is_no_text(self, answer: object, kind: str) -> None:
        with pytest.raises(EngineError) as caught:
            asked_of(lambda _prompt: answer)
        assert caught.value.kind == kind

    def test_it_may_give_a_reply(self) -> None:
        reply = Reply(text="a", finish_reason="length", prompt_tokens=3)
        assert ask(CallableEngine(lambda _prompt: reply)) == reply
