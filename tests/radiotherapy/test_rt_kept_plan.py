"""The fluence of a plan folder is the one that was planned, or it is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.kept_plan import PlanOf, keep_plan, kept_plan
from textgrad_radiotherapy.protocols import load_protocol

FLUENCE = np.random.default_rng(5).uniform(0.0, 2.0, 40)
PROTOCOL = load_protocol("tg119-prostate")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    keep_plan(PlanOf(case="tg119-prostate"), PROTOCOL, FLUENCE, tmp_path)
    return tmp_path


def without_digest(folder: Path) -> None:
    """As a folder of a version that kept none."""
    path = folder / "plan_of.json"
    record = json.loads(path.read_text("utf-8"))
    del record["fluence_digest"]
    path.write_text(json.dumps(record), "utf-8")


@pytest.mark.parametrize(
    "changed",
    [
        lambda x: x / 42,
        lambda x: x * 100,
        lambda x: x * 0,
        lambda x: x[::-1],
        lambda x: x[:-1],
        lambda x: x.astype(np.float32),
    ],
)
def test_another_fluence_than_was_planned_is_refused(
    folder: Path, changed: Callable[[Any], Any]
) -> None:
    np.save(folder / "fluence.npy", changed(FLUENCE))
    with pytest.raises(CaseError, match=r"fluence\.npy is not the fluence .*plan it again"):
        kept_plan(folder)


def test_the_same_numbers_in_another_file_are_the_same_fluence(folder: Path) -> None:
    np.save(folder / "fluence.npy", FLUENCE.astype(">f8"))
    found = kept_plan(folder)[2]
    assert np.array_equal(found, FLUENCE)
    assert found.dtype == np.float64


def test_folders_without_a_digest_are_taken_as_they_are(folder: Path) -> None:
    without_digest(folder)
    np.save(folder / "fluence.npy", FLUENCE * 2)
    assert np.array_equal(kept_plan(folder)[2], FLUENCE * 2)


@pytest.mark.parametrize(
    ("fluence", "message"),
    [
        (FLUENCE + 1j, r"fluence\.npy is damaged, .*complex128, not real numbers: plan it again"),
        (FLUENCE > 1, "of the type bool, not real numbers"),
        (FLUENCE[None, :], r"fluence\.npy has shape \(1, 40\); .*\(beamlets,\): plan it again"),
        (np.float64(3.0), r"has shape \(\)"),
    ],
)
@pytest.mark.parametrize("old", [True, False])
def test_what_is_no_list_of_real_numbers_is_refused(
    folder: Path, fluence: Any, message: str, old: bool
) -> None:
    if old:
        without_digest(folder)
    np.save(folder / "fluence.npy", fluence)
    with pytest.raises(CaseError, match=message):
        kept_plan(folder)
