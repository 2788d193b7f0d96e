"""The rule by which a protocol scales plans, such as D95% of the target = prescription."""

from __future__ import annotations

from textgrad_core.errors import Invalid
from textgrad_core.jsondata import JSON
from textgrad_radiotherapy.case import Case
from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.goals import Metric, Protocol
from textgrad_radiotherapy.metrics import value


def normalisation(case: Case, protocol: Protocol, dose_gy: Floats) -> float:
    """Factor that brings the protocol's target to its dose; 1 if it asks for none.

    Raises:
        Invalid: If the target has no dose that could be scaled.
    """
    if protocol.normalise is None:
        return 1.0
    target, volume, wanted = protocol.normalise
    reached = value(normalising_metric(protocol.normalise), dose_gy, case)
    if not reached > 0.01 * wanted:
        raise Invalid(
            f"D{volume:g}% of {target} is {reached:.3g} Gy before normalisation to {wanted:g} Gy",
            f"raise the weight of '{target} under'",
        )
    return wanted / reached


def normalising_metric(rule: tuple[str, float, float]) -> Metric:
    """The dose that a rule of normalisation fixes."""
    return Metric(structure=rule[0], kind="D%", argument=rule[1])


def fixed_goals(protocol: Protocol) -> list[JSON]:
    """Names of the goals whose value the normalisation sets."""
    if protocol.normalise is None:
        return []
    metric = normalising_metric(protocol.normalise)
    return [goal.name for goal in protocol.goals if goal.metric == metric]


def normalisation_text(protocol: Protocol) -> str:
    """The rule in words; empty if there is none."""
    if protocol.normalise is None:
        return ""
    target, volume, wanted = protocol.normalise
    return f"{target} D{volume:g}% = {wanted:g} Gy"
