"""The seam to the instruments: what a value is, how it is measured, how that reads as feedback.

A plugin is one `Domain` and one `textgrad_core.plugin.Plugin` record that names it.
`textgrad_core.testing.check_domain` is this contract as an executable test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Literal, Protocol, TypeVar

from textgrad_core.jsondata import JSON
from textgrad_core.outcome import Artefact, Evaluated, Outcome, Rejected, Unmeasured

if TYPE_CHECKING:
    from textgrad_core.search.result import Result, Trial

V = TypeVar("V")
Tier = Literal["screen", "report"]
RESEARCH_USE = "Research use only."


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """One number a domain measures, and which way is better.

    Args:
        name: Key in `Evaluated.scores`.
        unit: Unit as printed, empty for a pure number.
        direction: ``"min"`` if less is better.
        weight: Its share in the default `Domain.scalar`.
        target: Value that is good enough, if there is one.
        decimals: Digits worth showing.
        label: Head of its column in tables; the name if empty.
    """

    name: str
    unit: str = ""
    direction: Literal["min", "max"] = "min"
    weight: float = 1.0
    target: float | None = None
    decimals: int = 2
    label: str = ""

    @property
    def head(self) -> str:
        """Head of its column."""
        return self.label or self.name


@dataclass(frozen=True, kw_only=True)  # no slots: Constraint[str](...) has to work
class Constraint(Generic[V]):
    """A rule as words for the prompt and as a predicate, so that the two cannot drift apart.

    Args:
        words: The rule as a model or a person reads it.
        holds: Whether a parsed value obeys it. Cheap: it runs before anything is paid for.
    """

    words: str
    holds: Callable[[V], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Something of the field's own for the page: dose curves, a pose, a difference of programs.

    Args:
        title: Heading.
        text: What the reader sees, in a sentence or two.
        artefacts: SVG, PNG and JPEG are drawn (the latter two as base64), text is printed;
            anything else is named only. The name is the caption.
    """

    title: str
    text: str = ""
    artefacts: tuple[Artefact, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationContext:
    """Everything besides value and domain that shapes a measurement.

    Args:
        seed: Seed of the run, for instruments that need one.
        tier: ``"screen"`` inside the loop (cheap), ``"report"`` for numbers shown or compared.
        deadline_s: Seconds after which the instrument should give up as `Unmeasured`.
    """

    seed: int = 0
    tier: Tier = "report"
    deadline_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalRequest:
    """What a proposer may look at. Same request, same proposals.

    Args:
        parents: Candidates to start from, best first.
        history: Every trial so far, in order.
        count: How many proposals are wanted; fewer is allowed.
        seed: Seed for this request alone, derived from the run's.
        avoid: Canonical forms that were tried already.
    """

    parents: tuple[Trial, ...]
    history: tuple[Trial, ...]
    count: int
    seed: int
    avoid: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A new candidate in the form `Domain.parse` reads, and why it was made.

    Args:
        answer: Text for `Domain.parse`.
        rationale: One line for the record.
        parent: Canonical form of the candidate it came from.
    """

    answer: str
    rationale: str = ""
    parent: str | None = None


class Proposer(Protocol):
    """A source of new candidates that needs no language model."""

    name: str

    def propose(self, request: ProposalRequest) -> Sequence[Proposal]:
        """New candidates; a pure function of the request."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A known answer that is evaluated beside the run for comparison.

    Args:
        name: As printed.
        answer: Text for `Domain.parse`.
        note: What it is and where that is known from.
    """

    name: str
    answer: str
    note: str = ""


class Domain(Protocol[V]):
    """What is optimised, and the instrument that measures it.

    Subclass it to inherit the defaults. A domain is picklable configuration: it starts what it
    needs lazily, where `evaluate` runs.

    Attributes:
        name: Short name, the plugin's.
        role: What the value is, for prompts: "a drug-like molecule as a SMILES string".
        objectives: What `evaluate` measures.
        task: What a value is to achieve, at length, for prompts; empty if the role says it all.
        critique: Instruction for feedback written by a model; None if the numbers say it all.
        proposer: Built-in search, used when no engine is given.
        parents: How many of the best candidates a search may build upon unless the user says; 1
            where only what is not worse than all before may be accepted.
        parallel: Evaluations that run well at the same time; None for one per core.
        seeded: The measurement depends on `EvaluationContext.seed`.
        deterministic: Same value, context and fingerprint give the same outcome, so outcomes
            may be shared between runs.
        report_may_choose: Whether report-tier scores may choose among finalists.
        scalar_name: Column name of `scalar`.
        start: Value to start from unless the user gives one.
        value_file: Name of the file in which `write` puts the best value, where values are too
            long for a line; tables then show why a candidate was made.
        value_name: Column name of the value, such as ``SMILES``.
        evaluation_name: What one evaluation is called, such as ``docking``.
        licences: Licences of instruments and data, one sentence each, for the report.
        targets_note: What "every target is reached" leaves out, such as goals not measured.
        notes: What a user has to know before anything is measured, one sentence each.
        notice: The words on what results may be used for, a sentence; they stand in the terminal,
            in ``result.json`` and on top of the page.
    """

    name: str
    role: str
    objectives: tuple[Objective, ...]
    task: str = ""
    critique: str | None = None
    proposer: Proposer | None = None
    parents: int = 5
    parallel: int | None = None
    seeded: bool = False
    deterministic: bool = True
    report_may_choose: bool = True
    start: str | None = None
    scalar_name: str = "score"
    value_name: str = "value"
    value_file: str = ""
    evaluation_name: str = "evaluation"
    licences: tuple[str, ...] = ()
    targets_note: str = ""
    notes: tuple[str, ...] = ()
    notice: str = RESEARCH_USE

    @property
    def constraints(self) -> tuple[Constraint[V], ...]:
        """Rules every candidate must obey, checked before it is evaluated."""
        return ()

    def parse(self, answer: str) -> V:
        """Read a value.

        Raises:
            Invalid: With the reason and a hint, if the text is no legal value.
        """
        ...

    def canonical(self, value: V) -> str:
        """One text per value: the key for duplicates, cache and journal; `parse` reads it."""
        return str(value)

    def evaluate(self, value: V, context: EvaluationContext) -> Outcome:
        """Measure a value. Blocking; runs on the executor of the run."""
        ...

    def explain(self, value: V, outcome: Outcome, previous: Outcome | None = None) -> str:
        """Exact textual feedback: the measurement in words, no model needed."""
        return explain_scores(self.objectives, outcome, previous)

    def lesson(self, outcome: Outcome, previous: Outcome) -> str:
        """What a candidate that was no better teaches about the one it was made from.

        It is told, besides the feedback on that one, to a model that tries again from there.
        """
        return ""

    def scalar(self, scores: Mapping[str, float]) -> float:
        """The one number to minimise: by default the weighted sum of the objectives."""
        return sum(
            o.weight * (scores[o.name] if o.direction == "min" else -scores[o.name])
            for o in self.objectives
        )

    def fingerprint(self) -> Mapping[str, JSON]:
        """Everything that shapes a score: settings, data digests, library versions.

        Outcomes of a domain that says nothing here are not shared between runs.
        """
        return {}

    def references(self) -> tuple[Reference, ...]:
        """Known answers to compare with."""
        return ()

    def picture(self, value: V, outcome: Outcome) -> Artefact | None:
        """What a person would rather look at than the value's text."""
        return None

    def write(self, result: Result, folder: Path) -> tuple[str, ...]:
        """Write the field's own files beside the result; returns their names."""
        return ()

    def conclusion(self, result: Result) -> str:
        """What the terminal shows of the best value at the end of a run, 80 columns wide."""
        return ""

    def sections(self, result: Result) -> tuple[Section, ...]:
        """What the field looks at first, for the report page."""
        return ()

    def warnings(self, result: Result) -> tuple[str, ...]:
        """Why nobody should trust the best value at a glance; told in `conclusion` too."""
        return ()

    def close(self) -> None:
        """Stop whatever `evaluate` started in this process."""
        return


def explain_scores(
    objectives: Sequence[Objective], outcome: Outcome, previous: Outcome | None = None
) -> str:
    """A plain reading of an outcome, for domains that have nothing better to say."""
    match outcome:
        case Rejected():
            return f"Rejected before any measurement: {outcome.text}"
        case Unmeasured():
            return f"Not measured, the instrument failed: {outcome.cause}"
        case Evaluated():
            before = previous.scores if isinstance(previous, Evaluated) else {}
            lines = [outcome.feedback] if outcome.feedback else []
            for o in objectives:
                now = outcome.scores[o.name]
                line = f"{o.name} = {now:.{o.decimals}f}{' ' + o.unit if o.unit else ''}"
                line += f" ({'lower' if o.direction == 'min' else 'higher'} is better"
                line += f", target {o.target:g})" if o.target is not None else ")"
                if o.name in before:
                    line += f", {now - before[o.name]:+.{o.decimals}f} against the one before"
                lines.append(line)
            return "\n".join(lines)
