"""How a search runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from textgrad_core.budget import Budget
from textgrad_core.errors import UsageError
from textgrad_core.jsondata import JSON
from textgrad_core.loss import FeedbackMode


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a search runs. Everything here shapes its course and is part of its settings.

    Args:
        steps: Rounds of proposals.
        proposals: Proposals per round.
        parents: How many of the best candidates may be built upon.
        finalists: How many of the best are evaluated again at the report tier.
        feedback: Who writes feedback: ``"exact"`` computes it, ``"llm"`` and ``"both"`` ask
            the engine.
        seed: Seed of the whole run.
        deadline_s: Seconds after which one evaluation is given up as `Unmeasured`.
        budget: Limits; a run that reaches one ends with what it has.
        params: Sampling parameters for the engine.
    """

    steps: int = 10
    proposals: int = 4
    parents: int = 5
    finalists: int = 3
    feedback: FeedbackMode = "exact"
    seed: int = 0
    deadline_s: float | None = None
    budget: Budget = field(default_factory=Budget)
    params: Mapping[str, JSON] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse counts below their bound."""
        bounds = {"steps": 0, "proposals": 1, "parents": 1, "finalists": 1}
        for name, bound in bounds.items():
            given = getattr(self, name)
            if given < bound:
                raise UsageError(f"{name}={given}: give at least {bound}")
        if self.deadline_s is not None and not self.deadline_s > 0:
            raise UsageError(f"deadline_s={self.deadline_s}: give more than 0, or None")
        if self.feedback not in ("exact", "llm", "both"):
            raise UsageError(f"feedback={self.feedback!r}: choose 'exact', 'llm' or 'both'")

    def to_json(self) -> dict[str, JSON]:
        """Plain data for the journal."""
        return {
            "steps": self.steps,
            "proposals": self.proposals,
            "parents": self.parents,
            "finalists": self.finalists,
            "feedback": self.feedback,
            "seed": self.seed,
            "deadline_s": self.deadline_s,
            "budget": self.budget.to_json(),
            "params": dict(self.params),
        }
