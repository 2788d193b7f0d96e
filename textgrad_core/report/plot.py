"""A trajectory as an SVG picture: numbers in, text out, no library.

The picture carries its own style; its colours are CSS variables with fallbacks, so it reads on
its own and follows the page around it into dark mode.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from textgrad_core.report.axis import axis_range, fraction, tick_labels, ticks, whole_ticks
from textgrad_core.report.text import headline, visible

MarkKind = Literal["accepted", "worse", "rejected", "unmeasured"]

_MARGIN_LEFT, _MARGIN_TOP, _MARGIN_BOTTOM = 66.0, 26.0, 44.0
_MARGIN_BARE, _MARGIN_LABELS = 18.0, 138.0
_LANE = 26.0
_LINE_HEIGHT = 15.0
_CROWDED = 500  # more marks than this are drawn smaller
_TITLED = 1000  # more marks than this carry no tooltip, to keep the page small
_CLIP_FROM, _CLIP_RANGES = 8, 4.0

_STYLE = (
    "text{font:12px system-ui,-apple-system,'Segoe UI',Roboto,'Liberation Sans',sans-serif;"
    "fill:var(--soft,#55606b);font-variant-numeric:tabular-nums}"
    ".tp-name{fill:var(--ink,#1b2127);font-weight:600}"
    ".tp-grid{stroke:var(--line,#dfe3e8);stroke-width:1}"
    ".tp-axis{stroke:var(--soft,#55606b);stroke-width:1}"
    ".tp-lane{fill:var(--shade,#f3f5f7)}"
    ".tp-best{fill:none;stroke:var(--accent,#1a5a96);stroke-width:2;stroke-linejoin:round}"
    ".tp-level{stroke:var(--level,#7a5195);stroke-width:1.2;stroke-dasharray:5 4}"
    ".tp-level-name{fill:var(--level,#7a5195)}"
    ".tp-accepted{fill:var(--accent,#1a5a96);stroke:var(--paper,#fff);stroke-width:1}"
    ".tp-worse{fill:var(--paper,#fff);stroke:var(--dim,#8a949e);stroke-width:1.2}"
    ".tp-beyond{fill:var(--dim,#8a949e)}"
    ".tp-rejected{fill:none;stroke:var(--bad,#b3402a);stroke-width:1.7}"
    ".tp-unmeasured{fill:none;stroke:var(--warn,#9a6a00);stroke-width:1.5}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One trial.

    Args:
        x: Its place in the run.
        y: Its finite value; None puts it into the lane of trials without a score.
        kind: What became of it; decides shape and colour.
        label: Tooltip.
    """

    x: float
    y: float | None
    kind: MarkKind
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A horizontal line to compare with."""

    y: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One picture.

    Args:
        name: What the y axis shows, with its unit.
        better: Which way is better.
        marks: Every trial.
        best: The best-so-far line as (x, y) where it changes, x rising.
        levels: Lines to compare with.
        x_name: What the x axis shows.
        lane: Whether trials without a score are shown.
        whole: Whether the y axis counts something: its ticks are whole numbers.
    """

    name: str
    better: Literal["lower", "higher"]
    marks: tuple[Mark, ...]
    best: tuple[tuple[float, float], ...] = ()
    levels: tuple[Level, ...] = ()
    x_name: str = "candidate, in order of proposal (0 is the start)"
    lane: bool = True
    whole: bool = False


@dataclass(frozen=True, slots=True)
class _Frame:
    left: float
    right: float
    top: float
    bottom: float
    x_low: float
    x_high: float
    y_low: float
    y_high: float

    def x(self, value: float) -> float:
        share = fraction(value, self.x_low, self.x_high)
        return round(self.left + share * (self.right - self.left), 2)

    def y(self, value: float) -> float:
        share = fraction(value, self.y_low, self.y_high)
        return round(self.bottom - share * (self.bottom - self.top), 2)


