"""The plugin contract as an executable test, for this project's plugins and anybody's.

from textgrad_core.testing import check_domain

def test_my_domain() -> None:
check_domain(MyDomain(), legal=("a value", "another"), illegal=("no value",))
"""

from __future__ import annotations

import importlib
import json
import math
import pickletools
from collections.abc import Sequence
from typing import Any

from textgrad_core.domain import Domain, EvaluationContext, ProposalRequest
from textgrad_core.errors import Invalid
from textgrad_core.jsondata import canonical_json
from textgrad_core.outcome import Evaluated, Outcome, Rejected, Unmeasured
from textgrad_core.search.result import Trial


class ContractBroken(AssertionError):
    """A domain does not keep the contract; the message says which clause and with what."""


def check_domain(
    domain: Domain[Any],
    legal: Sequence[str],
    illegal: Sequence[str],
    *,
    evaluate: bool = True,
) -> None:
    """Hold a domain against the contract of `textgrad_core.domain.Domain`.

    Args:
        domain: The domain.
        legal: Texts that are values; at least one of them can be measured.
        illegal: Texts that are not.
        evaluate: Whether to measure the first legal value, twice if it is deterministic.

    Raises:
        ContractBroken: At the first clause that does not hold.
    """
    _check_description(domain)
    _check_values(domain, legal, illegal)
    _check_travel(domain)
    if evaluate:
        outcome = _check_evaluation(domain, legal[0])
        _check_proposer(domain, legal[0], outcome)
    domain.close()


def _require(holds: bool, clause: str) -> None:
    if not holds:
        raise ContractBroken(clause)


def _check_description(domain: Domain[Any]) -> None:
    _require(bool(domain.name.strip()), "name must not be empty")
    _require(bool(domain.role.strip()), "role must not be empty: prompts are built around it")
    _require(len(domain.objectives) > 0, "objectives must name at least one number")
    names = [o.name for o in domain.objectives]
    _require(len(set(names)) == len(names), f"objective names repeat: {names}")
    for o in domain.objectives:
        _require(o.direction in ("min", "max"), f"{o.name}: direction is {o.direction!r}")
    for constraint in domain.constraints:
        _require(bool(constraint.words.strip()), "a constraint has no words for the prompt")
    for reference in domain.references():
        domain.parse(reference.answer)


def _check_values(domain: Domain[Any], legal: Sequence[str], illegal: Sequence[str]) -> None:
    for text in legal:
        once = domain.canonical(domain.parse(text))
        again = domain.canonical(domain.parse(once))
        _require(once == again, f"canonical form is not stable: {text!r} -> {once!r} -> {again!r}")
    for text in illegal:
        try:
            domain.parse(text)
        except Invalid as error:
            _require(bool(error.reason.strip()), f"Invalid for {text!r} gives no reason")
        else:
            raise ContractBroken(f"parse({text!r}) must raise Invalid, it returned a value")


def _check_travel(domain: Domain[Any]) -> None:
    # An executor may run `evaluate` in another process, so a domain has to be picklable.
    pickle = importlib.import_module("pickle")
    try:
        sent = pickle.dumps(domain)
    except Exception as error:
        raise ContractBroken(f"the domain cannot be pickled: {error}") from error
    _require(bool(list(pickletools.genops(sent))), "the domain pickles to nothing")
    arrived = pickle.loads(sent)
    _require(arrived.name == domain.name, "the domain arrives with another name")
    canonical_json(dict(domain.fingerprint()))


def _check_evaluation(domain: Domain[Any], text: str) -> Outcome:
    value = domain.parse(text)
    context = EvaluationContext(seed=1, tier="screen")
    outcome: Outcome = domain.evaluate(value, context)
    if not isinstance(outcome, Evaluated):
        raise ContractBroken(f"evaluate({text!r}) did not measure: {outcome}")
    missing = {o.name for o in domain.objectives} - set(outcome.scores)
    _require(not missing, f"evaluate({text!r}) has no score for {sorted(missing)}")
    _require(math.isfinite(domain.scalar(outcome.scores)), "scalar is not finite")
    json.dumps(dict(outcome.data), allow_nan=False)
    if domain.deterministic:
        again = domain.evaluate(value, context)
        same = isinstance(again, Evaluated) and dict(again.scores) == dict(outcome.scores)
        _require(same, f"deterministic, but measured twice: {outcome} and {again}")
    for said in (outcome, Rejected(reason="too big", hint="cut"), Unmeasured(cause="no power")):
        words = domain.explain(value, said)
        _require(bool(words.strip()), f"explain says nothing about {type(said).__name__}")
    _require("too big" in domain.explain(value, Rejected(reason="too big")), "a reason is lost")
    return outcome


def _check_proposer(domain: Domain[Any], text: str, outcome: Outcome) -> None:
    if domain.proposer is None or not isinstance(outcome, Evaluated):
        return
    start = domain.canonical(domain.parse(text))
    parent = Trial(
        step=0,
        index=0,
        origin="start",
        canonical=start,
        outcome=outcome,
        scalar=domain.scalar(outcome.scores),
        accepted=True,
    )
    request = ProposalRequest(
        parents=(parent,), history=(parent,), count=3, seed=11, avoid=frozenset({start})
    )
    made = domain.proposer.propose(request)
    _require(len(made) > 0, f"the proposer made nothing from {text!r}")
    _require(list(made) == list(domain.proposer.propose(request)), "same request, other proposals")
