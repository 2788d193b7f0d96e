"""The toy domain, measuring no faster than its test allows."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from textgrad_core.domain import EvaluationContext
from textgrad_core.outcome import Outcome
from toy_domain import ToyDomain

LONGEST_WAIT_S = 60.0
LOOK_S = 0.02


@dataclass
class SlowToy(ToyDomain):
    """Counts the use, then waits until a file exists.

    Args:
        gate: The file.
    """

    gate: str = ""

    def evaluate(self, value: str, context: EvaluationContext) -> Outcome:
        """Measure once the gate is open; then still give way a little."""
        outcome = super().evaluate(value, context)
        ends = time.monotonic() + LONGEST_WAIT_S
        while not Path(self.gate).exists() and time.monotonic() < ends:
            time.sleep(LOOK_S)
        time.sleep(LOOK_S)
        return outcome
