"""``textgrad radiotherapy import-dicom``: CT, RTSTRUCT and RTPLAN become a case folder."""

from __future__ import annotations

import json
import math
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from textgrad_core.cli.exits import OK
from textgrad_core.errors import UsageError
from textgrad_radiotherapy.cache_folder import cache_folder
from textgrad_radiotherapy.case import Beam, Case
from textgrad_radiotherapy.cases import save_case
from textgrad_radiotherapy.commands.new_folder import check_free, filled
from textgrad_radiotherapy.commands.options import cache_of
from textgrad_radiotherapy.course_dose import check_prescription
from textgrad_radiotherapy.dicom import DicomParts, case_of, read_folder
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.notice import NOTICE
from textgrad_radiotherapy.steps import check_steps


def run(given: Namespace) -> int:
    """Read the files, compute the influence matrix, write the case."""
    out = Path(given.out)
    check_free(out)
    check_steps(given.grid_mm, given.bixel_mm)
    prescription = _prescriptions(given.prescription)
    for angle in given.gantry or ():
        if not 0.0 <= angle < 360.0:
            raise UsageError(f"--gantry {angle:g}: an angle is from 0 to below 360 degrees")
    parts = read_folder(
        Path(given.folder),
        ct=given.ct,
        structures=given.structures,
        plan=given.plan,
        dose="none",
        grid_mm=given.grid_mm,
        bixel_mm=given.bixel_mm,
    )
    prescribed = prescription or parts.prescription_gy
    fractions = parts.fractions if given.fractions is None else given.fractions
    if prescribed:
        check_prescription(dict(prescribed), fractions)
    case = case_of(
        parts,
        name=out.resolve().name if given.name is None else given.name,
        beams=None if given.gantry is None else _beams(given.gantry, parts, given.bixel_mm),
        prescription_gy=prescription,
        fractions=fractions,
        cache=cache_folder(cache_of(given)),
    )
    with filled(out) as draft:
        save_case(case, draft)
    if given.json:
        print(json.dumps(_record(case, out), ensure_ascii=False))
    else:
        print("\n".join(_told(case, out)))
    return OK


def _prescriptions(given: Sequence[str] | None) -> dict[str, float] | None:
    if given is None:
        return None
    found: dict[str, float] = {}
    for text in given:
        before, _, dose = text.rpartition("=")
        name = before.strip()
        if name in found:
            raise UsageError(
                f"--prescription {text!r}: {name!r} has {found[name]:g} Gy already; give one dose "
                "per target"
            )
        try:
            found[name] = float(dose)
        except ValueError:
            raise UsageError(f"--prescription {text!r}: write TARGET=GY, as PTV=70.2") from None
        if not name or not math.isfinite(found[name]):
            raise UsageError(f"--prescription {text!r}: write TARGET=GY, as PTV=70.2")
    return found


def _beams(gantry_deg: Sequence[float], parts: DicomParts, bixel_mm: float) -> tuple[Beam, ...]:
    """Beams of these angles around the middle of the targets."""
    targets = [s for s in parts.structures.values() if s.kind == "target"]
    if not targets:
        raise CaseError("the structure set has no target, so --gantry has no isocentre to aim at")
    centres = [parts.grid.centres_mm(t.voxels).mean(axis=0) for t in targets]
    x, y, z = (float(sum(c[i] for c in centres) / len(centres)) for i in range(3))
    return tuple(
        Beam(gantry_deg=angle, isocentre_mm=(x, y, z), bixel_mm=bixel_mm) for angle in gantry_deg
    )


def _record(case: Case, out: Path) -> dict[str, object]:
    return {
        "folder": str(out),
        "name": case.name,
        "grid": str(case.grid),
        "beamlets": int(case.influence.matrix.shape[1]),
        "structures_cc": {n: round(s.volume_cc(case.grid), 3) for n, s in case.structures.items()},
        "prescription_gy": dict(case.prescription_gy),
        "fractions": case.fractions,
        "notes": list(case.notes),
    }


def _told(case: Case, out: Path) -> list[str]:
    lines = [f"{case.name}: {case.grid}"]
    lines += [
        f"  {name:<24} {s.kind:<8} {s.volume_cc(case.grid):10.2f} cc"
        for name, s in case.structures.items()
    ]
    told = ", ".join(f"{name} {gy:g} Gy" for name, gy in case.prescription_gy.items())
    course = f", in {case.fractions} fractions" if case.fractions else "; fractions not stated"
    lines.append(f"Prescription per course: {told}{course}")
    lines.append(f"{len(case.beams)} beams, {case.influence.matrix.shape[1]} beamlets")
    lines += [f"Note: {note}" for note in case.notes]
    lines += [f"Written to {out}; plan it with:", f"  textgrad radiotherapy plan --case {out} "
              "--protocol P --out DIR", NOTICE]  # fmt: skip
    return lines
