"""The rows of the influence that the inner optimiser sees."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rt_cases import fluence_of, terms
from textgrad_radiotherapy.case import Case, Structure
from textgrad_radiotherapy.cases import (
    structure_rows,
)
from textgrad_radiotherapy.errors import CaseError


def test_rows_are_those_of_the_matrix(prostate: Case) -> None:
    found = structure_rows(prostate, terms("Rectum"))["Rectum"]
    place = np.searchsorted(prostate.influence.voxels, found.voxels)
    assert np.array_equal(prostate.influence.voxels[place], found.voxels)
    expected = prostate.influence.matrix.toarray()[place]
    assert np.array_equal(found.matrix.toarray(), expected)


def test_weights_are_shares_of_the_volume(prostate: Case) -> None:
    found = structure_rows(prostate, terms(*prostate.structures))
    for name, rows in found.items():
        # the ends of body and bladder are out of reach of every beamlet
        far = 0.1 if name in ("Body", "Bladder") else 1e-9
        assert rows.weights.sum() == pytest.approx(1.0, abs=far)
        assert rows.weights.sum() <= 1.0 + 1e-9
        assert rows.weights.min() > 0
    ptv = prostate.structures["PTV"]
    assert np.array_equal(found["PTV"].voxels, ptv.voxels)
    assert found["PTV"].weights == pytest.approx(ptv.occupancy / ptv.occupancy.sum())


def test_an_organ_loses_what_targets_take(prostate: Case) -> None:
    found = structure_rows(prostate, terms("Rectum"))["Rectum"]
    ptv, rectum = prostate.structures["PTV"], prostate.structures["Rectum"]
    whole = ptv.voxels[ptv.occupancy == 1.0]
    assert np.intersect1d(whole, rectum.voxels).size
    assert not np.intersect1d(whole, found.voxels).size
    inside = np.zeros(prostate.grid.voxels)
    inside[ptv.voxels] = ptv.occupancy
    left = np.minimum(rectum.occupancy, 1.0 - inside[rectum.voxels])
    kept = left > 1e-6
    assert np.array_equal(found.voxels, rectum.voxels[kept])
    assert found.weights == pytest.approx(left[kept] / left[kept].sum())


def test_the_body_loses_what_everything_else_takes(prostate: Case) -> None:
    found = structure_rows(prostate, terms("Body"), body_every=1)["Body"]
    for name in ("PTV", "Rectum", "Bladder"):
        other = prostate.structures[name]
        assert not np.intersect1d(other.voxels[other.occupancy == 1.0], found.voxels).size


def test_a_sampled_body_keeps_the_shell_and_stands_for_the_rest(prostate: Case) -> None:
    whole = structure_rows(prostate, terms("Body"), body_every=1)["Body"]
    some = structure_rows(prostate, terms("Body"), body_every=5)["Body"]
    again = structure_rows(prostate, terms("Body"), body_every=5)["Body"]
    assert np.array_equal(some.voxels, again.voxels)
    assert some.voxels.size < 0.4 * whole.voxels.size
    assert np.isin(some.voxels, whole.voxels).all()
    points = prostate.grid.centres_mm(prostate.structures["PTV"].voxels)
    here = prostate.grid.centres_mm(whole.voxels)
    away = np.array([np.linalg.norm(points - p, axis=1).min() for p in here])
    assert np.isin(whole.voxels[away <= 15.0], some.voxels).all()
    fluence = fluence_of(prostate)
    means = [float(r.weights @ (r.matrix @ fluence)) for r in (whole, some)]
    assert means[1] == pytest.approx(means[0], rel=0.02)


def test_unknown_structures_are_refused(prostate: Case) -> None:
    with pytest.raises(CaseError, match="no structure 'Prostata'; it has Body, PTV, CTV"):
        structure_rows(prostate, terms("Prostata"))


def test_an_organ_inside_a_target_has_no_rows(prostate: Case) -> None:
    ptv = prostate.structures["PTV"]
    core = ptv.occupancy == 1.0
    nested = Structure(
        name="Urethra", kind="oar", voxels=ptv.voxels[core], occupancy=ptv.occupancy[core]
    )
    case = replace(prostate, structures={**prostate.structures, "Urethra": nested})
    with pytest.raises(CaseError, match="'Urethra' lies inside targets altogether"):
        structure_rows(case, terms("Urethra"))


def test_sampling_has_a_bound(prostate: Case) -> None:
    with pytest.raises(CaseError, match="body_every is 0"):
        structure_rows(prostate, terms("Body"), body_every=0)
