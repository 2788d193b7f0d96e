"""A plan folder with its case and its dose where it is judged, as the tools need it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from textgrad_core.cli.execute import say
from textgrad_radiotherapy.cache_folder import cache_folder
from textgrad_radiotherapy.case import Case
from textgrad_radiotherapy.cases import dose, judging_case
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.goals import Protocol
from textgrad_radiotherapy.kept_plan import PlanOf, kept_plan
from textgrad_radiotherapy.outline import case_digest


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
    """Read a plan folder and its case; where it cannot be told that they belong together, say so.

    Args:
        folder: Where it is.
        cache: Folder of influence matrices, as `cache_folder` takes it.

    Raises:
        CaseError: If there is no plan, or it was made with another case than is there now.
    """
    plan_of, protocol, fluence = kept_plan(folder)
    found = case_digest(plan_of.case)  # before the case, which takes longer
    if plan_of.case_digest not in ("", found):
        raise CaseError(
            f"case {plan_of.case} is not what the plan in {folder} was made with: its content has "
            f"the digest {found[:12]}, the plan was made with {plan_of.case_digest[:12]}; put the "
            "case back as it was, or plan it again"
        )
    case = plan_of.load(cache_folder(cache))
    _check_engine(plan_of, case, folder)
    if not plan_of.case_digest:
        say(
            f"Note: the plan in {folder} does not say what its case was made from, so it cannot "
            f"be checked that {plan_of.case} is still the same; to be sure, plan it again.",
            sys.stderr,
        )
    beamlets = case.influence.matrix.shape[1]
    if fluence.shape != (beamlets,):
        raise CaseError(
            f"the plan in {folder} has {fluence.size} beamlets, its case {case.name} has "
            f"{beamlets}: it was made with another version of the case; plan it again"
        )
    return OpenedPlan(protocol=protocol, case=case, judged=judging_case(case), fluence=fluence)


def _check_engine(plan_of: PlanOf, case: Case, folder: Path) -> None:
    """Refuse a dose by another engine than the one the fluence was optimised with."""
    if plan_of.engine not in ("", case.influence.engine):
        raise CaseError(
            f"the plan in {folder} was made with the dose engine {plan_of.engine!r}, this version "
            f"computes {case.name} with {case.influence.engine!r}, which gives another dose; plan "
            "it again, or use the version it was made with"
        )
