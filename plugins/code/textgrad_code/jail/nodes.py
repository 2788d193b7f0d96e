"""LeetCode's node classes, built from JSON and read back.

    ListNode        [1, 2, 3]; with a cycle {"values": [1, 2, 3], "cycle": 1}: the last node's
                    ``next`` is the node of index 1; -1 is no cycle
    TreeNode        level order, null for a missing child: [1, null, 2]
    Node.children   n-ary tree, level order, null after every group of children:
                    [1, null, 2, 3, null, 4]
    Node.random     list with random pointers: [[7, null], [13, 0]] (value, index of ``random``)
    Node.neighbors  graph as adjacency list of the nodes 1, 2, ...: [[2, 4], [1, 3], ...]

No node is ``[]``. A number given for a ListNode or TreeNode is the node of that value in the
first argument of the same type, as in "lowest common ancestor of p and q".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

from textgrad_code.jail.node_classes import ChildrenNode, GraphNode, ListNode, RandomNode, TreeNode

NO_CYCLE = (None, -1)  # -1 is what LeetCode writes
NODE_TYPES = ("ListNode", "TreeNode", "Node.children", "Node.random", "Node.neighbors")


class NotSerialisable(Exception):
    """A value has no JSON form; the message says why."""


class AnswerTooLarge(Exception):
    """A value has more parts than an answer may have."""


class Shape(NamedTuple):
    """A node type inside so many lists."""

    node: str
    lists: int


@lru_cache(maxsize=256)
def shape_of(notation: str) -> Shape | None:
    """The node type in a type's notation; None if it has none.

    ``List[Optional[ListNode]]`` is a ListNode in one list, ``Union[ListNode, None]`` in none.
    """
    text, lists = notation.replace(" ", "").replace("'", "").replace('"', ""), 0
    while True:
        text = text.removesuffix("|None").removeprefix("None|")
        head, bracket, rest = text.partition("[")
        if not bracket or head not in ("Optional", "Union", "List", "list"):
            break
        text, lists = rest.removesuffix("]"), lists + (head in ("List", "list"))
        if head == "Union":
            text = text.removesuffix(",None").removeprefix("None,")
    return Shape(text, lists) if text in NODE_TYPES else None


def build(shape: Shape | None, data: Any) -> Any:
    """What a program gets for an argument of this shape."""
    if shape is None or data is None:
        return data
    if shape.lists:
        inner = Shape(shape.node, shape.lists - 1)
        return [build(inner, one) for one in data]
    return BUILDERS[shape.node](data)


def read(shape: Shape, value: Any, take: Callable[[], None]) -> Any:
    """The values of nodes as a nested list or, for a cyclic list, as described above.

    Args:
        shape: What the value was declared to be.
        value: The program's object.
        take: Called once per node; raises `AnswerTooLarge` when it is one too many.

    Raises:
        NotSerialisable: If it is something else.
    """
    if shape.lists:
        if not isinstance(value, (list, tuple)):
            raise NotSerialisable(f"expected a list of {shape.node}")
        inner = Shape(shape.node, shape.lists - 1)
        return [read(inner, one, take) for one in value]
    if value is None:
        return []
    try:
        return READERS[shape.node](value, take)
    except AttributeError as error:
        kind = type(value).__qualname__
        raise NotSerialisable(
            f"cannot serialise a value of type {kind} as {shape.node}: {error}"
        ) from None


def find_node(root: Any, value: Any) -> Any:
    """The first node of that value in a list or tree, in level order; None if there is none."""
    queue, seen = deque([root]), set()
    while queue:
        node = queue.popleft()
        if node is None or id(node) in seen:
            continue
        if node.val == value:
            return node
        seen.add(id(node))
        queue += (getattr(node, name, None) for name in ("next", "left", "right"))
    return None


def without_last_nulls(values: list[Any]) -> list[Any]:
    """Values level by level, up to the last one that is there."""
    end = len(values)
    while end and values[end - 1] is None:
        end -= 1
    return values[:end]


def _value(node: Any) -> Any:
    """A node's value; null stands for an absent node, so that no node may have it."""
    value = node.val
    if value is None:
        raise NotSerialisable("cannot serialise a node without a value: its val is None")
    return value


def _build_list(data: Any) -> Any:
    values, cycle = (data["values"], data.get("cycle")) if isinstance(data, dict) else (data, None)
    nodes = [ListNode(value) for value in values]
    for node, following in pairwise(nodes):
        node.next = following
    if cycle not in NO_CYCLE and nodes:
        nodes[-1].next = nodes[cycle]
    return nodes[0] if nodes else None


