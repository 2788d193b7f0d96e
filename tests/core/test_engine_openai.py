"""What the engine sends, how it is named, and how it lives with event loops."""

from __future__ import annotations

import asyncio
import builtins
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from fault_server import FaultServer
from textgrad_core.engine.openai import OpenAIEngine
from textgrad_core.engine.protocol import Message, Reply, Request
from textgrad_core.errors import EngineError, MissingExtra, UsageError

pytest.importorskip("openai", reason="the openai extra is not installed")

QUESTION = Request(messages=(Message(role="user", content="why?"),))


async def ask_and_close(engine: OpenAIEngine, request: Request = QUESTION) -> Reply:
    try:
        return await engine.ask(request)
    finally:
        await engine.aclose()


def test_only_what_somebody_set_is_sent() -> None:
    request = Request(
        messages=(
            Message(role="system", content="be brief"),
            Message(role="user", content="a\ud800b {x} $y"),
        ),
        params={"temperature": 0.5, "grammar": "root ::= x"},
        purpose="proposal",
        sample=3,
    )
    with FaultServer(lambda body: f"model {body['model']}") as server:
        engine = OpenAIEngine("m", server.url(), params={"temperature": 1, "seed": 7})
        reply = asyncio.run(ask_and_close(engine, request))
        sent = server.received[0]
    assert sent.body == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "a\ufffdb {x} $y"},
        ],
        "temperature": 0.5,
        "seed": 7,
        "grammar": "root ::= x",
    }
    assert sent.headers["accept-encoding"] == "identity"
    assert sent.headers["authorization"] == "Bearer no-key"
    assert reply == Reply(
        text="model m",
        finish_reason="stop",
        model="served-model",
        prompt_tokens=7,
        completion_tokens=3,
    )


@pytest.mark.parametrize(
    ("given", "environment", "sent"),
    [
        ("from-argument", {"OPENAI_API_KEY": "from-env"}, "from-argument"),
        (None, {"OPENAI_API_KEY": "from-env\n"}, "from-env"),
        ("", {}, "no-key"),
    ],
)
def test_where_the_key_comes_from(
    given: str | None,
    environment: Mapping[str, str],
    sent: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with FaultServer() as server:
        asyncio.run(ask_and_close(OpenAIEngine("m", server.url(), given)))
        assert server.received[0].headers["authorization"] == f"Bearer {sent}"


def test_the_address_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with FaultServer() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url())
        engine = OpenAIEngine("m")
        assert engine.name == "openai:m@127.0.0.1"
        assert asyncio.run(ask_and_close(engine)).text == "ok"


def test_without_key_and_address_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    engine = OpenAIEngine("gpt-x")
    with pytest.raises(EngineError, match=r"set OPENAI_API_KEY.*nothing was sent") as caught:
        asyncio.run(engine.ask(QUESTION))
    assert (caught.value.kind, caught.value.attempts) == ("auth", 0)


def test_a_key_no_header_can_hold_is_refused_unseen() -> None:
    engine = OpenAIEngine("m", "http://127.0.0.1:9/v1", "sk-secret\nrest")
    with pytest.raises(EngineError, match="copy it again") as caught:
        asyncio.run(engine.ask(QUESTION))
    assert caught.value.kind == "auth"
    assert "secret" not in str(caught.value)


def test_the_missing_client_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_openai(name: str, *rest: Any, **more: Any) -> Any:
        if name == "openai":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without_openai)
    monkeypatch.delitem(sys.modules, "openai")
    with pytest.raises(MissingExtra, match=r"the openai engine needs openai.*\[openai\]"):
        asyncio.run(OpenAIEngine("m", "http://127.0.0.1:9/v1").ask(QUESTION))


