"""TextGrad's engine names, and users' own engines wherever an engine is taken."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import textgrad_core as tg
from engines import last_words
from fault_server import FaultServer
from textgrad_core import config
from textgrad_core.engine import CachedEngine, EngineLM, get_engine
from textgrad_core.engine.callable_engine import CallableEngine
from textgrad_core.engine.chat import ChatOpenAI
from textgrad_core.engine.local_model_openai_api import ChatExternalClient
from textgrad_core.engine.openai import ChatOpenAI as ChatOpenAIFromItsOldPlace
from textgrad_core.engine.scripted import ScriptedEngine
from textgrad_core.errors import UsageError
from textgrad_core.parsing import wrap
from textgrad_core.run import Run
from textgrad_core.variable import Variable


@pytest.fixture(autouse=True)
def no_engine_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "_default", [])


def reply_to(prompt: str) -> str:
    """Feedback, or a new value between the tags asked for."""
    mark = prompt.rpartition("<VALUE-")[2].partition(">")[0]
    return wrap("new", mark) if "<VALUE-" in prompt else "Make it new."


class OnlyGenerate:
    def __init__(self) -> None:
        self.prompts: list[tuple[str, str | None]] = []

    def generate(self, prompt: str, system_prompt: str | None = None) -> str:
        self.prompts.append((prompt, system_prompt))
        return reply_to(prompt)


class OnlyCall:
    def __call__(self, prompt: str) -> str:
        return reply_to(prompt)


class DerivedGenerate(EngineLM):
    def generate(self, prompt: Any, system_prompt: str | None = None, **_: Any) -> str:
        assert system_prompt is None or system_prompt
        return reply_to(prompt)


class DerivedCall(EngineLM):
    def __call__(self, prompt: str, system_prompt: str | None = None) -> str:
        assert system_prompt is None or system_prompt
        return reply_to(prompt)


class DerivedPlainCall(EngineLM):
    def __call__(self, prompt: str) -> str:
        return reply_to(prompt)


def function(prompt: str) -> str:
    """A model."""
    return reply_to(prompt)


ALL = [OnlyGenerate, OnlyCall, DerivedGenerate, DerivedCall, DerivedPlainCall, lambda: function]


@pytest.mark.parametrize("make", ALL)
def test_a_users_engine_is_taken_wherever_one_is(make: Any) -> None:
    engine = make()
    question = Variable("old", role_description="question")
    loss = tg.TextLoss("Is it new?", engine=engine)(tg.LLMCall(engine)(question))
    loss.backward(engine)
    assert question.get_gradient_text() == "Make it new."
    assert tg.TGD([question], engine=engine).step().failures == ()
    assert question.value == "new"
    config.set_backward_engine(engine)
    with tg.using(engine) as chosen:
        assert config.validate_engine_or_get_default(None) is chosen
    momentum = tg.TextualGradientDescentwithMomentum(engine, [question], 1)
    assert momentum.step().changed == (question,)


def test_the_two_methods_of_the_base_class_call_each_other() -> None:
    assert DerivedGenerate()("x") == "Make it new."
    assert DerivedCall().generate("x", system_prompt="be brief") == "Make it new."
    assert DerivedPlainCall().generate("x") == "Make it new."


def test_a_subclass_without_either_is_refused_with_the_remedy() -> None:
    class Nothing(EngineLM):
        pass

    with pytest.raises(UsageError, match=r"Nothing defines neither generate"):
        Nothing()("x")
    with pytest.raises(UsageError, match=r"give a function f\(prompt"):
        get_engine(Nothing())


class Alone(EngineLM):
    """Notices if it is called twice at the same time."""

    thread_safe = False

    def __init__(self) -> None:
        self.inside = 0
        self.most = 0
        self._guard = threading.Lock()

    def generate(self, prompt: Any, system_prompt: str | None = None, **_: Any) -> str:
        with self._guard:
            self.inside += 1
            self.most = max(self.most, self.inside)
        time.sleep(0.002)
        with self._guard:
            self.inside -= 1
        return f"{system_prompt or ''}{prompt}"


def test_what_is_not_thread_safe_is_asked_one_thing_after_the_other() -> None:
    engine = Alone()
    with Run():
        answers = [tg.LLMCall(engine)(Variable(str(n), role_description="n")) for n in range(20)]
        assert [a.value for a in answers] == [str(n) for n in range(20)]
    assert engine.most == 1


def test_our_engines_can_be_called_directly_and_are_recorded(tmp_path: Path) -> None:
    for paid in (3, 0):
        engine = ScriptedEngine(lambda r: last_words(r).upper())
        with Run(tmp_path / "run") as run:
            assert engine.generate("one", system_prompt="loud") == "ONE"
            assert engine("two") == "TWO"
            assert engine.generate(["a", "b"], temperature=0) == "A\n\nB"
            assert run.meter.used["calls"] == 3
        assert len(engine.requests) == paid
        if paid:
            assert engine.requests[0].messages[0].content == "loud"
            assert engine.requests[2].params == {"temperature": 0}
    with pytest.raises(UsageError, match="no PNG, JPEG"):
        engine.generate(["look", b"png"])


def test_every_engine_of_the_package_is_textgrads() -> None:
    assert isinstance(get_engine("gpt-x"), EngineLM)
    assert isinstance(get_engine(function), EngineLM)
    assert tg.EngineLM is EngineLM
    wrapped = get_engine(function)
    assert isinstance(wrapped, CallableEngine)
    assert wrapped("x") == "Make it new."


def test_no_cache_belongs_to_an_engine() -> None:
    assert get_engine("gpt-x", cache=False).name == "openai:gpt-x@default"
    with pytest.raises(UsageError, match="cache is no option"):
        get_engine("gpt-x", cache=True)


class Keeping(EngineLM, CachedEngine):
    """A user's engine that keeps its answers, written for TextGrad."""

    def __init__(self, cache_path: Path | None = None) -> None:
        super().__init__(cache_path=cache_path)
        self.asked = 0

    def generate(self, prompt: Any, system_prompt: str | None = None, **_: Any) -> str:
        key = f"{system_prompt}\n{prompt}"
        kept = self._check_cache(key)
        if kept is not None:
            return str(kept)
        self.asked += 1
        self._save_cache(key, f"answer {prompt}")
        return f"answer {prompt}"


