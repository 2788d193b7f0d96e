"""Judging published programs again: what is counted, what differs, what is not here."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.code_replay import run as benchmark
from published_data import published_data
from textgrad_code.commands import replay as command
from textgrad_code.datasets import humaneval, leetcode_dataset, leetcode_hard39, textgrad_runs
from textgrad_code.judge import Judge
from textgrad_code.replay import Figure, Replay, replay
from textgrad_core.data import DataFile, Dataset
from textgrad_core.errors import DataError, UsageError

HARD = {
    "task_id": "two-times",
    "signature": "twice(n: int) -> int:",
    "test": ["assert twice(2) == 4", "assert twice(-1) == -2"],
}
RIGHT, HALF, BROKEN = (
    "def twice(n): return 2 * n",
    "def twice(n): return n * n",
    "def twice(n) return",
)
LEETCODE = {
    "task_id": "add-up",
    "tags": [],
    "problem_description": "Add up.\n\nInput: a = 1\nOutput: 2\n\n",
    "starter_code": "class Solution:\n    def addUp(self, a: int) -> int:\n        ",
    "completion": "class Solution:\n    def addUp(self, a):\n        return a + 1\n",
    "test": "def check(candidate):\n    assert candidate(a = 5) == 6\n",
}
HUMAN = {
    "task_id": "HumanEval/999",
    "prompt": 'def area(r):\n    """Of a square."""\n',
    "entry_point": "area",
    "canonical_solution": "    return r * r\n",
    "test": "def check(candidate):\n    assert candidate(3) == 9\n",
}


COLUMNS = (
    "task_id,problem,seed,success,test_cases_passed,test_cases_total,"
    "local_test_state,iteration_idx"
)


def run_row(program: str, seed: int, iteration: int, accepted: bool, states: str) -> list[object]:
    return ["two-times", program, seed, accepted, 3, 7, states, iteration]


def runs(*rows: list[object]) -> str:
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(COLUMNS.split(","))
    writer.writerows(rows)
    return table.getvalue()


RUNS = runs(
    run_row(HALF, 1, 0, False, "(True, False)"),
    run_row(RIGHT, 1, 1, True, "(True, True)"),
    run_row(BROKEN, 2, 0, False, "(False, False)"),
    run_row(RIGHT, 2, 1, True, ""),
)


def publish(
    monkeypatch: pytest.MonkeyPatch, folder: Path, module: object, name: str, content: str
) -> None:
    """Let a loader read a small data set of the same form."""
    known: Dataset = getattr(module, name)
    data = content.encode()
    file = DataFile(
        name=f"{known.name}.data", sha256=hashlib.sha256(data).hexdigest(), bytes=len(data)
    )
    folder.mkdir(exist_ok=True)
    (folder / file.name).write_bytes(data)
    monkeypatch.setattr(module, name, replace(known, files=(file,), any_one=False))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small data set of every kind, and nothing kept from elsewhere."""
    monkeypatch.setenv("TEXTGRAD_DATA", str(tmp_path / "kept"))
    made = tmp_path / "data"
    publish(monkeypatch, made, textgrad_runs, "TEXTGRAD_RUNS", RUNS)
    publish(monkeypatch, made, leetcode_hard39, "HARD39", json.dumps(HARD))
    publish(monkeypatch, made, leetcode_dataset, "LEETCODE", json.dumps(LEETCODE))
    publish(monkeypatch, made, humaneval, "HUMANEVAL", json.dumps(HUMAN))
    return made


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge() as made:
        yield made


def ours(found: Replay) -> list[int | None]:
    return [figure.ours for figure in found.figures]


def test_what_agrees_is_counted(folder: Path, judge: Judge) -> None:
    found = replay(folder, judge=judge, workers=2)
    # states, accepted ones that pass here, zero-shot, final, references, canonical, Reflexion
    assert ours(found) == [6, 2, 0, 2, 1, 1, 60]
    assert found.differences == ()
    assert found.judgements == 10
    assert found.complete
    assert not found.agrees  # six states are not the 641 that are published


