"""Answers of llama.cpp's own HTTP server, as the engine understands them.

The model is made of random numbers: this is about the dialect of the server, not about quality.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

import textgrad_core as tg
from textgrad_core import runtime
from textgrad_core.engine import Message, Reply, Request
from textgrad_core.engine.openai import OpenAIEngine
from textgrad_core.errors import EngineError
from textgrad_core.jsondata import JSON

if platform.machine() not in ("x86_64", "AMD64", "aarch64", "arm64"):
    pytest.skip("platform: xllamacpp has no wheel for this one", allow_module_level=True)
pytest.importorskip("xllamacpp", reason="needs the test extra")
pytest.importorskip("gguf", reason="needs the test extra")

from llama_server import ALIAS, LlamaServer
from tiny_gguf import write_model

COMMON: Mapping[str, JSON] = {"temperature": 1.0, "max_tokens": 300, "cache_prompt": False}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaServer]:
    model = write_model(tmp_path_factory.mktemp("model") / "tiny.gguf")
    with LlamaServer(model) as running:
        yield running


YES_OR_NO: JSON = {
    "type": "json_schema",
    "json_schema": {
        "name": "verdict",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"good": {"type": "boolean"}, "why": {"type": "string"}},
            "required": ["good", "why"],
            "additionalProperties": False,
        },
    },
}
PLAN: Mapping[str, JSON] = {
    "type": "object",
    "properties": {
        "fractions": {"type": "integer", "minimum": 1, "maximum": 40},
        "technique": {"enum": ["arc", "static"]},
    },
    "required": ["fractions", "technique"],
    "additionalProperties": False,
}


def test_a_typed_value_is_enforced_by_the_server(server: LlamaServer, tmp_path: Path) -> None:
    start = {"fractions": 5, "technique": "arc"}
    plan = tg.Variable(start, role_description="plan", schema=PLAN)
    with (
        closing_engine(server, max_tokens=4_000, seed=1) as engine,
        tg.Run(tmp_path) as run,
    ):
        values = []
        for step in range(5):
            plan.gradients = [f"change something, for the {step + 1}th time"]
            report = tg.TGD([plan], engine=engine, params={"seed": step}).step()
            assert not report.failures
            values.append(plan.value)
        assert run.model_calls_made == 1 + len(values)  # one call finds out what the server can
    for value in values:
        assert value.keys() == {"fractions", "technique"}
        assert value["fractions"] in range(1, 41)
        assert value["technique"] in ("arc", "static")
    assert len({json.dumps(value) for value in values}) > 1


@contextmanager
def closing_engine(server: LlamaServer, **params: JSON) -> Iterator[OpenAIEngine]:
    """An engine whose connections are closed at the end."""
    engine = OpenAIEngine(ALIAS, server.url, max_retries=0, params={**COMMON, **params})
    try:
        yield engine
    finally:
        runtime.run(engine.aclose())


def ask(server: LlamaServer, text: str, **params: JSON) -> Reply:
    request = Request(messages=(Message(role="user", content=text),))
    with closing_engine(server, seed=1, **params) as engine:
        return runtime.run(engine.ask(request))


def test_a_cut_answer_says_so(server: LlamaServer) -> None:
    reply = ask(server, "criticise", response_format=YES_OR_NO, max_tokens=5)
    assert reply.finish_reason == "length"
    assert reply.completion_tokens == 5
    with pytest.raises(json.JSONDecodeError):
        json.loads(reply.text)


def test_a_prompt_that_does_not_fit_is_an_overflow(server: LlamaServer) -> None:
    with pytest.raises(EngineError) as caught:
        ask(server, "word " * 5_000)
    assert caught.value.kind == "overflow"
    assert not caught.value.retryable


def test_a_schema_that_is_none_is_a_mistake_in_the_request(server: LlamaServer) -> None:
    broken: JSON = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "no"}}}
    with pytest.raises(EngineError) as caught:
        ask(server, "criticise", response_format=broken)
    assert caught.value.kind == "request"
    assert not caught.value.retryable
