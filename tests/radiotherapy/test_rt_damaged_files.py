"""Damaged files: the same numbers, or a refusal that names the file; never anything else."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rt_cases import same_influence
from rt_own_arrays import DOSES, FLUENCE, GRID, INFLUENCE, KINDS, MASKS
from textgrad_radiotherapy.case import Beam, Case, Influence
from textgrad_radiotherapy.cases import load_case, save_case
from textgrad_radiotherapy.errors import CaseError, GoalError
from textgrad_radiotherapy.imports.arrays import case_from_arrays
from textgrad_radiotherapy.influence_cache import cached
from textgrad_radiotherapy.kept_plan import PlanOf, keep_plan, kept_plan
from textgrad_radiotherapy.protocols import load_protocol, protocol_data

CENTRAL = b"PK\x01\x02"
NAME = "ab" * 32
PROTOCOL = load_protocol("tg119-prostate")
ODD: tuple[Any, ...] = (
    None, "x", [], {}, -1, True, float("inf"), 10**400, [1], {"PTV": None}, "[" * 10,
)  # fmt: skip


def small_case() -> Case:
    return case_from_arrays(
        name="mine", influence=INFLUENCE, grid=GRID, masks=MASKS, kinds=KINDS,
        prescription_gy=DOSES, fractions=30, beams=[Beam(gantry_deg=0.0)],
        meta={"found": "by hand"}, notes=("a note",),
    )  # fmt: skip


CASE = small_case()


def version_nobody_knows(content: bytes) -> bytes:
    """The archive's directory asks for version 9.9 of its format."""
    changed = bytearray(content)
    changed[content.find(CENTRAL) + 6] = 99
    return bytes(changed)


def around_the_numbers(path: Path) -> Iterator[int]:
    """Positions in an archive that hold no numbers of an array: its directory and its headers."""
    content = path.read_bytes()
    at = content.find(b"PK\x03\x04")
    while at >= 0:
        ends = content.index(b"\n", content.index(b"\x93NUMPY", at))
        yield from range(at, ends + 1)
        at = content.find(b"PK\x03\x04", ends)
    yield from range(content.index(CENTRAL), len(content))


