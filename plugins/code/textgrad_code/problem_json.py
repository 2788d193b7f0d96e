"""A problem as JSON data and back. Pure: nothing is read, run or computed."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import cast, get_args

from textgrad_code.errors import ProblemError
from textgrad_code.plain_data import refuse_long_numbers
from textgrad_code.problem import (
    Buggy,
    Checker,
    CheckKind,
    Kind,
    Limits,
    Operation,
    Parameter,
    Problem,
    Signature,
    TestCase,
)
from textgrad_code.problem_checks import check_problem
from textgrad_code.problem_fields import Fields
from textgrad_core.jsondata import JSON

EXACT = "exact"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}")
KINDS = get_args(Kind)
CHECK_KINDS = get_args(CheckKind)
MAX_SECONDS = 86_400.0
MAX_MIB = 1 << 20
MAX_BYTES = 1 << 30


def problem_from_json(data: Mapping[str, object], where: str = "problem") -> Problem:
    """A problem from the data `problem_to_json` gives, or from a file's.

    Args:
        data: Fields as described in the plugin's README, section "Own problems"; defaults may
            be left out.
        where: Where the data come from, such as a file name, for messages.

    Raises:
        ProblemError: Naming the place, the value, the bound and the remedy.
    """
    fields = Fields(data, f"{where}: ")
    signature = _signature(fields.table("signature"))
    stdin = signature.kind == "stdin"
    name = fields.text("name", None, remedy="give the problem a short name, such as 'two-sum'")
    if not NAME.fullmatch(name):
        raise fields.wrong("name", "use 1 to 100 letters, digits, '.', '_', '-' and '/'")
    problem = Problem(
        name=name,
        title=fields.text("title"),
        statement=fields.text("statement"),
        signature=signature,
        visible=tuple(_test(test, stdin=stdin) for test in fields.tables("visible")),
        hidden=tuple(_test(test, stdin=stdin) for test in fields.tables("hidden")),
        checker=_checker(fields.table("checker")),
        limits=_limits(fields.table("limits")),
        constraints=fields.texts("constraints"),
        starter=fields.text("starter"),
        reference=fields.text("reference"),
        buggy=tuple(_buggy(one) for one in fields.tables("buggy")),
        source=fields.text("source"),
        tags=fields.texts("tags"),
        scaling=fields.text("scaling"),
        extra=_extra(fields),
    )
    fields.finish()
    check_problem(problem, where)
    return problem


def problem_to_json(problem: Problem) -> dict[str, JSON]:
    """A problem as JSON data; every field is written, defaults too.

    Raises:
        ProblemError: If a test holds an integer of more digits than JSON may have here.
    """
    signature, checker, limits = problem.signature, problem.checker, problem.limits
    described: dict[str, JSON] = {
        "kind": signature.kind,
        "name": signature.name,
        "class": signature.class_name,
        "parameters": [f"{one.name}: {one.type}" for one in signature.parameters],
        "returns": signature.returns,
    }
    if signature.operations:
        described["operations"] = [_operation_text(one) for one in signature.operations]
    if signature.in_place is not None:
        described["in_place"] = signature.in_place
    return {
        "name": problem.name,
        "title": problem.title,
        "statement": problem.statement,
        "constraints": list(problem.constraints),
        "tags": list(problem.tags),
        "source": problem.source,
        "signature": described,
        "checker": {
            "kind": checker.kind,
            "tolerance": EXACT if checker.tolerance is None else checker.tolerance,
            "source": checker.source,
        },
        "limits": {
            "test_s": limits.test_s,
            "total_s": limits.total_s,
            "memory_mib": limits.memory_mib,
            "output_bytes": limits.output_bytes,
            "answer_bytes": limits.answer_bytes,
        },
        "starter": problem.starter,
        "reference": problem.reference,
        "scaling": problem.scaling,
        "visible": [_test_to_json(test) for test in problem.visible],
        "hidden": [_test_to_json(test) for test in problem.hidden],
        "buggy": [{"fault": one.fault, "source": one.source} for one in problem.buggy],
        "extra": dict(problem.extra),
    }


def _test_to_json(test: TestCase) -> JSON:
    refuse_long_numbers((test.arguments, test.expected), f"a test {test.name}".rstrip())
    return {
        "input": list(test.arguments),
        "expected": test.expected,
        "name": test.name,
        "weight": test.weight,
    }


def _signature(fields: Fields) -> Signature:
    kind = cast(Kind, fields.choice("kind", KINDS, None))
    known = Signature(kind=kind)
    in_place = fields.whole("in_place", 0, least=0, most=99) if fields.given("in_place") else None
    signature = Signature(
        kind=kind,
        name=fields.text("name"),
        class_name=fields.text("class", known.class_name),
        parameters=tuple(
            _parameter(text, f"{fields.place('parameters')}[{index}]")
            for index, text in enumerate(fields.texts("parameters"))
        ),
        returns=fields.text("returns", known.returns),
        in_place=in_place,
        operations=tuple(
            _operation(text, f"{fields.place('operations')}[{index}]")
            for index, text in enumerate(fields.texts("operations"))
        ),
    )
    fields.take("in_place")
    fields.finish()
    return signature


def _parameter(text: str, where: str) -> Parameter:
    name, _, kind = (part.strip() for part in text.partition(":"))
    kind = kind or Parameter(name=name).type
    try:
        ast.parse(kind, mode="eval")
    except (SyntaxError, ValueError) as error:
        raise ProblemError(
            f"{where} is {text!r}: write a name and a type, such as 'nums: List[int]'"
        ) from error
    if not name.isidentifier():
        raise ProblemError(f"{where} is {text!r}: {name!r} is no name of a parameter")
    return Parameter(name=name, type=kind)


def _operation(text: str, where: str) -> Operation:
    """A method from ``name(argument: type, ...) -> type``, as in Python."""
    try:
        (made,) = ast.parse(f"def {text}: ...").body
        assert isinstance(made, ast.FunctionDef)  # noqa: S101 - it begins with def
    except (SyntaxError, ValueError) as error:
        raise ProblemError(
            f"{where} is {text!r}: write it as in Python, such as "
            "'insert(root: Optional[TreeNode], value: int) -> Optional[TreeNode]'"
        ) from error
    plain, taken = Parameter(name="").type, made.args
    if taken.posonlyargs or taken.vararg or taken.kwonlyargs or taken.kwarg or taken.defaults:
        raise ProblemError(
            f"{where} is {text!r}: a judge gives every argument by its place: write plain "
            "parameters, without defaults, / or *"
        )
    return Operation(
        name=made.name,
        parameters=tuple(
            Parameter(name=one.arg, type=ast.unparse(one.annotation) if one.annotation else plain)
            for one in made.args.args
        ),
        returns=ast.unparse(made.returns) if made.returns else plain,
    )


def _operation_text(operation: Operation) -> str:
    told = ", ".join(f"{one.name}: {one.type}" for one in operation.parameters)
    return f"{operation.name}({told}) -> {operation.returns}"


def _checker(fields: Fields) -> Checker:
    standard = Checker()
    kind = cast(CheckKind, fields.choice("kind", CHECK_KINDS, standard.kind))
    tolerance: float | None = standard.tolerance
    if fields.take("tolerance") == EXACT:
        tolerance = None
    elif fields.given("tolerance"):
        tolerance = fields.number("tolerance", 0.0, above=0.0, most=1.0)
    checker = Checker(kind=kind, tolerance=tolerance, source=fields.text("source"))
    fields.finish()
    return checker


def _limits(fields: Fields) -> Limits:
    known = Limits()
    limits = Limits(
        test_s=fields.number("test_s", known.test_s, above=0.0, most=MAX_SECONDS),
        total_s=fields.number("total_s", known.total_s, above=0.0, most=MAX_SECONDS),
        memory_mib=fields.whole("memory_mib", known.memory_mib, least=1, most=MAX_MIB),
        output_bytes=fields.whole("output_bytes", known.output_bytes, least=0, most=MAX_BYTES),
        answer_bytes=fields.whole("answer_bytes", known.answer_bytes, least=64, most=MAX_BYTES),
    )
    fields.finish()
    return limits


def _test(fields: Fields, *, stdin: bool) -> TestCase:
    arguments = fields.json("input")
    if stdin and isinstance(arguments, str):
        arguments = [arguments]
    if not isinstance(arguments, list):
        told = "the list of the arguments, such as [[2, 7], 9]"
        raise fields.wrong("input", f"write {'the text of standard input' if stdin else told}")
    test = TestCase(
        arguments=tuple(arguments),
        expected=fields.json("expected"),
        name=fields.text("name"),
        weight=fields.number("weight", 1.0, above=0.0, most=1e9),
    )
    fields.finish()
    return test


def _buggy(fields: Fields) -> Buggy:
    remedy = "say in words what is wrong with the program"
    buggy = Buggy(
        fault=fields.text("fault", None, remedy=remedy),
        source=fields.text("source", None, remedy="write the program"),
    )
    fields.finish()
    return buggy


def _extra(fields: Fields) -> dict[str, JSON]:
    if not fields.given("extra"):
        fields.take("extra")
        return {}
    extra = fields.json("extra")
    if not isinstance(extra, dict):
        raise fields.wrong("extra", "write a table")
    return extra
