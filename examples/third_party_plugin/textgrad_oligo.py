"""DNA tags (barcodes, adapters) that melt at a wanted temperature.

The melting temperature is the nearest-neighbour model with the unified parameters of
J. SantaLucia, PNAS 95 (1998) 1460, and the salt correction of the entropy given there.
"""

import math
from collections.abc import Mapping, Sequence
from random import Random

from textgrad_core.domain import (
    Domain,
    EvaluationContext,
    Objective,
    Plugin,
    Proposal,
    ProposalRequest,
    RunDefaults,
)
from textgrad_core.errors import Invalid
from textgrad_core.jsondata import JSON
from textgrad_core.outcome import Evaluated, Outcome

# enthalpy in kcal/mol and entropy in cal/(mol K) of two neighbouring base pairs, in 1 M NaCl
NEIGHBOURS = {
    "AA": (-7.9, -22.2), "AT": (-7.2, -20.4), "TA": (-7.2, -21.3), "CA": (-8.5, -22.7),
    "GT": (-8.4, -22.4), "CT": (-7.8, -21.0), "GA": (-8.2, -22.2), "CG": (-10.6, -27.2),
    "GC": (-9.8, -24.4), "GG": (-8.0, -19.9),
}  # fmt: skip
ENDS = {"A": (2.3, 4.1), "T": (2.3, 4.1), "C": (0.1, -2.8), "G": (0.1, -2.8)}
OTHER_STRAND = str.maketrans("ACGT", "TGCA")


def melting_c(tag: str, strands_molar: float = 50e-9, sodium_molar: float = 0.05) -> float:
    """Temperature in degrees Celsius at which half of the tag is paired with its other strand."""
    pairs = (tag[i : i + 2] for i in range(len(tag) - 1))
    parts = [NEIGHBOURS.get(p) or NEIGHBOURS[p.translate(OTHER_STRAND)[::-1]] for p in pairs]
    parts += [ENDS[tag[0]], ENDS[tag[-1]]]
    enthalpy = sum(kcal for kcal, _ in parts)
    entropy = sum(cal for _, cal in parts) + 0.368 * (len(tag) - 1) * math.log(sodium_molar)
    return 1000 * enthalpy / (entropy + 1.987 * math.log(strands_molar / 4)) - 273.15


class PointMutations:
    """Changes one base of the best tag."""

    name = "point mutations"

    def propose(self, request: ProposalRequest) -> Sequence[Proposal]:
        """New tags in an order the seed decides."""
        parent = request.parents[0].canonical
        new = [parent[:i] + b + parent[i + 1 :] for i in range(len(parent)) for b in "ACGT"]
        new = [tag for tag in new if tag != parent and tag not in request.avoid]
        Random(request.seed).shuffle(new)
        return tuple(Proposal(answer=tag, parent=parent) for tag in new[: request.count])


class Oligo(Domain[str]):
    """A tag as a string of ACGT."""

    name = "oligo"
    role = "a DNA tag, written 5' to 3' as 12 to 40 letters of ACGT"
    objectives = (Objective(name="tm_error", unit="degC", target=0.5),)
    proposer = PointMutations()

    def __init__(self, target_c: float) -> None:
        """Keep the wanted temperature."""
        self.target_c = target_c

    def parse(self, answer: str) -> str:
        """Read a tag; spaces and case do not matter."""
        tag = "".join(answer.split()).upper()
        if strange := sorted(set(tag) - set("ACGT")):
            raise Invalid(f"letters {strange}", "use A, C, G and T only")
        if not 12 <= len(tag) <= 40:
            raise Invalid(f"{len(tag)} bases", "write 12 to 40")
        return tag

    def evaluate(self, value: str, context: EvaluationContext) -> Outcome:
        """Distance from the wanted temperature, and on which side of it."""
        melting = melting_c(value)
        words = f"It melts at {melting:.1f} degC; wanted are {self.target_c:g}."
        return Evaluated(scores={"tm_error": abs(melting - self.target_c)}, feedback=words)

    def fingerprint(self) -> Mapping[str, JSON]:
        """All that shapes a score."""
        return {"target_c": self.target_c, "parameters": "SantaLucia 1998"}


def make(*, target_c: float = 60.0) -> Oligo:
    """Build the domain.

    Args:
        target_c: Wanted melting temperature in degrees Celsius (50 nM strands, 50 mM sodium).
    """
    return Oligo(target_c)


plugin = Plugin(
    name="oligo",
    summary="DNA tags that melt at a wanted temperature",
    make=make,
    defaults=RunDefaults(start="ATATATATATATATATATAT", steps=20, proposals=8),
)
