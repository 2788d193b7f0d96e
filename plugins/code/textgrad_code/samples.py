"""Samples of many tasks: programs of a model by task, and how often they are expected to pass."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import comb, fsum
from pathlib import Path

from textgrad_core.data import read_data
from textgrad_core.errors import DataError, Invalid, UsageError
from textgrad_core.jsondata import JSON, canonical_json
from textgrad_core.schema import parse_json

TEXTS = ("program", "solution", "completion")  # ours, EvalPlus', HumanEval's
ESTIMATOR = "unbiased estimator of Chen et al. 2021, arXiv:2107.03374"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One line of a samples file.

    Args:
        line: Its number, from 1.
        task_id: Which problem of the data set it solves.
        text: The program.
        completion: Whether the program is the problem's code to start from, then the text.
    """

    line: int
    task_id: str
    text: str
    completion: bool = False


def read_samples(path: Path, known: Collection[str]) -> tuple[Sample, ...]:
    """Read JSON lines with ``task_id`` and ``program``, ``solution`` or ``completion``.

    Equal lines are samples of their own: models repeat themselves.

    Args:
        path: The file, which may be packed with gzip.
        known: The tasks there are.

    Raises:
        UsageError: If the file cannot be read or holds no line, or a line is no such object or
            names an unknown task; the message names the line.
    """
    try:
        lines = read_data(path).split(b"\n")
    except DataError as error:
        raise UsageError(f"{error}; give a file of JSON lines") from error
    samples: list[Sample] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        row = _row(line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line, where)
        samples.append(_sample(row, number, where, known))
    if not samples:
        raise UsageError(f"{path} holds no sample: write one JSON object per line")
    return tuple(samples)


def _row(line: bytes, where: str) -> dict[str, JSON]:
    try:
        row = parse_json(line.decode())
    except (Invalid, UnicodeDecodeError) as error:
        raise UsageError(f"{where} is no JSON: {error}") from error
    if not isinstance(row, dict):
        raise UsageError(f"{where} is no JSON object: write task_id and program")
    return row


def _sample(row: dict[str, JSON], number: int, where: str, known: Collection[str]) -> Sample:
    task_id = row.get("task_id")
    if not isinstance(task_id, str) or task_id not in known:
        raise UsageError(
            f"{where}: task_id is {canonical_json(task_id)[:100]}, which is no problem of this "
            f"data set; it has {len(known)}, such as {', '.join(list(known)[:3])}"
        )
    given = [name for name in TEXTS if name in row]
    text = row[given[0]] if len(given) == 1 else None
    if not isinstance(text, str):
        raise UsageError(f"{where} has to hold one text: program, solution or completion")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{where}: {given[0]} is no text: {error}") from error
    return Sample(line=number, task_id=task_id, text=text, completion=given == ["completion"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The samples of one task.

    Args:
        task_id: The task.
        samples: How many there are.
        unmeasured: How many of them could not be judged; they neither passed nor failed.
        passed: How many passed, by group of tests: ``visible``, ``hidden``, ``all``.
    """

    task_id: str
    samples: int
    unmeasured: int
    passed: dict[str, int]

    @property
    def measured(self) -> int:
        """How many have a verdict."""
        return self.samples - self.unmeasured


def pass_at_k(measured: int, passed: int, k: int) -> float:
    """Probability that at least one of k samples passes, as n samples of which c pass tell.

    1 - C(n-c, k) / C(n, k), the unbiased estimator of Chen et al. 2021 (arXiv:2107.03374).

    Args:
        measured: n.
        passed: c, from 0 to n.
        k: From 1 to n.

    Raises:
        UsageError: If a number is out of these bounds.
    """
    if not (1 <= k <= measured and 0 <= passed <= measured):
        raise UsageError(f"pass@{k} of {passed} passes among {measured} samples has no meaning")
    return 1.0 - comb(measured - passed, k) / comb(measured, k)


def mean_pass_at_k(tallies: Sequence[Tally], group: str, k: int) -> float | None:
    """The mean over all tasks that have a judged sample; None if one has fewer than k of them.

    Args:
        tallies: One per task.
        group: Which tests.
        k: How many samples are drawn.
    """
    counted = [tally for tally in tallies if tally.measured]
    if not counted or min(tally.measured for tally in counted) < k:
        return None
    return fsum(pass_at_k(t.measured, t.passed[group], k) for t in counted) / len(counted)
