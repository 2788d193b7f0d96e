"""The paper's numeric baseline: Optuna draws every weight from one box, by one scalar.

Each weight is a ``suggest_float`` in [100, 400], the sampler is Optuna's default (TPE), the
scalar is `nature_objective`; the paper allows 50 trials, one after the other. What the search
then keeps is chosen as for every planner, by the goals.

Source: Yuksekgonul et al., Nature 639:609-616 (2025), baseline of the radiotherapy section.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from textgrad_core.domain import Proposal, ProposalRequest
from textgrad_core.errors import UsageError
from textgrad_core.outcome import Evaluated
from textgrad_radiotherapy.changes import changes_told
from textgrad_radiotherapy.plan_data import plan_data
from textgrad_radiotherapy.weights import Weights, canonical_weights, clipped

NAME = "Optuna baseline"
LEAST, MOST = 100.0, 400.0  # of the paper
TRIALS = 50  # of the paper
_FIRST = re.compile(r"\(drawn by TPE, .* at ([0-9.]+)\)\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class OptunaPlanner:
    """Weights drawn by Optuna's TPE; needs the extra ``optuna``.

    The study is rebuilt from the history at every request, with a sampler seeded by it: the same
    request gives the same weights, and an interrupted run goes on as it would have.

    Args:
        name: As shown.
        least: Lower end of the box of every weight.
        most: Upper end.

    Raises:
        UsageError: If Optuna is not installed, or the box is none.
    """

    name: str = NAME
    least: float = LEAST
    most: float = MOST

    def __post_init__(self) -> None:
        """Refuse what would only fail after the first solve."""
        if not 0.0 < self.least < self.most:
            raise UsageError(f"the box [{self.least:g}, {self.most:g}] needs 0 < least < most")
        if find_spec("optuna") is None:
            raise UsageError("planner 'optuna' needs Optuna: pip install 'textgrad-suite[optuna]'")

    def propose(self, request: ProposalRequest) -> Sequence[Proposal]:
        """New weights by the scalars of all trials before; the same request, the same list."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        names = _terms(request)
        box = optuna.distributions.FloatDistribution(self.least, self.most)
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=request.seed % 2**32))
        for trial in request.history:
            first = _first(trial.rationale) if trial.origin == self.name else None
            if first is None or not isinstance(trial.outcome, Evaluated):
                continue
            ratios = json.loads(trial.canonical)
            drawn = {n: min(max(first * ratios[n], self.least), self.most) for n in names}
            scalar = plan_data(trial.outcome.data).raw["nature_objective"]
            study.add_trial(
                optuna.trial.create_trial(
                    params=drawn, distributions=dict.fromkeys(names, box), value=scalar
                )
            )
        found: list[Proposal] = []
        for _ in range(request.count):
            params = study.ask(dict.fromkeys(names, box)).params
            answer = canonical_weights(Weights(weights=clipped(params, {})))
            if answer not in request.avoid:
                found.append(Proposal(answer=answer, rationale=_told(params)))
        return found


def _terms(request: ProposalRequest) -> list[str]:
    """Names of the terms, from the first plan that was measured."""
    for trial in request.history:
        if isinstance(trial.outcome, Evaluated):
            return list(plan_data(trial.outcome.data).weights)
    return []


def _told(params: dict[str, float]) -> str:
    """The largest ratios to the first weight, and that weight, from which all can be had."""
    equal = Weights(weights=dict.fromkeys(params, 1.0))
    told = changes_told(equal, Weights(weights=clipped(params, {})), {})
    name, first = next(iter(params.items()))
    return f"{told} (drawn by TPE, {name} at {first:.9g})"


def _first(rationale: str) -> float | None:
    """The first weight as it was drawn; None if the rationale is none of ours."""
    found = _FIRST.search(rationale)
    return float(found[1]) if found else None
