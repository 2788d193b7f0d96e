"""The model cache: what is one request, what is kept, and who is asked."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from engines import Recorder, down
from textgrad_core.cache import ReplyCache
from textgrad_core.engine.cached import Cached, CacheMode, reply_key
from textgrad_core.engine.openai import OpenAIEngine
from textgrad_core.engine.protocol import Message, Reply, Request
from textgrad_core.engine.scripted import ScriptedEngine
from textgrad_core.errors import EngineError, UsageError


def request(text: str = "hello", **fields: Any) -> Request:
    return Request(messages=(Message(role="user", content=text),), **fields)


def ask(engine: Cached, asked: Request) -> str:
    return asyncio.run(engine.ask(asked)).text


def store(tmp_path: Path) -> ReplyCache:
    return ReplyCache(tmp_path / "replies.sqlite3")


def test_a_request_is_answered_once_for_all_runs(tmp_path: Path) -> None:
    inner = Recorder(lambda r: f"answer {len(r.messages[0].content)}")
    for _ in range(3):
        engine = Cached(inner, store(tmp_path))
        assert ask(engine, request()) == "answer 5"
        asyncio.run(engine.aclose())
    assert len(inner.requests) == 1


def test_everything_that_shapes_a_reply_is_part_of_the_key(tmp_path: Path) -> None:
    def engine(model: str = "m", host: str = "a.example", **params: Any) -> OpenAIEngine:
        return OpenAIEngine(model, f"https://{host}/v1", params=params)

    keys = [
        reply_key(engine(), request()),
        reply_key(engine(), request("hello ")),
        reply_key(engine(), Request(messages=(Message(role="system", content="hello"),))),
        reply_key(engine(), request(params={"temperature": 0})),
        reply_key(engine(), request(params={"temperature": 1})),
        reply_key(engine(), request(params={"seed": 1})),
        reply_key(engine(), request(sample=1)),
        reply_key(engine("other"), request()),
        reply_key(engine(host="b.example"), request()),
    ]
    assert len(set(keys)) == len(keys)
    assert store(tmp_path).get(keys[0]) is None
    assert reply_key(engine(temperature=1), request()) == reply_key(
        engine(temperature=1), request(params={"temperature": 1})
    )
    assert reply_key(engine(temperature=1), request()) not in keys
    ports = [OpenAIEngine("m", f"http://127.0.0.1:{port}/v1") for port in (8001, 8002)]
    assert len({reply_key(each, request()) for each in ports}) == 2
    assert reply_key(engine(), request(purpose="feedback")) == keys[0]


def test_a_key_of_a_server_is_no_part_of_it() -> None:
    keys = {
        reply_key(OpenAIEngine("m", "https://a.example/v1", key), request())
        for key in ("sk-one-secret", "sk-two-secret", None)
    }
    assert len(keys) == 1


@pytest.mark.parametrize(
    "poor",
    [
        Reply(text="half an ans", finish_reason="length"),
        Reply(text="odd", finish_reason="other"),
        Reply(text="  \n"),
    ],
)
def test_what_is_cut_or_empty_is_not_kept(tmp_path: Path, poor: Reply) -> None:
    inner = ScriptedEngine([poor, "whole"])
    engine = Cached(inner, store(tmp_path))
    assert [ask(engine, request()) for _ in range(3)] == [poor.text, "whole", "whole"]
    asyncio.run(engine.aclose())


def test_an_error_is_not_kept(tmp_path: Path) -> None:
    engine = Cached(ScriptedEngine([down(), "there"]), store(tmp_path))
    with pytest.raises(EngineError):
        ask(engine, request())
    assert [ask(engine, request()) for _ in range(2)] == ["there", "there"]
    asyncio.run(engine.aclose())


def test_the_modes(tmp_path: Path) -> None:
    inner = ScriptedEngine(lambda r: f"{r.messages[0].content} {len(inner.requests)}")
    kept = store(tmp_path)
    assert ask(Cached(inner, kept, "off"), request("a")) == "a 1"
    assert ask(Cached(inner, kept, "read"), request("a")) == "a 2"
    assert ask(Cached(inner, kept, "read-write"), request("a")) == "a 3"
    modes: tuple[CacheMode, ...] = ("read", "read-write", "replay-only")
    for mode in modes:
        assert ask(Cached(inner, kept, mode), request("a")) == "a 3"
    assert ask(Cached(inner, kept, "off"), request("a")) == "a 4"
    with pytest.raises(
        EngineError, match=r"no reply of scripted.*sample 2.*'replay-only'"
    ) as miss:
        ask(Cached(inner, kept, "replay-only"), request("a", sample=2))
    assert (miss.value.attempts, miss.value.retryable) == (0, False)
    assert len(inner.requests) == 4
    kept.close()
    with pytest.raises(UsageError, match="mode is 'on'"):
        Cached(inner, kept, "on")  # type: ignore[arg-type]


def test_the_same_request_under_way_is_sent_once(tmp_path: Path) -> None:
    inner = Recorder(yields=lambda _: 7)
    engine = Cached(inner, store(tmp_path))

    async def many() -> list[str]:
        asked = [request(f"prompt {n % 4}") for n in range(40)]
        return [r.text for r in await asyncio.gather(*map(engine.ask, asked))]

    assert asyncio.run(many()) == [f"prompt {n % 4}" for n in range(40)]
    assert len(inner.requests) == 4
    asyncio.run(engine.aclose())


def test_if_the_first_asker_is_cancelled_or_fails_the_next_one_asks(tmp_path: Path) -> None:
    inner = Recorder(yields=lambda _: 5)
    engine = Cached(inner, store(tmp_path))

    async def cancelled() -> str:
        first = asyncio.create_task(engine.ask(request()))
        second = asyncio.create_task(engine.ask(request()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        async with asyncio.timeout(20):
            return (await second).text

    assert asyncio.run(cancelled()) == "hello"
    failing = ScriptedEngine([down(), "there"])

    async def failed() -> list[Any]:
        kept = Cached(failing, store(tmp_path / "other"))
        askers = (kept.ask(request()) for _ in range(4))
        answers = await asyncio.gather(*askers, return_exceptions=True)
        await kept.aclose()
        return answers

    one, *others = asyncio.run(failed())
    assert isinstance(one, EngineError)
    assert [other.text for other in others] == ["there"] * 3
    assert len(failing.requests) == 2  # of those who waited, one asks for all
    asyncio.run(engine.aclose())


def test_without_a_usable_file_the_model_is_asked(tmp_path: Path) -> None:
    (tmp_path / "replies.sqlite3").write_text("no database, but long enough to be read as one")
    inner = Recorder()
    engine = Cached(inner, store(tmp_path))
    assert [ask(engine, request()) for _ in range(2)] == ["hello", "hello"]
    assert len(inner.requests) == 2


PROCESS = """
import asyncio, sys, time
from pathlib import Path
from textgrad_core.cache import ReplyCache
from textgrad_core.engine import get_engine
from textgrad_core.engine.cached import Cached
from textgrad_core.engine.protocol import Message, Request

def model(prompt, system_prompt=None):
    with open(sys.argv[2], "a") as log:
        log.write(prompt + "\\n")
    time.sleep(0.5)
    return "answer to " + prompt

engine = Cached(get_engine(model), ReplyCache(Path(sys.argv[1])))
for word in ("one", "two"):
    asked = Request(messages=(Message(role="user", content=word),))
    print(asyncio.run(engine.ask(asked)).text)
asyncio.run(engine.aclose())
"""


def test_processes_that_share_a_file_ask_once(tmp_path: Path) -> None:
    log = tmp_path / "asked.txt"
    command = [sys.executable, "-c", PROCESS, str(tmp_path / "replies.sqlite3"), str(log)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    for process in running:
        with process:
            assert process.communicate(timeout=60)[0] == "answer to one\nanswer to two\n"
    assert log.read_text() == "one\ntwo\n"
