"""The cache of influence matrices: what is kept, what a damaged file costs."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rt_cases import same_influence
from textgrad_core.logs import log
from textgrad_radiotherapy import cache_folder, influence_cache
from textgrad_radiotherapy.case import Case, Influence
from textgrad_radiotherapy.cases import (
    load_case,
)
from textgrad_radiotherapy.engine import Beamlets
from textgrad_radiotherapy.kernel import Kernel


@pytest.fixture
def warnings_seen() -> Any:
    """Messages of the suite's log, whatever other tests did to its handlers."""
    seen: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(record.getMessage())

    handler = Keep(level=logging.WARNING)
    log.addHandler(handler)
    yield seen
    log.removeHandler(handler)


class Counted:
    """Computes an influence and counts how often."""

    def __init__(self, influence: Influence) -> None:
        self.influence, self.calls = influence, 0

    def __call__(self) -> Influence:
        self.calls += 1
        return self.influence


def test_what_was_computed_is_read_the_next_time(prostate: Case, tmp_path: Path) -> None:
    compute = Counted(prostate.influence)
    for _ in range(3):
        found = influence_cache.cached(tmp_path / "cache", "ab" * 32, prostate.grid, compute)
        assert same_influence(found, prostate.influence)
    assert compute.calls == 1
    assert [p.name for p in (tmp_path / "cache").iterdir()] == [f"{'ab' * 32}.npz"]


def test_without_a_folder_nothing_is_kept(prostate: Case) -> None:
    compute = Counted(prostate.influence)
    for _ in range(2):
        influence_cache.cached(None, "cd" * 32, prostate.grid, compute)
    assert compute.calls == 2


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)


def other_name(path: Path) -> None:
    with np.load(path) as kept:
        np.savez(path, **{**kept, "digest": np.array("ff" * 32)})


def beyond_the_columns(path: Path) -> None:
    with np.load(path) as kept:
        indices = kept["indices"].copy()
        indices[0] = 60_000
        np.savez(path, **{**kept, "indices": indices})


DAMAGES: dict[str, Callable[[Path], object]] = {
    "cut": lambda path: path.write_bytes(path.read_bytes()[:2000]),
    "empty": lambda path: path.write_bytes(b""),
    "a byte": flip_a_byte,
    "text": lambda path: path.write_text("not an archive"),
    "another influence": other_name,
    "a column that is none": beyond_the_columns,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_computed_again_with_a_warning(
    prostate: Case, tmp_path: Path, damage: str, warnings_seen: list[str]
) -> None:
    compute = Counted(prostate.influence)
    influence_cache.cached(tmp_path, "ab" * 32, prostate.grid, compute)
    DAMAGES[damage](tmp_path / f"{'ab' * 32}.npz")
    assert same_influence(
        influence_cache.cached(tmp_path, "ab" * 32, prostate.grid, compute), prostate.influence
    )
    assert compute.calls == 2
    assert any("computed again" in message for message in warnings_seen)
    influence_cache.cached(tmp_path, "ab" * 32, prostate.grid, compute)
    assert compute.calls == 2  # and kept in its place


def test_a_folder_that_cannot_be_written_costs_a_warning_only(
    prostate: Case, tmp_path: Path, warnings_seen: list[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    compute = Counted(prostate.influence)
    found = influence_cache.cached(tmp_path / "file" / "x", "ab" * 32, prostate.grid, compute)
    assert same_influence(found, prostate.influence)
    assert any("cannot be written" in message for message in warnings_seen)


def test_the_folder_keeps_below_its_size(
    prostate: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute = Counted(prostate.influence)
    for digest in ("aa", "bb"):
        influence_cache.cached(tmp_path, digest * 32, prostate.grid, compute)
    size = (tmp_path / f"{'aa' * 32}.npz").stat().st_size
    monkeypatch.setattr(influence_cache, "LARGEST_BYTES", 2 * size + 10)
    # the age of a file is set, not waited for
    os.utime(tmp_path / f"{'bb' * 32}.npz", (1.0, 1.0))
    influence_cache.cached(tmp_path, "cc" * 32, prostate.grid, compute)
    assert sorted(p.name[:2] for p in tmp_path.iterdir()) == ["aa", "cc"]


def test_a_file_that_another_process_writes_is_left_alone_for_a_day(
    prostate: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(influence_cache, "LARGEST_BYTES", 10)
    now = time.time()
    for name, age in ((".part-now.npz", 0.0), (".part-hours.npz", 20 * 3600.0),
                      (".part-killed.npz", 25 * 3600.0), ("old.npz", 3600.0)):  # fmt: skip
        (tmp_path / name).write_bytes(b"half of one")
        os.utime(tmp_path / name, (now - age, now - age))
    influence_cache.cached(tmp_path, "ab" * 32, prostate.grid, Counted(prostate.influence))
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == [".part-hours.npz", ".part-now.npz", f"{'ab' * 32}.npz"]
    assert cache_folder.cache_contents(tmp_path)[0] == 1


def test_loading_uses_the_folder_it_is_given(tmp_path: Path) -> None:
    fresh = load_case("tg119-prostate", grid_mm=10.0, bixel_mm=20.0, cache=tmp_path)
    (kept,) = tmp_path.iterdir()
    before = kept.read_bytes()
    again = load_case("tg119-prostate", grid_mm=10.0, bixel_mm=20.0, cache=tmp_path)
    assert same_influence(fresh.influence, again.influence)
    assert kept.read_bytes() == before
    load_case("tg119-prostate", grid_mm=10.0, bixel_mm=25.0, cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_the_default_folder_is_among_the_suite_s_caches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEXTGRAD_CACHE", str(tmp_path))
    assert cache_folder.default_folder() == tmp_path / "influence"


def test_everything_that_shapes_an_influence_is_in_its_digest(prostate: Case) -> None:
    beamlets = Beamlets(
        beam_of_beamlet=prostate.influence.beam_of_beamlet,
        position_mm=prostate.influence.position_mm,
    )
    voxels = prostate.structures["Body"].voxels
    given: dict[str, Any] = {
        "density": prostate.density,
        "grid": prostate.grid,
        "voxels": voxels,
        "beams": prostate.beams,
        "beamlets": beamlets,
        "kernel": Kernel(),
    }
    changes: list[dict[str, Any]] = [
        {},
        {"density": prostate.density * np.float32(1.01)},
        {"grid": replace(prostate.grid, origin_mm=(0.0, 0.0, 0.0))},
        {"voxels": voxels[1:]},
        {"beams": (replace(prostate.beams[0], couch_deg=5.0), *prostate.beams[1:])},
        {"beams": (replace(prostate.beams[0], isocentre_mm=(0, 0, 1)), *prostate.beams[1:])},
        {"beamlets": replace(beamlets, position_mm=beamlets.position_mm + 10.0)},
        {"kernel": Kernel(cutoff_mm=31.0)},
    ]
    digests = [influence_cache.digest_of(**{**given, **change}) for change in changes]
    assert len(set(digests)) == len(changes)
    assert influence_cache.digest_of(**given) == digests[0]
