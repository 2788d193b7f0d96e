"""The live table: a line per trial as its round ends, and on a terminal a line of progress."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from textgrad_core.columns import beside_scalar, scalar_objective
from textgrad_core.domain import Domain, Objective
from textgrad_core.journal_lines import Entry
from textgrad_core.jsondata import JSON
from textgrad_core.search.options import Options
from textgrad_core.search.result import Result, Trial

WIDTH = 80
_NUMBER = 9
_COUNT = 9
_LEFT = 6


class LiveTable:
    """Prints a run while it happens; a listener of its journal.

    Args:
        domain: Names and units of the columns.
        options: How long the run is.
        references: How many references will be measured.
        out: Where to print.
        live: Whether ``out`` is a terminal on which a line can be rewritten.
        clock: Seconds from any origin.
    """

    def __init__(
        self,
        domain: Domain[Any],
        options: Options,
        references: int,
        out: TextIO,
        *,
        live: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is printed yet."""
        self._domain, self._out, self._live, self._clock = domain, out, live, clock
        planned = 2 + options.steps * options.proposals + options.finalists + references
        limit = options.budget.evaluations
        self._planned = planned if limit is None else min(limit, planned)
        self._done = self._recalled = 0
        self._began = clock()
        self._best: float | None = None
        self._columns = beside_scalar(domain.objectives, domain.scalar_name)
        self._scalar = _Scalar.of(domain.objectives, domain.scalar_name)
        fixed = 5 + _NUMBER * (len(self._columns) + 2) + _COUNT + _LEFT
        self._value_width = max(12, WIDTH - fixed)
        self._headed = False

    def __call__(self, entry: Entry) -> None:
        """Take one journal entry."""
        if entry.kind == "evaluation":
            self._done += 1
            self._recalled += entry.recalled
            self._status(f"{self._domain.evaluation_name} {self._done}/{self._planned}")
        elif entry.kind == "trial":
            self._row(entry.body)
        elif entry.kind == "stop":
            self._planned = max(self._done, self._planned)
            self._line("")
            self._line(f"Search ended: {entry.body['reason']}.")

    def close(self) -> None:
        """Clear the line of progress."""
        self._clear()

    @property
    def recalled(self) -> int:
        """Evaluations answered from the journal of an earlier process."""
        return self._recalled

    def _head(self) -> None:
        domain = self._domain
        count = plural(domain.evaluation_name)
        count = count if len(count) < _COUNT else "done"
        names = [*(o.head for o in self._columns), self._scalar.head, "best "]
        units = [*(o.unit for o in self._columns), self._scalar.unit, ""]
        self._line(self._cells("step", value_column(domain), names, count, "left"))
        if any(units):
            self._line(self._cells("", "", units, "", "").rstrip())
        self._line("-" * WIDTH)
        self._headed = True

    def _cells(self, step: str, value: str, numbers: Sequence[str], count: str, left: str) -> str:
        cells = "".join(f"{n:>{_NUMBER}}" for n in numbers)
        shown = shortened(value, self._value_width)
        return f"{step:>4} {shown}{cells}{count:>{_COUNT}}{left:>{_LEFT}}"

    def _row(self, body: Any) -> None:
        if not self._headed:
            self._head()
        scores, best = body["scores"], body["best"]
        value = body["value"]
        if self._domain.value_file:
            value = body["rationale"] or body["origin"]
        mark = " " if best is None or best == self._best else "*"
        self._best = best
        if scores:
            numbers = [f"{scores[o.name]:.{o.decimals}f}" for o in self._columns]
            numbers += [self._scalar.shown(body["score"]), f"{self._scalar.shown(best)}{mark}"]
            count = f"{self._done}/{self._planned}"
            line = self._cells(str(body["step"]), value, numbers, count, self._left())
        else:
            head = f"{body['step']:>4} {shortened(value, self._value_width)}  "
            reason = f"{body['status']}: {body['reason']}"
            line = head + shortened(reason, WIDTH - len(head), pad=False)
        self._line(line)

    def _left(self) -> str:
        made = self._done - self._recalled
        remaining = max(0, self._planned - self._done)
        if made < 2 or not remaining:
            return "" if made < 2 else "0:00"
        seconds = round((self._clock() - self._began) / made * remaining)
        return f"{seconds // 60}:{seconds % 60:02d}"

    def _status(self, text: str) -> None:
        if self._live:
            left = self._left()
            best = "" if self._best is None else f", best {self._scalar.shown(self._best)}"
            self._out.write(f"\r\x1b[2K     {text}{best}{f', {left} left' if left else ''}")
            self._out.flush()

    def _line(self, text: str) -> None:
        self._clear()
        self._out.write(text + "\n")
        self._out.flush()

    def _clear(self) -> None:
        if self._live:
            self._out.write("\r\x1b[2K")
            self._out.flush()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scalar:
    """The column of the minimised number; two decimals where it is made of several."""

    head: str
    unit: str
    decimals: int

    @classmethod
    def of(cls, objectives: Sequence[Objective], name: str) -> _Scalar:
        same = scalar_objective(objectives, name)
        if same is None:
            return cls(head=name, unit="", decimals=2)
        return cls(head=same.head, unit=same.unit, decimals=same.decimals)

    def shown(self, value: float) -> str:
        return f"{value:.{self.decimals}f}"


def value_column(domain: Domain[Any]) -> str:
    """Head of the column that tells candidates apart."""
    return "change" if domain.value_file else domain.value_name


def comparison(result: Result, domain: Domain[Any]) -> str:
    """Start, best and references side by side, measured the same way."""
    rows = [("start", result.start), ("best", result.best)]
    rows += [(t.origin, t) for t in result.references]
    width = max(len(name) for name, _ in rows) + 1
    columns = beside_scalar(result.objectives, result.scalar_name)
    scalar = _Scalar.of(result.objectives, result.scalar_name)
    names = [*(o.head for o in columns), scalar.head]
    units = [*(o.unit for o in columns), scalar.unit]
    lines = [
        f"{'':{width}}" + "".join(f"{n:>{_NUMBER}}" for n in names) + f"  {value_column(domain)}"
    ]
    if any(units):
        lines.append((" " * width + "".join(f"{u:>{_NUMBER}}" for u in units)).rstrip())
    for name, trial in rows:
        cells = [_cell(trial, o) for o in columns]
        cells.append("-" if trial.scalar is None else scalar.shown(trial.scalar))
        line = f"{name:{width}}" + "".join(f"{c:>{_NUMBER}}" for c in cells)
        told = trial.rationale if domain.value_file else trial.canonical
        lines.append(f"{line}  {shortened(told, WIDTH - len(line) - 2, pad=False)}".rstrip())
    return "\n".join(lines)


def shortened(text: str, width: int, *, pad: bool = True) -> str:
    """A text in one line of at most ``width`` characters, padded to it if asked."""
    clean = "".join(c if c.isprintable() else " " for c in text)
    if len(clean) > width:
        clean = clean[: max(0, width - 2)] + ".."
    return f"{clean:<{width}}" if pad else clean


def plural(noun: str) -> str:
    """More than one of a thing."""
    return noun + "s"


def counted(number: int, noun: str) -> str:
    """A number and its noun."""
    return f"{number} {noun if number == 1 else plural(noun)}"


def _cell(trial: Trial, objective: Objective) -> str:
    scores: JSON = trial.to_json()["scores"]
    found = scores.get(objective.name) if isinstance(scores, dict) else None
    return f"{found:.{objective.decimals}f}" if isinstance(found, int | float) else "-"
