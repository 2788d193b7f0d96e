"""What Reflexion reached on the same 39 problems: 5 seeds, solved or not.

The table beside this module is derived from the five Reflexion result files of TextGrad's
repository (commit 75e912e2, MIT (c) 2024 Zou Group): outcome flags only, no programs.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, slots=True, kw_only=True)
class ReflexionOutcome:
    """One problem in one run of Reflexion.

    Args:
        problem: Slug of the problem, as in `leetcode_hard39`.
        seed: Seed of the run.
        solved: Whether LeetCode accepted the last program.
        implementations: How many programs were written.
    """

    problem: str
    seed: int
    solved: bool
    implementations: int


def reflexion_outcomes() -> Iterator[ReflexionOutcome]:
    """Every outcome, in the order of the table."""
    table = files("textgrad_code").joinpath("datasets", "reflexion_outcomes.csv")
    for row in csv.DictReader(io.StringIO(table.read_text("utf-8"))):
        yield ReflexionOutcome(
            problem=row["task_id"],
            seed=int(row["seed"]),
            solved=row["is_solved"] == "1",
            implementations=int(row["n_implementations"]),
        )
