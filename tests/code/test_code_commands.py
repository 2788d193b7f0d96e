"""``textgrad code ...`` as it is typed: tables, JSON, exit codes, messages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import textgrad_code
from textgrad_code.problem_file import load_problem
from textgrad_core import registry
from textgrad_core.cli import main
from textgrad_core.cli.exits import MISSING, OK, REFUSED, USAGE

PROBLEM = "pair-with-sum"
WRONG = "return [seen[total - value], index + 1]"
RIGHT = "return [seen[total - value], index]"


@pytest.fixture(autouse=True)
def code_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plugin is found whether or not this clone's metadata is up to date."""
    monkeypatch.setattr(registry, "plugin_names", lambda: ("code",))
    monkeypatch.setattr(registry, "load_plugin", lambda _: textgrad_code.plugin)


@pytest.fixture
def right(tmp_path: Path) -> Path:
    path = tmp_path / "right.py"
    path.write_text(load_problem(PROBLEM).reference)
    return path


@pytest.fixture
def wrong(tmp_path: Path, right: Path) -> Path:
    path = tmp_path / "wrong.py"
    source = right.read_text()
    assert RIGHT in source
    path.write_text(source.replace(RIGHT, WRONG))
    return path


def shown(capsys: pytest.CaptureFixture[str]) -> str:
    out: str = capsys.readouterr().out
    prose = [line for line in out.splitlines() if "/" not in line]  # paths are never broken
    assert all(len(line) <= 80 for line in prose), out
    return out


def test_judge_shows_a_table_and_the_feedback(
    wrong: Path, right: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["code", "judge", str(right), "--problem", PROBLEM]) == OK
    assert "AC: accepted; 17 of 17 tests pass" in shown(capsys)
    assert main(["code", "judge", str(wrong), "--problem", PROBLEM]) == REFUSED
    out = capsys.readouterr().out
    assert "WA: wrong answer; 0 of 17 tests pass" in out
    assert "difference: in any order: missing 3, not expected 4" in out
    assert "isolation" in out


def test_hidden_tests_are_shown_as_verdicts_only(
    wrong: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["code", "judge", str(wrong), "--problem", PROBLEM, "--tests", "hidden"]) == 6
    out = capsys.readouterr().out
    hidden = load_problem(PROBLEM).hidden
    assert "hidden   WA" in out
    assert not any(json.dumps(list(t.arguments)) in out for t in hidden)
    assert "expected" not in out


def test_many_programs_and_json(
    wrong: Path, right: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["code", "judge", str(right), str(wrong), "--problem", PROBLEM, "--json"])
    assert code == REFUSED
    record = json.loads(capsys.readouterr().out)
    assert [p["verdict"] for p in record["programs"]] == ["AC", "WA"]
    assert record["programs"][1]["evidence"]["tests"][0]["difference"]
    assert {p["isolation"] for p in record["programs"]} <= {"full", "landlock", "seccomp-strict"}


def test_repair_writes_a_program_that_passes(
    wrong: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "repaired.py"
    arguments = ["code", "repair", str(wrong), "--problem", PROBLEM, "--out", str(out)]
    assert main(arguments) == OK
    told = shown(capsys)
    assert "passes 3 of 3 visible tests" in told
    assert "correct" not in told
    assert main(["code", "judge", str(out), "--problem", PROBLEM, "--json"]) == OK


def test_repair_that_finds_nothing_keeps_the_program(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hopeless = tmp_path / "hopeless.py"
    hopeless.write_text("class Solution:\n    pass\n")
    arguments = ["code", "repair", str(hopeless), "--problem", PROBLEM, "--candidates", "5"]
    assert main([*arguments, "--json"]) == REFUSED
    record = json.loads(capsys.readouterr().out)
    assert not record["plausible"]
    assert record["program"] == hopeless.read_text()
    assert main(arguments) == REFUSED
    assert "nothing better was found" in shown(capsys)


def test_problems_are_listed_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["code", "problems"]) == OK
    assert PROBLEM in shown(capsys)
    assert main(["code", "problems", PROBLEM]) == OK
    assert load_problem(PROBLEM).statement.split()[0] in capsys.readouterr().out
    assert main(["code", "problems", PROBLEM, "--starter"]) == OK
    assert capsys.readouterr().out.startswith("class Solution")
    assert main(["code", "problems", "--json"]) == OK
    listed = json.loads(capsys.readouterr().out)
    assert len(listed) >= 30
    assert "hidden" in listed[0]
    assert isinstance(listed[0]["hidden"], int)


def test_doctor_says_which_isolation_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["code", "doctor"]) in (OK, MISSING)
    assert "sandbox full" in shown(capsys)
    main(["code", "doctor", "--json"])
    assert {"name", "ok", "detail", "remedy"} <= set(json.loads(capsys.readouterr().out)[0])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["code", "judge", "no/such.py", "--problem", PROBLEM], "no/such.py"),
        (["code", "judge", "RIGHT", "--problem", "no-such"], "no-such"),
        (["code", "judge", "RIGHT"], "--problem"),
        (["code", "judge", "RIGHT", "--problem", PROBLEM, "--workers", "-1"], "--workers"),
        (["code", "judge", "RIGHT", "--problem", PROBLEM, "--min-tier", "x"], "full, landlock"),
        (["code", "repair", "RIGHT", "--problem", PROBLEM, "--out", "no/such/x.py"], "--out"),
        (["code", "repair", "RIGHT", "--problem", PROBLEM, "--candidates", "0"], "0"),
        (["code", "frobnicate"], "frobnicate"),
        (["code"], "TOOL"),
        (["bench", "nothing", "code"], "replay"),
        (["run", "code", "--start", "x"], "--problem"),
        (["run", "code", "--problem", PROBLEM, "--start", "@no/such.py"], "no/such.py"),
    ],
)
def test_mistakes_are_named(
    arguments: list[str], said: str, right: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = [str(right) if a == "RIGHT" else a for a in arguments]
    assert main(typed) == USAGE
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("tool", ["judge", "repair", "problems", "doctor"])
def test_help_of_every_tool(tool: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["code", tool, "--help"])
    assert stopped.value.code == 0
    assert f"textgrad code {tool}" in capsys.readouterr().out


def test_a_run_starts_from_a_file_and_leaves_the_program(
    wrong: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    start = f"@{wrong}"
    arguments = ["run", "code", "--problem", PROBLEM, "--start", start, "--out", str(out)]
    assert main(arguments) == OK
    told = shown(capsys)
    assert f"Best program: {out / 'solution.py'}" in told.replace("\n", " ")
    assert main(["code", "judge", str(out / "solution.py"), "--problem", PROBLEM]) == OK
    capsys.readouterr()
    assert "-" in (out / "changes.diff").read_text()
    page = (out / "report.html").read_text()
    assert "What changed" in page
    judged = json.loads((out / "judgement.json").read_text())
    assert any(name.startswith("best") for name in judged)
    assert main(["replay", str(out)]) == OK
    assert "every step is the same" in capsys.readouterr().out


def test_a_run_starts_from_the_starter_where_none_is_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    arguments = ["run", "code", "--problem", PROBLEM, "--out", str(out), "--json"]
    assert main([*arguments, "--steps", "1", "--proposals", "2"]) == OK
    record = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert record["start"]["value"].strip() == load_problem(PROBLEM).starter.strip()