def test_what_differs_is_named(
    folder: Path, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = runs(
        run_row(HALF, 1, 0, False, "(True, True)"), run_row(RIGHT, 1, 1, True, "(False, True)")
    )
    publish(monkeypatch, folder, textgrad_runs, "TEXTGRAD_RUNS", wrong)
    slow = {**LEETCODE, "completion": LEETCODE["completion"].replace("a + 1", "a")}  # type: ignore[attr-defined]
    publish(monkeypatch, folder, leetcode_dataset, "LEETCODE", json.dumps(slow))
    found = replay(folder, judge=judge)
    assert ours(found)[:2] == [2, 1]
    assert ours(found)[4] == 0
    told = [(d.program, d.published, d.ours.split(":")[0]) for d in found.differences]
    assert told == [
        ("two-times, seed 1, zero-shot, test 2", "passed", "WA wrong answer"),
        ("two-times, seed 1, final, test 1", "failed", "AC accepted"),
        ("add-up", "AC accepted", "WA wrong answer"),
    ]


def test_what_is_not_here_is_said_and_leaves_the_rest(folder: Path, judge: Judge) -> None:
    (folder / "leetcode.data").unlink()
    (folder / "textgrad-runs.data").unlink()
    found = replay(folder, judge=judge)
    assert ours(found) == [None, None, None, None, None, 1, 60]
    shown = command.table(found)
    assert "Not compared: leetcode: leetcode.data is not here" in shown
    assert not found.complete
    assert all(len(line) <= 80 for line in shown.splitlines() if "/" not in line)
    for file in folder.iterdir():
        file.unlink()
    with pytest.raises(DataError, match="textgrad-runs"):
        replay(folder, judge=judge)


def test_no_workers_are_refused(folder: Path, judge: Judge) -> None:
    with pytest.raises(UsageError, match="0 workers"):
        replay(folder, judge=judge, workers=0)


@pytest.mark.parametrize(
    ("figure", "agrees"),
    [
        (Figure(name="n", published=5, of=9, ours=5), True),
        (Figure(name="n", published=5, of=9, ours=6), False),
        (Figure(name="n", published=5, of=9), None),
        (Figure(name="n", published=5, of=9, ours=4, least=4), True),
        (Figure(name="n", published=5, of=9, ours=3, least=4), False),
    ],
)
def test_a_figure_agrees_if_it_is_the_published_one_or_enough(
    figure: Figure, agrees: bool | None
) -> None:
    assert figure.agrees is agrees
    found = Replay(figures=(figure,), differences=(), judgements=0, seconds=0.0, tiers=())
    assert found.agrees is (agrees is not False)
    assert found.complete is (agrees is not None)


def test_the_command_prints_a_table_or_json(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"data": str(folder), "workers": 2, "min_tier": "seccomp-strict"}
    options = Namespace(**given, allow_unsafe=False, json=False)
    assert command.run(options) == 6
    shown = capsys.readouterr().out
    assert "641/641     6  NO" in shown
    assert all(len(line) <= 80 for line in shown.splitlines())
    options.json = True
    assert command.run(options) == 6
    record = json.loads(capsys.readouterr().out)
    assert [f["ours"] for f in record["figures"]] == [6, 2, 0, 2, 1, 1, 60]
    assert record["agrees"] is False


@pytest.mark.parametrize(("ours", "code"), [(5, 0), (4, 6), (None, 3)])
def test_the_exit_code_tells_what_differs_from_what_is_missing(
    ours: int | None, code: int
) -> None:
    figures = (Figure(name="n", published=5, of=9, ours=ours),)
    found = Replay(figures=figures, differences=(), judgements=0, seconds=0.0, tiers=())
    assert command.exit_code(found) == code


def test_the_benchmark_writes_its_result(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "result.json"
    assert benchmark.main(["--data", str(folder), "--out", str(out)]) == 1
    result = json.loads(out.read_text("utf-8"))
    assert result["judgements"] == 10
    assert "641/641     6  NO" in capsys.readouterr().out


def test_the_recorded_result_agrees() -> None:
    recorded = json.loads((Path(benchmark.__file__).parent / "result.json").read_text("utf-8"))
    assert recorded["agrees"] is True
    assert recorded["complete"] is True
    assert recorded["isolation"] == ["full"]
    assert [f["ours"] for f in recorded["figures"]][:4] == [641, 96, 40, 56]


def test_humanevals_canonical_solutions_are_accepted(judge: Judge) -> None:
    """The shortest of the published parts; the benchmark runs the others."""
    for problem in humaneval.problems(published_data()):
        judgement = judge.judge(problem.reference, problem)
        assert judgement.verdict == "AC", (problem.name, judgement.message)
