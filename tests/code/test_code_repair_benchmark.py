"""The repair benchmark: what it counts, and which tests it repairs and confirms with."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType
from typing import Any

import pytest

from project import ROOT
from textgrad_code.judge import Judge
from textgrad_code.problem_file import load_problem
from textgrad_code.verdict import Verdict


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    path = ROOT / "benchmarks" / "code_repair" / "run.py"
    spec = importlib.util.spec_from_file_location("code_repair_run", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def row(order: str, candidates: int, *, plausible: bool, confirmed: bool | None) -> dict[str, Any]:
    return {
        "set": "s",
        "order": order,
        "plausible": plausible,
        "confirmed": confirmed,
        "candidates": candidates,
        "seconds": 1.0,
    }


def test_counts_and_ratios(benchmark: ModuleType) -> None:
    rows = [
        row("suspicion", 5, plausible=True, confirmed=True),
        row("suspicion", 25, plausible=True, confirmed=False),
        row("suspicion", 300, plausible=False, confirmed=False),
        row("random", 28, plausible=True, confirmed=None),
        row("random", 300, plausible=False, confirmed=None),
    ]
    ours, other = benchmark.table(rows)
    assert (ours["programs"], ours["plausible"], ours["confirmed"]) == (3, 2, 1)
    assert ours["median_candidates"] == 15
    assert ours["within"] == {"10": 1, "30": 2, "100": 2, "300": 2}
    assert (other["plausible"], other["confirmed"]) == (1, None)
    assert benchmark.ratios([ours, other]) == {
        "s": {"10": None, "30": 2.0, "100": 2.0, "300": 2.0}
    }
    benchmark.shown([ours, other])


def test_shown_tests_are_held_out_of_the_confirming_ones(benchmark: ModuleType) -> None:
    name = "fewest-coins"
    problem = load_problem(name)
    with Judge() as judge:
        cases = list(benchmark.shipped(judge, [name]))
        assert [c.program for c in cases] == [b.source for b in problem.buggy]
        for case in cases:
            known = case.problem
            count = len(problem.visible) + len(problem.hidden)
            assert len(known.visible) + len(known.hidden) == count
            assert not {id(t) for t in known.visible} & {id(t) for t in known.hidden}
            told = judge.judge(case.program, known, known.visible)
            assert told.verdict is not Verdict.AC, case.name
