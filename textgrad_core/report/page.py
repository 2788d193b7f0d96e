"""Results as one HTML page that needs nothing else: no network, no script, no second file.

Everything a model may have written is hostile here: it is escaped, its control characters are
spelled out, and pictures are embedded as images, in which no script runs. A content security
policy forbids the rest.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module, resources
from typing import Any

from textgrad_core.columns import beside_scalar, scalar_objective
from textgrad_core.domain import Objective, Reference, Section
from textgrad_core.errors import MissingExtra
from textgrad_core.outcome import Artefact
from textgrad_core.report.plot import beyond_axis, trajectory_svg
from textgrad_core.report.settings import command_of, flat_settings, versions_of
from textgrad_core.report.spending import spending
from textgrad_core.report.table import trial_table
from textgrad_core.report.text import clipped, headline, visible
from textgrad_core.report.trajectory import axis_name, panels
from textgrad_core.report.view import ONE_TEXT, cards, comparison, finding, lineage, scalar_text
from textgrad_core.search.result import Result

_IMAGES = ("image/svg+xml", "image/png", "image/jpeg")
_LICENCES = (
    "textgrad-suite is free software under the MIT licence.",
    "Instruments, models and data used in the run have licences of their own.",
)


def render_report(
    result: Result,
    pictures: Mapping[str, str] | None = None,
    *,
    references: Sequence[Reference] = (),
    sections: Sequence[Section] = (),
    files: Sequence[str] = (),
    versions: Mapping[str, str] | None = None,
    licences: Sequence[str] = (),
    created: str = "",
) -> str:
    """The whole report as one HTML page. Same arguments, same page.

    Args:
        result: The run.
        pictures: SVG text by canonical value; values without one are shown as text.
        references: The domain's references, for their notes.
        sections: What the field adds, shown after the comparison.
        files: Names of the files beside the page.
        versions: Versions to name, added to those found in the settings.
        licences: Licences of the instruments and data, one sentence each.
        created: When the page was made, as it should be printed.

    Raises:
        MissingExtra: If jinja2 is not installed.
    """
    same = scalar_objective(result.objectives, result.scalar_name)
    known = {**dict(versions_of(result.settings)), **(versions or {})}
    return _template("report.html.j2")(
        result=result,
        title=f"Optimisation report: {result.domain}",
        notice=result.notice,
        created=created,
        finding=finding(result),
        cards=cards(result),
        comparison=comparison(result, pictures or {}, references),
        headings=tuple(
            _Heading.of(o) for o in beside_scalar(result.objectives, result.scalar_name)
        ),
        scalar_unit=same.unit if same else "",
        tiers=sorted({t.tier for t in (result.start, result.best)}),
        lineage=_lineage(result, pictures or {}),
        plots=_plots(result),
        sections=sections,
        table=trial_table(result),
        spending=spending(result),
        settings=tuple((k, clipped(v, 1_500)) for k, v in flat_settings(result.settings)),
        versions=tuple(sorted(known.items())),
        command=command_of(result.settings),
        licences=(*licences, *_LICENCES),
        files=files,
    )


def render_page(
    title: str,
    *,
    notice: str,
    sections: Sequence[Section],
    finding: str = "",
    files: Sequence[str] = (),
    versions: Mapping[str, str] | None = None,
    licences: Sequence[str] = (),
    created: str = "",
) -> str:
    """Sections as one HTML page that looks like `render_report`'s, where there was no run.

    Args:
        title: What stands at its head.
        notice: What the contents may be used for, as banner.
        sections: The contents.
        finding: What came out, in a sentence or two.
        files: Names of the files beside the page.
        versions: Versions that shaped the contents, by name.
        licences: Licences of the instruments and data, one sentence each.
        created: When the page was made, as it should be printed.

    Raises:
        MissingExtra: If jinja2 is not installed.
    """
    return _template("page.html.j2")(
        title=title,
        notice=notice,
        sections=sections,
        finding=finding,
        files=files,
        versions=tuple(sorted((versions or {}).items())),
        licences=(*licences, *_LICENCES),
        created=created,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heading:
    name: str
    unit: str
    better: str
    label: str

    @classmethod
    def of(cls, objective: Objective) -> _Heading:
        return cls(
            name=objective.name,
            unit=objective.unit,
            better="lower" if objective.direction == "min" else "higher",
            label=axis_name(objective),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Link:
    number: str
    scalar: str
    value: str
    why: str
    picture: str | None


def _lineage(result: Result, pictures: Mapping[str, str]) -> tuple[_Link, ...]:
    return tuple(
        _Link(
            number=f"{t.step}.{t.index}",
            scalar=scalar_text(t.scalar, result.objectives),
            value=headline(t.canonical, 90),
            why=headline(t.rationale or t.origin, 160),
            picture=pictures.get(t.canonical),
        )
        for t in lineage(result)
    )


def _plots(result: Result) -> tuple[tuple[str, str], ...]:
    """Each panel as (SVG, note); the first is the wide one."""
    drawn = []
    for place, panel in enumerate(panels(result)):
        width, height = (980.0, 340.0) if place == 0 else (520.0, 260.0)
        beyond = len(beyond_axis(panel))
        note = f"{beyond} far worse, shown as triangles at the rim of the axis" if beyond else ""
        drawn.append((trajectory_svg(panel, width=width, height=height), note))
    return tuple(drawn)


def _template(name: str) -> Callable[..., str]:
    """One of the pages as a function of its parts.

    Raises:
        MissingExtra: If jinja2 is not installed.
    """
    try:
        jinja2: Any = import_module("jinja2")
    except ImportError as exc:
        raise MissingExtra("the HTML report", ("jinja2",), "report") from exc
    folder = resources.files("textgrad_core.report").joinpath("templates")
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda part: folder.joinpath(part).read_text("utf-8")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: visible(value) if type(value) is str else value,
    )
    environment.filters["data_address"] = svg_address
    environment.filters["artefact_address"] = artefact_address
    environment.globals["style"] = folder.joinpath("report.css").read_text("utf-8")
    environment.globals["one_text"] = lambda text: clipped(text, ONE_TEXT)
    render: Callable[..., str] = environment.get_template(name).render
    return render


def svg_address(svg: str) -> str:
    """SVG as the address of an image; a browser runs no script and loads nothing from it."""
    code = base64.b64encode(svg.encode("utf-8", "backslashreplace")).decode("ascii")
    return f"data:image/svg+xml;base64,{code}"


def artefact_address(artefact: Artefact) -> str:
    """An artefact as the address of an image; empty if it is none that a page may show."""
    if artefact.media_type == _IMAGES[0]:
        return svg_address(artefact.text)
    if artefact.media_type in _IMAGES:
        return f"data:{artefact.media_type};base64,{''.join(artefact.text.split())}"
    return ""
