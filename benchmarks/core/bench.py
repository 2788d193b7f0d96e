"""Every measurement of the comparison, each in a process of its own, as rows of one table."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.core import batch, branches, installed, starts
from benchmarks.core.table import Row, at_most, number, times_faster

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SLEEP_S = 0.05
TIMES_FASTER = 20
CRITICAL_PATHS = 1.5
IMPORT_S = 0.15
PROMPT_CHARS = 65_000
FEEDBACK_CHARS = 100
TOLD_LINES = 6


@dataclass(slots=True)
class Bench:
    """Runs measurements, each in a process of its own, and keeps what they gave.

    Args:
        textgrad: Interpreter that has TextGrad; None measures ours alone.
        suite: Interpreter of an environment with only this suite, for what is installed.
        size: Length of the batch.
        long: Nodes of the long chain.
        runs: Starts of each interpreter, and repeats of what waits.
        timeout_s: The longest one measurement may take.
    """

    textgrad: str | None
    suite: str | None
    size: int = 32
    long: int = 20_000
    runs: int = 5
    timeout_s: float = 600.0
    raw: dict[str, Any] = field(default_factory=dict)

    def measure(self, side: str, measurement: str, **arguments: Any) -> dict[str, Any]:
        """The result of one measurement; ``error`` says why there is none."""
        python = self.textgrad if side == "textgrad" else sys.executable
        if python is None:
            return {}
        command = [python, str(HERE / "worker.py"), side, measurement, json.dumps(arguments)]
        label = f"{side} {measurement} {json.dumps(arguments)}"
        print(f"  {label}", file=sys.stderr, flush=True)
        result = self.raw[label] = _result(command, self.timeout_s)
        if side != "textgrad" and set(result) == {"error"}:
            raise SystemExit(f"{label}: {result['error']}")
        return result

    def best(self, side: str, measurement: str, **arguments: Any) -> dict[str, Any]:
        """The quickest of some runs: what waits is only ever held up by other programs."""
        repeats = 1 if side == "textgrad" else self.runs
        results = [self.measure(side, measurement, **arguments) for _ in range(repeats)]
        best = min(results, key=lambda result: result.get("seconds", float("inf")))
        self.raw[f"{side} {measurement} {json.dumps(arguments)}"] = best
        return best

    def rows(self) -> list[Row]:
        """Everything, in the order of the table."""
        return [
            *self.batch_rows(),
            *self.branch_rows(),
            *self.chain_rows(),
            *self.add_rows(),
            *self.prompt_rows(),
            *self.weight_rows(),
        ]

    def batch_rows(self) -> list[Row]:
        """A batch against TextGrad and against its critical path."""
        shape = {"size": self.size, "sleep_s": SLEEP_S}
        theirs = self.best("textgrad", "batch", **shape)
        rows = []
        for side, how in (("ours", "async engine"), ("ours-plain", "TextGrad user's engine")):
            found = self.best(side, "batch", **shape)
            rows.append(
                Row(
                    name=f"batch of {self.size}, {how}",
                    unit="s",
                    ours=found["seconds"],
                    theirs=theirs.get("seconds"),
                    goal=f">= {TIMES_FASTER} times faster",
                    holds=times_faster(TIMES_FASTER),
                )
            )
            rows.append(_critical(f"batch of {self.size}, {how}", found, theirs, batch.LEVELS))
        return rows

    def branch_rows(self) -> list[Row]:
        """Sixteen branches against TextGrad and against their critical path."""
        shape = {"branches": 16, "sleep_s": SLEEP_S}
        ours = self.best("ours", "branches", **shape)
        theirs = self.best("textgrad", "branches", **shape)
        name = "16 branches, join, loss"
        return [
            Row(name=name, unit="s", ours=ours["seconds"], theirs=theirs.get("seconds")),
            _critical(name, ours, theirs, branches.LEVELS),
        ]

    def chain_rows(self) -> list[Row]:
        """What the library itself costs per node, short and long."""
        rows = []
        for nodes in dict.fromkeys((500, 1_000, self.long)):
            ours = self.measure("ours", "chain", nodes=nodes)
            theirs = self.measure("textgrad", "chain", nodes=nodes)
            for part in ("forward", "backward"):
                for clock, key in (("wall", "us"), ("processor", "processor_us")):
                    rows.append(
                        Row(
                            name=f"chain of {nodes:,}, {part}, {clock}",
                            unit="us/node",
                            ours=_figure(ours, f"{part}_{key}") or "nothing",
                            theirs=_figure(theirs, f"{part}_{key}"),
                            goal="completes",
                            holds=at_most(float("inf")),
                        )
                    )
        return rows

    def add_rows(self) -> list[Row]:
        """Feedback that arrives through nested additions."""
        rows = []
        for double, what in ((False, "v + constant"), (True, "v + v")):
            for depth in (4, 8, 12):
                shape = {"depth": depth, "double": double}
                ours = self.measure("ours", "nested_add", **shape)
                theirs = self.measure("textgrad", "nested_add", **shape)
                rows.append(
                    Row(
                        name=f"feedback after {depth} nested {what}",
                        unit="characters",
                        ours=ours["characters"],
                        theirs=_figure(theirs, "characters"),
                        goal=f"<= {FEEDBACK_CHARS} at any depth",
                        holds=at_most(FEEDBACK_CHARS),
                    )
                )
        return rows

    def prompt_rows(self) -> list[Row]:
        """The optimizer's request after batches of growing size."""
        rows = []
        for size in (4, 16, 64, 200):
            ours = self.measure("ours", "optimizer_prompt", size=size)
            theirs = self.measure("textgrad", "optimizer_prompt", size=size)
            rows.append(
                Row(
                    name=f"optimizer request after a batch of {size}",
                    unit="characters",
                    ours=ours["characters"],
                    theirs=_figure(theirs, "characters"),
                    goal=f"<= {PROMPT_CHARS:,}",
                    holds=at_most(PROMPT_CHARS),
                )
            )
        return rows

    def weight_rows(self) -> list[Row]:
        """Import time, and what an installation brings along."""
        programs: dict[str, tuple[str, str, Path | None]] = {
            "ours": (sys.executable, "textgrad_core", ROOT)
        }
        if self.textgrad is not None:
            programs["textgrad"] = (self.textgrad, "textgrad", None)
        print("  import time", file=sys.stderr, flush=True)
        imports = self.raw["import_s"] = starts.extra_seconds(programs, self.runs)
        with tempfile.TemporaryDirectory() as folder:
            ours = (
                installed.package(ROOT / "textgrad_core")
                if self.suite is None
                else installed.environment(self.suite, Path(folder))
            )
            theirs = installed.environment(self.textgrad, Path(folder)) if self.textgrad else {}
        self.raw["installed"] = {"ours": ours, "textgrad": theirs}
        where = "core's sources" if self.suite is None else "installed"
        return [
            Row(
                name="import, beyond a bare start",
                unit="s",
                ours=imports["ours"],
                theirs=imports.get("textgrad"),
                goal=f"<= {IMPORT_S} s",
                holds=at_most(IMPORT_S),
            ),
            Row(
                name=f"size, {where}",
                unit="MB",
                ours=ours["megabytes"],
                theirs=theirs.get("megabytes"),
            ),
            Row(
                name="distributions",
                unit="",
                ours=ours["distributions"],
                theirs=theirs.get("distributions"),
                goal="no dependency",
                holds=at_most(1),
            ),
        ]


