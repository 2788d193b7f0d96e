"""A plan's folder: every file is there and readable, or nothing is."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from rt_cases import ball, case_of, centred_grid, occupied
from textgrad_radiotherapy.comparison import Comparison
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.figures.history import Step
from textgrad_radiotherapy.figures.pictures import draw
from textgrad_radiotherapy.goal_notation import parse_goal
from textgrad_radiotherapy.goals import Protocol
from textgrad_radiotherapy.goals_csv import goals_csv
from textgrad_radiotherapy.judgement import judge
from textgrad_radiotherapy.notice import NOTICE
from textgrad_radiotherapy.plan_folder import write_plan_folder

GRID = centred_grid(30.0, 5.0)
CASE = case_of(
    GRID,
    occupied("Body", "external", ball(28.0), GRID, samples=2),
    occupied("PTV", "target", ball(12.0), GRID, samples=2),
    prescription_gy={"PTV": 60.0},
)
DOSE = np.clip(70.0 - np.linalg.norm(GRID.centres_mm(), axis=1), 0.0, None)
PROTOCOL = Protocol(
    name="p", title="P", prescription_gy={"PTV": 60.0}, fractions=30,
    goals=(parse_goal("PTV D95% >= 50 Gy"),), normalise=None, source="test",
)  # fmt: skip
BESIDE = Comparison(grid="6 voxels of 5 mm", values={"PTV D95% >= 50 Gy": 58.25}, rescaled=1.01)
HISTORY = (Step(weights={"PTV": 100.0}, penalty=1.5, goals_met=1, accepted=True),)


def _root(path: Path) -> str:
    return str(ElementTree.parse(path).getroot().tag.rpartition("}")[2])  # noqa: S314 - our own file


def test_every_file_is_readable(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "plan"
    table = judge(CASE, DOSE, PROTOCOL)
    written = write_plan_folder(
        folder, CASE, DOSE, table, draw(CASE, DOSE, table, before_gy=DOSE / 2),
        before_goals=table, comparison=BESIDE, history=HISTORY, data={"x": 1},
    )  # fmt: skip
    assert sorted(folder.iterdir()) == list(written)  # no drafts are left
    washes = [folder / name for name in ("dose_wash.png", "dose_wash_before.png")]
    assert set(washes) <= set(written)
    assert washes[0].read_bytes() != washes[1].read_bytes()
    for path in written:
        if path.suffix == ".png":
            content = path.read_bytes()
            assert content[:8] == b"\x89PNG\r\n\x1a\n"
            assert min(int.from_bytes(content[i : i + 4], "big") for i in (16, 20)) > 400
        elif path.suffix == ".svg":
            assert _root(path) == "svg"
        elif path.suffix == ".csv":
            rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
            assert len(rows) >= 2
            assert rows[0][-1] == NOTICE
            assert {row[-1] for row in rows[1:]} == {""}
            assert {len(row) for row in rows} == {len(rows[0])}
    data = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    assert data["x"] == 1
    assert data["notice"] == NOTICE
    assert NOTICE in (folder / "README.txt").read_text(encoding="utf-8")
    (goal,) = csv.DictReader((folder / "goals.csv").read_text(encoding="utf-8").splitlines())
    assert float(goal[BESIDE.title]) == 58.25
    assert float(goal["difference"]) == pytest.approx(float(goal["value"]) - 58.25, abs=1e-4)
    history = (folder / "weights_history.csv").read_text(encoding="utf-8").splitlines()
    heads = f'iteration,penalty with reserve,goals met,best so far,PTV,"{NOTICE}"'
    assert history == [heads, "0,1.5,1,yes,100,"]


def test_a_dose_that_does_not_fit_writes_nothing(tmp_path: Path) -> None:
    table = judge(CASE, DOSE, PROTOCOL)
    drawn = draw(CASE, DOSE, table)
    with pytest.raises(CaseError, match="does not fit the grid"):
        write_plan_folder(
            tmp_path / "plan", CASE, DOSE[1:], table, drawn, before_goals=table,
        )  # fmt: skip
    with pytest.raises(CaseError, match="does not fit the grid"):
        draw(CASE, DOSE[1:], table)
    assert not (tmp_path / "plan").exists()


def test_a_file_that_cannot_be_replaced_leaves_no_draft(tmp_path: Path) -> None:
    (tmp_path / "dvh.png").mkdir()
    table = judge(CASE, DOSE, PROTOCOL)
    drawn = draw(CASE, DOSE, table)
    with pytest.raises(OSError, match="dvh"):
        write_plan_folder(tmp_path, CASE, DOSE, table, drawn, before_goals=table)
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_a_margin_that_is_but_rounding_is_zero_in_the_table() -> None:
    table = judge(CASE, DOSE, PROTOCOL)
    rows = tuple(replace(row, margin=-2.34735e-10) for row in table.rows)
    text = goals_csv(replace(table, rows=rows), table)
    assert next(csv.DictReader(io.StringIO(text)))["margin"] == "0"
