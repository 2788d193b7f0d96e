"""Exact feedback: a docking measurement in words, every figure computed, no model needed."""

from __future__ import annotations

from textgrad_core.outcome import Evaluated, Outcome, Rejected, Unmeasured
from textgrad_molecules.druglikeness import MEANINGS, Component
from textgrad_molecules.measurement import Measurement, measurement_from_json

ROTOR_WEIGHT = 0.05846  # Vina divides contact energy by 1 + this * rotors (Trott and Olson 2010)
WORTH_NAMING = 0.01  # gain in QED below which a property is left alone
SMALL_HEAVY_ATOMS = 20
POOR_EFFICIENCY = 0.25  # kcal/mol per heavy atom
MANY_ROTORS = 5

_RAISE = {
    "MW": "too light: add atoms",
    "ALOGP": "too polar: add carbon, fluorine or an aromatic ring",
    "HBA": "add a hydrogen-bond acceptor (carbonyl, ether, aromatic N)",
    "HBD": "add one hydrogen-bond donor (NH or OH)",
    "PSA": "too little polar surface: add a polar group",
    "ROTB": "add flexible bonds when joining parts",
    "AROM": "add an aromatic ring",
    "ALERTS": "",
}
_LOWER = {
    "MW": "too heavy: remove groups",
    "ALOGP": "too greasy: swap C for N or O, or drop halogens and alkyl groups",
    "HBA": "remove hydrogen-bond acceptors",
    "HBD": "remove or cap NH and OH groups",
    "PSA": "too much polar surface: remove polar groups",
    "ROTB": "too many rotors: shorten chains or close rings",
    "AROM": "replace an aromatic ring by a saturated one, or drop it",
    "ALERTS": "remove the reactive or unstable group that raises a structural alert",
}


def explain(outcome: Outcome, previous: Outcome | None, *, max_heavy_atoms: int) -> str:
    """What was measured, what changed, what each property costs, and where to go.

    Args:
        outcome: Of the molecule; if `Evaluated`, its data is a `Measurement`.
        previous: Of the molecule before it, if there was one.
        max_heavy_atoms: Upper size of the search, for the advice to grow.
    """
    before = _measured(previous)
    match outcome:
        case Rejected():
            return "\n".join(_rejected(outcome, before))
        case Unmeasured():
            return (
                f"Not measured: {outcome.cause}\n"
                "This says nothing about the molecule; the docking itself failed."
            )
        case Evaluated():
            now = measurement_from_json(outcome.data)
            lines = [*_scores(now), *_changes(now, before), *_size(now), *_table(now)]
            return "\n".join([*lines, *_directions(now, max_heavy_atoms)])


def _measured(outcome: Outcome | None) -> Measurement | None:
    return measurement_from_json(outcome.data) if isinstance(outcome, Evaluated) else None


def _rejected(outcome: Rejected, before: Measurement | None) -> list[str]:
    lines = [f"How to mend it: {outcome.hint}"] if outcome.hint else []
    lines += [f"Refused: {outcome.reason}", "No score was computed for it."]
    if before is not None:
        lines.append(f"The molecule before it stands: {before.smiles}, s = {before.s:.2f}.")
    return lines


def _scores(now: Measurement) -> list[str]:
    poses = ", ".join(f"{energy:.1f}" for energy in now.affinities_kcal_mol[:3])
    return [
        f"Molecule: {now.smiles}",
        f"s = Vina + (1 - QED) = {now.vina_kcal_mol:.2f} + (1 - {now.qed:.2f}) = {now.s:.2f} "
        "(minimise)",
        f"Vina = {now.vina_kcal_mol:.2f} kcal/mol in {now.target} (more negative = predicted to "
        f"bind more strongly; best poses {poses}; exhaustiveness {now.exhaustiveness})",
        f"QED = {now.qed:.2f} (drug-likeness, 0 to 1, higher is better)",
    ]