def _critical(name: str, ours: dict[str, Any], theirs: dict[str, Any], levels: int) -> Row:
    path_s = levels * SLEEP_S
    seconds = theirs.get("seconds")
    return Row(
        name=f"{name}, by critical path",
        unit=f"{number(path_s)} s",
        ours=ours["seconds"] / path_s,
        theirs=None if seconds is None else seconds / path_s,
        goal=f"<= {CRITICAL_PATHS}",
        holds=at_most(CRITICAL_PATHS),
    )


def _figure(result: dict[str, Any], key: str) -> float | str | None:
    """A figure, or in one word why there is none."""
    if key in result:
        figure: float = result[key]
        return figure
    error: str | None = result.get("error")
    return None if error is None else error.partition(":")[0].partition(" ")[0]


def _result(command: list[str], timeout_s: float) -> dict[str, Any]:
    """The last line a worker printed, as JSON; it works in a folder that is thrown away."""
    settings = {**os.environ, **starts.OFFLINE}
    settings.pop("PYTHONPATH", None)
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                env=settings,
                check=True,
                capture_output=True,
                text=True,
                timeout=timeout_s,
            )
            found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        except subprocess.TimeoutExpired:
            return {"error": f"timeout after {timeout_s} s"}
        except subprocess.CalledProcessError as error:
            said = (error.stderr or error.stdout).strip().splitlines() or [str(error)]
            return {"error": "\n".join(said[-TOLD_LINES:])}
        except (ValueError, IndexError):
            return {"error": f"no result: {done.stdout[-200:]}"}
    return found
