"""What `get_engine` makes of a description, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from textgrad_core import engine as engines
from textgrad_core.engine import get_engine, is_engine
from textgrad_core.engine.callable_engine import CallableEngine
from textgrad_core.engine.openai import OpenAIEngine
from textgrad_core.engine.scripted import ScriptedEngine
from textgrad_core.errors import UsageError


def test_importing_the_package_loads_no_client_and_no_asyncio() -> None:
    code = (
        "import sys, textgrad_core.engine, textgrad_core.parsing, textgrad_core.engine.openai;"
        "textgrad_core.engine.get_engine('openai:m');"
        "print(sorted({'openai', 'httpx', 'httpx2', 'asyncio', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("spec", ["openai:gpt-x", "gpt-x"])
def test_a_model_by_name(spec: str) -> None:
    engine = get_engine(spec, base_url="http://127.0.0.1:1/v1", temperature=0, deadline_s=5)
    assert isinstance(engine, OpenAIEngine)
    assert engine.name == "openai:gpt-x@127.0.0.1"
    assert (dict(engine.params), engine.deadline_s) == ({"temperature": 0}, 5.0)


def test_options_and_sampling_parameters_are_told_apart() -> None:
    engine = get_engine("m", max_concurrency=3, params={"seed": 1}, top_p=0.9, max_retries=0)
    assert isinstance(engine, OpenAIEngine)
    assert (engine.max_concurrency, engine.max_retries) == (3, 0)
    assert dict(engine.params) == {"seed": 1, "top_p": 0.9}


def test_a_model_name_with_a_colon_needs_the_prefix() -> None:
    assert get_engine("openai:llama3:8b").name == "openai:llama3:8b@default"
    with pytest.raises(UsageError, match=r"known are: openai:MODEL.*'openai:llama3:8b'"):
        get_engine("llama3:8b")


def test_an_engine_is_passed_through() -> None:
    scripted = ScriptedEngine([])
    assert get_engine(scripted) is scripted
    assert is_engine(scripted)
    assert not is_engine(ScriptedEngine)


def test_anything_else_that_can_be_called_is_wrapped() -> None:
    class Model:
        def generate(self, prompt: str) -> str:
            return prompt

    assert isinstance(get_engine(Model()), CallableEngine)
    assert isinstance(get_engine(lambda prompt: prompt), CallableEngine)


@pytest.mark.parametrize(
    ("spec", "options", "says"),
    [
        (3, {}, "int is no engine"),
        (ScriptedEngine([]), {"temperature": 1}, "temperature only applies to a model"),
        (print, {"base_url": "http://127.0.0.1/v1"}, "base_url only applies to a model"),
        ("", {}, "model is empty"),
        ("openai:", {}, "model is empty"),
    ],
)
def test_mistakes_are_named(spec: object, options: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        get_engine(spec, **options)


def test_the_classes_are_found_in_the_package() -> None:
    assert engines.OpenAIEngine is OpenAIEngine
    assert engines.ScriptedEngine is ScriptedEngine
    assert engines.CallableEngine is CallableEngine
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = engines.Nothing