def _read_list(node: Any, take: Callable[[], None]) -> Any:
    values: list[Any] = []
    index: dict[int, int] = {}
    while node is not None:
        if id(node) in index:
            return {"values": values, "cycle": index[id(node)]}
        take()
        index[id(node)] = len(values)
        values.append(_value(node))
        node = node.next
    return values


def _build_tree(data: Any) -> Any:
    if not data or data[0] is None:
        return None
    values = iter(data)
    root = TreeNode(next(values))
    queue = deque([root])
    while queue:
        node = queue.popleft()
        for side in ("left", "right"):
            value = next(values, None)
            if value is not None:
                child = TreeNode(value)
                setattr(node, side, child)
                queue.append(child)
    return root


def _read_tree(root: Any, take: Callable[[], None]) -> Any:
    values: list[Any] = []
    queue, seen = deque([root]), set()
    while queue:
        node = queue.popleft()
        if node is None:
            values.append(None)
            continue
        if id(node) in seen:
            raise NotSerialisable("cannot serialise a tree in which a node occurs twice")
        take()
        seen.add(id(node))
        values.append(_value(node))
        queue.append(node.left)
        queue.append(node.right)
    return without_last_nulls(values)


def _build_children(data: Any) -> Any:
    if not data or data[0] is None:
        return None
    root = ChildrenNode(data[0])
    queue, parent = deque([root]), root
    for value in without_last_nulls(data)[1:]:
        if value is None:
            parent = queue.popleft()
        else:
            child = ChildrenNode(value)
            parent.children.append(child)
            queue.append(child)
    return root


def _read_children(root: Any, take: Callable[[], None]) -> Any:
    values: list[Any] = [_value(root), None]
    queue, seen = deque([root]), {id(root)}
    take()
    while queue:
        for child in queue.popleft().children or ():
            if id(child) in seen:
                raise NotSerialisable("cannot serialise a tree in which a node occurs twice")
            take()
            seen.add(id(child))
            values.append(_value(child))
            queue.append(child)
        values.append(None)
    return without_last_nulls(values)


def _build_random(data: Any) -> Any:
    nodes = [RandomNode(value) for value, _ in data]
    for node, following in pairwise(nodes):
        node.next = following
    for node, (_, index) in zip(nodes, data, strict=True):
        node.random = None if index is None else nodes[index]
    return nodes[0] if nodes else None


def _read_random(node: Any, take: Callable[[], None]) -> Any:
    nodes: list[Any] = []
    index: dict[int, int] = {}
    while node is not None:
        if id(node) in index:
            raise NotSerialisable("cannot serialise a list with random pointers that has a cycle")
        take()
        index[id(node)] = len(nodes)
        nodes.append(node)
        node = node.next
    for one in nodes:
        if one.random is not None and id(one.random) not in index:
            raise NotSerialisable("a random pointer leads to a node that is not in the list")
    return [[one.val, None if one.random is None else index[id(one.random)]] for one in nodes]


def _build_graph(data: Any) -> Any:
    nodes = [GraphNode(number) for number in range(1, len(data) + 1)]
    for node, neighbors in zip(nodes, data, strict=True):
        node.neighbors = [nodes[number - 1] for number in neighbors]
    return nodes[0] if nodes else None


def _read_graph(root: Any, take: Callable[[], None]) -> Any:
    found: dict[Any, Any] = {}
    queue, seen = deque([root]), {id(root)}
    while queue:
        node = queue.popleft()
        take()
        if node.val in found:
            raise NotSerialisable(f"two nodes of the graph have the value {node.val!r}")
        found[node.val] = node
        for one in node.neighbors:
            if id(one) not in seen:
                seen.add(id(one))
                queue.append(one)
    return [[one.val for one in found[value].neighbors] for value in sorted(found)]


BUILDERS: dict[str, Callable[[Any], Any]] = {
    "ListNode": _build_list,
    "TreeNode": _build_tree,
    "Node.children": _build_children,
    "Node.random": _build_random,
    "Node.neighbors": _build_graph,
}
READERS: dict[str, Callable[[Any, Callable[[], None]], Any]] = {
    "ListNode": _read_list,
    "TreeNode": _read_tree,
    "Node.children": _read_children,
    "Node.random": _read_random,
    "Node.neighbors": _read_graph,
}