def beyond_axis(panel: Panel) -> frozenset[int]:
    """Places of the marks so much worse than the rest that they are drawn at the rim of the axis.

    They lie more than four interquartile ranges on the bad side of the quartile; the first
    trial, the best line and the levels are never among them.
    """
    sign = 1.0 if panel.better == "lower" else -1.0
    costs = sorted(sign * m.y for m in panel.marks if m.y is not None)
    if len(costs) < _CLIP_FROM:
        return frozenset()
    lower, upper = costs[len(costs) // 4], costs[(3 * len(costs)) // 4]
    kept = [sign * y for _, y in panel.best] + [sign * level.y for level in panel.levels]
    first = next(m.y for m in panel.marks if m.y is not None)
    limit = max(upper + _CLIP_RANGES * (upper - lower), sign * first, *kept)
    return frozenset(
        i for i, m in enumerate(panel.marks) if m.y is not None and sign * m.y > limit
    )


def trajectory_svg(panel: Panel, *, width: float = 860.0, height: float = 340.0) -> str:
    """Draw one panel.

    Args:
        panel: What to draw.
        width: Width of the view box in pixels.
        height: Height of it.

    Returns:
        One ``<svg>`` element that needs nothing else.
    """
    beyond = beyond_axis(panel)
    lane = _LANE if panel.lane and any(m.y is None for m in panel.marks) else 0.0
    frame = _frame(panel, beyond, width=width, height=height, lane=lane)
    name = escape(visible(f"{panel.name}, {panel.better} is better"))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'role="img" aria-label="{name}"><style>{_STYLE}</style>',
        *_axes(panel, frame, beyond, lane=lane, height=height),
        *_levels(panel.levels, frame, width),
        *_best_line(panel, frame),
        *_marks(panel, frame, beyond, lane=lane),
        "</svg>",
    ]
    return "\n".join(parts)


def _heights(panel: Panel, beyond: frozenset[int]) -> list[float]:
    """Every value the y axis has to hold."""
    values = [m.y for i, m in enumerate(panel.marks) if m.y is not None and i not in beyond]
    return values + [y for _, y in panel.best] + [level.y for level in panel.levels]


def _frame(
    panel: Panel, beyond: frozenset[int], *, width: float, height: float, lane: float
) -> _Frame:
    y_low, y_high = axis_range(_heights(panel, beyond))
    places = [m.x for m in panel.marks] + [x for x, _ in panel.best]
    x_low, x_high = axis_range(places)
    return _Frame(
        left=_MARGIN_LEFT,
        right=width - (_MARGIN_LABELS if panel.levels else _MARGIN_BARE),
        top=_MARGIN_TOP,
        bottom=height - _MARGIN_BOTTOM - lane,
        x_low=x_low,
        x_high=x_high,
        y_low=y_low,
        y_high=y_high,
    )


def _axes(
    panel: Panel, frame: _Frame, beyond: frozenset[int], *, lane: float, height: float
) -> Iterable[str]:
    floor = frame.bottom + lane
    arrow = "↓" if panel.better == "lower" else "↑"
    yield (
        f'<text class="tp-name" x="4" y="14">{escape(visible(panel.name))} '
        f'<tspan font-weight="400">{arrow} {panel.better} is better</tspan></text>'
    )
    at = _y_ticks(panel, beyond, frame)
    for value, label in zip(at, tick_labels(at), strict=True):
        y = frame.y(value)
        yield f'<line class="tp-grid" x1="{frame.left}" x2="{frame.right}" y1="{y}" y2="{y}"/>'
        yield f'<text x="{frame.left - 7}" y="{y + 4:.2f}" text-anchor="end">{label}</text>'
    if lane:
        size = f'width="{frame.right - frame.left}" height="{lane}"'
        yield f'<rect class="tp-lane" x="{frame.left}" y="{frame.bottom}" {size}/>'
        y = frame.bottom + lane / 2 + 4
        yield f'<text x="{frame.left - 7}" y="{y}" text-anchor="end">no score</text>'
    across = f'x1="{frame.left}" x2="{frame.right}"'
    yield f'<line class="tp-axis" {across} y1="{floor}" y2="{floor}"/>'
    at = _x_ticks(panel, frame)
    for value, label in zip(at, tick_labels(at), strict=True):
        x = frame.x(value)
        yield f'<line class="tp-axis" x1="{x}" x2="{x}" y1="{floor}" y2="{floor + 4}"/>'
        yield f'<text x="{x}" y="{floor + 17}" text-anchor="middle">{label}</text>'
    middle = (frame.left + frame.right) / 2
    name = escape(visible(panel.x_name))
    yield f'<text x="{middle}" y="{height - 6}" text-anchor="middle">{name}</text>'


