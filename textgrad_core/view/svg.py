"""A graph as an SVG drawing: one self-contained text. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from textgrad_core.view.boxes import COLUMNS, Line, box_lines, fill_of
from textgrad_core.view.layout import Layout, Size, arranged

if TYPE_CHECKING:
    from textgrad_core.view.glance import Glance
    from textgrad_core.view.graph import Graph

FONT_PX = 12
COLUMN_PX = 7.3
LINE_PX = 16
PADDING_PX = 10
MARGIN_PX = 12
_FAILED = "#b3261e"
_STYLE = (
    # every rule is for this drawing only: a notebook shows it inside its own page
    f".tg-graph text{{font:{FONT_PX}px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;"
    "fill:#222}.tg-graph .role{font-weight:600}.tg-graph .small{fill:#5f6368;font-size:11px}"
    ".tg-graph .line{fill:none;stroke:#8a8f98;stroke-width:1.2}.tg-graph .box{stroke:#8a8f98}"
)


def svg_of(graph: Graph) -> str:
    """The drawing; the same graph, the same text."""
    texts = [box_lines(node, show_feedback=graph.show_feedback) for node in graph.nodes]
    sizes = [Size(width=COLUMNS * COLUMN_PX + 2 * PADDING_PX, height=_height(t)) for t in texts]
    edges = [(edge.source, edge.target) for edge in graph.edges]
    labels = ["" if edge.count == 1 else f"{edge.count} times" for edge in graph.edges]
    missing = [(place, number) for place, number in enumerate(graph.omitted) if number]
    for place, number in missing:
        edges.append((len(sizes), place))
        labels.append("")
        sizes.append(Size(width=(len(_more(number)) + 2) * COLUMN_PX, height=LINE_PX + 8))
    layout = arranged(sizes, edges)
    lines = zip(layout.lines, edges, labels, strict=True)
    body = [
        *(_line(points, source >= len(texts), label) for points, (source, _), label in lines),
        *(
            _box(node, text, layout.boxes[i], sizes[i], first=i == 0)
            for i, (node, text) in enumerate(zip(graph.nodes, texts, strict=True))
        ),
        *(
            _omitted(number, layout.boxes[len(texts) + i], sizes[len(texts) + i])
            for i, (_, number) in enumerate(missing)
        ),
    ]
    return _page(body, layout, graph.note)


def _page(body: Sequence[str], layout: Layout, note: str) -> str:
    width = max(layout.width, len(note) * COLUMN_PX) + 2 * MARGIN_PX
    height = layout.height + 2 * MARGIN_PX + (2 * LINE_PX if note else 0)
    told = _text(0, layout.height + 1.6 * LINE_PX, note, "small") if note else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="tg-graph" '
        f'width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="{-MARGIN_PX} {-MARGIN_PX} {width:.0f} {height:.0f}" role="img" '
        f'aria-label="graph of variables"><style>{_STYLE}</style><defs>'
        '<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0 8 4 0 8z" fill="#8a8f98"/></marker></defs>'
        f'<rect x="{-MARGIN_PX}" y="{-MARGIN_PX}" width="100%" height="100%" fill="#fff"/>'
        f"{''.join(body)}{told}</svg>"
    )


def _height(lines: Sequence[Line]) -> float:
    return len(lines) * LINE_PX + 12.0


def _box(
    node: Glance, lines: Sequence[Line], at: tuple[float, float], size: Size, *, first: bool
) -> str:
    x, y = at
    edge = f' style="stroke:{_FAILED}"' if node.state == "failed" else ""
    thick = 2.2 if first else 1.0
    written = "".join(
        _text(x + PADDING_PX, y + 17 + i * LINE_PX, line.text, line.look)
        for i, line in enumerate(lines)
    )
    told = "\n\n".join([node.role, node.value, *(f"feedback: {text}" for text in node.feedback)])
    return (
        f'<g><title>{escape(told)}</title><rect class="box" x="{x:.1f}" y="{y:.1f}" '
        f'width="{size.width:.1f}" height="{size.height:.1f}" rx="6" fill="{fill_of(node)}" '
        f'stroke-width="{thick}"{edge}/>{written}</g>'
    )


def _omitted(number: int, at: tuple[float, float], size: Size) -> str:
    x, y = at
    return (
        f'<rect class="box" x="{x:.1f}" y="{y:.1f}" width="{size.width:.1f}" '
        f'height="{size.height:.1f}" rx="6" fill="none" stroke-dasharray="4 3"/>'
        + _text(x + COLUMN_PX, y + 16, _more(number), "small")
    )


def _more(number: int) -> str:
    return f"{number:,} more"


def _line(points: Sequence[tuple[float, float]], dashed: bool, label: str) -> str:
    """A line through its points, upright at each of them."""
    x, y = points[0]
    path = [f"M{x:.1f} {y:.1f}"]
    for new_x, new_y in points[1:]:
        half = (y + new_y) / 2
        if new_x != x:
            path.append(f"C{x:.1f} {half:.1f} {new_x:.1f} {half:.1f} {new_x:.1f} {new_y:.1f}")
        elif new_y != y:  # an arrow needs a last piece that has a direction
            path.append(f"V{new_y:.1f}")
        x, y = new_x, new_y
    dash = ' stroke-dasharray="4 3"' if dashed else ""
    drawn = f'<path class="line" d="{"".join(path)}"{dash} marker-end="url(#tip)"/>'
    return drawn + (_text(x + 6, y - 8, label, "small") if label else "")


def _text(x: float, y: float, text: str, look: str = "") -> str:
    cls = f' class="{look}"' if look else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{cls} xml:space="preserve">{escape(text)}</text>'
