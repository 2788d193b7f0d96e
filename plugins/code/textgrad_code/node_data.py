"""Which JSON values stand for LeetCode's nodes, and when two of them stand for the same. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textgrad_code.jail.nodes import NO_CYCLE, Shape, without_last_nulls
from textgrad_code.problem_fields import shown
from textgrad_core.jsondata import JSON

LIST = "write the list of its values, such as [1, 2, 3], or [] for no node"
CYCLE = 'write its values and the index its last node links to: {"values": [1, 2], "cycle": 0}'
TREE = "write its values level by level, null for an absent child, such as [1, null, 2]"
CHILDREN = "write its values level by level, null after the root and every group of children"
RANDOM = "write [value, index of random or null] for every node, such as [[7, null], [13, 0]]"
GRAPH = "write the neighbours of the nodes 1, 2, ..., such as [[2], [1]]"


def fault_of(shape: Shape, data: JSON) -> str:
    """Why a value stands for no nodes of this type, and what to write; empty if it does."""
    if data is None:
        return ""
    if not shape.lists:
        return FAULTS[shape.node](data)
    if not isinstance(data, list):
        return f"write a list, a {shape.node} for each of its items"
    inner = Shape(shape.node, shape.lists - 1)
    faults = ((index, fault_of(inner, one)) for index, one in enumerate(data))
    return next((f"item {index} is wrong: {fault}" for index, fault in faults if fault), "")


def canonical_nodes(shape: Shape, data: JSON) -> JSON:
    """The one way of several to write the same nodes, which is how answers are read back."""
    if shape.lists:
        if not isinstance(data, list):
            return [] if data is None else data
        inner = Shape(shape.node, shape.lists - 1)
        return [canonical_nodes(inner, one) for one in data]
    if data is None:
        return []
    if isinstance(data, list) and shape.node in ("TreeNode", "Node.children"):
        return without_last_nulls(data)
    if isinstance(data, dict) and shape.node == "ListNode" and "values" in data:
        return data["values"] if data.get("cycle") in NO_CYCLE else data
    return data


def values_of(data: JSON) -> list[JSON]:
    """The values of the nodes of a list or tree."""
    values = data.get("values") if isinstance(data, dict) else data
    return [one for one in values if one is not None] if isinstance(values, list) else []


def attached(values: list[JSON]) -> list[JSON]:
    """Values of a tree level by level, up to the first that has no parent."""
    places = 1
    for index, value in enumerate(values):
        if not places:
            return values[:index]
        places += -1 if value is None else 1
    return values


def _value_fault(values: Sequence[JSON]) -> str:
    for index, value in enumerate(values):
        if not isinstance(value, (int, float, str)):
            told = "a number, a text, true or false"
            return f"value {index} of its nodes is {shown(value)}: write {told}"
    return ""


def _list_fault(data: JSON) -> str:
    if isinstance(data, dict):
        values, cycle = data.get("values"), data.get("cycle")
        if not isinstance(values, list) or not data.keys() <= {"values", "cycle"}:
            return CYCLE
        if cycle is not None and (type(cycle) is not int or not -1 <= cycle < len(values)):
            indices = f"an index from 0 to {len(values) - 1}, or " if values else ""
            told = f"its cycle is {shown(cycle)} and it has {len(values)} nodes"
            return f"{told}: write {indices}-1 for none"
        data = values
    return _value_fault(data) if isinstance(data, list) else LIST


def _tree_fault(data: JSON) -> str:
    if not isinstance(data, list):
        return TREE
    values = without_last_nulls(data)
    with_parent = len(attached(values))
    if with_parent < len(values):
        return f"value {with_parent} has no parent: {TREE}"
    return _value_fault([one for one in values if one is not None])


def _children_fault(data: JSON) -> str:
    if not isinstance(data, list):
        return CHILDREN
    values = without_last_nulls(data)
    if values and (values[0] is None or values[1:2] not in ([], [None])):
        return CHILDREN
    parents = 1  # that have had no group of children yet
    for index, value in enumerate(values[1:], 1):
        parents += -1 if value is None else 1
        if parents < 0:
            return f"the null at {index} is one group of children too many: {CHILDREN}"
    return _value_fault([one for one in values if one is not None])


def _random_fault(data: JSON) -> str:
    if not isinstance(data, list):
        return RANDOM
    for number, pair in enumerate(data):
        if not isinstance(pair, list) or len(pair) != 2:
            return RANDOM
        index = pair[1]
        if index is not None and (type(index) is not int or not 0 <= index < len(data)):
            told = f"the random of node {number} is {shown(index)}"
            return f"{told}: write null or an index from 0 to {len(data) - 1}"
    return _value_fault([pair[0] for pair in data if isinstance(pair, list)])


def _graph_fault(data: JSON) -> str:
    if not isinstance(data, list) or not all(isinstance(one, list) for one in data):
        return GRAPH
    for number, neighbours in enumerate(data, 1):
        for one in neighbours if isinstance(neighbours, list) else ():
            if type(one) is not int or not 1 <= one <= len(data):
                told = f"a neighbour of node {number} is {shown(one)}"
                return f"{told}: write a node from 1 to {len(data)}"
    return ""


FAULTS: dict[str, Callable[[JSON], str]] = {
    "ListNode": _list_fault,
    "TreeNode": _tree_fault,
    "Node.children": _children_fault,
    "Node.random": _random_fault,
    "Node.neighbors": _graph_fault,
}
