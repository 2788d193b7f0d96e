"""What ``textgrad code judge`` says where hidden tests ran too, or alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import textgrad_code
from textgrad_core import registry
from textgrad_core.cli import main
from textgrad_core.cli.exits import REFUSED

OF_ALL = {"wall_s", "cpu_s", "peak_memory_mib"}
HEADING = "Feedback, from the visible tests alone:"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with the plugin, a problem and two programs."""
    monkeypatch.setattr(registry, "plugin_names", lambda: ("code",))
    monkeypatch.setattr(registry, "load_plugin", lambda _: textgrad_code.plugin)
    monkeypatch.chdir(tmp_path)
    problem = {
        "signature": {"kind": "function", "name": "double", "parameters": ["number: int"]},
        "visible": [{"input": [2], "expected": 4}],
        "hidden": [{"input": [5], "expected": 10}],
    }
    (tmp_path / "double.json").write_text(json.dumps(problem))
    del problem["visible"]
    (tmp_path / "unseen.json").write_text(json.dumps(problem))
    (tmp_path / "wrong.py").write_text("def double(number):\n    return 3\n")
    (tmp_path / "broken.py").write_text("def double(number):\n    return 3 +\n")
    return tmp_path


def judge(capsys: pytest.CaptureFixture[str], *typed: str) -> str:
    assert main(["code", "judge", *typed]) == REFUSED
    out: str = capsys.readouterr().out
    return out


def test_figures_of_hidden_tests_are_not_told_as_those_of_visible_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    typed = ("wrong.py", "--problem", "double.json", "--tests")
    for which, told in [("all", False), ("visible", True)]:
        _, feedback = judge(capsys, *typed, which).split(HEADING)
        assert ("peak memory" in feedback) is told
        assert "Slowest test" in feedback
        (record,) = json.loads(judge(capsys, *typed, which, "--json"))["programs"]
        assert record["evidence"]["judged_on"] == "visible"
        assert (OF_ALL & record["evidence"].keys()) == (OF_ALL if told else set())
        assert record.keys() >= OF_ALL


def test_figures_stay_where_no_hidden_test_ran(capsys: pytest.CaptureFixture[str]) -> None:
    typed = ("wrong.py", "--problem", "double.json", "--stop-at-first")
    assert "peak memory" in judge(capsys, *typed).split(HEADING)[1]


@pytest.mark.parametrize("problem", ["double.json", "unseen.json"])
def test_a_compile_error_is_shown_whichever_tests_are_run(
    problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = judge(capsys, "broken.py", "--problem", problem, "--tests", "hidden")
    assert "CE: compile error; 0 of 1 tests pass" in out
    assert "invalid syntax at line 2" in out
    assert "    return 3 +\n              ^" in out


FORGETS = """
n = 0

def f(x):
    global n
    n += 1
    return x if n < 2 else 99
"""


@pytest.mark.parametrize("told", [False, True])
def test_that_a_hidden_test_passes_alone_is_not_told_of_a_visible_one_of_its_name(
    told: bool, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    problem = {
        "signature": {"kind": "function", "name": "f", "parameters": ["x: int"]},
        "visible": [{"input": [1], "expected": 1}, {"input": [7], "expected": 7 if told else 8}],
        "hidden": [{"input": [2], "expected": 2, "name": "1"}],
    }
    (folder / "f.json").write_text(json.dumps(problem))
    (folder / "forgets.py").write_text(FORGETS)
    typed = ("forgets.py", "--problem", "f.json", "--tests", "all")
    assert ("passes alone" in judge(capsys, *typed)) is told
    (record,) = json.loads(judge(capsys, *typed, "--json"))["programs"]
    note = "test 2 passes alone: what earlier tests leave behind makes it fail"
    assert record["evidence"]["notes"] == ([note] if told else [])
