"""A graph in the DOT language. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textgrad_core.view.boxes import box_lines, fill_of

if TYPE_CHECKING:
    from textgrad_core.view.graph import Graph


def dot_of(graph: Graph) -> str:
    """The text; the same graph, the same text."""
    lines = [
        "digraph variables {",
        '  node [shape=box, style="rounded,filled", fontname="monospace", fontsize=10];',
    ]
    if graph.note:
        lines.append(f"  label={quoted([graph.note])};")
    for place, node in enumerate(graph.nodes):
        lines_of = box_lines(node, show_feedback=graph.show_feedback)
        label = quoted([line.text for line in lines_of])
        looks = f'label={label}, fillcolor="{fill_of(node)}"'
        if place == 0:
            looks += ", penwidth=2"
        if node.state == "failed":
            looks += ', color="#b3261e"'
        lines.append(f"  n{place} [{looks}];")
    for place, missing in enumerate(graph.omitted):
        if missing:
            label = quoted([f"{missing:,} more"])
            lines.append(f'  m{place} [label={label}, style="dashed"];')
            lines.append(f"  m{place} -> n{place} [style=dashed];")
    for edge in graph.edges:
        many = f' [label="{edge.count} times"]' if edge.count > 1 else ""
        lines.append(f"  n{edge.source} -> n{edge.target}{many};")
    return "\n".join([*lines, "}", ""])


def quoted(lines: Sequence[str]) -> str:
    """Lines as one quoted string of DOT."""
    escaped = (line.replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return '"' + "\\n".join(escaped) + '"'
