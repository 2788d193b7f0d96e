"""DNA tags that melt at a wanted temperature, by the 2-4 rule of R. B. Wallace et al. (1979)."""

from collections.abc import Sequence
from random import Random

import textgrad_core as tg


class PointMutations:
    """Changes one base of the best tag, in an order the seed decides."""

    name = "point mutations"

    def propose(self, request: tg.ProposalRequest) -> Sequence[tg.Proposal]:
        """New tags that were not tried before."""
        parent = request.parents[0].canonical
        tags = {parent[:i] + b + parent[i + 1 :] for i in range(len(parent)) for b in "ACGT"}
        new = sorted(tags - request.avoid)
        Random(request.seed).shuffle(new)
        return [tg.Proposal(answer=tag, parent=parent) for tag in new[: request.count]]


class Oligo(tg.Domain[str]):
    """A short tag as a string of ACGT."""

    name, role = "oligo", "a DNA tag of 14 to 20 bases, written 5' to 3' with the letters ACGT"
    objectives = (tg.Objective(name="tm_error", unit="degC", target=0),)
    proposer = PointMutations()

    def __init__(self, target_c: float) -> None:
        """Keep the wanted temperature."""
        self.target_c = target_c

    def parse(self, answer: str) -> str:
        """Read a tag; spaces and case do not matter."""
        tag = "".join(answer.split()).upper()
        if set(tag) - set("ACGT") or not 14 <= len(tag) <= 20:
            raise tg.Invalid(f"{tag!r} is no tag", "write 14 to 20 of the letters A, C, G and T")
        return tag

    def evaluate(self, value: str, context: tg.EvaluationContext) -> tg.Outcome:
        """Distance from the wanted temperature: A and T count 2 degrees each, C and G count 4."""
        melting_c = sum(4 if base in "CG" else 2 for base in value)
        words = f"It melts at {melting_c} degC; wanted are {self.target_c:g}."
        return tg.Evaluated(scores={"tm_error": abs(melting_c - self.target_c)}, feedback=words)

    def fingerprint(self) -> dict[str, tg.JSON]:
        """All that shapes a score."""
        return {"target_c": self.target_c, "rule": "Wallace 1979"}


def make(*, target_c: float = 54.0) -> Oligo:
    """Build the domain.

    Args:
        target_c: Wanted melting temperature in degrees Celsius, in 1 M salt.
    """
    return Oligo(target_c)


start = tg.RunDefaults(start="ATATATATATATATATATAT", steps=20, proposals=8)
plugin = tg.Plugin(name="oligo", summary="DNA tags by melting point", make=make, defaults=start)
