"""How connections live: reused within a loop, closed on demand, proxied if the user says so."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys

import pytest

from fault_server import FaultServer
from textgrad_core.engine.openai import OpenAIEngine
from textgrad_core.engine.protocol import Message, Reply, Request

pytest.importorskip("openai", reason="the openai extra is not installed")

QUESTION = Request(messages=(Message(role="user", content="why?"),))


async def ask(engine: OpenAIEngine, times: int = 1) -> list[Reply]:
    async with asyncio.timeout(30):
        return [await engine.ask(QUESTION) for _ in range(times)]


async def ask_and_close(engine: OpenAIEngine, times: int = 1) -> list[Reply]:
    try:
        return await ask(engine, times)
    finally:
        await engine.aclose()


def test_requests_of_one_loop_share_a_connection_until_it_is_closed() -> None:
    async def session(engine: OpenAIEngine, server: FaultServer) -> None:
        await ask(engine, 5)
        assert server.connections == 1
        await engine.aclose()
        await engine.aclose()  # closing twice is closing once
        await ask_and_close(engine, 3)
        assert server.connections == 2

    with FaultServer() as server:
        engine = OpenAIEngine("m", server.url("keep-alive"))
        asyncio.run(session(engine, server))
        asyncio.run(ask_and_close(engine, 2))  # another loop, another connection
        assert server.connections == 3
        assert server.count("keep-alive") == 10


def test_a_proxy_of_the_environment_is_used_but_not_for_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("no_proxy", "NO_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with FaultServer() as proxy, FaultServer() as local:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        far = OpenAIEngine("m", "http://models.example.test/ok/v1", max_retries=0)
        assert asyncio.run(ask_and_close(far))[0].text == "ok"
        assert proxy.received[0].asked_host == "models.example.test"
        near = OpenAIEngine("m", local.url(), max_retries=0)
        assert asyncio.run(ask_and_close(near))[0].text == "ok"
        assert (len(proxy.received), len(local.received)) == (1, 1)


def test_a_server_s_own_count_of_what_is_left_is_passed_on() -> None:
    with FaultServer() as server:
        said = asyncio.run(ask_and_close(OpenAIEngine("m", server.url("headroom"))))[0].headroom
        none = asyncio.run(ask_and_close(OpenAIEngine("m", server.url())))[0].headroom
    assert said is not None
    assert (said.requests, said.tokens) == (5, 70)
    assert none is None


def test_a_prompt_that_was_cut_in_silence_is_warned_of_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    long = Request(messages=(Message(role="user", content="word " * 4000),))  # it counts 7 tokens

    async def twice(engine: OpenAIEngine) -> None:
        await engine.ask(long)
        await engine.ask(long)
        await engine.aclose()

    with FaultServer() as server, caplog.at_level(logging.WARNING, logger="textgrad_core"):
        asyncio.run(twice(OpenAIEngine("m", server.url())))
        asyncio.run(ask_and_close(OpenAIEngine("m", server.url())))
    assert len(caplog.records) == 1
    assert "20000 characters and counted 7 tokens" in caplog.text
    assert "num_ctx" in caplog.text


PROGRAM = """
import sys
import textgrad_core as tg
from textgrad_core.engine.openai import OpenAIEngine

engine = OpenAIEngine("m", sys.argv[1], max_retries=0)
text = tg.Variable("x", role_description="a text", requires_grad=False)
print(tg.BlackboxLLM(engine)(text).value)
{end}
"""


@pytest.mark.parametrize("end", ["", "engine.close()", "engine.close(); engine.close()"])
def test_a_program_ends_without_a_warning(end: str) -> None:
    with FaultServer() as server:
        done = subprocess.run(
            [
                *(sys.executable, "-W", "always::ResourceWarning", "-c"),
                *(PROGRAM.format(end=end), server.url("keep-alive")),
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
    assert (done.stdout, done.stderr) == ("ok\n", "")


def test_code_that_is_not_async_closes_an_engine() -> None:
    with FaultServer() as server, OpenAIEngine("m", server.url("keep-alive")) as engine:
        for _ in range(2):
            assert engine.generate("why?") == "ok"
        assert server.connections == 1
        engine.close()
        assert engine.generate("why?") == "ok"
        assert server.connections == 2
