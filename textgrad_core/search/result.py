"""What a run found: trials, the best of them, and how to read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from textgrad_core.domain import RESEARCH_USE, Objective, Tier
from textgrad_core.jsondata import JSON
from textgrad_core.outcome import Evaluated, Outcome, Rejected, Unmeasured


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One candidate and what became of it.

    Args:
        step: Round it was proposed in; 0 is the start.
        index: Place within the round.
        origin: ``"start"``, the proposer's name, or a reference's name.
        canonical: The value as `Domain.canonical` writes it; the raw answer if it was no value.
        outcome: What the instrument, or the check before it, said.
        scalar: The number to minimise; None if there is no score.
        tier: Tier of the outcome.
        accepted: Whether it was kept as a parent for later rounds.
        feedback: What was said about it to whoever proposes next.
        rationale: Why it was proposed.
        parent: Canonical form of the candidate it came from.
        paid: Whether the instrument was asked for it (False for refused candidates).
    """

    step: int
    index: int
    origin: str
    canonical: str
    outcome: Outcome
    scalar: float | None
    tier: Tier = "screen"
    accepted: bool = False
    feedback: str = ""
    rationale: str = ""
    parent: str | None = None
    paid: bool = True

    def to_json(self) -> dict[str, JSON]:
        """Plain data, without artefacts."""
        outcome = self.outcome
        reason = outcome.text if isinstance(outcome, Rejected) else ""
        if isinstance(outcome, Unmeasured):
            reason = outcome.cause
        return {
            "step": self.step,
            "index": self.index,
            "tier": self.tier,
            "origin": self.origin,
            "value": self.canonical,
            "status": self.status,
            "scores": dict(outcome.scores) if isinstance(outcome, Evaluated) else {},
            "score": self.scalar,
            "reason": reason,
            "parent": self.parent,
            "rationale": self.rationale,
        }

    @property
    def status(self) -> str:
        """In words: kept, not kept, measured (at the report tier), rejected or unmeasured."""
        match self.outcome:
            case Rejected():
                return "rejected"
            case Unmeasured():
                return "unmeasured"
            case Evaluated():
                if self.tier == "report":
                    return "measured"
                return "kept" if self.accepted else "not kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a run consumed. Recalled entries were paid for by an earlier process.

    Args:
        evaluations: Evaluations that have an answer, wherever it came from.
        evaluations_run: Evaluations this process paid for.
        model_calls: Model calls that have an answer.
        model_calls_made: Model calls this process paid for.
        prompt_tokens: Tokens sent, as the servers counted them; None if a server did not say.
        completion_tokens: Tokens received, likewise.
        failed_attempts: Requests that brought no usable answer; what they took is in the tokens
            and the cost as far as the servers said.
        cost: In the currency of the run's prices; None if a price or the tokens of a call are
            unknown.
        seconds: Wall time of this process's part of the search.
        report_seconds: Wall time this process took afterwards for files, pictures and page.
    """

    evaluations: int = 0
    evaluations_run: int = 0
    model_calls: int = 0
    model_calls_made: int = 0
    prompt_tokens: int | None = 0
    completion_tokens: int | None = 0
    failed_attempts: int = 0
    cost: float | None = 0.0
    seconds: float = 0.0
    report_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The end of a run; never worse than its start.

    Args:
        domain: Name of the domain.
        objectives: What was measured.
        scalar_name: Name of the number that was minimised.
        start: The start, at the report tier where the run got that far.
        best: The best candidate, likewise.
        trials: Every candidate in order of (step, index), at the screen tier.
        finals: Report-tier trials: start, finalists, best first among the latter.
        references: Report-tier trials of the domain's references; `Trial.origin` is the name.
        stop_reason: Why the run ended, in words.
        usage: What it consumed.
        settings: Everything the run was configured with.
        proposer: Who proposed, as it should be shown.
        folder: The run folder, if one was written.
        notice: What the domain says the result may be used for.
    """

    domain: str
    objectives: tuple[Objective, ...]
    scalar_name: str
    start: Trial
    best: Trial
    trials: tuple[Trial, ...]
    finals: tuple[Trial, ...] = ()
    references: tuple[Trial, ...] = ()
    stop_reason: str = ""
    usage: Usage = field(default_factory=Usage)
    settings: Mapping[str, JSON] = field(default_factory=dict)
    proposer: str = ""
    folder: Path | None = None
    notice: str = RESEARCH_USE

    def with_settings(self, settings: Mapping[str, JSON], folder: Path | None) -> Result:
        """The same result, saying how it was made and where it is kept."""
        return replace(self, settings=settings, folder=folder)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from textgrad_core.report.notebook import result_html

        return result_html(self)
