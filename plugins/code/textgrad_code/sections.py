"""What the report of a run shows of programs: verdicts side by side, and what the judge said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from textgrad_code.feedback import feedback
from textgrad_code.picture import program_svg
from textgrad_code.problem import Problem
from textgrad_code.verdict import Verdict
from textgrad_core.domain import Section
from textgrad_core.jsondata import JSON
from textgrad_core.outcome import Artefact, Evaluated
from textgrad_core.search.result import Result, Trial

HIDDEN_TOO = "The search saw the visible tests only; the hidden ones were run once, after it."
NONE_HIDDEN = "The search saw all tests there are: the problem has no hidden ones."
_ROW = "{:<12}{:<26}{}"


def program_sections(problem: Problem, result: Result, changes: str) -> tuple[Section, ...]:
    """Verdicts, the first failing case, the programs, and their difference.

    Args:
        problem: What the programs were to solve.
        result: Of the run.
        changes: Unified diff from start to best.
    """
    named = (("start", result.start), ("best", result.best))
    seen = {name: _visible(result.trials, trial.canonical) for name, trial in named}
    parts = [
        Artefact(
            name=name,
            media_type="image/svg+xml",
            text=program_svg(trial.canonical, seen[name].data),
        )
        for name, trial in named
        if seen[name].data
    ]
    return (
        Section(
            title="Verdicts",
            text=HIDDEN_TOO if problem.hidden else NONE_HIDDEN,
            artefacts=(_text("verdicts", _table(result, seen)),),
        ),
        *_said(problem, named, seen),
        Section(
            title="Programs",
            text="A tile per visible test; lines that failing tests run are tinted.",
            artefacts=tuple(parts),
        ),
        Section(
            title="What changed",
            artefacts=(Artefact(name="changes", media_type="text/x-diff", text=changes),),
        ),
    )


def _visible(trials: Iterable[Trial], program: str) -> Evaluated:
    """What the visible tests said of a program; without data if they were not run."""
    outcomes = (t.outcome for t in trials if t.canonical == program)
    found = (o for o in outcomes if isinstance(o, Evaluated) and _on(o.data) == "visible")
    return next(found, Evaluated(scores={}))


def _on(data: Mapping[str, JSON]) -> JSON:
    return data.get("judged_on")


def _table(result: Result, seen: Mapping[str, Evaluated]) -> str:
    lines = [_ROW.format("", "visible tests", "hidden tests")]
    references = [(trial.origin, trial) for trial in result.references]
    for name, trial in (("start", result.start), ("best", result.best), *references):
        visible = seen[name].data if name in seen else {}
        hidden = trial.outcome.data if isinstance(trial.outcome, Evaluated) else {}
        if _on(hidden) != "hidden":
            hidden = {}
        lines.append(_ROW.format(name, _standing(visible), _standing(hidden)).rstrip())
    return "\n".join(lines)


def _standing(data: Mapping[str, JSON]) -> str:
    if not data:
        return "-"
    return f"{data['verdict']}, passes {data['tests_passed']} of {data['tests_count']}"


def _said(
    problem: Problem, named: Sequence[tuple[str, Trial]], seen: Mapping[str, Evaluated]
) -> Sequence[Section]:
    """The judge's words on the program that matters: the best if it fails, else the start."""
    for name, trial in reversed(named):
        data = seen[name].data
        if data and data["verdict"] != Verdict.AC:
            text = f"What the judge says of the {name}, with its smallest failing visible case."
            said = _text("feedback", feedback(problem, trial.canonical, data))
            return (Section(title="Where it fails", text=text, artefacts=(said,)),)
    return ()


def _text(name: str, text: str) -> Artefact:
    return Artefact(name=name, media_type="text/plain", text=text)