def _y_ticks(panel: Panel, beyond: frozenset[int], frame: _Frame) -> tuple[float, ...]:
    """Ticks on the y axis; none if nothing stands on it."""
    values = _heights(panel, beyond)
    if not values:
        return ()
    at = ticks(frame.y_low, frame.y_high, max(2, round((frame.bottom - frame.top) / 48)))
    return whole_ticks(at, min(values), max(values)) if panel.whole else at


def _x_ticks(panel: Panel, frame: _Frame) -> tuple[float, ...]:
    """Ticks on the x axis: whole numbers that some mark reaches, if the marks are counted."""
    places = [m.x for m in panel.marks]
    about = max(2, round((frame.right - frame.left) / 80))
    at = ticks(frame.x_low, frame.x_high, about)
    if not places or not all(float(p).is_integer() for p in places):
        return at
    whole = tuple(t for t in at if t.is_integer() and min(places) <= t <= max(places))
    return whole or (float(min(places)),)


def _levels(levels: Sequence[Level], frame: _Frame, width: float) -> Iterable[str]:
    ordered = sorted(levels, key=lambda level: -level.y)
    free = frame.top - _LINE_HEIGHT
    room = max(4, int((width - frame.right - 8) / 6.6))
    for level in ordered:
        y = frame.y(level.y)
        free = max(free + _LINE_HEIGHT, y + 4)
        label = visible(level.label)
        yield (
            f'<line class="tp-level" x1="{frame.left}" x2="{frame.right}" y1="{y}" y2="{y}"/>'
            f'<text class="tp-level-name" x="{frame.right + 6}" y="{free:.2f}">'
            f"<title>{escape(label)}</title>{escape(headline(label, room))}</text>"
        )


def _best_line(panel: Panel, frame: _Frame) -> Iterable[str]:
    if not panel.best:
        return
    (x, y), *later = panel.best
    path = [f"M{frame.x(x)} {frame.y(y)}"]
    path += [f"H{frame.x(x)}V{frame.y(y)}" for x, y in later]
    path.append(f"H{frame.x(max([m.x for m in panel.marks] + [panel.best[-1][0]]))}")
    yield f'<path class="tp-best" d="{"".join(path)}"/>'


def _marks(panel: Panel, frame: _Frame, beyond: frozenset[int], *, lane: float) -> Iterable[str]:
    rim = frame.top if panel.better == "lower" else frame.bottom
    titled = len(panel.marks) <= _TITLED
    size = 1.0 if len(panel.marks) <= _CROWDED else 0.6
    # Accepted ones last, so that no other covers them.
    order = sorted(enumerate(panel.marks), key=lambda pair: pair[1].kind == "accepted")
    for place, mark in order:
        if mark.y is None and not lane:
            continue
        x = frame.x(mark.x)
        y = frame.bottom + lane / 2 if mark.y is None else frame.y(mark.y)
        title = f"<title>{escape(visible(mark.label))}</title>" if titled and mark.label else ""
        if place in beyond:
            way = -7 if panel.better == "lower" else 7
            yield f'<path class="tp-beyond" d="M{x - 4} {rim}h8l-4 {way}z">{title}</path>'
        elif mark.kind == "rejected":
            d = f"M{x - 3.5} {y - 3.5}l7 7m0 -7l-7 7"
            yield f'<path class="tp-rejected" d="{d}">{title}</path>'
        elif mark.kind == "unmeasured":
            d = f"M{x} {y - 4.5}l4.5 4.5l-4.5 4.5l-4.5 -4.5z"
            yield f'<path class="tp-unmeasured" d="{d}">{title}</path>'
        else:
            radius = round(size * (4.2 if mark.kind == "accepted" else 3.2), 2)
            yield f'<circle class="tp-{mark.kind}" cx="{x}" cy="{y}" r="{radius}">{title}</circle>'
