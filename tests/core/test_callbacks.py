"""Listeners, the page that explains them, and the logger."""

from __future__ import annotations

import io
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import textgrad_core as tg
from engines import Recorder
from project import ROOT, source_files
from textgrad_core.errors import UsageError
from textgrad_core.journal_lines import read_entries
from textgrad_core.logs import warnings_on_stderr
from toy_domain import ToyDomain

PAGE = ROOT / "docs" / "seeing-a-run.md"
CODE = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


class Watching:
    """Keeps what it is told, and is told nothing as a function."""

    def __init__(self) -> None:
        self.seen: list[tg.Entry] = []

    def on_event(self, entry: tg.Entry) -> None:
        self.seen.append(entry)

    def __call__(self, *_: object) -> None:
        raise AssertionError("on_event goes before being callable")


def ask_once() -> None:
    engine = Recorder(lambda _: "fine")
    assert tg.LLMCall(engine)(tg.Variable("how?", role_description="question")).value == "fine"


def test_an_object_sees_what_the_journal_holds(tmp_path: Path) -> None:
    watching = Watching()
    result = tg.optimize(
        "TTTA", ToyDomain(), steps=3, folder=tmp_path, cache="off", listeners=[watching]
    )
    assert result.trials
    held, _ = read_entries(tmp_path / "journal.jsonl")
    assert [(e.kind, e.site, e.key, e.body) for e in watching.seen] == [
        (e.kind, e.site, e.key, e.body) for e in held
    ]
    assert not any(e.recalled for e in watching.seen)


def test_it_sees_recalled_entries_marked_as_such(tmp_path: Path) -> None:
    first, second = Watching(), Watching()
    for watching in (first, second):
        with tg.Run(tmp_path, listeners=[watching]):
            ask_once()
    assert [(e.kind, e.site) for e in second.seen] == [(e.kind, e.site) for e in first.seen]
    assert all(e.recalled for e in second.seen)


def test_functions_and_objects_are_told_alike() -> None:
    watching, told = Watching(), list[tg.Entry]()
    with tg.Run(listeners=[told.append, watching]):
        ask_once()
    assert [e.kind for e in told] == ["model"]
    assert told == watching.seen
    assert isinstance(watching, tg.Callback)


def test_what_it_raises_is_logged_and_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def on_event(self, entry: tg.Entry) -> None:
            raise RuntimeError(f"no place for {entry.kind}")

    watching = Watching()
    with caplog.at_level(logging.ERROR, "textgrad_core"), tg.Run(listeners=[Broken(), watching]):
        ask_once()
    assert [e.kind for e in watching.seen] == ["model"]
    assert "a listener failed" in caplog.text
    assert "no place for model" in caplog.text


@pytest.mark.parametrize("wrong", [None, "print", Watching, object()])
def test_what_cannot_listen_is_refused_at_once(wrong: Any, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    for start in (
        lambda: tg.Run(folder, listeners=[wrong]),
        lambda: tg.optimize("TTTA", ToyDomain(), folder=folder, listeners=[wrong]),
    ):
        with pytest.raises(UsageError, match=r"is no listener: give a function"):
            start()
    assert not folder.exists()


def page_code() -> list[str]:
    return CODE.findall(PAGE.read_text("utf-8"))


def run_page(names: dict[str, Any], wanted: Callable[[str], bool]) -> None:
    for code in page_code():
        if wanted(code):
            exec(compile(code, str(PAGE), "exec"), names)  # noqa: S102 - our own page


def test_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    run_page(names, lambda code: "opentelemetry" not in code and "basicConfig" not in code)
    assert names["svg_text"].startswith("<svg")
    assert names["dot_text"].startswith("digraph")
    assert len(names["system"].gradients) == 1
    assert capsys.readouterr().out == "An answer of 20 characters.\n1 call\n"


def test_the_spans_of_the_page_are_exported() -> None:
    pytest.importorskip("opentelemetry.sdk", reason="needs the test extra")
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    run_page({}, lambda code: "basicConfig" not in code)
    (span,) = exporter.get_finished_spans()
    assert span.name == "model"
    assert span.attributes is not None
    assert span.attributes["site"] == "llm call 1"
    assert span.attributes["recalled"] is False


QUIET = """
import textgrad_core as tg

def broken(entry):
    raise RuntimeError("a listener that fails")

with tg.Run(listeners=[broken]):
    v = tg.Variable("x", role_description="question")
    print(tg.LLMCall(lambda prompt: "answer")(v).value)
"""


def test_nothing_is_printed_where_no_logging_is_set_up() -> None:
    done = subprocess.run(
        [sys.executable, "-c", QUIET],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("answer\n", "")


def test_the_logging_of_the_page_shows_warnings() -> None:
    (code,) = (code for code in page_code() if "basicConfig" in code)
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nfrom textgrad_core.logs import log\nlog.warning('torn')"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("", "WARNING:textgrad_core:torn\n")


def test_the_command_shows_warnings_once_each_and_only_while_it_runs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = list(tg.logger.handlers)
    with warnings_on_stderr():
        for _ in range(2):
            tg.logger.warning("torn \x1b[31m %s", "line")
        tg.logger.info("not for everybody")
        tg.logger.error("a listener failed", exc_info=ValueError("a detail"))
    assert tg.logger.handlers == before
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines() == [
        "textgrad: warning: torn \\u001b[31m line",
        "textgrad: error: a listener failed",
    ]


def test_a_warning_that_nobody_can_be_told_of_ends_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed = io.StringIO()
    closed.close()
    for stream in (None, closed):
        monkeypatch.setattr(sys, "stderr", stream)
        with warnings_on_stderr():
            tg.logger.warning("torn")


def test_there_is_one_logger() -> None:
    assert any(isinstance(handler, logging.NullHandler) for handler in tg.logger.handlers)
    for file in source_files():
        if "textgrad_core" in file.parts and file.name != "logs.py":
            assert "getLogger" not in file.read_text("utf-8"), f"{file.name}: use logs.log"
