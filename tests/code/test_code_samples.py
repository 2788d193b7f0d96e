"""``textgrad code judge SAMPLES --problem DATASET:``: many programs, pass@k, nothing lost."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from dataclasses import replace
from fractions import Fraction
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

import textgrad_code
from commands import under_way
from published_data import published_data
from textgrad_code import problem_file
from textgrad_code.address import find_problems
from textgrad_code.domain import MAX_PROGRAM_CHARS
from textgrad_code.errors import SandboxFailed
from textgrad_code.judge import Judge
from textgrad_code.problem import Problem
from textgrad_code.problem_file import problem_names
from textgrad_code.samples import Tally, mean_pass_at_k, pass_at_k, read_samples
from textgrad_core import registry
from textgrad_core.cli import main
from textgrad_core.cli.exits import FAILED, INTERRUPTED, OK, REFUSED, USAGE
from textgrad_core.errors import UsageError

RIGHT = {
    "task_id": "roman-number",
    "program": """\
def roman_number(text):
    digits = [{"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}[c] for c in text]
    return sum(-a if a < b else a for a, b in zip(digits, [*digits[1:], 0]))
""",
}
SHALLOW = {  # right on the visible tests alone
    "task_id": "roman-number",
    "program": "def roman_number(text):\n    return {'XVI': 16, 'XLV': 45, 'MCI': 1101}[text]\n",
}
WRONG = {"task_id": "roman-number", "program": "def roman_number(text):\n    return 0\n"}
OTHER = {"task_id": "flatten", "program": "def flatten(nested):\n    return nested\n"}
COMPLETION = {
    "task_id": "word-counts",
    "completion": """\
import re
from collections import Counter
counts = Counter(re.findall("[a-z]+", text.lower()))
for word in sorted(counts, key=lambda word: (-counts[word], word)):
    print(word, counts[word])
""",
}


read_once = cache(problem_file.load_problem)


@pytest.fixture(autouse=True)
def code_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plugin is found whatever this clone's metadata says; a problem is read once."""
    monkeypatch.setattr(registry, "plugin_names", lambda: ("code",))
    monkeypatch.setattr(registry, "load_plugin", lambda _: textgrad_code.plugin)
    monkeypatch.setattr(problem_file, "load_problem", read_once)


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every program that is judged; the sandbox fails for those that hold a marker."""
    seen: list[str] = []
    whole = Judge.judge

    def judge(self: Judge, program: str, *rest: Any, **named: Any) -> Any:
        seen.append(program)
        if "BROKEN" in program:
            raise SandboxFailed("the fork server ended")
        return whole(self, program, *rest, **named)

    monkeypatch.setattr(Judge, "judge", judge)
    return seen


def written(folder: Path, *rows: object) -> str:
    path = folder / "samples.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return str(path)


def run(*arguments: str) -> int:
    return main(["code", "judge", *arguments, "--problem", "shipped:"])


@pytest.mark.parametrize("measured", [1, 2, 5, 7])
def test_pass_at_k_is_the_share_of_draws_that_hold_a_pass(measured: int) -> None:
    for passed in range(measured + 1):
        outcomes = [number < passed for number in range(measured)]
        for k in range(1, measured + 1):
            draws = list(combinations(outcomes, k))
            share = Fraction(sum(map(any, draws)), len(draws))
            assert pass_at_k(measured, passed, k) == pytest.approx(float(share), abs=1e-15)


@pytest.mark.parametrize(("measured", "passed", "k"), [(3, 1, 0), (3, 1, 4), (3, 4, 1), (0, 0, 1)])
def test_pass_at_k_outside_its_bounds_is_refused(measured: int, passed: int, k: int) -> None:
    with pytest.raises(UsageError, match="no meaning"):
        pass_at_k(measured, passed, k)


def test_tasks_weigh_the_same_and_unmeasured_samples_nothing() -> None:
    def tally(samples: int, unmeasured: int, passed: int) -> Tally:
        return Tally(
            task_id=f"{samples}", samples=samples, unmeasured=unmeasured, passed={"all": passed}
        )

    assert mean_pass_at_k([tally(10, 0, 5), tally(3, 2, 1)], "all", 1) == 0.75
    assert mean_pass_at_k([tally(10, 0, 5), tally(4, 4, 0)], "all", 1) == 0.5
    assert mean_pass_at_k([tally(10, 0, 5), tally(3, 2, 1)], "all", 2) is None
    assert mean_pass_at_k([tally(4, 4, 0)], "all", 1) is None


def test_totals_by_problem_at_80_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    samples = written(tmp_path, RIGHT, SHALLOW, WRONG, COMPLETION)
    assert run(samples, "--pass-at", "2", "--pass-at", "1") == REFUSED
    told = capsys.readouterr().out
    assert all(len(line) <= 80 for line in told.splitlines())
    rows = [line.split() for line in told.splitlines()]
    assert ["roman-number", "3", "2", "1", "0"] in rows
    assert ["word-counts", "1", "1", "1", "0"] in rows
    assert "4 samples: 2 AC, 1 WA, 1 RE" in told
    assert "pass@1: 0.8333 on visible tests, 0.6667 on all tests" in told
    assert "pass@2: unknown, a problem has fewer than 2 judged samples" in told
    assert f"2 of the {len(problem_names())} problems of shipped:" in told
    assert "arXiv:2107.03374" in told


def test_a_body_without_its_head_is_pointed_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = {"task_id": "roman-number", "program": "    return 16\n"}
    assert run(written(tmp_path, body), "--tests", "visible") == REFUSED
    told = " ".join(capsys.readouterr().out.split())
    assert "1 CE" in told
    assert "1 of the programs: The first line is indented" in told


@pytest.mark.parametrize(
    ("which", "passed"),
    [("visible", {"visible": 2}), ("hidden", {"hidden": 1}), ("all", {"visible": 2, "all": 1})],
)
def test_everything_as_json(
    which: str, passed: dict[str, int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    samples = written(tmp_path, RIGHT, SHALLOW, WRONG)
    assert run(samples, "--tests", which, "--pass-at", "3", "--json") == REFUSED
    found = json.loads(capsys.readouterr().out)
    (task,) = found["tasks"]
    assert task["passed"] == passed
    assert found["pass_at_k"] == {group: {"3": 1.0} for group in passed}
    assert [r["line"] for r in found["results"]] == [1, 2, 3]
    assert (found["samples"], found["unmeasured"]) == (3, 0)


def test_all_right_is_success(tmp_path: Path) -> None:
    assert run(written(tmp_path, COMPLETION), "--tests", "visible") == OK


def test_what_cannot_be_judged_is_no_failure_and_is_judged_again(
    tmp_path: Path, judged: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    broken = {**WRONG, "program": WRONG["program"] + "# BROKEN\n"}
    alone = {**OTHER, "program": OTHER["program"] + "# BROKEN\n"}
    samples, out = written(tmp_path, RIGHT, broken, alone), tmp_path / "out.jsonl"
    assert run(samples, "--tests", "visible", "--out", str(out)) == FAILED
    told = capsys.readouterr().out
    assert "3 samples: 1 AC, 2 not judged" in told
    assert "pass@1: 1.0000 on visible tests" in told
    assert "1 of the" in told
    prose = " ".join(told.split())
    assert "neither passed nor failed: line 2, roman-number: the fork server ended" in prose
    judged.clear()
    assert run(samples, "--tests", "visible", "--out", str(out), "--json") == FAILED
    assert sorted(judged) == sorted([alone["program"], broken["program"]])
    found = json.loads(capsys.readouterr().out)
    assert found["unmeasured"] == 2
    assert [r["verdict"] for r in found["results"]] == ["AC", "SE", "SE"]


def test_work_that_was_cut_off_goes_on(
    tmp_path: Path, judged: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    samples, out = written(tmp_path, RIGHT, SHALLOW, WRONG), tmp_path / "out.jsonl"
    arguments = (samples, "--out", str(out), "--workers", "1")
    assert run(*arguments) == REFUSED
    whole = capsys.readouterr().out
    lines = out.read_bytes().splitlines(keepends=True)
    out.write_bytes(lines[0] + lines[1][:40])
    judged.clear()
    assert run(*arguments) == REFUSED
    assert sorted(judged) == sorted([SHALLOW["program"], WRONG["program"]])
    assert capsys.readouterr().out == whole
    judged.clear()
    written(tmp_path, RIGHT, SHALLOW, WRONG, OTHER)  # more samples: what is judged still holds
    assert run(*arguments) == REFUSED
    assert judged == [OTHER["program"]]


def test_results_of_something_else_are_refused_and_kept(
    tmp_path: Path, judged: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.jsonl"
    assert run(written(tmp_path, RIGHT), "--out", str(out)) == OK
    before = out.read_bytes()
    judged.clear()
    for more in (["--time-limit", "9"], ["--tests", "hidden"], ["--stop-at-first"]):
        assert run(str(tmp_path / "samples.jsonl"), "--out", str(out), *more) == USAGE
        assert "line 1 is no result of these samples" in capsys.readouterr().err
    (tmp_path / "program.py").write_text("print(1)")  # like a line that was cut, but no record
    (tmp_path / "cut.jsonl").write_text(json.dumps({"key": "0", **WRONG}))
    for name in ("program.py", "cut.jsonl"):
        kept = (tmp_path / name).read_bytes()
        assert run(str(tmp_path / "samples.jsonl"), "--out", str(tmp_path / name)) == USAGE
        assert "line 1 is no result of these samples" in capsys.readouterr().err
        assert (tmp_path / name).read_bytes() == kept
    samples = written(tmp_path, WRONG)
    for file in (str(out), samples, str(tmp_path), str(tmp_path / "no" / "out")):
        assert run(samples, "--out", file) == USAGE
    assert not judged
    assert out.read_bytes() == before
    assert json.loads(Path(samples).read_text()) == WRONG
    assert run(samples, "--out", samples) == USAGE
    assert "is the file of the samples" in capsys.readouterr().err


def test_ctrl_c_keeps_what_is_judged(tmp_path: Path) -> None:
    looping = {**WRONG, "program": "while True:\n    pass\n"}
    samples, out = written(tmp_path, RIGHT, looping), tmp_path / "out.jsonl"
    start = (
        "import sys; import textgrad_code; from textgrad_core import registry\n"
        f"sys.path[:0] = {sys.path!r}\n"
        "registry.plugin_names = lambda: ('code',)\n"
        "registry.load_plugin = lambda _: textgrad_code.plugin\n"
        "from textgrad_core.cli import main; sys.exit(main(sys.argv[1:]))\n"
    )
    command = [sys.executable, "-c", start, "code", "judge", samples, "--problem", "shipped:"]
    command += ["--out", str(out), "--workers", "1", "--time-limit", "300"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with under_way(command, tmp_path, environment) as process:
        end = time.monotonic() + 60
        while not (out.exists() and out.read_bytes().endswith(b"\n")):
            assert time.monotonic() < end, "it never happened"
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert process.returncode == INTERRUPTED
    assert "1 of 2 judged; the same command goes on" in err
    (record,) = map(json.loads, out.read_text().splitlines())
    assert (record["line"], record["verdict"]) == (1, "AC")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"task_id": "no-such", "program": "x"}', "no-such"),
        ('{"program": "x"}', "task_id is null"),
        ('{"task_id": ["flatten"], "program": "x"}', "task_id is"),
        ('{"task_id": "flatten"}', "one text: program, solution or completion"),
        ('{"task_id": "flatten", "program": "x", "completion": "x"}', "one text"),
        ('{"task_id": "flatten", "program": 5}', "one text"),
        ('{"task_id": "flatten", "program": "\\ud800"}', "no text"),
        ('{"task_id": "flatten", "program": "x"', "no JSON"),
        ("[1]", "no JSON object"),
        ("\udcff", "no JSON"),
    ],
)
def test_a_bad_line_is_named_before_anything_is_judged(
    line: str,
    told: str,
    tmp_path: Path,
    judged: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    samples = Path(written(tmp_path, RIGHT))
    samples.write_bytes(samples.read_bytes() + b"\n" + line.encode(errors="surrogateescape"))
    assert run(str(samples)) == USAGE
    message = capsys.readouterr().err
    assert f"{samples}, line 3" in message
    assert told in message
    assert not judged


def test_equal_samples_count_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    samples = written(tmp_path, WRONG, WRONG, RIGHT)
    assert run(samples, "--tests", "visible") == REFUSED
    assert "pass@1: 0.3333" in capsys.readouterr().out


def test_line_separators_inside_a_text_end_no_line(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    row = {"task_id": "a", "program": "x = '\u2028\x85'"}
    path.write_text(json.dumps(row, ensure_ascii=False) + "\r\n\r\n", encoding="utf-8-sig")
    (sample,) = read_samples(path, ["a"])
    assert (sample.text, sample.line, sample.completion) == (row["program"], 1, False)


@pytest.mark.parametrize("content", [b"", b"\n\n"])
def test_an_empty_file_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "samples.jsonl").write_bytes(content)
    with pytest.raises(UsageError, match="no sample"):
        read_samples(tmp_path / "samples.jsonl", ["a"])
    with pytest.raises(UsageError, match="JSON lines"):
        read_samples(tmp_path / "missing.jsonl", ["a"])


@pytest.mark.parametrize(
    "arguments",
    [
        ["a.py", "--problem", "flatten", "--out", "out.jsonl"],
        ["a.py", "--problem", "flatten", "--pass-at", "5"],
        ["a.jsonl", "b.jsonl", "--problem", "shipped:"],
        ["a.jsonl", "--problem", "shipped:", "--pass-at", "0"],
    ],
)
def test_options_that_do_not_fit_are_refused(arguments: list[str]) -> None:
    assert main(["code", "judge", *arguments]) == USAGE


def test_the_problems_of_a_set_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["code", "problems", "shipped:"]) == OK
    told = capsys.readouterr().out
    assert all(len(line) <= 80 for line in told.splitlines())
    assert all(f"\n{name} " in told for name in problem_names())
    for problem in find_problems("shipped:"):  # a title that is too long says so
        (row,) = (line for line in told.splitlines() if line.startswith(f"{problem.name} "))
        assert row.endswith("...") or row.endswith(f" {problem.title}")
    assert main(["code", "problems", "shipped:flatten"]) == OK
    assert "Flatten nested lists" in capsys.readouterr().out
    assert len(find_problems("shipped:")) == len(problem_names())


def test_the_problems_of_a_published_set_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    folder = published_data()
    assert main(["code", "problems", "leetcode:", "--data", str(folder)]) == OK
    told = capsys.readouterr().out
    assert all(len(line) <= 80 for line in told.splitlines())
    assert main(["code", "problems", "leetcode:", "--data", str(folder), "--json"]) == OK
    problems = json.loads(capsys.readouterr().out)
    assert len(problems) == 228
    assert all(f"\n{problem['name']}" in told for problem in problems)


def test_completions_of_humaneval_follow_their_prompts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = published_data()
    rows = [
        {"task_id": p.name, "completion": p.reference.removeprefix(p.starter)}
        for p in find_problems("humaneval:", folder)[:5]
    ]
    typed = [written(tmp_path, *rows), "--problem", "humaneval:", "--data", str(folder)]
    assert main(["code", "judge", *typed]) == OK
    assert "5 samples: 5 AC" in capsys.readouterr().out


@pytest.mark.parametrize("stripped", [False, True])
def test_bodies_complete_the_starters_of_leetcode(stripped: bool, tmp_path: Path) -> None:
    folder = published_data()
    problem = next(p for p in find_problems("leetcode:", folder) if p.name == "snake-in-matrix")
    _, _, body = problem.reference.partition("-> int:\n")
    rows = [{"task_id": problem.name, "completion": body.lstrip() if stripped else body}]
    typed = [written(tmp_path, *rows), "--problem", "leetcode:", "--data", str(folder)]
    assert main(["code", "judge", *typed]) == OK


def test_problems_without_such_tests_are_left_out_and_named(
    tmp_path: Path,
    judged: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def load(name: str) -> Problem:
        problem = read_once(name)
        return replace(problem, hidden=()) if name == "flatten" else problem

    monkeypatch.setattr(problem_file, "load_problem", load)
    samples = written(tmp_path, OTHER, RIGHT)
    assert run(samples, "--tests", "hidden") == OK
    assert judged == [RIGHT["program"]]
    assert "1 left out, without hidden tests: flatten" in capsys.readouterr().out
    assert run(samples, "--tests", "hidden", "--json") == OK
    found = json.loads(capsys.readouterr().out)
    assert found["left_out"] == [{"line": 1, "task_id": "flatten"}]
    assert [r["line"] for r in found["results"]] == [2]
    assert run(written(tmp_path, OTHER), "--tests", "hidden") == USAGE
    assert "'flatten' has no hidden tests" in capsys.readouterr().err


def test_a_program_that_is_too_long_is_not_judged_here_either(
    tmp_path: Path, judged: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    long = {**RIGHT, "program": RIGHT["program"] + "#" * MAX_PROGRAM_CHARS}
    assert run(written(tmp_path, long, RIGHT), "--tests", "visible") == USAGE
    told = " ".join(capsys.readouterr().out.split())
    assert "2 samples: 1 AC, 1 not judged" in told
    assert f"a program has at most {MAX_PROGRAM_CHARS}" in told
    assert judged == [RIGHT["program"]]


def test_samples_for_a_single_problem_are_pointed_to_data_sets(
    tmp_path: Path, judged: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    samples = written(tmp_path, *[RIGHT] * 5000)
    assert main(["code", "judge", samples, "--problem", "roman-number"]) == USAGE
    assert "JSON lines of samples" in capsys.readouterr().out
    for name in ("humaneval", "shipped"):
        assert main(["code", "judge", samples, "--problem", name]) == USAGE
        assert f"did you mean {name}:?" in capsys.readouterr().err
    assert not judged


@pytest.mark.parametrize(
    ("command", "named"), [("judge", ("solution", "completion")), ("problems", ("shipped:",))]
)
def test_the_help_names_every_form(
    command: str, named: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["code", command, "--help"])
    words = capsys.readouterr().out.split("options:")[0].split()
    assert all(any(name == word.strip(",;)") for word in words) for name in named)
