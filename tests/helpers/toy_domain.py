"""A tiny deterministic domain: DNA words, measured by their distance from a hidden one.

Everything is computed here and in a few lines, so tests know what to expect without running
the suite. Options make the instrument count its uses, also across processes, or fail.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from textgrad_core.domain import (
    Constraint,
    Domain,
    EvaluationContext,
    Objective,
    Proposal,
    ProposalRequest,
)
from textgrad_core.errors import Invalid
from textgrad_core.jsondata import JSON
from textgrad_core.outcome import Evaluated, Outcome, Rejected, Unmeasured

LETTERS = "ACGT"
MAX_LETTERS = 40
HIDDEN = "ACGTACGT"


def distance(word: str, hidden: str = HIDDEN) -> int:
    """Letters that differ, plus the difference in length."""
    differing = sum(a != b for a, b in zip(word, hidden, strict=False))
    return differing + abs(len(word) - len(hidden))


def no_run_of_four(word: str) -> bool:
    """Whether no letter stands four times in a row."""
    return not any(letter * 4 in word for letter in LETTERS)


class Mutations:
    """One seeded change of one letter in each proposal."""

    name = "toy mutations"

    def propose(self, request: ProposalRequest) -> Sequence[Proposal]:
        """New words in an order the seed decides, none of those to avoid."""
        rng = Random(request.seed)
        made: dict[str, Proposal] = {}
        for _ in range(50 * request.count):
            if len(made) == request.count:
                break
            parent = rng.choice(request.parents).canonical
            place = rng.randrange(len(parent))
            word = parent[:place] + rng.choice(LETTERS) + parent[place + 1 :]
            if word not in request.avoid:
                made.setdefault(word, Proposal(answer=word, parent=parent))
        return tuple(made.values())


@dataclass
class ToyDomain(Domain[str]):
    """DNA words; fewer differences from the hidden word are better.

    Args:
        hidden: The word to find.
        target: Distance that is good enough; None if none is.
        counter: File that grows by one byte at every real evaluation, in whatever process.
        broken: Words the instrument fails on, and what it does: ``"unmeasured"`` says so,
            ``"final"`` says so and that trying again is useless, ``"raise"`` raises,
            ``"invalid"`` raises Invalid, ``"exit"`` leaves like a script, ``"die"`` kills the
            process it runs in.
        heals_after: Uses, by the counter, after which nothing is broken any more.
        rejected: Words the instrument itself rejects.
        version: Part of the fingerprint.
    """

    name = "toy"
    role = "a DNA word of the letters A, C, G and T"
    scalar_name = "distance"
    value_name = "word"
    critique = "You compare DNA words."
    proposer = Mutations()

    hidden: str = HIDDEN
    target: float | None = 0.0
    counter: str | None = None
    broken: Mapping[str, str] = field(default_factory=dict)
    heals_after: int | None = None
    rejected: tuple[str, ...] = ()
    version: str = "1"

    def __post_init__(self) -> None:
        """State the objective with its target."""
        self.objectives: tuple[Objective, ...] = (
            Objective(name="distance", unit="letters", target=self.target, decimals=0),
        )

    @property
    def constraints(self) -> tuple[Constraint[str], ...]:
        """One rule, as words and as a check."""
        return (Constraint(words="no letter four times in a row", holds=no_run_of_four),)

    def parse(self, answer: str) -> str:
        """Read a word; blanks and case do not matter."""
        word = "".join(answer.split()).upper()
        if not word:
            raise Invalid("the word is empty", "write at least one letter")
        strange = sorted(set(word) - set(LETTERS))
        if strange:
            raise Invalid(f"letters {', '.join(strange)}", "use A, C, G and T only")
        if len(word) > MAX_LETTERS:
            raise Invalid(f"{len(word)} letters", f"write at most {MAX_LETTERS}")
        return word

    def evaluate(self, value: str, context: EvaluationContext) -> Outcome:
        """The distance, or the failure that was asked for."""
        uses = self._count()
        healed = self.heals_after is not None and uses > self.heals_after
        match None if healed else self.broken.get(value):
            case "unmeasured":
                return Unmeasured(cause="the toy instrument is out of order")
            case "final":
                return Unmeasured(cause="the toy instrument is gone", retryable=False)
            case "raise":
                raise RuntimeError("the toy instrument fell over")
            case "invalid":
                raise Invalid("found invalid late", "think earlier")
            case "exit":
                raise SystemExit(3)
            case "die":
                os._exit(9)
        if value in self.rejected:
            return Rejected(reason=f"{value} is refused by the instrument", hint="change it")
        wrong = [i for i, (a, b) in enumerate(zip(value, self.hidden, strict=False), 1) if a != b]
        places: list[JSON] = [*wrong]
        return Evaluated(
            scores={"distance": float(distance(value, self.hidden))},
            feedback=f"wrong letters at {wrong}" if wrong else "every letter is right",
            data={"wrong": places, "tier": context.tier},
        )

    def fingerprint(self) -> Mapping[str, JSON]:
        """All that shapes a distance."""
        return {"hidden": self.hidden, "version": self.version}

    def evaluations(self) -> int:
        """Real evaluations so far, in all processes; needs ``counter``."""
        if self.counter is None:
            raise ValueError("no counter: give ToyDomain(counter=path)")
        path = Path(self.counter)
        return path.stat().st_size if path.exists() else 0

    def _count(self) -> int:
        if self.counter is None:
            return 0
        descriptor = os.open(self.counter, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(descriptor, b".")
            return os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)
