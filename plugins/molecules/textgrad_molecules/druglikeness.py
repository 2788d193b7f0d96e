"""QED taken apart: eight properties, their desirabilities, and what each one costs.

QED is the weighted geometric mean of eight desirabilities, each a fitted curve of one molecular
property. Recomputing it from RDKit's properties, curves and weights makes "what would QED be if
this property were ideal" an exact number.

Source: Bickerton et al., Quantifying the chemical beauty of drugs, Nature Chemistry 4, 90 (2012);
synthetic accessibility: Ertl and Schuffenhauer, J. Cheminformatics 1, 8 (2009).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

from rdkit import Chem
from rdkit.Chem import QED as _QED_MODULE
from rdkit.Contrib.SA_Score import sascorer  # type: ignore[import-untyped]

_QED: Any = _QED_MODULE  # the module carries no types

MEANINGS = {
    "MW": "molecular weight, g/mol",
    "ALOGP": "lipophilicity, Crippen log P",
    "HBA": "hydrogen-bond acceptors",
    "HBD": "hydrogen-bond donors",
    "PSA": "polar surface area, A^2",
    "ROTB": "rotatable bonds",
    "AROM": "aromatic rings",
    "ALERTS": "structural alerts",
}
_GRIDS = {"MW": (100.0, 600.0, 0.1), "ALOGP": (-3.0, 8.0, 0.01), "PSA": (0.0, 200.0, 0.1)}
_LARGEST_COUNT = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One property of QED.

    Args:
        name: RDKit's name of it.
        value: Of this molecule.
        desirability: Of this value, 0 to 1.
        weight: Share in the mean.
        ideal: The value with the highest desirability.
        qed_if_ideal: QED if this property had its ideal value and the others stayed.
        gain: ``qed_if_ideal`` less QED.
    """

    name: str
    value: float
    desirability: float
    weight: float
    ideal: float
    qed_if_ideal: float
    gain: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Druglikeness:
    """QED, 0 to 1, and its eight components in RDKit's order."""

    qed: float
    components: tuple[Component, ...]


def druglikeness(molecule: Chem.Mol) -> Druglikeness:
    """QED of a sanitised molecule, with its parts."""
    properties: dict[str, float] = _QED.properties(molecule)._asdict()
    weights: dict[str, float] = _QED.WEIGHT_MEAN._asdict()
    desirabilities = {name: _desirability(name, value) for name, value in properties.items()}
    total = sum(weights.values())
    log_mean = sum(weights[n] * math.log(d) for n, d in desirabilities.items()) / total
    qed = math.exp(log_mean)
    components = []
    for name, value in properties.items():
        ideal = ideal_value(name)
        step = math.log(_desirability(name, ideal)) - math.log(desirabilities[name])
        at_ideal = math.exp(log_mean + weights[name] / total * step)
        components.append(
            Component(
                name=name,
                value=float(value),
                desirability=desirabilities[name],
                weight=weights[name],
                ideal=ideal,
                qed_if_ideal=at_ideal,
                gain=at_ideal - qed,
            )
        )
    return Druglikeness(qed=qed, components=tuple(components))


@cache
def ideal_value(name: str) -> float:
    """The value of a property at which its desirability is highest; whole for counts."""
    if name in _GRIDS:
        low, high, step = _GRIDS[name]
        grid = [low + step * k for k in range(round((high - low) / step) + 1)]
    else:
        grid = [float(k) for k in range(_LARGEST_COUNT + 1)]
    best: float = max(grid, key=lambda value: _desirability(name, value))
    return round(best, 2)


def synthetic_accessibility(molecule: Chem.Mol) -> float:
    """SA score: 1 easy to make, 10 hard."""
    return float(sascorer.calculateScore(molecule))


def _desirability(name: str, value: float) -> float:
    return float(_QED.ads(value, _QED.adsParameters[name]))
