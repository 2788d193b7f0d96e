"""LeetCode's node classes."""

from __future__ import annotations

from typing import Any


class ListNode:
    """Singly linked list."""

    def __init__(self, val: Any = 0, next: Any = None) -> None:
        self.val = val
        self.next = next


class TreeNode:
    """Binary tree."""

    def __init__(self, val: Any = 0, left: Any = None, right: Any = None) -> None:
        self.val = val
        self.left = left
        self.right = right


class ChildrenNode:
    """N-ary tree."""

    def __init__(self, val: Any = None, children: Any = None) -> None:
        self.val = val
        self.children = [] if children is None else children


class RandomNode:
    """Linked list with random pointers."""

    def __init__(self, x: Any = 0, next: Any = None, random: Any = None) -> None:
        self.val = x
        self.next = next
        self.random = random


class GraphNode:
    """Node of a graph."""

    def __init__(self, val: Any = 0, neighbors: Any = None) -> None:
        self.val = val
        self.neighbors = [] if neighbors is None else neighbors


NODE_CLASSES = {
    "Node.children": ChildrenNode,
    "Node.random": RandomNode,
    "Node.neighbors": GraphNode,
}
for _class in NODE_CLASSES.values():
    _class.__name__ = _class.__qualname__ = "Node"
