"""Small results for tests of whatever shows or writes them."""

from __future__ import annotations

from dataclasses import replace

from textgrad_core.domain import Objective, Tier
from textgrad_core.outcome import Evaluated, Rejected, Unmeasured
from textgrad_core.search.result import Result, Trial, Usage

VINA = Objective(name="vina", unit="kcal/mol", direction="min", decimals=1)
QED = Objective(name="qed", direction="max", weight=3.0, decimals=3)


def scored(
    step: int,
    index: int,
    value: str,
    vina: float,
    qed: float = 0.5,
    *,
    accepted: bool = False,
    origin: str = "graph mutation",
    tier: Tier = "screen",
    feedback: str = "",
    rationale: str = "",
    parent: str | None = None,
) -> Trial:
    """A measured trial of two objectives."""
    return Trial(
        step=step,
        index=index,
        origin=origin,
        canonical=value,
        outcome=Evaluated(scores={"vina": vina, "qed": qed}),
        scalar=vina - 3.0 * qed,
        tier=tier,
        accepted=accepted,
        feedback=feedback,
        rationale=rationale,
        parent=parent,
    )


def rejected(step: int, index: int, value: str = "C1CC(") -> Trial:
    """A trial that was refused before it was measured."""
    return Trial(
        step=step,
        index=index,
        origin="graph mutation",
        canonical=value,
        outcome=Rejected(reason="ring 1 is never closed", hint="close it"),
        scalar=None,
        paid=False,
    )


def unmeasured(step: int, index: int, value: str = "CCN") -> Trial:
    """A trial whose instrument failed."""
    return Trial(
        step=step,
        index=index,
        origin="graph mutation",
        canonical=value,
        outcome=Unmeasured(cause="worker died (signal 9)"),
        scalar=None,
    )


def sample_result() -> Result:
    """A short run with every kind of trial, two finalists and one reference."""
    start = scored(0, 0, "CCO", -2.5, 0.4, accepted=True, origin="start", feedback="too small")
    better = scored(1, 0, "CCOC", -3.5, 0.45, accepted=True, parent="CCO", rationale="grow")
    best = scored(2, 1, "CCOCC", -4.0, 0.5, accepted=True, parent="CCOC", rationale="grow again")
    final_start = replace(start, tier="report", feedback="")
    final_best = replace(best, tier="report")
    return Result(
        domain="molecules",
        objectives=(VINA, QED),
        scalar_name="vina - 3 qed",
        start=final_start,
        best=final_best,
        trials=(
            start,
            better,
            rejected(1, 1),
            unmeasured(2, 0),
            best,
            scored(3, 0, "CCC", -2.0, 0.35, parent="CCOCC"),
        ),
        finals=(final_start, final_best, replace(better, tier="report")),
        references=(scored(0, 0, "c1ccccc1O", -5.0, 0.55, origin="phenol", tier="report"),),
        stop_reason="12 steps done",
        usage=Usage(evaluations=5, evaluations_run=5, seconds=65.0),
        settings={
            "command": ["textgrad", "run", "molecules", "--start", "C C"],
            "seed": 1,
            "domain": {"exhaustiveness": 8, "versions": {"vina": "1.2.7"}},
        },
        proposer="built-in graph search; no language model was used",
    )
