"""Clinical goals: what a plan has to reach, measured on the dose of a structure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

ASSUMED_MARK = "(a)"
ASSUMED_MEANS = f"{ASSUMED_MARK} assumed: not in the protocol's source"

MetricKind = Literal[
    "D%",  # dose in Gy that `argument` % of the volume receives at least
    "Dcc",  # dose in Gy that `argument` cc receive at least; D0.03cc for the maximum
    "Dcc_outside",  # the same of what lies outside of all targets: normal tissue
    "Dcc_2cm",  # the same of what is more than 2 cm from all targets
    "V%",  # % of the volume that receives at least `argument` Gy
    "Vcc",  # cc that receive at least `argument` Gy
    "mean",  # Gy
    "gEUD",  # Gy, `argument` is the exponent a
    "CI",  # Paddick's conformity index of a target at its prescription
    "CI_RTOG",  # volume at the prescription over the volume of the target
    "HI",  # (D2% - D98%) / D50%, ICRU report 83
    "GI",  # gradient index: volume above half the prescription over volume above it
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A number that describes the dose of one structure.

    Args:
        structure: Name of the structure.
        kind: What is measured.
        argument: The number in its name: %, cc, Gy per course, or the exponent of the gEUD.
    """

    structure: str
    kind: MetricKind
    argument: float = 0.0

    @property
    def label(self) -> str:
        """As people write it: ``D95%``, ``V40Gy``, ``D0.03cc``, ``Dmean``."""
        number = f"{self.argument:g}"
        return {
            "D%": f"D{number}%",
            "Dcc": f"D{number}cc",
            "Dcc_outside": f"D{number}cc outside targets",
            "Dcc_2cm": f"D{number}cc beyond 2 cm",
            "V%": f"V{number}Gy",
            "Vcc": f"V{number}Gy",
            "mean": "Dmean",
            "gEUD": f"gEUD(a={number})",
            "CI": "Paddick CI",
            "CI_RTOG": "RTOG CI",
            "HI": "HI (ICRU 83)",
            "GI": "gradient index",
        }[self.kind]

    @property
    def unit(self) -> str:
        """Unit of its value; empty for an index."""
        return {
            "D%": "Gy", "Dcc": "Gy", "Dcc_outside": "Gy", "Dcc_2cm": "Gy", "V%": "%",
            "Vcc": "cc", "mean": "Gy", "gEUD": "Gy",
        }.get(self.kind, "")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One line of a protocol.

    Args:
        metric: What is measured.
        direction: ``<=`` or ``>=``.
        limit: The bound, in the metric's unit (Gy per course).
        priority: 1 is met before 2, and so on.
        source: Where the bound is from.
        acceptable: A wider bound that may be tolerated; None if there is none.
        assumed: Whether it is not of the protocol's source: a guard of ours, or from elsewhere.
    """

    metric: Metric
    direction: Literal["<=", ">="]
    limit: float
    priority: int = 1
    source: str = ""
    acceptable: float | None = None
    assumed: bool = False

    @property
    def name(self) -> str:
        """Such as ``Rectum V40Gy <= 35 %``."""
        bound = f"{self.direction} {self.limit:g} {self.metric.unit}".rstrip()
        return f"{self.metric.structure} {self.metric.label} {bound}"

    @property
    def marked(self) -> str:
        """The name as tables show it: with a mark if the source has no such goal."""
        return f"{self.name} {ASSUMED_MARK}" if self.assumed else self.name

    def margin(self, value: float) -> float:
        """By how much a value meets the goal; negative if it does not."""
        return self.limit - value if self.direction == "<=" else value - self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """A set of goals and the terms a planner starts from, as data with its source.

    Args:
        name: Short name, such as ``tg119-prostate``.
        title: As people read it.
        prescription_gy: Dose per course by target.
        fractions: Number of fractions; None if the source does not state it.
        goals: The goals, in the order they are listed.
        normalise: Target, volume % and dose: the plan is scaled so that D(volume) of the target
            is that dose; None leaves the dose as it was optimised.
        source: The publication.
        aliases: Other names that its structures go by, such as ``Femur_L`` for ``Femur_Head_L``.
        assumptions: What is not in the source but was settled here, one sentence each.
    """

    name: str
    title: str
    prescription_gy: dict[str, float]
    fractions: int | None
    goals: tuple[Goal, ...]
    normalise: tuple[str, float, float] | None
    source: str
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    assumptions: tuple[str, ...] = ()
