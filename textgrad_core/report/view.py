"""The head of the page, computed: finding, cards, comparison, lineage; a template only prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from textgrad_core.columns import beside_scalar
from textgrad_core.domain import Objective, Reference
from textgrad_core.outcome import Evaluated, Rejected, Unmeasured
from textgrad_core.report.spending import after_search
from textgrad_core.report.text import clipped, duration, headline, number
from textgrad_core.report.trajectory import scalar_decimals, scalar_of, score_of
from textgrad_core.search.result import Result, Trial

ONE_TEXT = 8_000
_ANCESTORS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One number of the summary and what it means."""

    name: str
    shown: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonRow:
    """One line of the comparison: a role, a value, its numbers."""

    role: str
    value: str
    note: str
    picture: str | None
    scores: tuple[str, ...]
    scalar: str
    change: str
    tier: str
    failure: str
    best: bool = False


def scalar_text(
    value: float | None, objectives: Sequence[Objective], *, signed: bool = False
) -> str:
    """The minimised number as printed."""
    return number(value, scalar_decimals(objectives), signed=signed)


def failure_of(trial: Trial) -> str:
    """Why a trial has no score; empty if it has one."""
    match trial.outcome:
        case Rejected():
            return f"Rejected: {trial.outcome.text}"
        case Unmeasured():
            return f"Not measured: {trial.outcome.cause}"
        case Evaluated():
            return ""


def improvement(result: Result) -> float | None:
    """How much lower the best is than the start; None if the two cannot be compared."""
    start, best = scalar_of(result.start), scalar_of(result.best)
    if start is None or best is None or result.start.tier != result.best.tier:
        return None
    return start - best


def finding(result: Result) -> str:
    """The outcome of the run in one or two plain sentences."""
    start, best, gain = scalar_of(result.start), scalar_of(result.best), improvement(result)
    name = result.scalar_name
    was, now = (scalar_text(v, result.objectives) for v in (start, best))
    if best is None:
        return "No candidate could be scored, so there is no best one to report."
    if start is None:
        reason = failure_of(result.start) or "It has no score."
        return f"The best {name} is {now}. The start was not scored. {reason}"
    if result.best.canonical == result.start.canonical:
        return f"No candidate was better than the start ({name} {was})."
    if gain is None:
        return (
            f"From start to best, {name} went from {was} to {now}, but the two were "
            f"measured at different tiers ({result.start.tier} and {result.best.tier}), "
            "so they are not comparable."
        )
    if gain <= 0:
        return (
            f"Measured at the {result.best.tier} tier, the best candidate is no improvement: "
            f"{name} {now} against {was} for the start."
        )
    return (
        f"From start to best, {name} fell from {was} to {now}, both measured at the "
        f"{result.best.tier} tier; lower is better."
    )


def cards(result: Result) -> tuple[Card, ...]:
    """The summary."""
    usage, gain = result.usage, improvement(result)
    counts = {s: sum(t.status == s for t in result.trials) for s in ("rejected", "unmeasured")}
    failed = ", ".join(f"{n} {status}" for status, n in counts.items() if n)
    calls = "no language model was called" if not usage.model_calls else ""
    tokens = (usage.prompt_tokens, usage.completion_tokens)
    if usage.model_calls and None not in tokens:
        calls = f"{tokens[0]:,} tokens sent, {tokens[1]:,} received"
    return (
        Card(
            name="Start",
            shown=scalar_text(scalar_of(result.start), result.objectives),
            note=f"{result.scalar_name}, {result.start.tier} tier",
        ),
        Card(
            name="Best",
            shown=scalar_text(scalar_of(result.best), result.objectives),
            note=f"{result.scalar_name}, {result.best.tier} tier",
        ),
        Card(
            name="Improvement",
            shown=scalar_text(gain, result.objectives),
            note="start minus best" if gain is not None else "start and best do not compare",
        ),
        Card(name="Candidates", shown=f"{len(result.trials):,}", note=failed),
        Card(
            name="Evaluations",
            shown=f"{usage.evaluations:,}",
            note=f"{usage.evaluations_run:,} made by this process",
        ),
        Card(name="Model calls", shown=f"{usage.model_calls:,}", note=calls),
        Card(
            name="Time",
            shown=duration(usage.seconds),
            note=f"this process's part of the search{after_search(usage)}",
        ),
    )


def comparison(
    result: Result, pictures: Mapping[str, str], references: Sequence[Reference]
) -> tuple[ComparisonRow, ...]:
    """Start, best, the other finalists, then the references."""
    notes = {r.name: r.note for r in references}
    same = result.best.canonical == result.start.canonical
    entries = [("Start, still the best" if same else "Start", result.start, "")]
    if not same:
        entries.append(("Best", result.best, result.best.rationale))
    named = {result.start.canonical, result.best.canonical}
    for trial in result.finals:
        if trial.canonical not in named:
            named.add(trial.canonical)
            entries.append(("Finalist", trial, trial.rationale))
    entries += [(f"Reference: {t.origin}", t, notes.get(t.origin, "")) for t in result.references]
    return tuple(
        _comparison_row(role, trial, note, result, pictures.get(trial.canonical))
        for role, trial, note in entries
    )


def _comparison_row(
    role: str, trial: Trial, note: str, result: Result, picture: str | None
) -> ComparisonRow:
    start, scalar = scalar_of(result.start), scalar_of(trial)
    comparable = start is not None and scalar is not None and trial.tier == result.start.tier
    change = scalar - start if comparable and scalar is not None and start is not None else None
    shift = scalar_text(change, result.objectives, signed=True)
    return ComparisonRow(
        role=role,
        value=clipped(trial.canonical, ONE_TEXT),
        note=headline(note, 400),
        picture=picture,
        scores=scores_text(trial, beside_scalar(result.objectives, result.scalar_name)),
        scalar=scalar_text(scalar, result.objectives),
        change="" if trial is result.start else shift,
        tier=trial.tier,
        failure=headline(failure_of(trial), 300),
        best=trial is result.best,
    )


def scores_text(trial: Trial, objectives: Sequence[Objective]) -> tuple[str, ...]:
    """The objectives of a trial as printed, in their order."""
    return tuple(number(score_of(trial, o.name), o.decimals) for o in objectives)


def lineage(result: Result) -> tuple[Trial, ...]:
    """The trials from the start to the best one, each the parent of the next.

    Where the chain is longer than a page can show, its last links.
    """
    by_value: dict[str, Trial] = {}
    for trial in result.trials:
        if trial.canonical not in by_value or trial.accepted:
            by_value[trial.canonical] = trial
    chain: list[Trial] = []
    seen: set[str] = set()
    at: str | None = result.best.canonical
    while at is not None and at in by_value and at not in seen:
        seen.add(at)
        chain.append(by_value[at])
        at = by_value[at].parent
    return tuple(reversed(chain[:_ANCESTORS]))