@pytest.mark.parametrize(
    ("address", "name"),
    [
        (None, "openai:m@default"),
        ("https://models.example.org/v1?token=secret", "openai:m@models.example.org"),
        ("http://127.0.0.1:8080/v1", "openai:m@127.0.0.1"),
    ],
)
def test_the_name_holds_model_and_host_only(address: str | None, name: str) -> None:
    engine = OpenAIEngine("m", address, "sk-secret-key")
    assert engine.name == name
    assert "secret" not in repr(engine) + repr(vars(engine).get("_given_key"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"model": " "}, "model is empty"),
        ({"max_concurrency": 0}, "max_concurrency is 0"),
        ({"max_retries": -1}, "max_retries is -1"),
        ({"deadline_s": 0}, "deadline_s is 0"),
        ({"deadline_s": float("nan")}, "deadline_s is nan"),
        ({"params": {"stream": True}}, "'stream' is set by the engine"),
        ({"base_url": "localhost:8080"}, "write it like"),
        ({"base_url": "https://me:hush@host/v1"}, "user or password"),
        ({"base_url": "http://host:99999/v1"}, "base_url.*port from 1 to 65535"),
        ({"base_url": "http://host:0/v1"}, "port 0"),
        ({"base_url": "http://host:http/v1"}, "base_url cannot be read"),
        ({"base_url": "http://me:hush@host:x/v1"}, "base_url cannot be read"),
        ({"base_url": "http://[::1/v1"}, "base_url cannot be read"),
    ],
)
def test_mistakes_are_refused_at_once(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        OpenAIEngine(**{"model": "m", **arguments})
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "endpoint"),
    [
        ("http://[::1]:8080/v1", "http://[::1]:8080/v1"),
        ("http://[FE80::2]/v1", "http://[fe80::2]/v1"),
        ("https://host/v1?key=hush#hush", "https://host/v1"),
        ("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1"),
    ],
)
def test_the_address_in_a_key_is_an_address(address: str, endpoint: str) -> None:
    assert OpenAIEngine("m", address).shaping["endpoint"] == endpoint


def test_a_request_may_not_ask_for_a_stream() -> None:
    request = Request(messages=QUESTION.messages, params={"stream": True})
    with FaultServer() as server:
        with pytest.raises(EngineError, match="'stream'") as caught:
            asyncio.run(ask_and_close(OpenAIEngine("m", server.url()), request))
        assert server.received == []
    assert (caught.value.kind, caught.value.attempts) == ("request", 0)


def test_one_engine_serves_many_requests_at_once_and_more_than_one_loop() -> None:
    def answer(body: dict[str, Any]) -> str:
        return f"to {body['messages'][0]['content']}"

    async def several(engine: OpenAIEngine) -> list[str]:
        requests = [Request(messages=(Message(role="user", content=str(i)),)) for i in range(12)]
        try:
            return [r.text for r in await asyncio.gather(*map(engine.ask, requests))]
        finally:
            await engine.aclose()

    with FaultServer(answer, delay_s=0.1) as server:
        engine = OpenAIEngine("m", server.url())
        assert asyncio.run(several(engine)) == [f"to {i}" for i in range(12)]
        assert server.most_at_once > 1
        assert asyncio.run(several(engine)) == [f"to {i}" for i in range(12)]


def test_concurrent_failures_keep_their_own_counts() -> None:
    async def both(server: FaultServer) -> list[Any]:
        engines = [OpenAIEngine("m", server.url(s), max_retries=1) for s in ("500", "401")]
        try:
            return await asyncio.gather(
                *(e.ask(QUESTION) for e in engines), return_exceptions=True
            )
        finally:
            for engine in engines:
                await engine.aclose()

    with FaultServer() as server:
        errors = asyncio.run(both(server))
    assert [(e.kind, e.attempts) for e in errors] == [("server", 2), ("auth", 1)]


def test_a_cancelled_ask_is_cancelled() -> None:
    async def cancel(server: FaultServer) -> None:
        engine = OpenAIEngine("m", server.url("hang"))
        task = asyncio.create_task(engine.ask(QUESTION))
        while server.count("hang") == 0:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await engine.aclose()

    with FaultServer() as server:
        asyncio.run(cancel(server))
