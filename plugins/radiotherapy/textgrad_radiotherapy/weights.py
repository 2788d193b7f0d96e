"""What is optimised outside: a weight per term, and perhaps dose levels, as typed JSON.

Only ratios of weights matter, so the first term of the objective is the reference: the canonical
form gives it the weight 1.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from textgrad_core.errors import Invalid
from textgrad_core.jsondata import JSON
from textgrad_radiotherapy.once import GivenTwice, json_once
from textgrad_radiotherapy.terms import Term

DOSES = "doses_gy"
LEAST, MOST = 1e-3, 1e6  # of the reference's weight
LEAST_LEVEL, MOST_LEVEL = 0.25, 2.0  # of a term's own dose level
DIGITS = 6
LONGEST = 20_000  # characters; weights of twenty terms take a few hundred
_FENCE = re.compile(r"\A\s*(?:`{3,}|~{3,})[^\n]*\n(?P<body>.*?)\n?(?:`{3,}|~{3,})\s*\Z", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """A weight per term, and dose levels where they differ from the terms' own.

    Args:
        weights: By term name, all terms in their order; the first is 1.
        doses_gy: Dose level by term name, Gy per course; only those that were changed.
    """

    weights: Mapping[str, float]
    doses_gy: Mapping[str, float] = field(default_factory=dict)


def start_weights(terms: Sequence[Term]) -> Weights:
    """The terms' own weights."""
    return _relative({term.name: term.weight for term in terms}, {})


def parse_weights(text: str, terms: Sequence[Term]) -> Weights:
    """Read weights.

    Args:
        text: A JSON object with one positive number per term name, in any order, and perhaps
            ``doses_gy``: an object of dose levels in Gy per course. It may stand in a Markdown
            fence.
        terms: The terms of the objective; the first is the reference.

    Raises:
        Invalid: If it is no such object; the message names the part and the bound.
    """
    names = ", ".join(repr(term.name) for term in terms)
    hint = f"answer with one JSON object that gives a number for each of {names}"
    if len(text) > LONGEST:
        raise Invalid(f"the weights are {len(text)} characters long, {LONGEST} are allowed", hint)
    fence = _FENCE.match(text)
    try:
        data = json_once(fence["body"] if fence else text)
    except RecursionError:
        raise Invalid("the weights are nested too deeply", hint) from None
    except GivenTwice as twice:
        raise Invalid(f"{_short(twice.name)} is given twice", "give every name once") from None
    except ValueError as error:
        raise Invalid(f"the weights are no JSON: {error}", hint) from None
    if not isinstance(data, dict):
        raise Invalid(f"the weights are no JSON object but {_short(data)}", hint)
    levels = data.pop(DOSES, {})
    unknown = [name for name in data if name not in {term.name for term in terms}]
    if unknown:
        raise Invalid(f"there is no term {_short(unknown[0])}", hint)
    missing = [term.name for term in terms if term.name not in data]
    if missing:
        raise Invalid(f"the weight of {missing[0]!r} is missing", hint)
    weights = {term.name: _number(data[term.name], f"weight of {term.name!r}") for term in terms}
    return _relative(_within_bounds(weights), _levels(levels, terms))


def canonical_weights(value: Weights) -> str:
    """The weights as one line of JSON, in the order of the terms, six significant digits."""
    data: dict[str, JSON] = {name: _rounded(w) for name, w in value.weights.items()}
    if value.doses_gy:
        data[DOSES] = {name: _rounded(d) for name, d in value.doses_gy.items()}
    return json.dumps(data, ensure_ascii=False, allow_nan=False)


def clipped(weights: Mapping[str, float], floors: Mapping[str, float]) -> dict[str, float]:
    """Weights relative to the first, within the bounds, rounded as they are written.

    Args:
        weights: By term name.
        floors: Least weights by term name, where they are above `LEAST`.
    """
    reference = next(iter(weights.values()))
    return {
        name: _rounded(min(max(weight / reference, floors.get(name, LEAST)), MOST))
        for name, weight in weights.items()
    }


def _relative(weights: Mapping[str, float], doses_gy: Mapping[str, float]) -> Weights:
    reference = next(iter(weights.values()))
    return Weights(
        weights={name: _rounded(weight / reference) for name, weight in weights.items()},
        doses_gy={name: _rounded(dose) for name, dose in doses_gy.items()},
    )


def _within_bounds(weights: dict[str, float]) -> dict[str, float]:
    first = next(iter(weights))
    for name, weight in weights.items():
        ratio = weight / weights[first]
        if not LEAST <= ratio <= MOST:
            raise Invalid(
                f"the weight of {name!r} is {ratio:.3g} times that of {first!r}",
                f"keep the ratio between {LEAST:g} and {MOST:g}",
            )
    return weights


def _levels(data: JSON, terms: Sequence[Term]) -> dict[str, float]:
    if not isinstance(data, dict):
        raise Invalid(f"{DOSES} is no JSON object but {_short(data)}", "give Gy by term name")
    own = {term.name: term.dose_gy for term in terms if term.kind != "mean-dose"}
    levels = {}
    for name, given in data.items():
        if name not in own:
            known = ", ".join(repr(n) for n in own)
            raise Invalid(
                f"there is no term {_short(name)} with a dose level", f"those are {known}"
            )
        level = _number(given, f"dose level of {name!r}")
        low, high = LEAST_LEVEL * own[name], MOST_LEVEL * own[name]
        if not low <= level <= high:
            raise Invalid(
                f"the dose level of {name!r} is {level:g} Gy",
                f"give Gy per course (not per fraction) from {low:.4g} to {high:.4g}",
            )
        levels[name] = level
    return {n: levels[n] for n in own if n in levels and _rounded(levels[n]) != _rounded(own[n])}


def _number(data: JSON, what: str) -> float:
    if isinstance(data, bool) or not isinstance(data, int | float):
        raise Invalid(f"the {what} is {_short(data)}, not a number", "give a positive number")
    try:
        number = float(data)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number) or number <= 0:
        raise Invalid(f"the {what} is {number:g}", "give a positive, finite number")
    return number


def _rounded(number: float) -> float:
    return float(f"{number:.{DIGITS}g}")


def _short(data: JSON) -> str:
    text = repr(data) if isinstance(data, str) else json.dumps(data)
    return text if len(text) <= 60 else f"{text[:60]}..."
