"""What the inner optimiser refuses, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, get_args

import numpy as np
from scipy.sparse import csr_array

from textgrad_radiotherapy.errors import CaseError, GoalError
from textgrad_radiotherapy.geometry import Floats
from textgrad_radiotherapy.inner.functions import DVH_KINDS
from textgrad_radiotherapy.terms import StructureRows, Term, TermKind

SHARE_SUM_TOLERANCE = 1e-6
LARGEST_EXPONENT = 100.0
LARGEST_LEVEL_GY = 1e6  # single precision holds its square, and no course gives a thousandth
LEAST_WEIGHT, MOST_WEIGHT = 1e-15, 1e15  # with penalties on top, within single precision
MOST_RATIO = 1e12  # of two weights; a plan's differ by 1e9 at most (`weights.LEAST`, `MOST`)


def check_rows(rows: Mapping[str, StructureRows]) -> int:
    """Refuse influence rows that cannot be optimised on.

    Returns:
        Number of beamlets.

    Raises:
        CaseError: If a structure is empty, a value is not finite or negative, or the structures
            disagree about the number of beamlets.
    """
    if not rows:
        raise CaseError("no structure has rows: give the influence rows of at least one")
    beamlets = {name: int(part.matrix.shape[1]) for name, part in rows.items()}
    if len(set(beamlets.values())) != 1 or not min(beamlets.values()):
        raise CaseError(f"structures need the same positive number of beamlets, not {beamlets}")
    for name, part in rows.items():
        _check_part(name, part)
    return next(iter(beamlets.values()))


def _check_part(name: str, part: StructureRows) -> None:
    height = int(part.matrix.shape[0])
    if height == 0:
        raise CaseError(
            f"structure {name!r} has no rows: it lies outside the dose grid, or another one "
            "with a higher priority takes all its voxels"
        )
    if part.weights.shape != (height,):
        raise CaseError(
            f"structure {name!r} has {height} rows but voxel weights of shape "
            f"{part.weights.shape}: one weight per row is needed"
        )
    for what, values in (("influence", part.matrix.data), ("voxel weight", part.weights)):
        if not np.isfinite(values).all():
            first = int(np.flatnonzero(~np.isfinite(values))[0])
            raise CaseError(
                f"structure {name!r} has a {what} that is {values[first]}: every value has to "
                "be finite; compute the influence matrix anew"
            )
        if values.size and values.min() < 0:
            raise CaseError(
                f"structure {name!r} has a {what} of {values.min():g}, below 0: dose and volume "
                "cannot be negative"
            )
    total = float(part.weights.sum())
    if not 0.0 < total <= 1.0 + SHARE_SUM_TOLERANCE:
        raise CaseError(
            f"voxel weights of structure {name!r} add up to {total:g}: they are shares of its "
            "volume, so the sum has to be above 0 and at most 1"
        )


def check_terms(terms: Sequence[Term], rows: Mapping[str, StructureRows]) -> None:
    """Refuse terms that have no meaning.

    Raises:
        GoalError: If a name is used twice, a structure is unknown or a number is out of bounds.
        CaseError: If no beamlet reaches a voxel that is to receive dose.
    """
    if not terms:
        raise GoalError("no terms: give at least one")
    for term in terms:
        if not isinstance(term, Term):
            raise GoalError(f"{term!r} is no term of the objective: give objects of `Term`")
        if term.kind not in get_args(TermKind):
            raise GoalError(
                f"term {term.name!r} is of the unknown kind {term.kind!r}; known: "
                f"{', '.join(get_args(TermKind))}"
            )
    names = [term.name for term in terms]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise GoalError(f"term names have to be unique, these are not: {', '.join(twice)}")
    for term in terms:
        if term.structure not in rows:
            raise GoalError(
                f"term {term.name!r} names the structure {term.structure!r}; known: "
                f"{', '.join(sorted(rows))}"
            )
        _check_numbers(term)
        _check_shape(term)
        if term.kind in {"squared-deviation", "squared-underdose", "geud-under", "dvh-min"}:
            _check_reached(term, rows[term.structure])


def _check_numbers(term: Term) -> None:
    label = f"term {term.name!r}"
    for what, value in (("dose level", term.dose_gy), ("weight", term.weight),
                        ("exponent a", term.a), ("volume", term.volume)):  # fmt: skip
        _number(value, f"{what} of {label}")
    if not 0 <= term.dose_gy <= LARGEST_LEVEL_GY:
        raise GoalError(
            f"{label} has the dose level {term.dose_gy:g} Gy: 0 to {LARGEST_LEVEL_GY:g} Gy per "
            "course is needed"
        )
    if not np.isfinite(term.weight) or term.weight < 0:
        raise GoalError(f"{label} has the weight {term.weight:g}: 0 or above is needed")
    if term.kind in DVH_KINDS and not 0.0 <= term.volume <= 1.0:
        raise GoalError(
            f"{label} has the volume {term.volume:g}: a fraction from 0 to 1 is needed "
            "(0.35 for 35 %)"
        )


def _check_shape(term: Term) -> None:
    label = f"term {term.name!r}"
    if term.kind == "geud-over" and not 1.0 <= term.a <= LARGEST_EXPONENT:
        raise GoalError(
            f"{label} limits a gEUD with a = {term.a:g}: 1 to {LARGEST_EXPONENT:g} is needed "
            "from above, other exponents have local optima"
        )
    if term.kind == "geud-under" and not (-LARGEST_EXPONENT <= term.a < 0 or term.a == 1.0):
        raise GoalError(
            f"{label} demands a gEUD with a = {term.a:g}: -{LARGEST_EXPONENT:g} to below 0, or "
            "1, is needed from below, other exponents have local optima"
        )
    if term.hard and term.kind in DVH_KINDS | {"squared-deviation", "mean-dose"}:
        raise GoalError(
            f"{label} is a hard limit of kind {term.kind!r}: limits are possible on overdose, "
            "underdose, mean overdose and gEUD; make it a weighted term or change its kind"
        )


def _check_reached(term: Term, part: StructureRows) -> None:
    reached = np.asarray(part.matrix.sum(axis=1)).ravel() > 0
    missed = int((~reached & (part.weights > 0)).sum())
    if missed and term.dose_gy > 0:
        raise CaseError(
            f"{missed} of {reached.size} voxels of {term.structure!r} are reached by no beamlet, "
            f"but term {term.name!r} asks for {term.dose_gy:g} Gy there: widen the fields or "
            "leave those voxels out"
        )


def numbers_of(
    terms: Sequence[Term],
    given: Mapping[str, float] | None,
    what: str,
    own: Floats,
    *,
    most: float,
) -> Floats:
    """Values in the order of the terms: the given ones, else the terms' own.

    Raises:
        GoalError: If a name is unknown or a value is no number, negative or above `most`.
    """
    values = own.copy()
    index = {term.name: k for k, term in enumerate(terms)}
    if given is not None and not isinstance(given, Mapping):
        raise GoalError(f"{what}s are {given!r}: give them by the names {', '.join(index)}")
    for name, value in (given or {}).items():
        if name not in index:
            raise GoalError(f"{what} for an unknown term {name!r}; known: {', '.join(index)}")
        number = _number(value, f"{what} of term {name!r}")
        if not 0 <= number <= most:
            raise GoalError(f"{what} of term {name!r} is {number:g}: 0 to {most:g} is needed")
        values[index[name]] = number
    return values


def _number(value: Any, label: str) -> float:
    if not isinstance(value, Real):
        raise GoalError(f"{label} is {repr(value)[:60]}, not a number: give one")
    try:
        return float(value)
    except OverflowError:  # a whole number above the largest float
        return np.inf


def check_weights(terms: Sequence[Term], weights: Floats) -> None:
    """Refuse weights under which every fluence is as good as any other, or arithmetic breaks.

    Raises:
        GoalError: If no term that is not a hard limit has a positive weight, or one is out of
            bounds or too far from another.
    """
    wishes = {t.name: float(w) for t, w in zip(terms, weights, strict=True) if not t.hard and w}
    if not wishes:
        raise GoalError(
            "every weight is 0: at least one term that is not a hard limit needs a positive one"
        )
    for name, weight in wishes.items():
        if not LEAST_WEIGHT <= weight <= MOST_WEIGHT:
            raise GoalError(
                f"weight of term {name!r} is {weight:g}: 0, or {LEAST_WEIGHT:g} to "
                f"{MOST_WEIGHT:g} is needed; only ratios matter, so multiply all weights"
            )
    least, most = min(wishes, key=wishes.__getitem__), max(wishes, key=wishes.__getitem__)
    if wishes[most] > MOST_RATIO * wishes[least]:
        raise GoalError(
            f"weight of term {most!r} is {wishes[most] / wishes[least]:.3g} times that of "
            f"{least!r}, at most {MOST_RATIO:g} times can be told apart: bring them nearer, or "
            "give the smaller one the weight 0"
        )


def start_of(start: Any, beamlets: int) -> Floats | None:
    """A start as an array; None if there is none.

    Raises:
        CaseError: If it is not of numbers, its shape is not (beamlets,), or a value is negative
            or not finite.
    """
    if start is None:
        return None
    try:
        found = np.asarray(start)
    except ValueError:  # rows of different lengths
        found = np.asarray(None)
    if found.dtype.kind not in "fiu":
        raise CaseError(f"the start is {str(start)[:60]}: {beamlets} real numbers are needed")
    if found.shape != (beamlets,):
        raise CaseError(f"the start has shape {found.shape}, ({beamlets},) is needed")
    if not np.isfinite(found).all() or found.min() < 0:
        raise CaseError("the start needs finite fluences of 0 or above")
    return found.astype(np.float64)


def check_gap(gap: float) -> None:
    """Refuse a gap nobody can prove.

    Raises:
        GoalError: If it is no number from 1e-9 to below 1.
    """
    _number(gap, "the gap")
    if not 1e-9 <= gap < 1.0:
        raise GoalError(f"the gap {gap:g} is out of bounds: 1e-9 to below 1 is needed")


def compact(matrix: csr_array) -> csr_array:
    """The matrix in float32 with 32-bit indices where they suffice; itself if it is so already."""
    if matrix.format != "csr":
        matrix = csr_array(matrix)
    if matrix.nnz < np.iinfo(np.int32).max and matrix.indices.dtype != np.int32:
        parts = (matrix.data, matrix.indices.astype(np.int32), matrix.indptr.astype(np.int32))
        matrix = csr_array(parts, shape=matrix.shape)
    return matrix if matrix.dtype == np.float32 else matrix.astype(np.float32)
