"""The programs TextGrad released for LeetCode-Hard: 39 problems, 4 seeds, before and after.

Each comes with what its authors recorded: the state of the 2 or 3 example tests, and how many of
LeetCode's hidden tests it passed on the day it was submitted. A model wrote these programs; they
are judged in the sandbox like any other.
"""

from __future__ import annotations

import ast
import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from textgrad_code.datasets.registry import TEXTGRAD_RUNS
from textgrad_code.errors import ProblemError
from textgrad_core.data import find, read_data

_LONGEST_FIELD = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedProgram:
    """One released program.

    Args:
        problem: Slug of the problem, as in `leetcode_hard39`.
        seed: Seed of the run it comes from.
        iteration: 0 for the first answer of the model, 1 for the last one after TextGrad.
        program: Its source.
        accepted: Whether LeetCode accepted it.
        hidden_passed: How many of LeetCode's tests it passed; -1 if LeetCode gave no verdict.
        hidden_total: How many there were.
        states: Which of the example tests it passed, in their order; empty where its authors
            recorded none.
    """

    problem: str
    seed: int
    iteration: int
    program: str
    accepted: bool
    hidden_passed: int
    hidden_total: int
    states: tuple[bool, ...] = ()


def recorded_programs(folder: Path | None = None) -> Iterator[RecordedProgram]:
    """Every released program, in the order of the file.

    Raises:
        DataError: If the data set is not here.
        ProblemError: If a row is not as the rows of this file are.
    """
    yield from read_programs(read_data(find(TEXTGRAD_RUNS, folder)).decode("utf-8"))


def read_programs(table: str) -> Iterator[RecordedProgram]:
    """The programs in the text of the file.

    Raises:
        ProblemError: If a row is not as the rows of this file are.
    """
    if csv.field_size_limit() < _LONGEST_FIELD:
        csv.field_size_limit(_LONGEST_FIELD)
    for number, row in enumerate(csv.DictReader(io.StringIO(table, newline="")), 1):
        try:
            yield _program(row)
        except (KeyError, ValueError, SyntaxError) as error:
            raise ProblemError(
                f"{TEXTGRAD_RUNS.name}: row {number} is no run: {type(error).__name__}: {error}"
            ) from error


def _program(row: Mapping[str, str]) -> RecordedProgram:
    return RecordedProgram(
        problem=row["task_id"],
        seed=int(row["seed"]),
        iteration=int(row["iteration_idx"]),
        program=row["problem"],
        accepted=_flag(row["success"]),
        hidden_passed=_count(row["test_cases_passed"]),
        hidden_total=_count(row["test_cases_total"]),
        states=_states(row["local_test_state"]),
    )


def _states(text: str) -> tuple[bool, ...]:
    if not text:
        return ()
    states = ast.literal_eval(text)
    if not isinstance(states, tuple) or not all(isinstance(state, bool) for state in states):
        raise ValueError(f"{text!r} is no tuple of truth values")
    return states


def _flag(text: str) -> bool:
    if text not in ("True", "False"):
        raise ValueError(f"{text!r} is neither True nor False")
    return text == "True"


def _count(text: str) -> int:
    return int(float(text)) if text else -1
