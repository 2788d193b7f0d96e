"""``textgrad code ...`` as it is typed: tables, JSON, exit codes, messages."""

from __future__ import annotations

import codecs
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import textgrad_code
from commands import under_way
from textgrad_code.errors import SandboxFailed
from textgrad_code.judge import Judge
from textgrad_code.problem_file import load_problem
from textgrad_core import registry
from textgrad_core.cli import main
from textgrad_core.cli.exits import FAILED, INTERRUPTED, MISSING, OK, REFUSED, TERMINATED, USAGE

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


@pytest.fixture
def secretive(tmp_path: Path) -> Path:
    """A problem of 1 visible and 70 hidden tests, whose numbers are like no others."""
    hidden = [{"input": [77310000 + n], "expected": 88420000 + n} for n in range(70)]
    problem = {
        "title": "Shift",
        "statement": "Add.",
        "signature": {
            "kind": "function",
            "name": "shift",
            "parameters": ["number: int"],
            "returns": "int",
        },
        "visible": [{"input": [1], "expected": 11110001}],
        "hidden": hidden,
    }
    path = tmp_path / "secretive.json"
    path.write_text(json.dumps(problem))
    return path


def shifting(folder: Path, body: str) -> Path:
    """A program that is right on the visible test, and then does something else."""
    path = folder / "shifting.py"
    lines = [
        "    if number == 1:",
        "        return 11110001",
        *(f"    {b}" for b in body.split(";")),
    ]
    path.write_text("\n".join(["def shift(number):", *lines, ""]))
    return path


