"""What nobody would accept at a glance, whatever the goals say: said wherever a plan is shown."""

from __future__ import annotations

from dataclasses import replace

from textgrad_radiotherapy.case import Case
from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.goals import Metric
from textgrad_radiotherapy.hot_spots import hot_spots
from textgrad_radiotherapy.metrics import patient, value
from textgrad_radiotherapy.normal_tissue import outside_targets

HOTTEST_PERCENT = 107.0  # of the highest prescription, to 1 cc outside of all targets
HOT_CC = 1.0
LEAST_CI = 0.5


def plan_warnings(case: Case, dose_gy: Floats) -> tuple[str, ...]:
    """Dose outside of all targets and poor conformity, one sentence each; usually none.

    Args:
        case: With the prescription that holds.
        dose_gy: Gy per course, flat over the case's grid, shape (voxels,).
    """
    highest = max(case.prescription_gy.values())
    found = [_hot(case, dose_gy, highest)]
    boosted = [name for name, dose in case.prescription_gy.items() if dose == highest]
    if len(boosted) == 1:  # around a lower or a second target the isodose is not its own
        ci = value(Metric(structure=boosted[0], kind="CI"), dose_gy, case)
        if ci < LEAST_CI:
            found.append(
                f"Paddick CI of {boosted[0]} is {ci:.2f}, below {LEAST_CI:g}: the prescription "
                "isodose does not follow the target. Give the body's term more weight."
            )
    return tuple(sentence for sentence in found if sentence)


def _hot(case: Case, dose_gy: Floats, prescribed_gy: float) -> str:
    """The dose of the hottest cubic centimetre outside of all targets, if it is too high."""
    body = patient(case)
    tissue = outside_targets(body, case)
    if tissue.volume_cc(case.grid) < HOT_CC:
        return ""
    known = replace(case, structures={**case.structures, body.name: body})
    metric = Metric(structure=body.name, kind="Dcc_outside", argument=HOT_CC)
    hot = value(metric, dose_gy, known)
    if hot <= HOTTEST_PERCENT / 100 * prescribed_gy:
        return ""
    told = (
        f"1 cc outside of all targets receives {hot:.1f} Gy or more, "
        f"{100 * hot / prescribed_gy:.0f} % of the prescription "
        f"(at most {HOTTEST_PERCENT:g} % is usual)"
    )
    spots = [spot for spot in hot_spots(known, dose_gy) if spot.distance_mm > 0]
    if spots:
        place = ", ".join(f"{round(at, 1) + 0.0:g}" for at in spots[-1].position_mm)
        told += (
            f"; hottest at LPS ({place}) mm, {spots[-1].distance_mm:.0f} mm from the nearest "
            "target"
        )
    return f"{told}. Give the body's term more weight."
