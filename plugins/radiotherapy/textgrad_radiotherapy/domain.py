"""Plans as a domain: the weights of an exactly solved objective, judged by clinical goals."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from textgrad_core.domain import Domain, EvaluationContext, Objective, Proposer, Section
from textgrad_core.errors import Invalid
from textgrad_core.jsondata import JSON, digest
from textgrad_core.outcome import Evaluated, Outcome, Rejected, Unmeasured
from textgrad_core.report import write_atomically
from textgrad_core.search.result import Result
from textgrad_radiotherapy.cache_folder import check_cache
from textgrad_radiotherapy.conclusion import conclusion
from textgrad_radiotherapy.errors import CaseError, GoalError, SolverFailed
from textgrad_radiotherapy.feasibility import find_infeasible
from textgrad_radiotherapy.feedback import feedback, lesson
from textgrad_radiotherapy.figures.history import steps_of
from textgrad_radiotherapy.goals import Protocol
from textgrad_radiotherapy.inner.checks import check_gap
from textgrad_radiotherapy.kept_plan import keep_plan
from textgrad_radiotherapy.kernel import Kernel
from textgrad_radiotherapy.notice import SENTENCE
from textgrad_radiotherapy.outline import anatomy_of, case_digest
from textgrad_radiotherapy.own_case import unused_steps
from textgrad_radiotherapy.phantoms.catalogue import phantom_named
from textgrad_radiotherapy.plan import GAP, RESERVE_PERCENT, Plan
from textgrad_radiotherapy.plan_folder import write_plan_folder
from textgrad_radiotherapy.plan_page import plan_sections
from textgrad_radiotherapy.planners import WITHOUT_LEVERS, planner_named
from textgrad_radiotherapy.protocols import protocol_data
from textgrad_radiotherapy.rows import inside_targets
from textgrad_radiotherapy.session import Session
from textgrad_radiotherapy.starting_terms import starting_terms
from textgrad_radiotherapy.steps import check_steps
from textgrad_radiotherapy.structure_names import matched
from textgrad_radiotherapy.task import notes_before, share_judged, task_text
from textgrad_radiotherapy.terms import Term
from textgrad_radiotherapy.weights import (
    Weights,
    canonical_weights,
    parse_weights,
    start_weights,
)

MEASURED_AS = 6  # raised when goals or penalty are measured otherwise: no old outcome is shared


@dataclass(frozen=True, kw_only=True)
class Plans(Domain[Weights]):
    """Find weights whose plan meets the goals of a protocol.

    Inside the loop a plan is measured on the planning grid, with some reserve asked for. At the
    report tier its fluence is measured on the judging grid, which is finer, and normalised there
    (a case with a matrix of its own: on all its voxels, beside those held back). Those numbers
    may choose: they are nearer the truth and hide nothing.

    Args:
        case: Name of an embedded case, or the path of a user's own (`cases.load_case`).
        protocol: The goals; structures are matched by name and alias.
        grid_mm: Voxel size of an embedded case.
        bixel_mm: Width of an embedded case's beamlets.
        gap: Relative duality gap every solve has to prove.
        cache: Folder of influence matrices; None for the suite's own, ``none`` to keep none.
        planner: Who proposes where no model does, see `planners.PLANNERS`.

    Raises:
        CaseError: If there is no such case, it lacks a target of the protocol, or a width is out
            of bounds (`steps.check_steps`).
        GoalError: If the protocol prescribes no dose, or the gap is out of bounds.
    """

    case: str
    protocol: Protocol
    grid_mm: float = 3.0
    bixel_mm: float = 5.0
    gap: float = GAP
    cache: str | None = None
    planner: str = "sensitivity"
    name: str = field(init=False, default="radiotherapy")
    role: str = field(init=False, default="")
    task: str = field(init=False, default="")
    start: str | None = field(init=False, default=None)
    targets_note: str = field(init=False, default="")
    notes: tuple[str, ...] = field(init=False, default=())
    notice: str = field(init=False, default=SENTENCE)
    objectives: tuple[Objective, ...] = field(
        init=False,
        default=(
            Objective(name="penalty", unit="%", target=0.0, decimals=3),
            Objective(name="goals_missed", label="missed", weight=0.0, target=0.0, decimals=0),
        ),
    )
    proposer: Proposer | None = field(init=False, default=None, compare=False)
    parents: int = field(init=False, default=1)  # no plan that is worse is ever accepted
    scalar_name: str = field(init=False, default="penalty")
    value_name: str = field(init=False, default="weights")
    value_file: str = field(init=False, default="weights.json")
    evaluation_name: str = field(init=False, default="plan")
    terms: tuple[Term, ...] = field(init=False, repr=False, default=())
    session: Session = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Read the terms off protocol and structures; the case itself is loaded when needed."""
        check_gap(self.gap)
        check_steps(self.grid_mm, self.bixel_mm)
        own = phantom_named(self.case) is None
        kept = case_digest(self.case) if own else ""
        if own:
            check_cache(self.cache)  # before its matrix is made; an embedded one is made later
        anatomy = anatomy_of(self.case, self.grid_mm, self.bixel_mm, self.cache)
        unused: tuple[str, ...] = ()
        if own:
            unused = unused_steps(Path(self.case), anatomy, self.grid_mm, self.bixel_mm)
            object.__setattr__(self, "case", str(Path(self.case).resolve()))
        protocol = matched(self.protocol, anatomy)
        findings = find_infeasible(anatomy, protocol)
        inside = inside_targets(anatomy)
        kinds = {name: s.kind for name, s in anatomy.structures.items() if name not in inside}
        terms = starting_terms(protocol, kinds)
        derived = {
            "protocol": protocol,
            "terms": terms,
            "role": f"weights of the terms of an IMRT plan's objective, as one JSON object, for "
            f"the protocol {protocol.title!r} on case {Path(self.case).name}",
            "task": task_text(protocol, terms, findings),
            "targets_note": share_judged(protocol, findings),
            "notes": (*notes_before(protocol, findings, inside, anatomy), *unused),
            "proposer": planner_named(self.planner),
            "start": canonical_weights(start_weights(terms)),
            "session": Session(
                case=self.case,
                protocol=protocol,
                terms=terms,
                grid_mm=self.grid_mm,
                bixel_mm=self.bixel_mm,
                gap=self.gap,
                cache=self.cache,
                levers=self.planner not in WITHOUT_LEVERS,
                loaded=(anatomy, kept) if own else None,
            ),
        }
        for attribute, value in derived.items():
            object.__setattr__(self, attribute, value)  # frozen for everybody else

    def parse(self, answer: str) -> Weights:
        """Weights from JSON; what is malformed or out of bounds is refused."""
        return parse_weights(answer, self.terms)

    def canonical(self, value: Weights) -> str:
        """One line of JSON in the order of the terms, relative to the first."""
        return canonical_weights(value)

    def evaluate(self, value: Weights, context: EvaluationContext) -> Outcome:
        """Solve and measure, at the report tier on the judging grid."""
        clock = time.perf_counter()
        try:
            plan = self.session.plan(value)
            if context.tier == "report":
                plan = self.session.judged(value)
            data = plan.to_json()
        except Invalid as error:
            return Rejected(reason=error.reason, hint=error.hint)
        except SolverFailed as error:
            return Unmeasured(cause=str(error), retryable=False)
        except (CaseError, GoalError) as error:  # of the case or the protocol, for any weights
            return Unmeasured(
                cause=f"case {Path(self.case).name} with protocol {self.protocol.name} cannot be "
                f"planned: {error}",
                retryable=False,
            )
        return Evaluated(
            scores={"penalty": plan.penalty, "goals_missed": float(plan.goals_missed)},
            data=data,
            seconds=time.perf_counter() - clock,
        )

    def explain(self, value: Weights, outcome: Outcome, previous: Outcome | None = None) -> str:
        """Goals with margins and levers, conflicts, hot spots, and what was predicted."""
        del value
        match outcome:
            case Rejected():
                return f"Rejected, the weights before are kept: {outcome.text}"
            case Unmeasured():
                return f"Not planned, and the weights are not to blame: {outcome.cause}"
            case Evaluated():
                before = previous.data if isinstance(previous, Evaluated) else None
                return feedback(outcome.data, before)

    def lesson(self, outcome: Outcome, previous: Outcome) -> str:
        """What the levers predicted of a step, against what was measured."""
        if isinstance(outcome, Evaluated) and isinstance(previous, Evaluated):
            return lesson(outcome.data, previous.data)
        return ""

    def fingerprint(self) -> Mapping[str, JSON]:
        """Case, protocol, objective and the libraries that solve it.

        Raises:
            CaseError: If the case is gone, or the cache named for it can be no folder.
        """
        check_cache(self.cache)
        return {
            "case": case_digest(self.case),
            "protocol": digest(protocol_data(self.protocol)),
            "terms": [f"{t.name}|{t.structure}|{t.kind}|{t.dose_gy:g}" for t in self.terms],
            "grid_mm": self.grid_mm,
            "bixel_mm": self.bixel_mm,
            "gap": self.gap,
            "measured_as": MEASURED_AS,
            "reserve_percent": RESERVE_PERCENT,
            "levers": self.session.levers,
            "engine": Kernel().describe(),
            "numpy": version("numpy"),
            "scipy": version("scipy"),
        }

    def plans(self, result: Result) -> tuple[Plan, Plan]:
        """Plans of the best and the start weights, on the planning grid."""
        best, start = (self.parse(trial.canonical) for trial in (result.best, result.start))
        return self.session.plan(best), self.session.plan(start)

    def conclusion(self, result: Result) -> str:
        """The goal table of the best plan on the judging grid, and which goals it misses."""
        return conclusion(self.session.judged(self.parse(result.best.canonical)))

    def sections(self, result: Result) -> tuple[Section, ...]:
        """Goals, histogram and dose on the judging grid, before and after; words; the case."""
        best, start = self.plans(result)
        judged = self.session.judged(best.weights)
        pictures = self.session.pictures(best.weights, start.weights)
        outcome = result.best.outcome
        told = feedback(outcome.data) if isinstance(outcome, Evaluated) else SENTENCE
        return plan_sections(judged, pictures, self.notes, told)

    def write(self, result: Result, folder: Path) -> tuple[str, ...]:
        """``weights.json``, and tables, figures and data of the best plan beside the start."""
        best, start = self.plans(result)
        judged, first = (self.session.judged(plan.weights) for plan in (best, start))
        write_atomically(folder / "weights.json", result.best.canonical + "\n")
        written = write_plan_folder(
            folder,
            judged.case,
            judged.dose_gy,
            judged.table,
            self.session.pictures(best.weights, start.weights),
            comparison=judged.comparison,
            before_goals=first.table,
            history=steps_of(result, self.parse),
            data=judged.to_json(),
        )
        kept = keep_plan(self.session.plan_of, self.protocol, judged.fluence, folder)
        return ("weights.json", *(path.name for path in written), *kept)

    def warnings(self, result: Result) -> tuple[str, ...]:
        """Dose outside of the targets and poor conformity of the best plan, as it is judged."""
        return self.session.judged(self.parse(result.best.canonical)).table.warnings

    def close(self) -> None:
        """Let go of the case."""
        self.session.close()
