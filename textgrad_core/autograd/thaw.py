"""Feedback for answers whose prompts are frozen, once somebody wants to improve them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textgrad_core.variable import Variable


def thaw(root: Variable) -> None:
    """Let feedback reach what came to be wanted after the graph was built.

    An operation on frozen inputs has an output that requires no feedback, and so has all that is
    built on it. When an optimizer takes such an output as a parameter, everything between it and
    the root has to hand feedback on. An output that somebody froze by hand stays frozen.
    """
    stack, opened, done = [root], set[int](), set[int]()
    while stack:
        variable = stack[-1]
        if id(variable) in done:
            stack.pop()
        elif id(variable) not in opened:
            opened.add(id(variable))
            stack.extend(v for v in variable.predecessors if id(v) not in opened)
        else:
            stack.pop()
            done.add(id(variable))
            if variable.built_frozen and any(v.requires_grad for v in variable.predecessors):
                variable.requires_grad = True