def changed_bytes(content: bytes, positions: Iterator[int] | range) -> Iterator[bytes]:
    """The content with one byte changed, at every position another way."""
    for at in positions:
        changed = bytearray(content)
        changed[at] = (content[at] ^ (1 << at // 3 % 8), ord("4"), 99)[at % 3]
        yield bytes(changed)


def places(data: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Paths to every value of JSON data, the whole of it first."""
    yield path
    parts: dict[Any, Any] = data if isinstance(data, dict) else {}
    parts = dict(enumerate(data)) if isinstance(data, list) else parts
    for key, part in parts.items():
        yield from places(part, (*path, key))


def put(data: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """The data with another value at a path."""
    if not path:
        return value
    data = at = copy.deepcopy(data)
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return data


@pytest.mark.filterwarnings("ignore:Reading .npy. or .npz. file required additional header")
def test_any_changed_byte_around_the_numbers_is_computed_again_or_no_matter(
    tmp_path: Path,
) -> None:
    calls = 0

    def compute() -> Influence:
        nonlocal calls
        calls += 1
        return CASE.influence

    path = tmp_path / f"{NAME}.npz"
    cached(tmp_path, NAME, GRID, compute)
    content = path.read_bytes()
    path.write_bytes(version_nobody_knows(content))
    assert same_influence(cached(tmp_path, NAME, GRID, compute), CASE.influence)
    assert calls == 2
    for changed in changed_bytes(content, around_the_numbers(path)):
        path.write_bytes(changed)
        found = cached(tmp_path, NAME, GRID, compute)
        assert same_influence(found, CASE.influence)
        assert found.engine == CASE.influence.engine
    assert calls > 500


def test_an_array_read_in_part_is_not_taken_for_the_whole(tmp_path: Path) -> None:
    """Half the bytes as single precision fit the shape, and no checksum is reached."""
    cached(tmp_path, NAME, GRID, lambda: CASE.influence)
    path = tmp_path / f"{NAME}.npz"
    content = path.read_bytes()
    at = content.index(b"<f8", content.index(b"position_mm.npy"))
    path.write_bytes(content[: at + 2] + b"4" + content[at + 3 :])
    calls: list[int] = []

    def compute() -> Influence:
        calls.append(1)
        return CASE.influence

    found = cached(tmp_path, NAME, GRID, compute)
    assert same_influence(found, CASE.influence)
    assert calls


def test_damaged_numbers_of_a_case_folder_are_refused(tmp_path: Path) -> None:
    path = save_case(CASE, tmp_path / "case") / "arrays.npz"
    path.write_bytes(version_nobody_knows(path.read_bytes()))
    with pytest.raises(CaseError, match=r"case cannot be read .*9\.9.*; save it again"):
        load_case(tmp_path / "case")


def own_arrays(**changed: Any) -> dict[str, Any]:
    found = {f"{KINDS[name]}:{name}": mask for name, mask in MASKS.items()}
    found |= {f"prescription_gy:{name}": np.array(gy) for name, gy in DOSES.items()}
    found |= {"origin_mm": np.array(GRID.origin_mm), "spacing_mm": np.array(GRID.spacing_mm)}
    return found | {"influence": INFLUENCE, "fractions": np.array(30)} | changed


@pytest.mark.filterwarnings("ignore:Reading .npy. or .npz. file required additional header")
def test_damaged_arrays_of_a_user_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    np.savez(path, **own_arrays())
    content = path.read_bytes()
    path.write_bytes(version_nobody_knows(content))
    with pytest.raises(CaseError, match=r"mine\.npz cannot be read as \.npz .*9\.9.*savez"):
        load_case(path)
    refusals = 0
    for changed in changed_bytes(content, range(content.index(CENTRAL), len(content))):
        path.write_bytes(changed)
        try:
            load_case(path)
        except CaseError:
            refusals += 1
    assert refusals > 100


@pytest.mark.parametrize(
    ("key", "array", "message"),
    [
        ("target:Target", np.full(GRID.shape, "x"), r"mine\.npz: target:Target .*real numbers"),
        ("oar:Cord", MASKS["Cord"].astype(complex), "oar:Cord has values of the type complex"),
        ("gantry_deg", np.array(["a"]), "gantry_deg has values"),
        ("gantry_deg", np.zeros((1, 1)), r"gantry_deg has shape \(1, 1\)"),
        ("density", np.full(GRID.shape, "x"), "density has values"),
        ("voxels", np.full(GRID.voxels, "x"), "voxels has values"),
        ("position_mm", np.array("x"), "position_mm has values"),
    ],
)
def test_arrays_of_other_kinds_are_refused(
    tmp_path: Path, key: str, array: Any, message: str
) -> None:
    np.savez(tmp_path / "mine.npz", **own_arrays(**{key: array}))
    with pytest.raises(CaseError, match=message):
        load_case(tmp_path / "mine.npz")


def test_a_sparse_format_that_is_no_text_is_refused(tmp_path: Path) -> None:
    arrays = own_arrays(data=np.ones(1), indices=np.zeros(1, int), indptr=np.zeros(2, int),
                        shape=np.array([1, 1]), format=np.array(["csr", "csc"]))  # fmt: skip
    del arrays["influence"]
    np.savez(tmp_path / "mine.npz", **arrays)
    with pytest.raises(CaseError, match=r"format has shape \(2,\)"):
        load_case(tmp_path / "mine.npz")


@pytest.mark.filterwarnings("ignore:Reading .npy. or .npz. file required additional header")
def test_any_changed_byte_of_a_fluence_header_is_refused_or_no_matter(tmp_path: Path) -> None:
    keep_plan(PlanOf(case="mine"), PROTOCOL, FLUENCE, tmp_path)
    path = tmp_path / "fluence.npy"
    content = path.read_bytes()
    refusals = 0
    for at in range(content.index(b"\n") + 1):
        for value in (0, 10, 34, 39, 40, 41, 44, 52, 91, 92, 99, 123, 255):
            path.write_bytes(content[:at] + bytes([value]) + content[at + 1 :])
            try:
                found = kept_plan(tmp_path)[2]
            except CaseError as error:
                assert "fluence" in str(error)  # noqa: PT017 - most are refused, some are not
                refusals += 1
            else:
                assert np.array_equal(found, FLUENCE)
    assert refusals > 500


def test_any_odd_value_in_the_words_of_a_case_is_refused_or_no_matter(tmp_path: Path) -> None:
    folder = save_case(CASE, tmp_path / "case")
    words = json.loads((folder / "case.json").read_text("utf-8"))
    refusals = 0
    for path in places(words):
        for value in ODD:
            (folder / "case.json").write_text(json.dumps(put(words, path, value)), "utf-8")
            try:
                load_case(folder)
            except CaseError as error:
                assert str(folder) in str(error)  # noqa: PT017 - most are refused, some are not
                refusals += 1
    assert refusals > 300


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("prescription_gy",), 3, r"case\.json: prescription_gy is 3; .*an object with names"),
        (
            ("prescription_gy", "Target"),
            None,
            "of Target is null; .*finite number",
        ),
        (("fractions",), "x", r'fractions is "x"; .*a whole number from 1'),
        (("fractions",), 10**400, "fractions is 1000.*a whole number from 1 to 10"),
        (("beams", 0, "sad_mm"), float("inf"), r"beams\[0\]: sad_mm is Infinity"),
        (("beams", 0, "sad"), 1, r"beams\[0\] has an unknown field 'sad'; known are gantry_deg"),
        (("grid", "shape"), [1, 2], r"grid: shape is \[1, 2\]; .*three numbers"),
        (("grid", "spacing_mm", 1), 0, r"spacing_mm\[1\] is 0; .*above 0"),
        (("structures", 0, "kind"), "organ", "kind is .organ.; .*target, oar, external"),
        (("structures", 0, "colour"), "x", "a colour such as #1f77b4"),
        (("structures", 0, "name"), "Cord", "two structures are named 'Cord'"),
        (("engine",), None, "engine is null; .*a text: put it back"),
    ],
)
def test_what_is_wrong_in_the_words_of_a_case_is_named(
    tmp_path: Path, path: tuple[str | int, ...], value: Any, message: str
) -> None:
    folder = save_case(CASE, tmp_path / "case")
    words = json.loads((folder / "case.json").read_text("utf-8"))
    (folder / "case.json").write_text(json.dumps(put(words, path, value)), "utf-8")
    with pytest.raises(CaseError, match=message):
        load_case(folder)


def test_words_that_may_be_left_out(tmp_path: Path) -> None:
    folder = save_case(CASE, tmp_path / "case")
    words = json.loads((folder / "case.json").read_text("utf-8"))
    for structure in words["structures"]:
        del structure["colour"]
    for key in ("couch_deg", "sad_mm", "bixel_mm"):
        del words["beams"][0][key]
    (folder / "case.json").write_text(json.dumps({**words, "remark": "mine"}), "utf-8")
    assert load_case(folder).beams == CASE.beams


@pytest.mark.parametrize(
    ("name", "text"),
    [("p.json", "[" * 100_000), ("p.json", '{"a":' * 100_000), ("p.toml", "a=" + "[" * 100_000)],
)
def test_a_protocol_nested_without_end_is_refused(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    with pytest.raises(GoalError, match=rf"{name} is nested too deeply"):
        load_protocol(tmp_path / name)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (("fractions",), "fractions is a number of about 400 digits, more than the 1e"),
        (("prescription_gy", "PTV"), "prescription_gy of PTV is a number of about 400 digits"),
        (("goals", 0, "priority"), "priority is a number of about 400 digits"),
        (("goals", 0, "acceptable"), "acceptable is a number of about 400 digits"),
    ],
)
def test_numbers_beyond_all_doses_are_refused(
    tmp_path: Path, path: tuple[str | int, ...], message: str
) -> None:
    changed = put(protocol_data(PROTOCOL), path, 10**400)
    (tmp_path / "p.json").write_text(json.dumps(changed), "utf-8")
    with pytest.raises(GoalError, match=rf"p\.json: .*{message}"):
        load_protocol(tmp_path / "p.json")
