"""Figures hold the numbers they are drawn from, and are the same for the same input."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from rt_cases import ball, case_of, centred_grid, occupied
from textgrad_radiotherapy.case import Case
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.figures import report_sections
from textgrad_radiotherapy.figures.convergence import convergence_figure
from textgrad_radiotherapy.figures.dose_wash import dose_wash_figure
from textgrad_radiotherapy.figures.drawing import MET, MISSED, png_bytes, svg_text
from textgrad_radiotherapy.figures.dvh import dvh_figure, goal_markers
from textgrad_radiotherapy.figures.history import Step
from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.goal_notation import parse_goal
from textgrad_radiotherapy.goals import Protocol
from textgrad_radiotherapy.judgement import GoalTable, judge
from textgrad_radiotherapy.notice import NOTICE

Planned = tuple[Case, Floats, GoalTable]


@pytest.fixture(scope="module")
def planned() -> Planned:
    grid = centred_grid(40.0, 5.0)
    case = case_of(
        grid,
        occupied("Body", "external", ball(38.0), grid, samples=3),
        occupied("PTV", "target", ball(12.0), grid, samples=3),
        occupied("Cord", "oar", ball(8.0, (20.0, 15.0, 0.0)), grid, samples=3),
        prescription_gy={"PTV": 60.0},
    )
    dose = np.clip(70.0 - np.linalg.norm(grid.centres_mm(), axis=1), 0.0, None)
    goals = ("PTV D95% >= 80 Gy", "Cord V50Gy <= 60 %", "Cord D1cc <= 65 Gy", "Cord Dmean <= 9 Gy")
    protocol = Protocol(
        name="p", title="P", prescription_gy={"PTV": 60.0}, fractions=30,
        goals=tuple(parse_goal(g) for g in goals), normalise=None, source="test",
    )  # fmt: skip
    return case, dose, judge(case, dose, protocol)


def test_markers_are_at_the_goals(planned: Planned) -> None:
    case, dose, table = planned
    lines: list[Any] = list(dvh_figure(case, dose, table).axes[0].get_lines())
    drawn = {line.get_gid(): line for line in lines}
    cord_cc = case.structures["Cord"].volume_cc(case.grid)
    for name, x, y, tip in (
        ("PTV D95% >= 80 Gy", 80.0, 95.0, (1, 0)),
        ("Cord V50Gy <= 60 %", 50.0, 60.0, (0, -1)),
        ("Cord D1cc <= 65 Gy", 65.0, 100 / cord_cc, (-1, 0)),
    ):
        line = drawn[f"goal-{name}"]
        assert line.get_xydata()[0] == pytest.approx((x, y))
        corners = np.asarray(line.get_marker().vertices)
        assert tuple(corners[np.abs(corners).max(axis=1).argmax()]) == tip
        verdict = next(r.verdict for r in table.rows if r.goal.name == name)
        assert line.get_markerfacecolor() == (MET if verdict == "pass" else MISSED)
    assert len(goal_markers(case, table)) == 3
    assert drawn["prescription-60"].get_xdata()[0] == 60.0


def test_goals_at_one_point_are_all_to_be_seen_and_missed_ones_are_hollow(
    planned: Planned,
) -> None:
    case, dose, table = planned
    goals = ("Cord D30% <= 70 Gy", "PTV D30% <= 70 Gy", "PTV D95% >= 80 Gy")
    protocol = replace(table.protocol, goals=tuple(parse_goal(g) for g in goals))
    figure = dvh_figure(case, dose, judge(case, dose, protocol))
    lines: dict[Any, Any] = {line.get_gid(): line for line in figure.axes[0].get_lines()}
    places = [
        line.get_transform().transform(line.get_xydata()[0])
        for line in (lines[f"goal-{goal}"] for goal in goals[:2])
    ]
    assert np.hypot(*(places[1] - places[0])) >= 12 * figure.dpi / 72  # a marker's width apart
    triangle, hollow = (lines[f"goal-{goal}"].get_marker().vertices for goal in goals[1:])
    assert len(hollow) == 2 * len(triangle)


def test_the_dose_before_is_dashed(planned: Planned) -> None:
    case, dose, table = planned
    figure = dvh_figure(case, dose, table, before_gy=dose / 2)
    lines = {line.get_gid(): line for line in figure.axes[0].get_lines()}
    half, full = lines["before-PTV"], lines["after-PTV"]
    assert half.get_linestyle() == "--"
    assert full.get_linestyle() == "-"
    x, y = np.asarray(full.get_xydata()).T
    u, v = np.asarray(half.get_xydata()).T
    assert np.interp(30.0, u, v) == pytest.approx(np.interp(60.0, x, y), abs=0.5)


def test_patients_are_the_right_way_round(planned: Planned) -> None:
    case, dose, _ = planned
    axes = {a.get_label(): a for a in dose_wash_figure(case, dose).axes}
    for view, letters in (("axial", "RLAP"), ("coronal", "RLSI"), ("sagittal", "APSI")):
        plane = axes[view]
        assert "".join(t.get_text() for t in plane.texts[:4]) == letters
        assert plane.get_aspect() == 1.0
        left, right = plane.get_xlim()
        bottom, top = plane.get_ylim()
        assert left < right
        assert (bottom > top) == (view == "axial")  # +y is posterior and drawn below


def test_the_wash_shows_percent_of_the_prescription_through_the_hot_spot(planned: Planned) -> None:
    case, dose, _ = planned
    figure = dose_wash_figure(case, dose)  # no beams: through the hot spot, at the origin
    axial: Any = next(a for a in figure.axes if a.get_label() == "axial")
    wash = next(i for i in axial.images if i.get_gid() == "wash")
    assert float(np.max(wash.get_array())) == pytest.approx(100 * 70 / 60, rel=0.02)
    (where,) = [text.get_text() for text in figure.texts if text.get_gid() == "where"]
    assert "planes through the hot spot (0.0, 0.0, 0.0)" in where
    assert "70.0 Gy at (0.0, 0.0, 0.0)" in where
    with pytest.raises(CaseError, match="off the grid"):
        dose_wash_figure(case, dose, through=(0.0, 900.0, 0.0))
    with pytest.raises(CaseError, match="prescribes no dose"):
        dose_wash_figure(case, dose, prescription_gy={})


def test_same_input_gives_the_same_bytes(planned: Planned) -> None:
    case, dose, table = planned
    first, second = (dvh_figure(case, dose, table) for _ in range(2))
    assert svg_text(first) == svg_text(second)
    assert png_bytes(first) == png_bytes(second)


def test_sections_carry_the_notice_and_pictures(planned: Planned) -> None:
    case, dose, table = planned
    sections = report_sections(case, dose, table, before_gy=dose / 2, before_goals=table)
    assert NOTICE in sections[0].text.lower()
    kinds = [artefact.media_type for s in sections for artefact in s.artefacts]
    assert kinds == ["image/svg+xml", "image/svg+xml", "image/png"]
    root = ElementTree.fromstring(sections[0].artefacts[0].text)  # noqa: S314 - our own text
    assert root.tag.endswith("svg")
    words = {"".join(e.itertext()).strip() for e in root.iter() if e.tag.endswith("}text")}
    assert NOTICE in words


def test_every_picture_carries_the_notice(planned: Planned) -> None:
    case, dose, table = planned
    steps = [Step(weights={"a": 1.0}, penalty=2.0, goals_met=1, accepted=True),
             Step(weights={"a": 2.0}, penalty=3.0, goals_met=0, accepted=False)]  # fmt: skip
    strips = convergence_figure(steps, 4)
    for figure in (dvh_figure(case, dose, table), dose_wash_figure(case, dose), strips):
        assert NOTICE in [text.get_text() for text in figure.texts]
    kept, lost = strips.axes[0].get_lines()
    assert np.asarray(kept.get_xydata()).tolist() == [[0.0, 2.0]]
    assert np.asarray(lost.get_xydata()).tolist() == [[1.0, 3.0]]
