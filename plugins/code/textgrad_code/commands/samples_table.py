"""What the samples of a data set came to: totals, a table at 80 columns, JSON."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from textgrad_code.commands.judge import ROWS, WIDTH
from textgrad_code.samples import ESTIMATOR, Sample, Tally, mean_pass_at_k
from textgrad_code.verdict import Verdict
from textgrad_core.jsondata import JSON
from textgrad_core.report.text import visible

GROUPS = {"all": ("visible", "all"), "visible": ("visible",), "hidden": ("hidden",)}
TOLD = 10  # programs that could not be judged, one by one
LONGEST_NAME = 32
Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The records of all samples.

    Args:
        problems: The data set, as typed.
        count: How many problems it has.
        which: Which tests were run: ``visible``, ``hidden`` or ``all``.
        ks: For which k pass@k is asked.
        records: One per sample, in the order of the file; one with ``error`` was not judged.
        left_out: Samples of problems that have no such tests.
    """

    problems: str
    count: int
    which: str
    ks: Sequence[int]
    records: Sequence[Record]
    left_out: Sequence[Sample] = ()

    def tallies(self) -> list[Tally]:
        """One per task, in the order of the samples."""
        by_task: dict[str, list[Record]] = {}
        for record in self.records:
            by_task.setdefault(record["task_id"], []).append(record)
        tallies = []
        for task_id, own in by_task.items():
            judged = [record for record in own if "error" not in record]
            passed = {group: sum(_passed(r, group) for r in judged) for group in self._groups}
            left = len(own) - len(judged)
            tallies.append(
                Tally(task_id=task_id, samples=len(own), unmeasured=left, passed=passed)
            )
        return tallies

    def to_json(self) -> dict[str, JSON]:
        """Everything as plain data."""
        tallies = self.tallies()
        return {
            "problems": self.problems,
            "problems_count": self.count,
            "tests": self.which,
            "samples": len(self.records),
            "unmeasured": len(self._unmeasured),
            "left_out": [{"line": s.line, "task_id": s.task_id} for s in self.left_out],
            "verdicts": dict(self._verdicts()),
            "estimator": ESTIMATOR,
            "pass_at_k": {
                group: {str(k): mean_pass_at_k(tallies, group, k) for k in self.ks}
                for group in self._groups
            },
            "tasks_measured": sum(t.measured > 0 for t in tallies),
            "tasks": [
                {
                    "task_id": t.task_id,
                    "samples": t.samples,
                    "unmeasured": t.unmeasured,
                    "passed": dict(t.passed),
                }
                for t in tallies
            ],
            "results": [dict(record) for record in self.records],
        }

    def table(self) -> list[str]:
        """The totals, before them a row per task where there are few."""
        tallies = self.tallies()
        lines = list(self._rows(tallies)) if len(tallies) <= ROWS else []
        for line in (*self._totals(tallies), *self._notes()):
            lines += textwrap.wrap(line, WIDTH, subsequent_indent="  ", break_on_hyphens=False)
        return lines

    @property
    def _groups(self) -> tuple[str, ...]:
        return GROUPS[self.which]

    @property
    def _unmeasured(self) -> list[Record]:
        return [record for record in self.records if "error" in record]

    def _verdicts(self) -> Iterator[tuple[str, int]]:
        counted = Counter(r["verdict"] for r in self.records if "error" not in r)
        return ((str(verdict), counted[verdict]) for verdict in Verdict if counted[verdict])

    def _rows(self, tallies: Sequence[Tally]) -> Iterator[str]:
        width = min(max(len("problem"), *(len(t.task_id) for t in tallies)), LONGEST_NAME)
        heads = "".join(f"{f'pass {group}':>13}" for group in self._groups)
        yield f"{'problem':<{width}}{'samples':>9}{heads}{'not judged':>12}"
        yield "-" * WIDTH
        for tally in tallies:
            name = tally.task_id
            if len(name) > width:  # a name is never broken: people copy it
                yield name
                name = ""
            passed = "".join(f"{tally.passed[group]:>13}" for group in self._groups)
            yield f"{name:<{width}}{tally.samples:>9}{passed}{tally.unmeasured:>12}"
        yield "-" * WIDTH

    def _totals(self, tallies: Sequence[Tally]) -> Iterator[str]:
        counted = [f"{count} {verdict}" for verdict, count in self._verdicts()]
        if self._unmeasured:
            counted.append(f"{len(self._unmeasured)} not judged")
        yield f"{len(self.records)} samples: {', '.join(counted)}"
        judged = sum(t.measured > 0 for t in tallies)
        yield f"{judged} of the {self.count} problems of {self.problems} have a judged sample"
        for k in self.ks:
            means = [(group, mean_pass_at_k(tallies, group, k)) for group in self._groups]
            told = [f"{mean:.4f} on {group} tests" for group, mean in means if mean is not None]
            less = f"unknown, a problem has fewer than {k} judged samples"
            yield f"pass@{k}: {', '.join(told) or less}"
        yield f"pass@k is the mean over these problems, by the {ESTIMATOR}"
        tiers = {(r["isolation"], r["python"]) for r in self.records if "error" not in r}
        for isolation, python in sorted(tiers):
            yield f"isolation {isolation}, Python {python or 'unknown'}"

    def _notes(self) -> Iterator[str]:
        if self.left_out:
            names = list(dict.fromkeys(sample.task_id for sample in self.left_out))
            listed = ", ".join([*names[:TOLD], *(["..."] if len(names) > TOLD else [])])
            yield f"{len(self.left_out)} left out, without {self.which} tests: {listed}"
        counted = Counter(record.get("note") for record in self.records)
        for note in filter(None, counted):
            yield f"{counted[note]} of the programs: {note}"
        for record in self._unmeasured[:TOLD]:
            where, why = f"line {record['line']}, {record['task_id']}", visible(record["message"])
            yield f"not judged, so neither passed nor failed: {where}: {why}"
        if len(self._unmeasured) > TOLD:
            yield f"... and {len(self._unmeasured) - TOLD} more that were not judged"


def _passed(record: Record, group: str) -> bool:
    found: str = record["visible" if group == "visible" else "verdict"]
    return found == Verdict.AC
