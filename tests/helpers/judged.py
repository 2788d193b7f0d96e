"""Small problems and the sandboxes to judge their programs in."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import pytest

from textgrad_code.judge import Judge
from textgrad_code.problem import Checker, Kind, Limits, Parameter, Problem, Signature, TestCase
from textgrad_code.sandbox import Sandbox, Tier, open_sandbox, probe
from textgrad_code.sandbox.plain import PlainSandbox
from textgrad_code.verdict import Judgement, TestResult

JAILED = [probed.tier for probed in probe() if probed.works] if sys.platform == "linux" else []
TIERS = [*JAILED, Tier.NONE]
FAST = Limits(test_s=1.0, total_s=30.0)
PATIENT = Limits(test_s=20.0, total_s=120.0)


def opened(tier: Tier) -> Sandbox:
    return PlainSandbox() if tier is Tier.NONE else open_sandbox(tier=tier)


def problem(
    name: str = "f",
    *types: str,
    kind: Kind = "method",
    returns: str = "Any",
    limits: Limits = PATIENT,
    in_place: int | None = None,
    checker: Checker | None = None,
) -> Problem:
    return Problem(
        name="a-problem",
        signature=Signature(
            kind=kind,
            name=name,
            parameters=tuple(
                Parameter(name=f"p{index}", type=one) for index, one in enumerate(types)
            ),
            returns=returns,
            in_place=in_place,
        ),
        limits=limits,
        checker=checker or Checker(),
    )


def case(*arguments: Any, expected: Any = None) -> TestCase:
    return TestCase(arguments=arguments, expected=expected)


def method(*lines: str, before: str = "", name: str = "f", parameters: str = "x") -> str:
    """A Solution with one method of these lines."""
    body = "\n".join(f"        {line}" for text in lines for line in text.splitlines())
    return f"{before}\nclass Solution:\n    def {name}(self, {parameters}):\n{body}\n"


def only(judge: Judge, program: str, asked: Problem, test: TestCase) -> TestResult:
    """The result of the one test."""
    (result,) = judged(judge, program, asked, [test]).results
    return result


def judged(judge: Judge, program: str, asked: Problem, tests: Sequence[TestCase]) -> Judgement:
    return judge.judge(program, asked, tests)


def tier_or_skip(tier: Tier) -> Tier:
    if tier not in TIERS:
        pytest.skip(f"platform: no {tier} here")
    return tier
