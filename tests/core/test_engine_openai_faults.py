"""The real client against a real local server that misbehaves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import pytest

from fault_server import FaultServer
from textgrad_core.engine.openai import OpenAIEngine
from textgrad_core.engine.protocol import Message, Reply, Request
from textgrad_core.engine.retrying import Retrying, RetryRule
from textgrad_core.errors import EngineError

pytest.importorskip("openai", reason="the openai extra is not installed")

KEY = "sk-very-secret-0123456789"
QUESTION = Request(messages=(Message(role="user", content="why?"),))


async def no_wait(_: float) -> None:
    await asyncio.sleep(0)


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


def ask(
    server: FaultServer, scenario: str, *, deadline_s: float = 20.0, request: Request = QUESTION
) -> Reply:
    """Ask with two retries that wait for nothing; the outer limit only ends a broken test."""

    async def once() -> Reply:
        once_only = OpenAIEngine(
            "m",
            server.url(scenario),
            KEY,
            deadline_s=deadline_s,
            max_retries=0,
            max_answer_bytes=1 << 20,
        )
        engine = Retrying(once_only, RetryRule(retries=2, max_wait_s=200), sleep=no_wait)
        try:
            async with asyncio.timeout(30):
                return await engine.ask(request)
        finally:
            await engine.aclose()

    return asyncio.run(once())


def failure(server: FaultServer, scenario: str, *, deadline_s: float = 20.0) -> EngineError:
    with pytest.raises(EngineError) as caught:
        ask(server, scenario, deadline_s=deadline_s)
    return caught.value


@pytest.mark.parametrize(
    ("scenario", "kind", "retryable", "requests"),
    [
        ("401", "auth", False, 1),
        ("403", "auth", False, 1),
        ("404", "request", False, 1),
        ("quota", "quota", False, 1),
        ("402", "quota", False, 1),
        ("429", "rate", True, 3),
        ("429-longer", "rate", True, 1),
        ("500", "server", True, 3),
        ("500-gzip", "server", True, 3),
        ("502-html", "server", True, 3),
        ("close", "network", True, 3),
        ("overflow-openai", "overflow", False, 1),
        ("overflow-llama", "overflow", False, 1),
        ("overflow-words", "overflow", False, 1),
        ("html", "malformed", True, 3),
        ("html-as-json", "malformed", True, 3),
        ("cut-json", "malformed", True, 3),
        ("empty-body", "malformed", True, 3),
        ("not-utf8", "malformed", True, 3),
        ("huge", "malformed", False, 1),
        ("gzip-bomb", "malformed", False, 1),
        ("json-list", "wrong_shape", True, 3),
        ("json-null", "wrong_shape", True, 3),
        ("no-choices", "wrong_shape", True, 3),
        ("null-choices", "wrong_shape", True, 3),
        ("int-content", "wrong_shape", True, 3),
        ("tool-call", "wrong_shape", True, 3),
        ("error-200", "server", True, 3),
        ("null-content", "empty", True, 3),
        ("empty-content", "empty", True, 3),
        ("refusal", "refused", False, 1),
        ("content-filter", "refused", False, 1),
        ("length-empty", "cut", False, 1),
        ("redirect", "request", False, 1),
    ],
)
def test_each_fault_has_its_kind(
    server: FaultServer, scenario: str, kind: str, retryable: bool, requests: int
) -> None:
    before = server.count(scenario)
    error = failure(server, scenario)
    assert (error.kind, error.retryable) == (kind, retryable)
    assert error.attempts == requests
    assert server.count(scenario) - before == requests


@pytest.mark.parametrize(
    "scenario",
    [
        *("429@1", "429-long@1", "500@1", "close@2", "502-html@1", "cut-json@2", "html@1"),
        *("empty-content@1", "json-list@1", "null-choices@2", "error-200@1"),
    ],
)
def test_a_passing_fault_is_retried(server: FaultServer, scenario: str) -> None:
    reply = ask(server, scenario)
    assert (reply.text, reply.attempts) == ("ok", int(scenario[-1]) + 1)
    assert server.count(scenario) == int(scenario[-1]) + 1


@pytest.mark.parametrize("scenario", ["hang", "slow-body", "slow-headers"])
def test_the_deadline_ends_a_call(server: FaultServer, scenario: str) -> None:
    error = failure(server, scenario, deadline_s=0.4)
    assert (error.kind, error.retryable, error.attempts) == ("timeout", True, 3)
    assert "0.4 s" in str(error)


def test_a_server_that_is_not_there() -> None:
    with FaultServer() as gone:
        address = gone.url()
    with pytest.raises(EngineError, match="no connection to 127") as caught:
        asyncio.run(OpenAIEngine("m", address, KEY, max_retries=0).ask(QUESTION))
    assert (caught.value.kind, caught.value.retryable) == ("network", True)


def test_a_redirect_to_another_host_is_never_followed(server: FaultServer) -> None:
    before = server.count("redirected")
    assert "localhost" in str(failure(server, "redirect"))
    assert server.count("redirected") == before


def test_a_redirect_on_the_same_server_is_followed(server: FaultServer) -> None:
    assert ask(server, "redirect-home").text == "ok"


def test_a_cut_answer_is_a_reply_that_says_so(server: FaultServer) -> None:
    reply = ask(server, "length")
    assert (reply.text, reply.finish_reason) == ("half an ans", "length")


def test_odd_but_usable_answers(server: FaultServer) -> None:
    assert ask(server, "list-content").text == "parts"
    assert ask(server, "surrogate").text == "a\ufffdb"
    reply = ask(server, "no-usage")
    assert (reply.text, reply.prompt_tokens, reply.completion_tokens) == ("fine", None, None)


def test_the_request_id_is_kept(server: FaultServer) -> None:
    assert failure(server, "401").request_id == "req-1"


def test_the_wait_a_server_asks_for_is_told(server: FaultServer) -> None:
    error = failure(server, "429-longer")
    assert error.retry_after_s == 300.0
    assert "asks to wait 300 s, longer than max_wait_s=200" in str(error)


@pytest.mark.parametrize("scenario", ["echo-key", "401", "hang", "html", "close"])
def test_no_error_or_log_shows_the_key(
    server: FaultServer, scenario: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    error = failure(server, scenario, deadline_s=2.0)
    seen: list[BaseException] = [error]
    while (before := seen[-1].__cause__ or seen[-1].__context__) is not None:
        seen.append(before)
    assert seen == [error]
    assert KEY not in f"{error} {error!r} {vars(error)} {caplog.text}"
    if scenario == "echo-key":
        assert "<key>" in str(error)
        assert server.received[-1].headers["authorization"] == f"Bearer {KEY}"
