"""An analytic male pelvis with prostate, rectum, bladder and femoral heads.

Sizes are of the order anatomy gives (prostate 20 to 45 cc, rectum 60 to 100 cc, bladder 100 to
250 cc, femoral heads 48 to 50 mm wide and about 17 cm apart); no patient was copied.
"""

from __future__ import annotations

from dataclasses import dataclass

from textgrad_radiotherapy.phantoms.phantom import Part, Phantom
from textgrad_radiotherapy.phantoms.tg119 import SEVEN_BEAMS
from textgrad_radiotherapy.shapes import BowedCylinder, Difference, Ellipsoid, EllipticCylinder

CTV_SEMI_MM = (24.0, 18.0, 22.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """What two pelves differ in.

    Args:
        name: Name of the case.
        title: As people read it.
        margin_mm: From clinical to planning target volume, along x, anterior y, z.
        posterior_mm: The same, posterior.
        rectum_y_mm: How far behind the isocentre the rectum's axis runs.
    """

    name: str
    title: str
    margin_mm: tuple[float, float, float]
    posterior_mm: float
    rectum_y_mm: float


ADULT = Preset(
    name="adult",
    title="Adult pelvis",
    margin_mm=(7.0, 7.0, 7.0),
    posterior_mm=5.0,
    rectum_y_mm=30.0,
)
ADULT_HARD = Preset(
    name="adult_hard",
    title="Adult pelvis, rectum close and margins wide",
    margin_mm=(10.0, 10.0, 10.0),
    posterior_mm=8.0,
    rectum_y_mm=26.0,
)


def pelvis(preset: Preset) -> Phantom:
    """The pelvis of a preset; the isocentre is the centre of the prostate."""
    rectum = BowedCylinder(
        centre_mm=(0.0, preset.rectum_y_mm), radius_mm=16.0, z_mm=(-50.0, 60.0), bow_mm=6.0
    )
    ctv = Difference(Ellipsoid(semi_mm=CTV_SEMI_MM), (rectum,))
    wide = [semi + margin for semi, margin in zip(CTV_SEMI_MM, preset.margin_mm, strict=True)]
    ptv = Ellipsoid(
        semi_mm=(wide[0], wide[1], wide[2]), posterior_mm=CTV_SEMI_MM[1] + preset.posterior_mm
    )
    bladder = Difference(
        Ellipsoid(centre_mm=(0.0, -14.0, 44.0), semi_mm=(40.0, 32.0, 30.0)), (ctv, rectum)
    )
    body = EllipticCylinder(centre_mm=(0.0, 5.0), semi_mm=(180.0, 115.0))
    heads = [
        Part(
            name=name,
            kind="oar",
            solid=Ellipsoid(centre_mm=(x, -8.0, 8.0), semi_mm=(24.0, 24.0, 24.0)),
            colour=colour,
            density=1.18,
        )
        for name, x, colour in (
            ("Femur_Head_L", 88.0, "#332288"),
            ("Femur_Head_R", -88.0, "#ddcc77"),
        )
    ]
    return Phantom(
        name=preset.name,
        title=preset.title,
        source="Analytic pelvis of this project; sizes of the order anatomy gives.",
        parts=(
            Part(name="Body", kind="external", solid=body, colour="#9aa5b1", density=1.0),
            Part(name="PTV", kind="target", solid=ptv, colour="#d62728"),
            Part(name="CTV", kind="target", solid=ctv, colour="#e6b800"),
            Part(name="Rectum", kind="oar", solid=rectum, colour="#117733"),
            Part(name="Bladder", kind="oar", solid=bladder, colour="#1f77b4"),
            *heads,
        ),
        z_mm=(-63.0, 81.0),
        gantry_deg=SEVEN_BEAMS,
        prescription_gy={"PTV": 70.2},
        fractions=None,
        notes=("An analytic anatomy, not a patient; soft tissue is water.",),
    )
