"""Problems of data sets by address: ``leetcode:SLUG``, ``humaneval:HumanEval/0``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from textgrad_code.datasets import humaneval, leetcode_dataset, leetcode_hard39
from textgrad_code.datasets.registry import HARD39, HUMANEVAL, LEETCODE
from textgrad_code.errors import ProblemError
from textgrad_code.problem import Problem

_LOADERS: dict[str, Callable[[str, Path | None], Problem]] = {
    LEETCODE.name: leetcode_dataset.problem,
    HARD39.name: leetcode_hard39.problem,
    HUMANEVAL.name: humaneval.problem,
}
_SETS: dict[str, Callable[[Path | None], Iterator[Problem]]] = {
    LEETCODE.name: leetcode_dataset.problems,
    HARD39.name: leetcode_hard39.problems,
    HUMANEVAL.name: humaneval.problems,
}
DATASETS_WITH_PROBLEMS = tuple(_LOADERS)


def is_dataset_address(text: str) -> bool:
    """Whether a text names a problem of a data set rather than a file or a shipped problem."""
    return text.partition(":")[0] in _LOADERS and ":" in text


def dataset_problem(address: str, folder: Path | None = None) -> Problem:
    """One problem of a data set.

    Args:
        address: ``DATASET:NAME``.
        folder: A folder of the user's own that holds the data set; None for what
            ``textgrad data fetch`` keeps.

    Raises:
        DataError: If the data set is not here, or what is here is something else.
        ProblemError: If there is no such data set or problem.
    """
    dataset, colon, name = address.partition(":")
    if dataset not in _LOADERS or not colon:
        known = ", ".join(f"{d}:NAME" for d in _LOADERS)
        raise ProblemError(f"no data set problem {address!r}; write {known}")
    return _LOADERS[dataset](name, folder)


def dataset_problems(dataset: str, folder: Path | None = None) -> Iterator[Problem]:
    """Every problem of a data set, in the order of its file.

    Args:
        dataset: One of `DATASETS_WITH_PROBLEMS`.
        folder: As for `dataset_problem`.

    Raises:
        DataError: If the data set is not here, or what is here is something else.
    """
    return _SETS[dataset](folder)
