"""Kill a run of 200 model calls at random moments, start it again each time, count the calls.

Run it from the repository: ``python benchmarks/resume_after_kill/run.py``. Exits with 1 if a call
whose answer was recorded was made again, or if the run does not end like an undisturbed one.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

if __name__ == "__main__":  # the root instead of this folder
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from benchmarks.resume_after_kill.program import CALLS, WIDTH
from textgrad_core.engine import Request
from textgrad_core.journal_lines import Entry, read_entries
from textgrad_core.jsondata import JSON, digest

HERE = Path(__file__).resolve().parent
LOOK_S = 0.002
ASKED = frozenset(Request(messages=()).to_json())  # in a record, beside what names the engine


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """One of them.

    Args:
        begun: Live calls begun so far, in all lives of the run.
        recorded: Answers in the journal.
        in_flight: Live calls begun in this life whose answers are not in the journal.
    """

    begun: int
    recorded: int
    in_flight: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run with kills came to.

    Args:
        kills: Every kill, in order.
        live_calls: Calls in all lives together.
        paid_twice: Calls made again although their answer was on record when they were.
        same_end: Whether value and journal are those of the undisturbed run.
    """

    kills: tuple[Kill, ...]
    live_calls: int
    paid_twice: int
    same_end: bool

    @property
    def in_flight(self) -> int:
        """Calls that were lost, because they were under way at a kill."""
        return sum(kill.in_flight for kill in self.kills)

    @property
    def held(self) -> bool:
        """Whether what is claimed is so."""
        lost = all(0 <= kill.in_flight <= WIDTH for kill in self.kills)
        exact = self.live_calls == CALLS + self.in_flight
        return exact and lost and self.paid_twice == 0 and self.same_end


class Lives:
    """One run folder and all processes that work on it, one after the other.

    Args:
        folder: A new one.
        wait_s: Seconds to each answer.
    """

    def __init__(self, folder: Path, wait_s: float) -> None:
        self._run, self._calls = folder / "run", folder / "calls"
        self._command = [
            sys.executable, "-m", "benchmarks.resume_after_kill.program",
            str(self._run), str(self._calls), str(wait_s),
        ]  # fmt: skip
        folder.mkdir()
        self._calls.touch()
        self.paid_twice = 0

    def begun(self) -> list[str]:
        """The digest of every request so far."""
        return self._calls.read_text("ascii").split()

    def recorded(self) -> Counter[str]:
        """Those whose answers are in the journal; a torn last line counts for nothing."""
        path = self._run / "journal.jsonl"
        entries = read_entries(path)[0] if path.exists() else []
        return Counter(_asked(entry) for entry in entries if entry.kind == "model")

    def live(self, until: int | None, delay_s: float = 0.0) -> tuple[str | None, Kill | None]:
        """Run until as many lines are in the journal and a while has passed, or to the end.

        Returns:
            What the program printed at its end, or how it was killed.
        """
        before, first = self.recorded(), len(self.begun())
        with subprocess.Popen(
            self._command, cwd=HERE.parents[1], stdout=subprocess.PIPE, text=True
        ) as process:
            try:
                while until is not None and process.poll() is None:
                    if self._lines() >= until:
                        time.sleep(delay_s)
                        break
                    time.sleep(LOOK_S)
                if until is not None:
                    process.kill()
                told, _ = process.communicate()
            finally:
                process.kill()
        begun, after = self.begun(), self.recorded()
        here = Counter(begun[first:])
        self.paid_twice += (here & before).total()
        if process.returncode == 0:
            return told.strip(), None
        if until is None:
            raise SystemExit(f"the program ended with {process.returncode}")
        lost = here - (after - before)
        return None, Kill(begun=len(begun), recorded=after.total(), in_flight=lost.total())

    def _lines(self) -> int:
        path = self._run / "journal.jsonl"
        return path.read_bytes().count(b"\n") if path.exists() else 0

    def end(self) -> str:
        """The digest of everything recorded; its order depends on timing and does not count."""
        entries = read_entries(self._run / "journal.jsonl")[0]
        rows: list[JSON] = [
            *sorted(digest([e.kind, e.site, e.key, dict(e.body)]) for e in entries)
        ]
        return digest(rows)


def _asked(entry: Entry) -> str:
    """The digest of a recorded request, as the engine writes it."""
    record = entry.body["request"]
    return digest(
        {k: v for k, v in record.items() if k in ASKED} if isinstance(record, dict) else {}
    )


def measure(kills: int, seed: int, wait_s: float, folder: Path) -> tuple[Outcome, str]:
    """An undisturbed run, and one with kills; also returns the digest of the first."""
    whole, cut = Lives(folder / "whole", wait_s), Lives(folder / "cut", wait_s)
    value, _ = whole.live(None)
    if len(whole.begun()) != CALLS:
        raise SystemExit(f"the undisturbed run made {len(whole.begun())} calls, not {CALLS}")
    rng = Random(seed)
    done: list[Kill] = []
    for moment in sorted(rng.sample(range(1, CALLS - 4 * WIDTH), kills)):
        ended, kill = cut.live(moment, rng.uniform(0, wait_s))
        if kill is None:
            raise SystemExit(f"the run ended ({ended}) before it was killed: give more --wait")
        done.append(kill)
    last, _ = cut.live(None)
    same = last == value and cut.end() == whole.end()
    outcome = Outcome(
        kills=tuple(done),
        live_calls=len(cut.begun()),
        paid_twice=cut.paid_twice,
        same_end=same,
    )
    return outcome, whole.end()


def told(outcome: Outcome, end: str) -> str:
    """The outcome as a table and two sentences."""
    lines = [f"{'kill':>4}  {'begun':>5}  {'recorded':>8}  {'in flight':>9}"]
    lines += [
        f"{n:>4}  {kill.begun:>5}  {kill.recorded:>8}  {kill.in_flight:>9}"
        for n, kill in enumerate(outcome.kills, 1)
    ]
    lines.append(
        f"live calls: {outcome.live_calls} = {CALLS} + {outcome.in_flight} in flight at "
        f"{len(outcome.kills)} kills (at most {WIDTH} each); paid for twice: {outcome.paid_twice}"
    )
    equal = "equal to" if outcome.same_end else "NOT EQUAL to"
    lines.append(f"final digest: {equal} that of an undisturbed run, {end[:16]}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; 1 if the claim does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="how many (20)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (0)")
    parser.add_argument("--wait", type=float, default=0.05, help="seconds to an answer (0.05)")
    parser.add_argument("--out", type=Path, default=HERE / "result.json", help="result file")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        outcome, end = measure(options.kills, options.seed, options.wait, Path(folder))
    print(told(outcome, end))
    result = {
        "calls": CALLS,
        "width": WIDTH,
        "seed": options.seed,
        "live_calls": outcome.live_calls,
        "in_flight": outcome.in_flight,
        "paid_twice": outcome.paid_twice,
        "same_end": outcome.same_end,
        "digest": end,
        "kills": [asdict(kill) for kill in outcome.kills],
    }
    options.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return int(not outcome.held)


if __name__ == "__main__":
    sys.exit(main())
