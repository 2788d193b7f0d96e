"""A judgement in words that somebody, or a model, can repair a program from. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from textgrad_code.differences import shown
from textgrad_code.evidence import SHOWN_CHARS
from textgrad_code.jail.failures import source_lines
from textgrad_code.problem import Problem, TestCase
from textgrad_code.verdict import Verdict
from textgrad_core.jsondata import JSON
from textgrad_core.report.text import visible

OTHERS = 6
SUSPECTS = 5
LINE_CHARS = 160
SUPERLINEAR = 1.7
HIDDEN_WORK = 0.5  # exponent of the time beyond that of the steps


def feedback(
    problem: Problem,
    program: str,
    data: Mapping[str, JSON],
    previous: Mapping[str, JSON] | None = None,
) -> str:
    """The exact feedback on a program.

    What the program printed, answered or raised is text of the program, not of the judge: it
    stands between fences it cannot close, without control characters, cut to a limit.

    Args:
        problem: What it was to solve; its visible tests are quoted, its hidden ones never.
        program: The program.
        data: From `textgrad_code.evidence.evidence`, or `summary` for hidden tests.
        previous: The same of the program it came from.
    """
    parts = [_verdict(data, previous)]
    if data.get("judged_on") == "hidden":
        return parts[0]
    if data.get("compile_error"):
        parts.append(_compile_error(_mapping(data["compile_error"])))
        return _joined(parts)
    failing = [t for t in _rows(data, "tests") if t["verdict"] != Verdict.AC]
    if failing:
        failing.sort(key=lambda t: (_length(problem, t), t["index"]))
        parts.append(_case(problem, failing[0]))
        parts.append(_others(failing[1:]))
    parts.append(_passing(data, problem))
    if failing:
        parts.append(_suspects(program, data))
    parts.append(_state(data))
    parts.append(_growth(data, problem))
    return _joined(parts)


def test_name(test: Mapping[str, Any]) -> str:
    """A test as people count."""
    number = f"test {int(test['index']) + 1}"
    return f"{number} ({test['name']})" if test.get("name") else number


def fenced(text: str, characters: int = 1_000) -> str:
    """Text of the program between fences longer than any inside it."""
    clean = visible(text).replace("\t", "    ")
    if len(clean) > characters:
        clean = f"{clean[:characters]} ...({len(clean) - characters} more characters)"
    longest = max((len(run) for run in _backticks(clean)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}untrusted\n{clean.rstrip()}\n{fence}"


def inline(text: object) -> str:
    """Text of the program as part of one line: line breaks and controls are written out."""
    written = visible(str(text)).replace("\n", "\\n").replace("\t", "\\t")
    return written.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _backticks(text: str) -> list[str]:
    runs, run = [], ""
    for c in text:
        run = run + c if c == "`" else ""
        runs.append(run)
    return runs


def _verdict(data: Mapping[str, JSON], previous: Mapping[str, JSON] | None) -> str:
    verdict = Verdict(str(data["verdict"]))
    passed, count = data["tests_passed"], data["tests_count"]
    kind = data["judged_on"]
    line = f"Verdict {verdict} ({verdict.words}): passes {passed} of {count} {kind} tests"
    line += f" (weighted pass fraction {_number(data['pass_fraction']):.3f})."
    if kind == "hidden":
        told = ", ".join(f"{name} {n}" for name, n in _mapping(data["verdicts"]).items())
        return f"{line} Verdicts: {told}." if told else line
    if previous and previous.get("judged_on") == kind:
        before = previous["tests_passed"]
        line += f" The program it was made from passed {before} of {previous['tests_count']}."
    if verdict is Verdict.CE:
        return line
    slowest = 1000 * _number(data["slowest_test_s"])
    line += f"\nSlowest test {slowest:.1f} ms"
    if "peak_memory_mib" in data:  # it is not known where hidden tests ran in the same process
        line += f", peak memory {_number(data['peak_memory_mib']):.1f} MiB"
    return f"{line}."


def _compile_error(error: Mapping[str, Any]) -> str:
    where = f"line {error['line']}" if error["line"] else "an unknown line"
    if error["line"] and error["column"]:
        where += f", column {error['column']}"
    told = f"It is no Python program: {inline(error['message'])} at {where}:"
    text = str(error["text"]).rstrip("\n")
    if not text:
        return told.rstrip(":") + "."
    column = int(error["column"] or 0)
    caret = ""
    if 0 < column <= len(text) + 1:
        caret = "".join("\t" if c == "\t" else " " for c in text[: column - 1]) + "^"
    return f"{told}\n{fenced(f'{text}{chr(10)}{caret}' if caret else text)}"


def _case(problem: Problem, test: Mapping[str, Any]) -> str:
    case = problem.visible[int(test["index"])]
    verdict = Verdict(str(test["verdict"]))
    lines = [f"Smallest failing case, {test_name(test)}: {verdict.words}."]
    names = [p.name for p in problem.signature.parameters]
    if len(names) == len(case.arguments) and problem.signature.kind in ("method", "function"):
        told = [
            f"{n} = {shown(a, SHOWN_CHARS)}" for n, a in zip(names, case.arguments, strict=True)
        ]
    else:
        told = [shown(a, SHOWN_CHARS) for a in case.arguments]
    lines.append("input: " + ", ".join(told))
    lines.append(f"expected: {shown(case.expected, SHOWN_CHARS)}")
    if test["answer"] is not None:
        lines.append(f"got: {inline(test['answer'])}{_remark(problem, case, test)}")
    if test["difference"]:
        lines.append(f"difference: {inline(test['difference'])}")
    if test["message"] and verdict is not Verdict.WA:
        told_us = str(test["message"]).strip()
        lines.append(f"what happened: {inline(told_us)[:500]}")
        if "\n" in told_us:
            lines[-1] = f"what happened:\n{fenced(told_us, 500)}"
    if test["trace"]:
        lines.append("in your program, outermost call first:")
        lines += [
            f"  line {n}, in {inline(f)}: {inline(str(text).strip())}"
            for n, f, text in test["trace"]
        ]
    if test["output"]:
        lines.append(f"it printed:\n{fenced(str(test['output']))}")
    return "\n".join(lines)


def _remark(problem: Problem, case: TestCase, test: Mapping[str, Any]) -> str:
    """What a wrong answer is, where that is easily mistaken."""
    signature = problem.signature
    if signature.in_place is not None:
        return f" (argument {signature.in_place + 1} as the call left it)"
    if test["answer"] == "null" and case.expected is not None:
        return " (it returned None, or came to its end without a return)"
    return ""


def _others(failing: Sequence[Mapping[str, Any]]) -> str:
    if not failing:
        return ""
    told = []
    for test in failing[:OTHERS]:
        why = test["difference"] or test["message"]
        told.append(
            f"- {test_name(test)}: {test['verdict']}" + (f", {inline(why)[:200]}" if why else "")
        )
    if len(failing) > OTHERS:
        told.append(f"- and {len(failing) - OTHERS} more")
    return "\n".join(["Other failing tests:", *told])


def _passing(data: Mapping[str, JSON], problem: Problem) -> str:
    passing = [t for t in _rows(data, "tests") if t["verdict"] == Verdict.AC]
    if not passing:
        return "No visible test passes."
    if len(passing) == data["tests_count"]:
        told = f"It passes all {len(passing)} visible tests. That is evidence, no proof"
        return f"{told}: hidden tests decide." if problem.hidden else f"{told}."
    return f"Passing, keep it so: {', '.join(test_name(t) for t in passing[:20])}."


def _suspects(program: str, data: Mapping[str, JSON]) -> str:
    source = source_lines(program)
    counts = _mapping(data["lines"])
    ranked: Any = data["suspicion"]
    if len({score for _, score in ranked}) < 2:
        return ""  # every line as good as the other: nothing is said
    told = []
    for line, score in ranked[:SUSPECTS]:
        if score <= 0 or not 0 < line <= len(source):
            continue
        failing, passing = counts.get(str(line), (0, 0))
        text = inline(source[line - 1].strip())[:LINE_CHARS]
        run_by = f"run by {failing} failing, {passing} passing tests"
        told.append(f"- line {line} ({score:.2f}; {run_by}): {text}")
    title = "Most suspicious lines (Ochiai score, 1 is worst):"
    return "\n".join([title, *told]) if told else ""


def _state(data: Mapping[str, JSON]) -> str:
    told = []
    for test in _rows(data, "tests"):
        if test["passes_alone"] and test["verdict"] != Verdict.AC:
            told.append(
                f"{test_name(test)} passes when it is run alone: something is kept from one test "
                "to the next (a module or class variable, a mutable default argument, a cache)."
            )
    changed = [t for t in _rows(data, "tests") if t["mutated"]]
    if changed:
        places = sorted({int(i) + 1 for t in changed for i in t["mutated"]})
        told.append(
            f"The call changes its input: argument {', '.join(map(str, places))} "
            f"({test_name(changed[0])}). Work on a copy unless the task asks for it."
        )
    told += [inline(n) for n in _list(data.get("notes"))]
    return "\n".join(told)


def _growth(data: Mapping[str, JSON], problem: Problem) -> str:
    if not data.get("growth"):
        return ""
    growth = _mapping(data["growth"])
    points = growth["points"]
    told = (
        f"Work grows like {growth['order']}: from {points[0][1]} steps at input size "
        f"{points[0][0]:g} to {points[-1][1]} at {points[-1][0]:g} "
        f"(exponent {growth['exponent']:.2f} of the steps"
    )
    time = growth["time_exponent"]
    told += f", {time:.2f} of the time)." if time is not None else ")."
    if time is not None and time > growth["exponent"] + HIDDEN_WORK:
        told += (
            " The time grows faster than the lines executed: some line does much work at once "
            "(a search in a list, a slice, a copy, a growing text)."
        )
    slow = any(t["verdict"] == Verdict.TLE for t in _rows(data, "tests"))
    if slow or max(growth["exponent"], time or 0.0) >= SUPERLINEAR:
        bounds = "; ".join(problem.constraints)
        told += f" Compare with the bounds of the input: {bounds}." if bounds else ""
    return told


def _length(problem: Problem, test: Mapping[str, Any]) -> int:
    """Characters of a test's input."""
    return len(json.dumps(problem.visible[int(test["index"])].arguments, ensure_ascii=False))


def _rows(data: Mapping[str, JSON], key: str) -> list[Mapping[str, Any]]:
    return [row for row in _list(data.get(key)) if isinstance(row, dict)]


def _mapping(value: JSON) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: JSON) -> list[JSON]:
    return value if isinstance(value, list) else []


def _number(value: JSON) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _joined(parts: Sequence[str]) -> str:
    return "\n\n".join(p for p in parts if p)
