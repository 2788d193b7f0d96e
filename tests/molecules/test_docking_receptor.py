"""Receptors: the DOCKSTRING targets as their own package reads them, and boxes that work."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textgrad_core.errors import UsageError
from textgrad_molecules.docking import (
    Receptor,
    dockstring_receptor,
    receptor_from_file,
    receptor_names,
)
from textgrad_molecules.docking.receptor import receptor_from_json, receptor_to_json

ONE_ATOM = "ATOM      1  C   ALA A   1       1.000   2.000   3.000  1.00  0.00     0.000 C \n"


def test_targets_are_those_of_the_package() -> None:
    from dockstring.target import list_all_target_names, load_target
    from dockstring.utils import parse_search_box_conf

    assert list(receptor_names()) == sorted(list_all_target_names())
    for name in receptor_names():
        target, ours = load_target(name), dockstring_receptor(name)
        box = parse_search_box_conf(target.conf_path)
        assert ours.pdbqt == target.pdbqt_path
        assert ours.centre_a == tuple(box[f"center_{axis}"] for axis in "xyz")
        assert ours.size_a == tuple(box[f"size_{axis}"] for axis in "xyz")


def test_names_ignore_case_and_unknown_ones_get_similar_names() -> None:
    assert dockstring_receptor(" ppara ") == dockstring_receptor("PPARA")
    with pytest.raises(UsageError, match=r"did you mean .*PPARA.*receptor_names\(\)"):
        dockstring_receptor("PPARX")


@pytest.mark.parametrize("edge_a", [0.5, 0.0, -30.0, 60.1, 1e9, math.nan, math.inf])
def test_box_edges_are_bounded(edge_a: float) -> None:
    with pytest.raises(UsageError, match="box edge y"):
        Receptor(name="X", pdbqt=Path("x"), centre_a=(0, 0, 0), size_a=(20, edge_a, 20), sha256="")


@pytest.mark.parametrize("centre_a", [math.nan, math.inf, -math.inf])
def test_box_centre_is_finite(centre_a: float) -> None:
    with pytest.raises(UsageError, match="box centre z"):
        Receptor(name="X", pdbqt=Path("x"), centre_a=(0, 0, centre_a), size_a=(9, 9, 9), sha256="")


@pytest.mark.parametrize(
    ("name", "content", "centre_a", "message"),
    [
        ("r.pdb", ONE_ATOM, (1.0, 2.0, 3.0), "ending in .pdbqt"),
        ("r.pdbqt", "REMARK nothing\n", (1.0, 2.0, 3.0), "no ATOM line"),
        ("r.pdbqt", ONE_ATOM, (90.0, 2.0, 3.0), "none of its 1 atoms is near the box"),
    ],
)
def test_a_receptor_that_cannot_work_is_refused(
    tmp_path: Path, name: str, content: str, centre_a: tuple[float, float, float], message: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(UsageError, match=message):
        receptor_from_file("own", tmp_path / name, centre_a, (20, 20, 20))


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"absent\.pdbqt: No such file"):
        receptor_from_file("own", tmp_path / "absent.pdbqt", (0, 0, 0), (20, 20, 20))


coordinate = st.floats(-1e4, 1e4)
edge = st.floats(1, 60)


@given(st.tuples(coordinate, coordinate, coordinate), st.tuples(edge, edge, edge))
def test_receptors_survive_the_way_to_a_worker(
    centre_a: tuple[float, float, float], size_a: tuple[float, float, float]
) -> None:
    receptor = Receptor(
        name="X", pdbqt=Path("x.pdbqt"), centre_a=centre_a, size_a=size_a, sha256="a"
    )
    assert receptor_from_json(receptor_to_json(receptor)) == receptor
