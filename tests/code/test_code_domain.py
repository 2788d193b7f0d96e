"""Programs as a domain: the contract, tiers, what stays hidden, runs from start to end."""

from __future__ import annotations

import ast
import json
import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import textgrad_core as tg
from textgrad_code import make
from textgrad_code.domain import Programs, task_text
from textgrad_code.problem import Limits, Parameter, Problem, Signature, TestCase
from textgrad_code.repair.proposer import AstRepair
from textgrad_code.sandbox.protocol import Tier
from textgrad_core.errors import UsageError
from textgrad_core.testing import check_domain

SECRET = 424_242
DOUBLE = Problem(
    name="double",
    title="Twice a number",
    statement="Return twice x.",
    signature=Signature(
        kind="function", name="double", parameters=(Parameter(name="x", type="int"),)
    ),
    visible=(
        TestCase(arguments=(2,), expected=4),
        TestCase(arguments=(5,), expected=10, weight=3.0),
    ),
    hidden=(
        TestCase(arguments=(SECRET,), expected=2 * SECRET),
        TestCase(arguments=(0,), expected=0),
    ),
    starter="def double(x):\n    return x + 2\n",
    reference="def double(x):\n    return 2 * x\n",
    constraints=("x is a whole number",),
    limits=Limits(test_s=1.0),
)
START = DOUBLE.starter
RIGHT = "def double(x):\n    return x + x\n"


@pytest.fixture(scope="module")
def domain() -> Iterator[Programs]:
    made = Programs(problem=DOUBLE)
    yield made
    made.close()


def measured(domain: Programs, program: str, tier: str = "screen") -> tg.Evaluated:
    context = tg.EvaluationContext(tier="screen" if tier == "screen" else "report")
    outcome = domain.evaluate(domain.parse(program), context)
    assert isinstance(outcome, tg.Evaluated)
    return outcome


def test_contract() -> None:
    check_domain(
        Programs(problem=DOUBLE),
        legal=(START, f"```python\n{RIGHT}```", "this is no Python, which the judge says"),
        illegal=("", "   \n", "\ud800"),
    )


def test_the_pass_fraction_is_weighted(domain: Programs) -> None:
    outcome = measured(domain, START)
    assert outcome.scores["pass_fraction"] == pytest.approx(0.25)
    assert domain.scalar(outcome.scores) == pytest.approx(0.75)
    assert outcome.scores["memory"] > 0
    assert outcome.data["isolation"] in {"full", "landlock", "seccomp-strict"}


def test_time_and_memory_cost_what_they_are_told_to() -> None:
    weighed = Programs(problem=DOUBLE, time_weight=0.5, memory_weight=0.25)
    cost = weighed.scalar({"pass_fraction": 1.0, "time": 1000.0, "memory": 256.0})
    assert cost == pytest.approx(0.75)
    assert Programs(problem=DOUBLE).scalar(
        {"pass_fraction": 1.0, "time": 1000.0, "memory": 256.0}
    ) == pytest.approx(0.0)


def test_hidden_tests_leave_no_trace_but_counts(domain: Programs) -> None:
    outcome = measured(domain, START, "report")
    assert outcome.data["judged_on"] == "hidden"
    assert outcome.scores["pass_fraction"] == 0
    for text in (json.dumps(dict(outcome.data)), domain.explain(START, outcome)):
        assert str(SECRET) not in text
        assert str(2 * SECRET) not in text
    assert str(SECRET) not in task_text(DOUBLE)


def test_a_compile_error_is_a_verdict(domain: Programs) -> None:
    outcome = measured(domain, "def double(x)\n    return x\n")
    assert outcome.data["verdict"] == "CE"
    assert outcome.scores["pass_fraction"] == 0
    assert "no Python program" in domain.explain("", outcome)


def test_a_sandbox_that_fails_is_no_verdict() -> None:
    closed = Programs(problem=DOUBLE, min_tier=Tier.FULL)
    sandbox = closed.judge.sandbox
    sandbox.close()
    outcome = closed.evaluate(closed.parse(RIGHT), tg.EvaluationContext())
    assert isinstance(outcome, tg.Unmeasured)
    closed.close()


def test_it_travels_as_settings(domain: Programs) -> None:
    arrived = pickle.loads(pickle.dumps(domain))  # noqa: S301 - our own bytes
    assert arrived == domain
    assert arrived.fingerprint() == domain.fingerprint()
    arrived.close()


@pytest.mark.parametrize("weight", [-1.0, float("inf"), float("nan")])
def test_weights_are_checked(weight: float) -> None:
    with pytest.raises(UsageError, match="time_weight"):
        Programs(problem=DOUBLE, time_weight=weight)


