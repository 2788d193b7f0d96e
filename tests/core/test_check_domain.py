"""The executable contract: it passes what keeps it and catches each clause that is broken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import pytest

from textgrad_core.domain import (
    Constraint,
    EvaluationContext,
    Objective,
    Proposal,
    ProposalRequest,
    Reference,
)
from textgrad_core.errors import Invalid
from textgrad_core.jsondata import JSON
from textgrad_core.outcome import Evaluated, Outcome, Rejected
from textgrad_core.testing import ContractBroken, check_domain
from toy_domain import Mutations, ToyDomain

LEGAL, ILLEGAL = ("acgtta", "ACGTACGT"), ("", "xyz", "A" * 41)


def check(domain: ToyDomain, **options: Any) -> None:
    check_domain(domain, LEGAL, ILLEGAL, **options)


class Nameless(ToyDomain):
    name = " "


class Roleless(ToyDomain):
    role = ""


class Aimless(ToyDomain):
    def __post_init__(self) -> None:
        self.objectives = ()


class Repeating(ToyDomain):
    def __post_init__(self) -> None:
        self.objectives = (Objective(name="distance"), Objective(name="distance"))


class Undirected(ToyDomain):
    def __post_init__(self) -> None:
        self.objectives = (Objective(name="distance", direction="less"),)  # type: ignore[arg-type]


class Speechless(ToyDomain):
    @property
    def constraints(self) -> tuple[Constraint[str], ...]:
        return (Constraint(words="", holds=bool),)


class Undecided(ToyDomain):
    @property
    def constraints(self) -> tuple[Constraint[str], ...]:
        return (Constraint(words="short", holds=lambda word: word[100] == "A"),)


class Misreferred(ToyDomain):
    def references(self) -> tuple[Reference, ...]:
        return (Reference(name="the known one", answer="not DNA"),)


class Unstable(ToyDomain):
    def canonical(self, value: str) -> str:
        return value[:-1] or value


class Illegible(ToyDomain):
    def canonical(self, value: str) -> str:
        return f"<{value}>"


class Lenient(ToyDomain):
    def parse(self, answer: str) -> str:
        return super().parse(answer) if answer else "A"


class Crashing(ToyDomain):
    def parse(self, answer: str) -> str:
        if "x" in answer:
            raise KeyError("x")
        return super().parse(answer)


class Gruff(ToyDomain):
    def parse(self, answer: str) -> str:
        try:
            return super().parse(answer)
        except Invalid as error:
            raise Invalid("") from error


class Immovable(ToyDomain):
    def __post_init__(self) -> None:
        super().__post_init__()
        self.handle = lambda: None


class Forgetful(ToyDomain):
    """Loses its settings on the way to another process."""

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "hidden": "TTTT"}


class ForgetfulInSilence(Forgetful):
    def fingerprint(self) -> Mapping[str, JSON]:
        return {}


class Unprintable(ToyDomain):
    def fingerprint(self) -> Mapping[str, JSON]:
        return {"path": object()}  # type: ignore[dict-item]


class Unwell(ToyDomain):
    def evaluate(self, value: str, context: EvaluationContext) -> Outcome:
        raise OSError(f"no instrument for {value} at {context.tier}")


class Strict(ToyDomain):
    def evaluate(self, value: str, context: EvaluationContext) -> Outcome:
        return Rejected(reason=f"{value} is refused at {context.tier}")


class Incomplete(ToyDomain):
    def evaluate(self, value: str, context: EvaluationContext) -> Outcome:
        return Evaluated(scores={"length": len(value)}, data={"tier": context.tier})


class Wild(ToyDomain):
    rng = Random(5)

    def evaluate(self, value: str, context: EvaluationContext) -> Outcome:
        data: dict[str, JSON] = {"word": value, "tier": context.tier}
        return Evaluated(scores={"distance": self.rng.random()}, data=data)


class Vague(ToyDomain):
    def evaluate(self, value: str, context: EvaluationContext) -> Outcome:
        data: dict[str, Any] = {"seen": {value, context.tier}}
        return Evaluated(scores={"distance": 1.0}, data=data)


class Boundless(ToyDomain):
    def scalar(self, scores: Mapping[str, float]) -> float:
        return scores["distance"] * float("inf")


class Silent(ToyDomain):
    def explain(self, value: str, outcome: Outcome, previous: Outcome | None = None) -> str:
        said = super().explain(value, outcome, previous)
        return "" if isinstance(outcome, Evaluated) else said


class Blunt(ToyDomain):
    def explain(self, value: str, outcome: Outcome, previous: Outcome | None = None) -> str:
        said = super().explain(value, outcome, previous)
        return "It is bad." if isinstance(outcome, Rejected) else said


class OnceOnly(ToyDomain):
    def explain(self, value: str, outcome: Outcome, previous: Outcome | None = None) -> str:
        if previous is not None:
            raise NotImplementedError
        return super().explain(value, outcome)


class Moody(Mutations):
    calls = 0

    def propose(self, request: ProposalRequest) -> Sequence[Proposal]:
        self.calls += 1
        return [Proposal(answer="ACG" * self.calls)][: request.count]


class Barren(Mutations):
    def propose(self, request: ProposalRequest) -> Sequence[Proposal]:
        return super().propose(request)[:0]


class Pushing(Mutations):
    def propose(self, request: ProposalRequest) -> Sequence[Proposal]:
        return [*super().propose(request), Proposal(answer="A")]


def proposing(proposer: Mutations) -> ToyDomain:
    domain = ToyDomain()
    domain.proposer = proposer
    return domain


def test_a_good_domain_passes() -> None:
    check(ToyDomain())
    check(ToyDomain(target=None))
    check(Unwell(), evaluate=False)


def test_a_noisy_domain_passes_if_it_says_so() -> None:
    class SaysSo(Wild):
        deterministic = False

        def __reduce__(self) -> tuple[type[ToyDomain], tuple[()]]:
            return ToyDomain, ()

    check(SaysSo())


@pytest.mark.parametrize(
    ("domain", "clause"),
    [
        (Nameless(), "name must not be empty"),
        (Roleless(), "role must not be empty"),
        (Aimless(), "at least one number"),
        (Repeating(), "names repeat"),
        (Undirected(), "direction is 'less'"),
        (Speechless(), "no words"),
        (Undecided(), "'short' must be true or false of 'acgtta': it raised IndexError"),
        (Misreferred(), "the known one"),
        (Unstable(), "canonical form is not stable: 'acgtta' -> 'ACGTT' -> 'ACGT'"),
        (Illegible(), "'acgtta' must be read and written"),
        (Lenient(), "it returned a value"),
        (Crashing(), "'xyz'.*must raise Invalid: it raised KeyError"),
        (Gruff(), "gives no reason"),
        (Immovable(), "picklable"),
        (Forgetful(), "the fingerprint changes on the way"),
        (ForgetfulInSilence(), "measured twice"),
        (Unprintable(), "fingerprint must be JSON"),
        (Unwell(), "must measure: it raised OSError"),
        (Strict(), "did not measure"),
        (Incomplete(), "no score for .'distance'."),
        (Wild(), "measured twice"),
        (Vague(), "an outcome must be JSON"),
        (Boundless(), "scalar is not finite"),
        (Silent(), "explain says nothing about Evaluated"),
        (Blunt(), "a reason is lost"),
        (OnceOnly(), "compare with an earlier outcome"),
        (proposing(Moody()), "same request, other proposals"),
        (proposing(Barren()), "it made 0"),
        (proposing(Pushing()), "of 3 proposals it made 4"),
    ],
    ids=lambda given: type(given).__name__ if isinstance(given, ToyDomain) else "",
)
def test_every_broken_clause_is_named(domain: ToyDomain, clause: str) -> None:
    with pytest.raises(ContractBroken, match=clause):
        check(domain)


def test_without_a_legal_value_nothing_can_be_said() -> None:
    with pytest.raises(ContractBroken, match="at least one legal value"):
        check_domain(ToyDomain(), (), ILLEGAL)


def test_the_domain_is_closed_also_after_a_failure() -> None:
    closed: list[str] = []

    class Closing(ToyDomain):
        def close(self) -> None:
            closed.append("closed")

        def __reduce__(self) -> tuple[type[ToyDomain], tuple[()]]:
            return ToyDomain, ()

    check(Closing())
    assert closed == ["closed"]
    broken = Closing(broken={"ACGTTA": "raise"})
    with pytest.raises(ContractBroken):
        check(broken)
    assert closed == ["closed", "closed"]