def test_answers_are_kept_as_long_as_the_object_or_in_a_folder(tmp_path: Path) -> None:
    alone = Keeping()
    assert [alone("a"), alone("a"), alone("b")] == ["answer a", "answer a", "answer b"]
    assert alone.asked == 2
    assert Keeping().generate("a") == "answer a"
    first, second = Keeping(tmp_path / "kept"), Keeping(tmp_path / "kept")
    assert first("\ud800") == second("\ud800")
    assert (first.asked, second.asked) == (1, 0)
    (file,) = (tmp_path / "kept").iterdir()
    file.write_text("{torn", encoding="utf-8")
    third = Keeping(tmp_path / "kept")
    assert third("\ud800") == "answer \ud800"
    assert third.asked == 1


def test_the_process_engine_has_textgrads_names() -> None:
    with pytest.raises(UsageError, match="no engine"):
        config.validate_engine_or_get_default(None)
    one, other = ScriptedEngine([]), ScriptedEngine([])
    single = config.SingletonBackwardEngine()
    assert single.get_engine() is None
    single.set_engine(one)
    assert config.SingletonBackwardEngine().get_engine() is one
    with pytest.raises(UsageError, match="override=True"):
        single.set_engine(other)
    single.set_engine(other, override=True)
    assert config.validate_engine_or_get_default(None) is other
    assert config.validate_engine_or_get_default(one) is one
    assert config.validate_engine_or_get_default("gpt-x").name == "openai:gpt-x@default"


def test_the_chat_names() -> None:
    assert ChatOpenAIFromItsOldPlace is ChatOpenAI
    plain = ChatOpenAI("gpt-x", base_url="http://127.0.0.1:9/v1", max_retries=0)
    assert plain.name == "openai:gpt-x@127.0.0.1"
    told = ChatOpenAI("gpt-x", "be brief", base_url="http://127.0.0.1:9/v1")
    other = ChatOpenAI("gpt-x", "be long", base_url="http://127.0.0.1:9/v1")
    assert len({plain.name, told.name, other.name}) == 3
    client = SimpleNamespace(base_url="http://127.0.0.1:1234/v1/", api_key="lm-studio")
    local = ChatExternalClient(client, "local model")
    assert local.name == "openai:local model@127.0.0.1"
    with pytest.raises(UsageError, match="SimpleNamespace has no base_url"):
        ChatExternalClient(SimpleNamespace(), "m")


def test_a_local_server_is_asked_through_the_clients_address_and_key() -> None:
    with FaultServer() as server:
        client = SimpleNamespace(base_url=server.url(), api_key="lm-studio")
        engine = ChatExternalClient(client, "local", "be brief", params={"temperature": 0})
        with Run() as run:
            assert engine.generate("one") == "ok"
            assert engine("two", system_prompt="be long") == "ok"
            assert run.meter.used["calls"] == 2
        bodies = [one.body for one in server.received]
        keys = {one.headers["authorization"] for one in server.received}
    told = [[m["content"] for m in body["messages"]] for body in bodies]
    assert told == [["be brief", "one"], ["be long", "two"]]
    assert {(body["model"], body["temperature"]) for body in bodies} == {("local", 0)}
    assert keys == {"Bearer lm-studio"}
