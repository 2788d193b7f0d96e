"""What one docking measured: the numbers behind the feedback, as JSON data of an outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from textgrad_core.errors import UsageError
from textgrad_core.jsondata import JSON
from textgrad_molecules.druglikeness import Component


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """Docking and drug-likeness of one molecule.

    Args:
        smiles: Canonical SMILES of the neutral molecule.
        protonated_smiles: The form that was docked.
        target: Name of the receptor.
        vina_kcal_mol: Best docking score.
        affinities_kcal_mol: Score of each pose, best first.
        qed: Drug-likeness, 0 to 1.
        components: The eight parts of QED.
        sa_score: Synthetic accessibility, 1 easy to 10 hard.
        heavy_atoms: Atoms other than hydrogen.
        rotors: Bonds the docking turns.
        exhaustiveness: Effort of the search for poses.
    """

    smiles: str
    protonated_smiles: str
    target: str
    vina_kcal_mol: float
    affinities_kcal_mol: tuple[float, ...]
    qed: float
    components: tuple[Component, ...]
    sa_score: float
    heavy_atoms: int
    rotors: int
    exhaustiveness: int

    @property
    def s(self) -> float:
        """The number to minimise."""
        return scalar(self.vina_kcal_mol, self.qed)

    @property
    def ligand_efficiency(self) -> float:
        """Affinity won per heavy atom, in kcal/mol; positive is binding."""
        return -self.vina_kcal_mol / self.heavy_atoms

    def to_json(self) -> dict[str, JSON]:
        """Plain data for `Evaluated.data`."""
        return {
            "smiles": self.smiles,
            "protonated_smiles": self.protonated_smiles,
            "target": self.target,
            "vina_kcal_mol": self.vina_kcal_mol,
            "affinities_kcal_mol": list(self.affinities_kcal_mol),
            "qed": self.qed,
            "qed_components": [_component_to_json(part) for part in self.components],
            "sa_score": self.sa_score,
            "heavy_atoms": self.heavy_atoms,
            "rotors": self.rotors,
            "exhaustiveness": self.exhaustiveness,
            "ligand_efficiency": self.ligand_efficiency,
        }


def scalar(vina_kcal_mol: float, qed: float) -> float:
    """``Vina + (1 - QED)``: lower is better, and affinity dominates by its range."""
    return vina_kcal_mol + (1.0 - qed)


def measurement_from_json(data: Mapping[str, JSON]) -> Measurement:
    """The inverse of `Measurement.to_json`.

    Raises:
        UsageError: If a field is missing or of another type.
    """
    try:
        return Measurement(
            smiles=str(data["smiles"]),
            protonated_smiles=str(data["protonated_smiles"]),
            target=str(data["target"]),
            vina_kcal_mol=_number(data["vina_kcal_mol"]),
            affinities_kcal_mol=tuple(_number(a) for a in _list(data["affinities_kcal_mol"])),
            qed=_number(data["qed"]),
            components=tuple(_component(part) for part in _list(data["qed_components"])),
            sa_score=_number(data["sa_score"]),
            heavy_atoms=int(_number(data["heavy_atoms"])),
            rotors=int(_number(data["rotors"])),
            exhaustiveness=int(_number(data["exhaustiveness"])),
        )
    except KeyError as missing:
        raise UsageError(f"no docking measurement: field {missing} is missing") from None


def _component_to_json(part: Component) -> dict[str, JSON]:
    return {
        "name": part.name,
        "value": part.value,
        "desirability": part.desirability,
        "weight": part.weight,
        "ideal": part.ideal,
        "qed_if_ideal": part.qed_if_ideal,
        "gain": part.gain,
    }


def _component(part: JSON) -> Component:
    if not isinstance(part, dict):
        raise UsageError(f"expected a component of QED, got {part!r}")
    return Component(
        name=str(part["name"]),
        value=_number(part["value"]),
        desirability=_number(part["desirability"]),
        weight=_number(part["weight"]),
        ideal=_number(part["ideal"]),
        qed_if_ideal=_number(part["qed_if_ideal"]),
        gain=_number(part["gain"]),
    )


def _number(value: JSON) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UsageError(f"expected a number, got {value!r}")
    return float(value)


def _list(value: JSON) -> list[JSON]:
    if not isinstance(value, list):
        raise UsageError(f"expected a list, got {value!r}")
    return value
