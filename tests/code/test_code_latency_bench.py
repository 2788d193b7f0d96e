"""The latency benchmark: what it computes from the seconds taken, and that its ways work."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.code_latency import run, speed, ways
from benchmarks.code_latency.environment import python_of
from textgrad_code.judge import Judge
from textgrad_code.sandbox import probe
from textgrad_code.verdict import Verdict

TAKEN = {
    ways.PLAIN: [0.010, 0.030, 0.020],
    ways.COLD: [0.004, 0.010, 0.012],
    ways.SPARE: [0.001, 0.009, 0.003],
}


def by_name(taken: dict[str, list[float]]) -> dict[str, dict[str, Any]]:
    return {row["way"]: row for row in run.summary(taken)}


def test_ratios_are_those_of_medians_to_the_plain_subprocess() -> None:
    rows = by_name(TAKEN)
    assert rows[ways.PLAIN]["ratio"] == 1.0
    assert rows[ways.COLD]["median_ms"] == pytest.approx(10.0)
    assert rows[ways.COLD]["least_ms"] == pytest.approx(4.0)
    assert rows[ways.COLD]["ratio"] == pytest.approx(0.5)
    assert rows[ways.SPARE]["ratio"] == pytest.approx(0.15)


def test_goals_are_the_contract() -> None:
    assert run.GOALS == {ways.COLD: 0.5, ways.SPARE: 0.1}
    assert run.SPEED == 0.05


def test_a_goal_is_met_up_to_its_bound_and_other_ways_have_none() -> None:
    rows = by_name({**TAKEN, ways.COLD: [0.010], ways.SPARE: [0.00201]})
    assert rows[ways.PLAIN]["met"] is None
    assert rows[ways.COLD]["met"] is True
    assert rows[ways.SPARE]["met"] is False


def result(cold: float, ratio: float) -> dict[str, Any]:
    return {
        "python": "3.11.0",
        "tier": "full",
        "load": 0.5,
        "cores": 2,
        "latency": run.summary({**TAKEN, ways.COLD: [cold], ways.SPARE: [0.001]}),
        "runs_per_second": {"ours": 400.0},
        "speed": {
            "dict": {
                "inside_s": ratio,
                "outside_s": 1.0,
                "ratio": ratio,
                "outside_after_imports_s": 1.0,
                "ratio_after_imports": ratio,
            }
        },
    }


@pytest.mark.parametrize(
    ("cold", "ratio", "missed"),
    [
        (0.005, 1.05, []),
        (0.011, 1.05, [ways.COLD]),
        (0.005, 1.06, ["dict"]),
        (0.011, 1.06, [ways.COLD, "dict"]),
    ],
)
def test_what_is_missed_is_named_and_printed(cold: float, ratio: float, missed: list[str]) -> None:
    measured = result(cold, ratio)
    assert run.missed(measured) == missed
    lines = {line.split("  ")[0].strip(): line for line in run.render(measured).splitlines()}
    said = {name for name, line in lines.items() if line.endswith(" NO")}
    assert said == {name.split("  ")[0] for name in missed}


def test_the_result_is_json() -> None:
    measured = result(0.005, 1.0)
    assert json.loads(json.dumps(measured)) == measured


@pytest.mark.parametrize("loop", list(speed.LOOPS))
def test_loops_run_and_tell_their_time(loop: str) -> None:
    assert speed.outside(sys.executable, loop) > 0.0


def test_the_program_and_the_script_print_the_same() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ways.SCRIPT], capture_output=True, text=True, check=True
    )
    printed = f"3\n{ways.PROBLEM.visible[0].expected}\n"
    assert done.stdout == printed


def test_the_timed_program_is_accepted_in_the_sandbox() -> None:
    working = [one.tier for one in probe() if one.works]
    if not working:
        pytest.skip("platform: no tier works here")
    with ways.jailed(working[0], sys.executable, 0) as judge:
        assert isinstance(judge, Judge)
        assert judge.judge(ways.PROGRAM, ways.PROBLEM).verdict is Verdict.AC
        assert ways.judged(judge) > 0.0


def test_an_environment_has_its_own_interpreter(tmp_path: Path) -> None:
    assert python_of(tmp_path).is_relative_to(tmp_path)