def _changes(now: Measurement, before: Measurement | None) -> list[str]:
    if before is None:
        return []
    lines = [
        f"Against {before.smiles}: s {now.s - before.s:+.2f} ({_verdict(now.s - before.s)}), "
        f"Vina {now.vina_kcal_mol - before.vina_kcal_mol:+.2f}, QED {now.qed - before.qed:+.2f}, "
        f"heavy atoms {before.heavy_atoms} -> {now.heavy_atoms}, "
        f"rotors {before.rotors} -> {now.rotors}"
    ]
    if before.exhaustiveness != now.exhaustiveness:
        lines.append(
            f"Docked at exhaustiveness {now.exhaustiveness}, the one before at "
            f"{before.exhaustiveness}: part of the change in Vina may be search effort."
        )
    old = {part.name: part.value for part in before.components}
    moved = [p for p in now.components if p.name in old and p.value != old[p.name]]
    if moved:
        changes = ", ".join(f"{p.name} {old[p.name]:.4g} -> {p.value:.4g}" for p in moved)
        lines.append(f"Properties that changed: {changes}")
    return lines


def _verdict(change: float) -> str:
    if abs(change) < 0.005:
        return "equal"
    return "better" if change < 0 else "worse"


def _size(now: Measurement) -> list[str]:
    return [
        f"Size: {now.heavy_atoms} heavy atoms, {now.rotors} rotors; ligand efficiency "
        f"{now.ligand_efficiency:.2f} kcal/mol per heavy atom; "
        f"synthetic accessibility {now.sa_score:.1f} (1 easy, 10 hard)"
    ]


def _by_gain(now: Measurement) -> list[Component]:
    return sorted(now.components, key=lambda part: (-part.gain, part.name))


def _table(now: Measurement) -> list[str]:
    lines = ["Parts of QED, the largest possible gain first:"]
    for part in _by_gain(now):
        lines.append(
            f"  {part.name:<6} {part.value:>7.4g}  ideal {part.ideal:>6.4g}  desirability "
            f"{part.desirability:.2f}  QED {part.gain:+.3f} if ideal  ({MEANINGS[part.name]})"
        )
    return lines


def _directions(now: Measurement, max_heavy_atoms: int) -> list[str]:
    lines = [*_affinity_directions(now, max_heavy_atoms)]
    for part in _by_gain(now):
        advice = (_RAISE if part.value < part.ideal else _LOWER)[part.name]
        if part.gain >= WORTH_NAMING and part.value != part.ideal and advice:
            lines.append(
                f"{part.name} {part.value:.4g} -> {part.ideal:.4g} is worth QED {part.gain:+.2f}: "
                f"{advice}"
            )
    return ["Directions, from these numbers:", *(f"- {line}" for line in lines)] if lines else []


def _affinity_directions(now: Measurement, max_heavy_atoms: int) -> list[str]:
    lines = []
    room = min(SMALL_HEAVY_ATOMS, max_heavy_atoms) - now.heavy_atoms
    if room > 0 and now.vina_kcal_mol < 0:
        lines.append(
            f"too small: if {room} more heavy atoms kept half the present efficiency, Vina would "
            f"come to {now.vina_kcal_mol - room * now.ligand_efficiency / 2:.1f}; grow"
        )
    if now.heavy_atoms >= SMALL_HEAVY_ATOMS and now.ligand_efficiency < POOR_EFFICIENCY:
        lines.append(
            f"{now.ligand_efficiency:.2f} kcal/mol per heavy atom is little: drop or replace "
            "groups rather than adding more"
        )
    if now.rotors >= MANY_ROTORS and now.vina_kcal_mol < 0:
        scale = (1 + ROTOR_WEIGHT * now.rotors) / (1 + ROTOR_WEIGHT * (now.rotors - 1))
        lines.append(
            f"{now.rotors} rotors: with the same contacts, one rotor less would change Vina by up "
            f"to {now.vina_kcal_mol * (scale - 1):.2f}; make it more rigid"
        )
    if now.vina_kcal_mol >= 0:
        lines.append("it does not fit the pocket: make it smaller or less branched")
    return lines
