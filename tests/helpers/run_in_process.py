"""Call trusted programs of ours in this process: an oracle beside the jail, never a judge."""

from __future__ import annotations

import contextlib
import copy
import io
import itertools
import sys
from collections import deque
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from textgrad_code.problem import Problem, Signature
from textgrad_core.jsondata import JSON, as_stored

PRELUDE = "from typing import *\nfrom collections import *\n"


class ListNode:
    """A node of a linked list, as LeetCode defines it."""

    def __init__(self, val: Any = 0, next: Any = None) -> None:
        self.val, self.next = val, next


class TreeNode:
    """A node of a binary tree, as LeetCode defines it."""

    def __init__(self, val: Any = 0, left: Any = None, right: Any = None) -> None:
        self.val, self.left, self.right = val, left, right


def linked_list(value: Any) -> ListNode | None:
    """Nodes from values, or from values and the place the last node links back to."""
    looped = isinstance(value, dict)
    values = value["values"] if looped else value
    nodes = [ListNode(one) for one in values]
    for node, following in itertools.pairwise(nodes):
        node.next = following
    if looped and value["cycle"] >= 0:
        nodes[-1].next = nodes[value["cycle"]]
    return nodes[0] if nodes else None


def list_values(node: Any) -> Any:
    """The opposite of `linked_list`."""
    values: list[Any] = []
    seen: dict[int, int] = {}
    while node is not None:
        if id(node) in seen:
            return {"values": values, "cycle": seen[id(node)]}
        seen[id(node)] = len(values)
        values.append(node.val)
        node = node.next
    return values


def tree(values: list[Any]) -> TreeNode | None:
    """Nodes from values level by level, None for an absent child."""
    if not values:
        return None
    rest = iter(values)
    root = TreeNode(next(rest))
    waiting = deque([root])
    while waiting:
        parent = waiting.popleft()
        for side in ("left", "right"):
            value = next(rest, None)
            if value is not None:
                setattr(parent, side, TreeNode(value))
                waiting.append(getattr(parent, side))
    return root


def tree_values(root: Any) -> list[Any]:
    """The opposite of `tree`."""
    values: list[Any] = []
    waiting = deque([root])
    while waiting:
        node = waiting.popleft()
        values.append(None if node is None else node.val)
        if node is not None:
            waiting += (node.left, node.right)
    while values and values[-1] is None:
        values.pop()
    return values


def built(value: Any, kind: str) -> Any:
    """An argument as the program gets it."""
    if "List[Optional[ListNode]]" in kind:
        return [linked_list(one) for one in value]
    if "ListNode" in kind:
        return linked_list(value)
    return tree(value) if "TreeNode" in kind else value


def plain(value: Any, kind: str) -> Any:
    """An answer as data."""
    if "ListNode" in kind:
        return list_values(value)
    return tree_values(value) if "TreeNode" in kind else value


def namespace(source: str, text: str = "") -> dict[str, Any]:
    """The names a program defines; stdin programs run here."""
    names: dict[str, Any] = {
        "__name__": "__main__" if text else "solution",
        "ListNode": ListNode,
        "TreeNode": TreeNode,
    }
    exec(PRELUDE + source, names)  # noqa: S102 - programs of ours
    return names


def program(problem: Problem, source: str) -> Callable[[list[Any]], JSON]:
    """A program as a function of one test's arguments; state lives on between the calls."""
    signature = problem.signature
    names = {} if signature.kind == "stdin" else namespace(source)

    def run(arguments: list[Any]) -> JSON:
        if signature.kind == "stdin":
            return printed(source, arguments[0])
        given = copy.deepcopy(arguments)
        if signature.kind == "design":
            return operated(names, given)
        return called(names, signature, given)

    return run


def printed(source: str, text: str) -> str:
    """What a program prints for a text on stdin."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), patch.object(sys, "stdin", io.StringIO(text)):
        namespace(source, text or "\n")
    return out.getvalue()


def operated(names: dict[str, Any], arguments: list[Any]) -> JSON:
    """Answers of a design class."""
    operations, calls = arguments
    made = names[operations[0]](*calls[0])
    rest = zip(operations[1:], calls[1:], strict=True)
    return as_stored([None, *(getattr(made, name)(*given) for name, given in rest)])


def called(names: dict[str, Any], signature: Signature, arguments: list[Any]) -> JSON:
    """The answer of a method or function, or the argument it changes."""
    kinds = [one.type for one in signature.parameters]
    given = [built(value, kind) for value, kind in zip(arguments, kinds, strict=True)]
    holder = names[signature.class_name]() if signature.kind == "method" else None
    call = names[signature.name] if holder is None else getattr(holder, signature.name)
    answer = call(*given)
    if signature.in_place is not None:
        answer, kind = given[signature.in_place], kinds[signature.in_place]
    else:
        kind = signature.returns
    return as_stored(plain(answer, kind))
