"""Whether a test gives nodes where nodes are declared. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from textgrad_code.errors import ProblemError
from textgrad_code.jail.nodes import Shape, shape_of
from textgrad_code.node_data import fault_of, values_of
from textgrad_code.problem import Parameter, Signature, TestCase
from textgrad_code.problem_fields import shown
from textgrad_core.jsondata import JSON

NAMED = ("ListNode", "TreeNode")
"""Types of which an integer can name a node of an earlier argument."""

Known = dict[str, list[JSON]]
"""For a node type the values in its first argument."""


def check_nodes(signature: Signature, test: TestCase, where: str, *, expected_too: bool) -> None:
    """See that the nodes of a test can be built, and the ones it expects be answered.

    Args:
        signature: How the program is called; of a design, the test's lists are known to be right.
        test: The test.
        where: Its place, for messages.
        expected_too: Whether ``expected`` is an answer; a checker may take it for something else.

    Raises:
        ProblemError: Naming the place, the value and what to write.
    """
    if signature.kind == "design":
        return _check_design(signature, test, where, expected_too=expected_too)
    _check_arguments(signature.parameters, test.arguments, f"{where}.input", {})
    if expected_too:
        judged = signature.returns
        if signature.in_place is not None:
            judged = signature.parameters[signature.in_place].type
        _check_value(shape_of(judged), test.expected, f"{where}.expected")
    return None


def _check_design(signature: Signature, test: TestCase, where: str, *, expected_too: bool) -> None:
    known = {one.name: one for one in signature.operations}
    names, lists = (one if isinstance(one, list) else [] for one in test.arguments)
    answers = test.expected if isinstance(test.expected, list) else []
    earlier: Known = {}
    for index, (name, values, answer) in enumerate(zip(names, lists, answers, strict=True)):
        operation = known.get(str(name))
        parameters = operation.parameters if operation else ()
        given = values if isinstance(values, list) else []
        _check_arguments(
            parameters if index else signature.parameters,
            given,
            f"{where}.input[1][{index}]",
            earlier,
        )
        if expected_too and index and operation:
            _check_value(shape_of(operation.returns), answer, f"{where}.expected[{index}]")


def _check_arguments(
    parameters: Sequence[Parameter], arguments: Sequence[JSON], where: str, earlier: Known
) -> None:
    """One call; the nodes that later calls may name are added to the earlier ones."""
    first: Known = {}
    for index, (parameter, value) in enumerate(zip(parameters, arguments, strict=False)):
        shape, place = shape_of(parameter.type), f"{where}[{index}]"
        if shape is None:
            continue
        single = shape.node in NAMED and not shape.lists
        known = first if shape.node in first else earlier
        if single and type(value) is int and shape.node in known:
            if value not in known[shape.node]:
                raise ProblemError(
                    f"{place} is {value}: no node of the first {shape.node} has that value: "
                    "name one that has, or write the values of the nodes"
                )
            continue
        _check_value(shape, value, place)
        if single:
            first.setdefault(shape.node, values_of(value))
    for node, values in first.items():
        earlier.setdefault(node, values)


def _check_value(shape: Shape | None, value: JSON, where: str) -> None:
    fault = "" if shape is None else fault_of(shape, value)
    if shape is not None and fault:
        raise ProblemError(f"{where} is {shown(value)}, which is no {_told(shape)}: {fault}")


def _told(shape: Shape) -> str:
    return "list of " * shape.lists + shape.node
