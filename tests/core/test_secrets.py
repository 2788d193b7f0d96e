"""A key goes into the header of a request and nowhere else."""

from __future__ import annotations

import asyncio
import logging
import traceback
from pathlib import Path
from typing import Any

import pytest

import textgrad_core as tg
from fault_server import FaultServer
from textgrad_core.cache import ReplyCache
from textgrad_core.engine.cached import Cached
from textgrad_core.engine.openai import OpenAIEngine
from textgrad_core.engine.protocol import Message, Request
from textgrad_core.errors import EngineError
from toy_domain import ToyDomain

pytest.importorskip("openai", reason="the openai extra is not installed")

KEY = "sk-very-secret-0123456789"


def words(body: dict[str, Any]) -> str:
    """A new word each time, between the marks the prompt asks for."""
    prompt = "\n".join(str(m["content"]) for m in body["messages"])
    mark = prompt.rpartition("</")[2].partition(">")[0]
    words.made += 1  # type: ignore[attr-defined]
    letters = ["ACGT"[words.made // 4**place % 4] for place in range(6)]  # type: ignore[attr-defined]
    return f"<{mark}>{''.join(letters)}</{mark}>"


def everything_in(folder: Path) -> bytes:
    return b"\n".join(p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file())


def test_a_whole_run_leaves_no_trace_of_the_key(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words.made = 0  # type: ignore[attr-defined]
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    heard: list[str] = []
    with FaultServer(words) as server:
        engine = Cached(
            OpenAIEngine("m", server.url("500@2"), max_concurrency=2),
            ReplyCache(tmp_path / "replies.sqlite3"),
        )
        result = tg.optimize(
            "AAAAAC",
            ToyDomain(target=None),
            engine=engine,
            folder=tmp_path / "run",
            cache=tmp_path / "outcomes.sqlite3",
            steps=3,
            proposals=2,
            listeners=[lambda entry: heard.append(repr(entry))],
        )
        engine._store.close()
        assert {r.headers["authorization"] for r in server.received} == {f"Bearer {KEY}"}
        assert server.count("500@2") > 6
    assert result.usage.failed_attempts == 2
    shown = "".join(capfd.readouterr())
    files = everything_in(tmp_path)
    assert b"m@127.0.0.1" in files
    assert KEY.encode() not in files
    for text in (shown, caplog.text, *heard, repr(result), repr(engine), repr(vars(engine.inner))):
        assert KEY not in text
    for record in caplog.records:
        assert KEY not in f"{record.getMessage()} {record.args} {record.exc_text}"


def test_a_run_that_fails_shows_no_key_even_if_the_server_repeats_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with FaultServer() as server, pytest.raises(EngineError, match="provided: <key>") as caught:
        tg.optimize(
            "AAAAAC",
            ToyDomain(target=None),
            engine=OpenAIEngine("m", server.url("echo-key"), KEY),
            folder=tmp_path / "run",
            cache="off",
        )
    assert KEY not in "".join(traceback.format_exception(caught.value))
    assert KEY not in caplog.text
    assert KEY.encode() not in everything_in(tmp_path)


def test_no_error_holds_the_request_that_holds_the_key() -> None:
    async def ask(server: FaultServer) -> None:
        engine = OpenAIEngine("m", server.url("401"), KEY)
        try:
            await engine.ask(Request(messages=(Message(role="user", content="x"),)))
        finally:
            await engine.aclose()

    with FaultServer() as server, pytest.raises(EngineError) as caught:
        asyncio.run(ask(server))
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert KEY not in repr(vars(caught.value))