@pytest.mark.parametrize("which", ["all", "hidden"])
@pytest.mark.parametrize("kind", ["--json", "--no-feedback", "--stop-at-first"])
@pytest.mark.parametrize("body", ["return number", "raise ValueError(number)", "print(number)"])
def test_nothing_of_a_hidden_test_is_printed(
    which: str,
    kind: str,
    body: str,
    secretive: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    program = shifting(tmp_path, body)
    arguments = ["code", "judge", str(program), "--problem", str(secretive), "--tests", which]
    assert main([*arguments, kind]) == REFUSED
    told = capsys.readouterr()
    assert "7731" not in told.out + told.err
    assert "8842" not in told.out + told.err
    if kind == "--json":
        (record,) = json.loads(told.out)["programs"]
        kinds = [r["kind"] for r in record["results"]]
        assert kinds == (["visible"] if which == "all" else []) + ["hidden"] * 70
        assert "(hidden)" in record["message"]


def test_failing_tests_far_down_are_shown(
    secretive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = shifting(tmp_path, "return number + 11110000 - (number in (77310044, 77310060))")
    arguments = ["code", "judge", str(program), "--problem", str(secretive), "--no-feedback"]
    assert main(arguments) == REFUSED
    rows = [line.split()[:3] for line in shown(capsys).splitlines() if " hidden " in line]
    assert [row[0] for row in rows if row[2] == "WA"] == ["46", "62"]
    assert len(rows) == 31
    shifting(tmp_path, "return 0")
    assert main(arguments) == REFUSED
    assert "not shown: 0 accepted, 11 not accepted" in shown(capsys)


def test_judging_ends_at_the_first_failure_if_asked(
    secretive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = shifting(tmp_path, "return 0")
    arguments = ["code", "judge", str(program), "--problem", str(secretive), "--stop-at-first"]
    assert main(arguments) == REFUSED
    assert "not run: 69" in capsys.readouterr().out
    assert main([*arguments, "--json"]) == REFUSED
    assert len(json.loads(capsys.readouterr().out)["programs"][0]["results"]) == 2


def test_one_bad_file_does_not_lose_the_others(
    wrong: Path, right: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.py"
    bad.write_bytes(b"x = '\xff'\n")
    arguments = ["code", "judge", str(bad), str(right), str(wrong), "--problem", PROBLEM]
    assert main(arguments) == USAGE
    told = capsys.readouterr()
    places = [told.out.index(text) for text in ("bad.py on", "not judged:", "\nAC:", "\nWA:")]
    assert places == sorted(places)
    assert "bad.py" in told.err
    assert main([*arguments, "--json"]) == USAGE
    programs = json.loads(capsys.readouterr().out)["programs"]
    assert [p["verdict"] for p in programs] == [None, "AC", "WA"]
    assert programs[0]["error"] == "UsageError"


def test_a_failing_sandbox_does_not_lose_the_others(
    wrong: Path,
    right: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole, faulty = Judge.judge, wrong.read_text()

    def broken(judge: Judge, program: str, *rest: Any, **named: Any) -> Any:
        if program == faulty:
            raise SandboxFailed("the fork server ended")
        return whole(judge, program, *rest, **named)

    monkeypatch.setattr(Judge, "judge", broken)
    arguments = ["code", "judge", str(wrong), str(right), "--problem", PROBLEM, "--json"]
    assert main(arguments) == FAILED
    first, second = json.loads(capsys.readouterr().out)["programs"]
    assert (first["verdict"], first["message"]) == ("SE", "the fork server ended")
    assert second["verdict"] == "AC"


def test_a_sandbox_that_fails_while_tracing_leaves_the_verdict(
    wrong: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise SandboxFailed("the fork server ended")

    monkeypatch.setattr(Judge, "trace", broken)
    assert main(["code", "judge", str(wrong), "--problem", PROBLEM, "--json"]) == REFUSED
    (record,) = json.loads(capsys.readouterr().out)["programs"]
    assert record["verdict"] == "WA"
    assert any("the fork server ended" in note for note in record["evidence"]["notes"])


@pytest.mark.parametrize(
    ("mark", "cookie", "encoding"),
    [(codecs.BOM_UTF8, "# text", "utf-8"), (b"", "# -*- coding: latin-1 -*-", "latin-1")],
)
def test_a_file_is_read_in_its_own_encoding(
    mark: bytes,
    cookie: str,
    encoding: str,
    right: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = f"{cookie}\nassert [ord(c) for c in 'é'] == [233]\n{right.read_text()}"
    path, out = tmp_path / "encoded.py", tmp_path / "out.py"
    path.write_bytes(mark + text.encode(encoding))
    assert main(["code", "judge", str(path), "--problem", PROBLEM]) == OK
    arguments = ["code", "repair", str(path), "--problem", PROBLEM, "--out", str(out)]
    assert main(arguments) == OK
    assert main(["code", "judge", str(out), "--problem", PROBLEM]) == OK, capsys.readouterr().out


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("mark", "first", "encoding"),
    [
        (codecs.BOM_UTF8, "\u00e9 \u2192", "utf-8"),
        (b"", "coding: latin-1: \u00e9", "latin-1"),
        (b"", "-*- coding: cp1252 -*- \u2014", "cp1252"),
    ],
)
def test_a_repaired_file_differs_in_the_edited_line_only(
    mark: bytes, first: str, encoding: str, newline: str, wrong: Path, tmp_path: Path
) -> None:
    lines = [f"# {first}", "", *wrong.read_text().split("\n"), "\x0cSPARE = '\x0c\t'  # \x0c end"]
    path, out = tmp_path / "laid_out.py", tmp_path / "out.py"
    path.write_bytes(mark + newline.join(lines).replace("    ", "\t").encode(encoding))
    arguments = ["code", "repair", str(path), "--problem", PROBLEM, "--out", str(out)]
    assert main(arguments) == OK
    end = newline.encode()
    before, after = path.read_bytes().split(end), out.read_bytes().split(end)
    assert len(before) == len(after)
    changed = [i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
    assert len(changed) == 1
    assert WRONG.encode() in before[changed[0]]


def test_visible_tests_run_once_and_a_loop_is_not_traced(
    wrong: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    real_judge, real_trace = Judge.judge, Judge.trace

    def judge(*args: Any, **more: Any) -> Any:
        calls.append("judge")
        return real_judge(*args, **more)

    def trace(*args: Any, **more: Any) -> Any:
        calls.append("trace")
        return real_trace(*args, **more)

    monkeypatch.setattr(Judge, "judge", judge)
    monkeypatch.setattr(Judge, "trace", trace)
    assert main(["code", "judge", str(wrong), "--problem", PROBLEM]) == REFUSED
    assert calls[:2] == ["judge", "trace"]  # what follows measures growth, on other inputs
    calls.clear()
    assert main(["code", "judge", str(wrong), "--problem", PROBLEM, "--no-feedback"]) == REFUSED
    assert calls == ["judge"]
    calls.clear()
    looping = tmp_path / "looping.py"
    looping.write_text("while True:\n    pass\n")
    arguments = ["code", "judge", str(looping), "--problem", PROBLEM, "--time-limit", "0.1"]
    assert main(arguments) == REFUSED
    assert calls == ["judge", "trace"]  # the smallest input for its growth, and no other


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, INTERRUPTED), (signal.SIGTERM, TERMINATED)]
)
def test_a_signal_stops_programs_that_are_running(
    number: signal.Signals, code: int, right: Path, tmp_path: Path
) -> None:
    looping = tmp_path / "looping.py"
    looping.write_text("while True:\n    pass\n")
    start = (
        "import sys; import textgrad_code; from textgrad_core import registry\n"
        f"sys.path[:0] = {sys.path!r}\n"
        "registry.plugin_names = lambda: ('code',)\n"
        "registry.load_plugin = lambda _: textgrad_code.plugin\n"
        "from textgrad_core.cli import main; sys.exit(main(sys.argv[1:]))\n"
    )
    command = [sys.executable, "-c", start, "code", "judge", str(right), str(looping)]
    command += [str(looping), "--problem", PROBLEM, "--workers", "1", "--time-limit", "300"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with under_way(command, tmp_path, environment) as process:
        assert process.stdout is not None
        told = ""
        while "AC: accepted" not in told:  # the loop is next
            line = process.stdout.readline()
            assert line, "it ended too early"
            told += line
        time.sleep(0.3)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)  # the loops would take minutes
    assert process.returncode == code, err


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
        (["code", "judge", "RIGHT", "--problem", "pair-with-su"], "did you mean pair-with-sum?"),
        (["code", "judge", "RIGHT", "--problem", "no-such"], "textgrad code problems"),
        (["code", "repair", "EMPTY", "--problem", PROBLEM], "--starter"),
        (["code", "repair", "BINARY", "--problem", PROBLEM], "UTF-8"),
        (["code", "repair", "FOLDER", "--problem", PROBLEM], "irectory"),
        (["code", "judge", "RIGHT"], "--problem"),
        (["code", "judge", "RIGHT", "--problem", PROBLEM, "--workers", "-1"], "--workers"),
        (["code", "judge", "RIGHT", "--problem", PROBLEM, "--workers", "0"], "--workers"),
        (["code", "repair", "RIGHT", "--problem", PROBLEM, "--out", "."], "is a folder"),
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
    files = {"RIGHT": right, "FOLDER": right.parent}
    for name, content in (("EMPTY", b" \n"), ("BINARY", b"\x7fELF\xd0\x00")):
        files[name] = right.with_name(f"{name}.py")
        files[name].write_bytes(content)
    typed = [str(files.get(a, a)) for a in arguments]
    assert main(typed) == USAGE
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("tool", ["judge", "repair", "problems", "doctor"])
def test_help_of_every_tool(tool: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["code", tool, "--help"])
    assert stopped.value.code == 0
    assert f"textgrad code {tool}" in shown(capsys)


def test_an_empty_program_is_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "empty.py"
    path.write_bytes(b"")
    arguments = ["code", "judge", str(path), "--problem", PROBLEM, "--stop-at-first", "--json"]
    assert main(arguments) == REFUSED
    (told,) = json.loads(capsys.readouterr().out)["programs"]
    assert (told["verdict"], told["tests_passed"]) == ("RE", 0)


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
