"""The graph behind a variable, as it is at one moment, drawn as SVG or written as DOT."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass

from textgrad_core.errors import UsageError
from textgrad_core.report.text import headline
from textgrad_core.variable import Variable
from textgrad_core.view.glance import Glance, glance

MAX_NODES = 60
MAX_INPUTS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """One variable takes part in making another.

    Args:
        source: Place of the input in `Graph.nodes`.
        target: Place of what was made from it.
        count: How often it is an argument.
    """

    source: int
    target: int
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A picture of a graph: what was there when it was taken. A notebook shows it by itself.

    Args:
        nodes: The variables drawn; the first is the one the graph was asked for, and a
            variable never stands before all those that were made from it.
        edges: Between them.
        omitted: For each node, how many of its inputs are not drawn.
        total: Variables in the whole graph.
        show_feedback: Whether boxes hold the beginning of each feedback, not only their number.
    """

    nodes: tuple[Glance, ...]
    edges: tuple[Edge, ...]
    omitted: tuple[int, ...]
    total: int
    show_feedback: bool = False

    @property
    def note(self) -> str:
        """What is not drawn, in words; empty if everything is."""
        left_out = self.total - len(self.nodes)
        if not left_out:
            return ""
        return (
            f"{len(self.nodes):,} of {self.total:,} variables are drawn, those nearest to "
            f"{headline(self.nodes[0].role, 40)!r}; raise max_nodes or max_inputs for more"
        )

    def dot(self) -> str:
        """The graph in the DOT language, for Graphviz."""
        from textgrad_core.view.dot import dot_of

        return dot_of(self)

    def svg(self) -> str:
        """The graph as an SVG drawing that needs nothing else."""
        from textgrad_core.view.svg import svg_of

        return svg_of(self)

    def _repr_svg_(self) -> str:
        return self.svg()


def graph(
    variable: Variable,
    *,
    max_nodes: int = MAX_NODES,
    max_inputs: int = MAX_INPUTS,
    show_feedback: bool = False,
) -> Graph:
    """Look at everything a variable was made from; waits for nothing and asks no model.

    Args:
        variable: Usually a loss.
        max_nodes: Most variables drawn; those nearest to the loss are, and the drawing says
            how many there are.
        max_inputs: Most inputs followed from any one variable.
        show_feedback: Whether boxes hold the beginning of each feedback, not only their number.

    Raises:
        UsageError: If a limit is below 1, or this is no variable.
    """
    if not isinstance(variable, Variable):
        raise UsageError(
            f"graph() of a {type(variable).__name__}: give a Variable, such as a loss"
        )
    for name, limit in (("max_nodes", max_nodes), ("max_inputs", max_inputs)):
        if limit < 1:
            raise UsageError(f"{name} is {limit}: give 1 or more")
    drawn = _nearest(variable, max_nodes, max_inputs)
    place = {v: i for i, v in enumerate(drawn)}
    edges: list[Edge] = []
    omitted: list[int] = []
    for target, made in enumerate(drawn):
        uses = Counter(made.predecessors)
        edges += [
            Edge(source=place[v], target=target, count=n) for v, n in uses.items() if v in place
        ]
        omitted.append(sum(v not in place for v in uses))
    return Graph(
        nodes=tuple(glance(v) for v in drawn),
        edges=tuple(edges),
        omitted=tuple(omitted),
        total=_count(variable),
        show_feedback=show_feedback,
    )


def _nearest(root: Variable, max_nodes: int, max_inputs: int) -> Sequence[Variable]:
    """Variables by their distance from the root, in the order of arguments."""
    drawn = {root: None}
    queue = deque([root])
    while queue:
        made = queue.popleft()
        for given in list(dict.fromkeys(made.predecessors))[:max_inputs]:
            if given not in drawn and len(drawn) < max_nodes:
                drawn[given] = None
                queue.append(given)
    return list(drawn)


def _count(root: Variable) -> int:
    seen = {root}
    left = [root]
    while left:
        for given in left.pop().predecessors:
            if given not in seen:
                seen.add(given)
                left.append(given)
    return len(seen)
