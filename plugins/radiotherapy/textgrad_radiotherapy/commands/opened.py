"""A plan folder with its case and its dose where it is judged, as the tools need it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from textgrad_radiotherapy.cache_folder import cache_folder
from textgrad_radiotherapy.case import Case
from textgrad_radiotherapy.cases import dose, judging_case
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.goals import Protocol
from textgrad_radiotherapy.kept_plan import kept_plan


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OpenedPlan:
    """A plan: the fluence that is reported.

    Args:
        protocol: What it was planned by.
        case: The case on the planning grid.
        judged: The case where plans are judged and reported.
        fluence: Weight of every beamlet.
    """

    protocol: Protocol
    case: Case
    judged: Case
    fluence: Floats

    def dose_on(self, case: Case) -> Floats:
        """Its dose on one of the cases, Gy per course, flat over the grid."""
        return dose(case, self.fluence)


def open_plan(folder: Path, cache: str | None = None) -> OpenedPlan:
    """Read a plan folder and its case.

    Args:
        folder: Where it is.
        cache: Folder of influence matrices, as `cache_folder` takes it.

    Raises:
        CaseError: If there is no plan, or it does not fit its case.
    """
    plan_of, protocol, fluence = kept_plan(folder)
    case = plan_of.load(cache_folder(cache))
    beamlets = case.influence.matrix.shape[1]
    if fluence.shape != (beamlets,):
        raise CaseError(
            f"the plan in {folder} has {fluence.size} beamlets, its case {case.name} has "
            f"{beamlets}: it was made with another version of the case; plan it again"
        )
    return OpenedPlan(protocol=protocol, case=case, judged=judging_case(case), fluence=fluence)
