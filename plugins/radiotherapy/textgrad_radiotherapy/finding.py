"""What is known of a goal before any plan is made."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from textgrad_radiotherapy.goals import Goal

Severity = Literal["impossible", "doubtful", "unjudged", "unusual"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is wrong with a goal before any plan is made.

    Args:
        goal: The goal, its structure named as the case names it.
        severity: ``impossible``: no plan meets it together with what it names. ``doubtful``:
            it leaves little room. ``unjudged``: the case cannot tell. ``unusual``: it may be
            mistaken.
        reason: What forbids it, with the numbers.
        remedy: What to change.
        against: What it cannot be met together with; empty unless impossible.
        bound: What the metric can reach together with that, in its unit; None if not computed.
    """

    goal: Goal
    severity: Severity
    reason: str
    remedy: str
    against: str = ""
    bound: float | None = None

    def text(self) -> str:
        """One paragraph."""
        return f"{self.severity}: {self.goal.name}: {self.reason}; {self.remedy}"

    def note(self) -> str:
        """The same in a sentence, for tables and prompts; empty unless impossible."""
        if self.severity != "impossible":
            return ""
        told = f"no plan of this case reaches it while {self.against} holds"
        if self.bound is None:
            return told
        hundredths = self.bound * 100  # rounded to the side that claims less
        if self.goal.direction == ">=":
            shown = math.ceil(hundredths - 1e-6) / 100
        else:
            shown = math.floor(hundredths + 1e-6) / 100
        return f"{told}; bound {shown:g} {self.goal.metric.unit}".rstrip()
