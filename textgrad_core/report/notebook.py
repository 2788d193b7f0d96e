"""What a notebook shows for a variable, a feedback and a result. Pure, and without a template.

Everything a model may have written is escaped. Styles stand in the elements themselves, so they
reach nothing else on the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from textgrad_core.report.text import clipped, number, visible

if TYPE_CHECKING:
    from textgrad_core.gradient import Gradient
    from textgrad_core.search.result import Result
    from textgrad_core.variable import Variable

VALUE_CHARS = 4_000
FEEDBACK_CHARS = 2_000
FEEDBACKS = 10
_BOX = "border:1px solid #8a8f98;border-radius:6px;padding:8px 12px;margin:4px 0;max-width:60em"
_SOFT = "color:#7a8088;font-size:90%"
_TEXT = (
    "margin:6px 0;white-space:pre-wrap;overflow-wrap:anywhere;font-family:ui-monospace,monospace"
)
_CELL = "text-align:left;padding:3px 10px;vertical-align:top;overflow-wrap:anywhere"
_PICTURE = "max-width:min(100%,45em)"
_STATES = {"under way": "is being computed", "failed": "failed"}


def variable_html(variable: Variable) -> str:
    """Role, value and feedback; a value that is not there yet is not waited for."""
    from textgrad_core.view.glance import glance

    seen = glance(variable, value_chars=VALUE_CHARS, feedback_chars=FEEDBACK_CHARS)
    facts = [seen.kind, _STATES.get(seen.state, "")]
    if seen.score is not None:
        facts.append(f"score {number(seen.score, 3)}")
    if seen.feedback:
        facts.append(f"feedback: {len(seen.feedback)}")
    more = len(seen.feedback) - FEEDBACKS
    return _div(
        _BOX,
        _strong(seen.role) + _soft(", ".join(fact for fact in facts if fact)),
        _pre(seen.value) if seen.state != "under way" else "",
        *(_quoted(text) for text in seen.feedback[:FEEDBACKS]),
        _soft(f"{more:,} more") if more > 0 else "",
    )


def gradient_html(gradient: Gradient) -> str:
    """The text, where it comes from, and the number behind it."""
    facts = [f"from {gradient.source}" if gradient.source else ""]
    if gradient.score is not None:
        facts.append(f"score {number(gradient.score, 3)}")
    if gradient.data:
        facts.append("data: " + ", ".join(gradient.data))
    return _div(
        _BOX,
        _strong("feedback") + _soft("; ".join(fact for fact in facts if fact)),
        _pre(clipped(gradient.text, VALUE_CHARS)),
    )


def result_html(result: Result) -> str:
    """The finding, start and best and finalists in a table, and the course of the run."""
    from textgrad_core.columns import beside_scalar
    from textgrad_core.report.page import svg_address
    from textgrad_core.report.plot import trajectory_svg
    from textgrad_core.report.trajectory import axis_name, panels, scalar_axis
    from textgrad_core.report.view import comparison, finding

    columns = beside_scalar(result.objectives, result.scalar_name)
    heads = ["", "value", *map(axis_name, columns), scalar_axis(result), "tier"]
    rows = [
        [r.role, clipped(r.value, 300), *r.scores, r.scalar + _noted(r.failure), r.tier]
        for r in comparison(result, {}, ())
    ]
    usage = result.usage
    facts = f"{result.stop_reason}; {usage.evaluations:,} evaluations, {usage.model_calls:,} calls"
    picture = trajectory_svg(panels(result)[0], width=720.0, height=260.0)
    return _div(
        _BOX.replace("60em", "80em"),
        _strong(result.domain) + _soft(facts),
        f"<p>{_safe(finding(result))}</p>",
        _table(heads, rows),
        f'<img alt="course of the run" style="{_PICTURE}" src="{svg_address(picture)}">',
        _soft(f"proposed by {result.proposer}") if result.proposer else "",
        f"<p>{_safe(result.notice)}</p>",
    )


def _noted(failure: str) -> str:
    return f" ({failure})" if failure else ""


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f'<th style="{_CELL}">{_safe(head)}</th>' for head in heads)
    body = "".join(
        "<tr>" + "".join(f'<td style="{_CELL}">{_safe(cell)}</td>' for cell in row) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _div(style: str, *parts: str) -> str:
    return f'<div style="{style}">{"".join(parts)}</div>'


def _strong(text: str) -> str:
    return f"<strong>{_safe(text)}</strong> "


def _soft(text: str) -> str:
    return f'<span style="{_SOFT}">{_safe(text)}</span>'


def _pre(text: str) -> str:
    return f'<pre style="{_TEXT}">{_safe(text)}</pre>'


def _quoted(text: str) -> str:
    style = "border-left:3px solid #8a8f98;padding-left:10px;margin:6px 0;white-space:pre-wrap"
    return f'<div style="{style}">{_safe(text)}</div>'


def _safe(text: str) -> str:
    return escape(visible(text))
