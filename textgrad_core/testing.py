"""The plugin contract as an executable test, for this project's plugins and anybody's.

All a plugin's own test needs is this:

    from textgrad_core.testing import check_domain

    def test_my_domain() -> None:
        check_domain(MyDomain(), legal=("a value", "another"), illegal=("no value",))
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from textgrad_core.domain import Domain, EvaluationContext, ProposalRequest
from textgrad_core.errors import Invalid
from textgrad_core.jsondata import canonical_json
from textgrad_core.outcome import Evaluated, Outcome, Rejected, Unmeasured, outcome_to_json
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
        legal: Texts that are values; the first of them can be measured.
        illegal: Texts that are not.
        evaluate: Whether to measure the first legal value; if it is deterministic, a second
            time by a copy of the domain that was sent as to another process.

    Raises:
        ContractBroken: At the first clause that does not hold.
    """
    _check_description(domain)
    _check_values(domain, legal, illegal)
    arrived = _check_travel(domain)
    if evaluate:
        try:
            outcome = _check_evaluation(domain, arrived, legal[0])
            _check_proposer(domain, legal[0], outcome)
        finally:
            arrived.close()
            domain.close()


def _require(holds: bool, clause: str) -> None:
    if not holds:
        raise ContractBroken(clause)


@contextmanager
def _clause(what: str) -> Iterator[None]:
    """Whatever a domain raises inside breaks the clause."""
    try:
        yield
    except ContractBroken:
        raise
    except Exception as error:
        raise ContractBroken(f"{what}: it raised {type(error).__name__}: {error}") from error


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
        with _clause(f"the reference {reference.name!r} must be a value"):
            domain.parse(reference.answer)


def _check_values(domain: Domain[Any], legal: Sequence[str], illegal: Sequence[str]) -> None:
    _require(len(legal) > 0, "give at least one legal value")
    for text in legal:
        with _clause(f"{text!r} must be read and written"):
            value = domain.parse(text)
            once = domain.canonical(value)
            again = domain.canonical(domain.parse(once))
        stable = f"canonical form is not stable: {text!r} -> {once!r} -> {again!r}"
        _require(once == again, stable)
        for constraint in domain.constraints:
            with _clause(f"{constraint.words!r} must be true or false of {text!r}"):
                bool(constraint.holds(value))
    for text in illegal:
        with _clause(f"parse({text!r}) must raise Invalid"):
            try:
                domain.parse(text)
            except Invalid as error:
                _require(bool(error.reason.strip()), f"Invalid for {text!r} gives no reason")
            else:
                raise ContractBroken(f"parse({text!r}) must raise Invalid, it returned a value")


def _check_travel(domain: Domain[Any]) -> Domain[Any]:
    # An executor may run `evaluate` in another process, so a domain has to be picklable.
    pickle = importlib.import_module("pickle")
    with _clause("the domain must be picklable"):
        arrived: Domain[Any] = pickle.loads(pickle.dumps(domain))
    _require(arrived.name == domain.name, "the domain arrives with another name")
    with _clause("fingerprint must be JSON"):
        here, there = (canonical_json(dict(d.fingerprint())) for d in (domain, arrived))
    _require(here == there, f"the fingerprint changes on the way: {here} and {there}")
    return arrived


def _check_evaluation(domain: Domain[Any], arrived: Domain[Any], text: str) -> Evaluated:
    value = domain.parse(text)
    context = EvaluationContext(seed=1, tier="screen")
    with _clause(f"evaluate({text!r}) must measure"):
        outcome: Outcome = domain.evaluate(value, context)
        if not isinstance(outcome, Evaluated):
            raise ContractBroken(f"evaluate({text!r}) did not measure: {outcome}")
        missing = {o.name for o in domain.objectives} - set(outcome.scores)
        _require(not missing, f"evaluate({text!r}) has no score for {sorted(missing)}")
    with _clause("scalar must give a number"):
        _require(math.isfinite(domain.scalar(outcome.scores)), "scalar is not finite")
    with _clause("an outcome must be JSON"):
        canonical_json(outcome_to_json(outcome))
    if domain.deterministic:
        again = arrived.evaluate(arrived.parse(text), context)
        same = isinstance(again, Evaluated) and dict(again.scores) == dict(outcome.scores)
        _require(same, f"deterministic, but measured twice: {outcome} and {again}")
    for said in (outcome, Rejected(reason="too big", hint="cut"), Unmeasured(cause="no power")):
        with _clause(f"explain must read {type(said).__name__}"):
            words = domain.explain(value, said)
        _require(bool(words.strip()), f"explain says nothing about {type(said).__name__}")
    with _clause("explain must compare with an earlier outcome"):
        domain.explain(value, outcome, outcome)
    _require("too big" in domain.explain(value, Rejected(reason="too big")), "a reason is lost")
    return outcome


def _check_proposer(domain: Domain[Any], text: str, outcome: Evaluated) -> None:
    if domain.proposer is None:
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
    with _clause(f"the proposer must work from {text!r}"):
        made = list(domain.proposer.propose(request))
        again = list(domain.proposer.propose(request))
    _require(0 < len(made) <= request.count, f"of {request.count} proposals it made {len(made)}")
    _require(made == again, "same request, other proposals")