def test_without_visible_tests_there_is_nothing_to_say() -> None:
    with pytest.raises(UsageError, match="no visible test"):
        Programs(problem=replace(DOUBLE, visible=()))


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"problem": "no-such-problem"}, "no-such-problem"),
        ({"problem": "pair-with-sum", "min_tier": "concrete"}, "concrete"),
        ({"problem": "pair-with-sum", "time_limit": 0.0}, "time limit"),
        ({"problem": "pair-with-sum", "memory_limit": 1}, "memory limit"),
        ({"problem": "leetcode:x", "data": "no/such/folder"}, "no/such/folder"),
    ],
)
def test_bad_options_are_named(options: dict[str, object], named: str) -> None:
    with pytest.raises(tg.TextgradError, match=named):
        make(**options)  # type: ignore[arg-type]


def test_a_run_repairs_and_the_hidden_tests_confirm(tmp_path: Path) -> None:
    result = tg.optimize(START, Programs(problem=DOUBLE), folder=tmp_path, steps=5, proposals=16)
    assert result.stop_reason.startswith("every target")
    assert result.best.tier == "report"
    assert isinstance(result.best.outcome, tg.Evaluated)
    assert result.best.outcome.data["judged_on"] == "hidden"
    assert result.best.scalar == 0
    journal = (tmp_path / "journal.jsonl").read_text()
    assert str(2 * SECRET) not in journal


def test_a_run_judges_hidden_tests_of_start_and_best_only(tmp_path: Path) -> None:
    result = tg.optimize(START, Programs(problem=DOUBLE), folder=tmp_path, steps=2, proposals=6)
    assert {t.canonical for t in (*result.finals, *result.references)} <= {
        result.start.canonical,
        result.best.canonical,
        DOUBLE.reference,
    }


class Worse:
    """Proposes only programs that pass fewer visible tests."""

    name = "worse"

    def propose(self, request: tg.ProposalRequest) -> list[tg.Proposal]:
        return [
            tg.Proposal(answer=f"def double(x):\n    return -{n}\n") for n in range(request.count)
        ]


def test_never_worse_on_visible_evidence_than_the_start() -> None:
    result = tg.optimize(
        START, Programs(problem=DOUBLE), proposer=Worse(), steps=2, proposals=3, cache="off"
    )
    assert result.best.canonical == START


def test_a_model_repairs_from_the_feedback(tmp_path: Path) -> None:
    asked: list[str] = []

    def model(prompt: str) -> str:
        asked.append(prompt)
        return f"<VALUE>{RIGHT}</VALUE>" if "passes 1 of 2 visible" in prompt else "no idea"

    result = tg.optimize(
        START, Programs(problem=DOUBLE), engine=model, folder=tmp_path, steps=2, proposals=1
    )
    assert result.best.scalar == 0
    assert "Return twice x." in asked[0]
    assert all(str(SECRET) not in prompt for prompt in asked)


def test_the_low_door_gives_exact_feedback_with_data(domain: Programs) -> None:
    program = tg.Variable(START, role_description="a Python program", requires_grad=True)
    loss = tg.EvaluatorLoss(domain, tier="screen")(program)
    loss.backward()
    (gradient,) = program.gradients
    assert "Smallest failing case" in gradient.text
    assert gradient.data is not None
    assert gradient.data["tests_passed"] == 1
    assert loss.item() == pytest.approx(0.75)
    done = tg.Variable(RIGHT, role_description="a Python program", requires_grad=True)
    tg.EvaluatorLoss(replace(domain, time_weight=0.0), tier="screen")(done).backward()
    assert len(done.gradients) == 0


def test_the_proposer_is_labelled_as_what_it_is() -> None:
    assert "language model" not in AstRepair().name
    result = tg.optimize(START, Programs(problem=DOUBLE), steps=1, proposals=2, cache="off")
    assert "no language model was used" in result.proposer


@pytest.mark.parametrize("before", ["", "#!/usr/bin/env python3\r\n", "\r\n"])
def test_a_program_says_that_it_is_written_in_utf8(
    before: str, domain: Programs, tmp_path: Path
) -> None:
    program = before + "# -*- coding: latin-1 -*-\r\nNAME = '\u00e9'\r\n"
    path = tmp_path / "solution.py"
    path.write_bytes(domain.parse(program).encode())
    (assigned,) = ast.parse(path.read_bytes()).body
    assert ast.unparse(assigned) == "NAME = '\u00e9'"


@pytest.mark.parametrize("first", ["# coding: utf-8", "# decoding: fast", "x = 1  # coding: x"])
def test_a_program_that_declares_no_other_encoding_is_left_alone(
    first: str, domain: Programs
) -> None:
    assert domain.parse(f"{first}\ny = 2\n") == f"{first}\ny = 2\n"
