"""``textgrad run code`` with a model behind a local server: fixes, worse programs, a kill."""

from __future__ import annotations

import json
import os
import re
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import textgrad_code
from commands import under_way
from fault_server import FaultServer
from textgrad_code.problem_file import load_problem
from textgrad_core import registry
from textgrad_core.cli import main
from textgrad_core.cli.exits import OK

PROBLEM = load_problem("pair-with-sum")
RIGHT = PROBLEM.reference
WRONG = RIGHT.replace("return [seen[total - value], index]", "return [seen[total - value], 1]")
SECRETS = [json.dumps(list(test.arguments)) for test in PROBLEM.hidden]


@pytest.fixture(autouse=True)
def code_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plugin is found whether or not this clone's metadata is up to date."""
    monkeypatch.setattr(registry, "plugin_names", lambda: ("code",))
    monkeypatch.setattr(registry, "load_plugin", lambda _: textgrad_code.plugin)


def proposing(next_program: Callable[[], str]) -> Callable[[dict[str, Any]], str]:
    """A model that writes a program where a value is asked for, and a critique elsewhere."""

    def answer(body: dict[str, Any]) -> str:
        asked = "".join(m["content"] for m in body["messages"])
        if "<VALUE-" not in asked:
            return "The second place is not the one that was found."
        nonce = asked.rsplit("<VALUE-", 1)[1].split(">", 1)[0]
        return f"The place is kept.\n<VALUE-{nonce}>{next_program()}</VALUE-{nonce}>"

    return answer


def typed(start: Path, out: Path, url: str) -> list[str]:
    options = ["--problem", PROBLEM.name, "--start", f"@{start}", "--out", str(out), "--json"]
    model = ["--engine", "openai:some-model", "--base-url", url, "--feedback", "both"]
    return ["run", "code", *options, *model, "--steps", "2", "--proposals", "1"]


@pytest.fixture
def start(tmp_path: Path) -> Path:
    assert WRONG != RIGHT
    path = tmp_path / "start.py"
    path.write_text(WRONG)
    return path


def test_a_fix_of_the_model_is_found_and_shown(
    start: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    with FaultServer(answer=proposing(lambda: RIGHT)) as server:
        assert main(typed(start, out, server.url("ok"))) == OK
        talk = json.dumps([r.body for r in server.received])
    record = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert record["best"]["value"] == RIGHT.strip("\n") or record["best"]["value"] == RIGHT
    assert (out / "solution.py").read_text().strip() == RIGHT.strip()
    assert not any(secret in talk for secret in SECRETS)
    page = (out / "report.html").read_text()
    hidden = len(PROBLEM.hidden)
    best = rf"best +AC, passes 3 of 3 +AC, passes {hidden} of {hidden}\n"
    assert re.search(rf"start +WA, passes 0 of 3 +WA, passes \d+ of {hidden}\n{best}", page)
    assert re.search(r"first difference|difference:", page)
    assert "What changed" in page
    assert not any(secret in page for secret in SECRETS)


def test_a_model_that_makes_it_worse_leaves_the_start(
    start: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    worse = iter(["def broken(:", "import os\nos._exit(0)\n", "x = 1\n", *[""] * 20])
    with FaultServer(answer=proposing(lambda: next(worse))) as server:
        assert main(typed(start, tmp_path / "run", server.url("ok"))) == OK
    record = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert record["best"]["value"].strip() == WRONG.strip()


def test_a_killed_run_goes_on_and_pays_for_no_call_twice(
    start: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, asked, go_on = tmp_path / "run", threading.Event(), threading.Event()
    programs = iter([WRONG.replace("1]", "2]"), RIGHT, *[RIGHT] * 20])

    def second_blocks() -> str:
        program = next(programs)
        if program == RIGHT and not go_on.is_set():
            asked.set()
            go_on.wait(60)
        return program

    with FaultServer(answer=proposing(second_blocks)) as server:
        arguments = typed(start, out, server.url("ok"))
        command = [sys.executable, "-m", "textgrad_core", *arguments]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        with under_way(command, tmp_path, environment) as process:
            assert asked.wait(120), process.communicate()
            process.kill()
            process.wait(60)
        go_on.set()
        before = len(server.received)
        assert main(["resume", str(out), "--json"]) == OK
        bodies = [json.dumps(r.body["messages"][-1]) for r in server.received]
    record = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert record["best"]["value"].strip() == RIGHT.strip()
    assert len(server.received) > before
    assert len(bodies) - before <= 2  # what was in flight, and what follows it
    assert main(["replay", str(out)]) == OK
