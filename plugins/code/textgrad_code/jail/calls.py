"""One test: build the arguments, call the program, give its answer as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from textgrad_code.jail.frames import unpacked
from textgrad_code.jail.loading import Operation, Signature
from textgrad_code.jail.nodes import Shape, build, find_node
from textgrad_code.jail.values import encode

PLAIN = Operation((), None)
SCALARS = (bool, int, float, str, type(None))


class Called(NamedTuple):
    """What a call gave.

    Attributes:
        answer: The JSON form of the answer.
        mutated: Indices of arguments that were changed though that was not asked for.
    """

    answer: Any
    mutated: list[int]


def call(
    signature: Signature, target: Callable[[], Callable[..., Any]], body: bytes, most: int
) -> Called:
    """Run one test of a method, function or design class.

    Args:
        signature: How the program is called.
        target: Gives what is called.
        body: The frame that asks for it, as JSON text: its ``arguments`` are built anew from
            it, so that no test sees what another one did to them.
        most: How many values an answer may hold.
    """
    arguments = unpacked(body)["arguments"]
    if signature.kind == "design":
        return Called(_design(signature, target(), arguments, most), [])
    built = build_arguments(signature.parameters, arguments)
    result = target()(*built)
    shape = signature.returns
    if signature.in_place is not None:
        result = built[signature.in_place]
        shape = _shape(signature.parameters, signature.in_place)
    answer = encode(result, shape, most)
    return Called(answer, _mutated(signature, built, body))


def build_arguments(
    parameters: tuple[Shape | None, ...],
    arguments: list[Any],
    earlier: dict[str, Any] | None = None,
) -> list[Any]:
    """What the program is called with: nodes where they are declared, plain data elsewhere.

    Args:
        parameters: What they were declared to be.
        arguments: JSON data.
        earlier: The first node of every type in the calls before, which is added to.
    """
    built: list[Any] = []
    earlier = {} if earlier is None else earlier
    roots: dict[str, Any] = {}
    for index, value in enumerate(arguments):
        shape = _shape(parameters, index)
        if shape is None:
            built.append(value)
            continue
        known = roots if shape.node in roots else earlier
        if type(value) is int and not shape.lists and shape.node in known:
            built.append(find_node(known[shape.node], value))
        else:
            built.append(build(shape, value))
            if not shape.lists:
                roots.setdefault(shape.node, built[-1])
    for node, root in roots.items():
        earlier.setdefault(node, root)
    return built


def _shape(parameters: tuple[Shape | None, ...], index: int) -> Shape | None:
    return parameters[index] if index < len(parameters) else None


def _design(
    signature: Signature, cls: Callable[..., Any], arguments: list[Any], most: int
) -> list[Any]:
    """Operations in turn, the constructor first; ``parameters`` are the constructor's."""
    operations, lists = arguments
    roots: dict[str, Any] = {}
    first = build_arguments(signature.parameters, lists[0], roots) if lists else []
    made = cls(*first)
    answers: list[Any] = [None] * bool(operations)
    for name, values in zip(operations[1:], lists[1:], strict=True):
        known = signature.operations.get(name, PLAIN)
        answer = getattr(made, name)(*build_arguments(known.parameters, values, roots))
        answers.append(encode(answer, known.returns, most))
    return answers


def _mutated(signature: Signature, built: list[Any], body: bytes) -> list[int]:
    """Arguments that are no longer what was sent. Nodes are not looked at: relinking is usual."""
    watched = [
        index
        for index, value in enumerate(built)
        if _shape(signature.parameters, index) is None
        and index != signature.in_place
        and type(value) not in SCALARS
    ]
    if not watched:
        return []
    sent = unpacked(body)["arguments"]
    return [index for index in watched if _differs(built[index], sent[index])]


def _differs(now: Any, sent: Any) -> bool:
    try:
        return bool(now != sent)
    except Exception:  # the program put objects of its own into it
        return True
