"""The test cases of AAPM Task Group 119, as solids.

Source: G. Ezzell et al., IMRT commissioning: multiple institution planning and dosimetry
comparisons, a report from AAPM Task Group 119, Medical Physics 36 (2009) 5359. Lengths below
are those of its description; what it leaves to a drawing is chosen here and said in the notes.
"""

from __future__ import annotations

from textgrad_radiotherapy.phantoms.phantom import APPROXIMATE, Part, Phantom
from textgrad_radiotherapy.shapes import (
    FAR_MM,
    AnnularSector,
    Box,
    Cylinder,
    Difference,
    Ellipsoid,
    EllipticCylinder,
    Intersection,
    Solid,
    Union,
)

SOURCE = (
    "AAPM Task Group 119 (Ezzell et al., Med. Phys. 36, 5359, 2009); geometry rebuilt from its "
    "description, beams as it suggests."
)
NINE_BEAMS = tuple(40.0 * k for k in range(9))
SEVEN_BEAMS = (0.0, 50.0, 100.0, 150.0, 210.0, 260.0, 310.0)
# Told apart with red-green blindness, too.
BODY, TARGET, CLINICAL = "#9aa5b1", "#d62728", "#e6b800"


SLAB = Box(low_mm=(-150.0, -75.0, -FAR_MM), high_mm=(150.0, 75.0, FAR_MM))
SLAB_NOTE = "The phantom is a slab of water, 300 mm wide and 150 mm thick."


def _water(solid: Solid) -> Part:
    return Part(name="Body", kind="external", solid=solid, colour=BODY, density=1.0)


def multitarget() -> Phantom:
    """Three stacked cylinders of 4 cm diameter and length with three prescriptions."""
    parts = [_water(SLAB)]
    for name, z, colour in (
        ("PTV_Center", 0.0, TARGET),
        ("PTV_Superior", 40.0, "#e6b800"),
        ("PTV_Inferior", -40.0, "#332288"),
    ):
        solid = Cylinder(centre_mm=(0.0, 0.0, z), radius_mm=20.0, length_mm=40.0)
        parts.append(Part(name=name, kind="target", solid=solid, colour=colour))
    return Phantom(
        name="tg119-multitarget",
        title="TG-119 multi-target",
        source=SOURCE,
        parts=tuple(parts),
        z_mm=(-78.0, 78.0),
        gantry_deg=SEVEN_BEAMS,
        prescription_gy={"PTV_Center": 50.0, "PTV_Superior": 25.0, "PTV_Inferior": 12.5},
        fractions=25,
        notes=(
            APPROXIMATE,
            SLAB_NOTE,
            "The targets touch: near the junctions the least dose of one competes with the "
            "highest of its neighbour, and partial voxels count for both.",
        ),
    )


def prostate() -> Phantom:
    """Ellipsoid of 40 x 26 x 65 mm against a rectum of 15 mm, bladder on its upper edge."""
    rectum = Cylinder(centre_mm=(0.0, 21.0, 0.0), radius_mm=7.5, length_mm=100.0)
    ctv = Difference(Ellipsoid(semi_mm=(20.0, 13.0, 32.5)), (rectum,))
    ptv = Ellipsoid(semi_mm=(26.0, 19.0, 38.5))
    bladder = Difference(
        Ellipsoid(centre_mm=(0.0, -2.0, 42.0), semi_mm=(25.0, 20.0, 25.0)), (ctv, rectum)
    )
    return Phantom(
        name="tg119-prostate",
        title="TG-119 mock prostate",
        source=SOURCE,
        parts=(
            _water(EllipticCylinder(semi_mm=(150.0, 100.0))),
            Part(name="PTV", kind="target", solid=ptv, colour=TARGET),
            Part(name="CTV", kind="target", solid=ctv, colour=CLINICAL),
            Part(name="Rectum", kind="oar", solid=rectum, colour="#117733"),
            Part(name="Bladder", kind="oar", solid=bladder, colour="#1f77b4"),
        ),
        z_mm=(-63.0, 75.0),
        gantry_deg=SEVEN_BEAMS,
        prescription_gy={"PTV": 75.6},
        fractions=42,
        notes=(
            APPROXIMATE,
            "The phantom is an elliptic cylinder of water, 300 x 200 mm; the margin is 6 mm.",
        ),
    )


def head_and_neck() -> Phantom:
    """Anterior neck volume 6 mm below the skin, 15 mm off the cord, parotids at its top."""
    cord = Cylinder(centre_mm=(0.0, 25.0, 8.0), radius_mm=7.0, length_mm=110.0)
    around_cord = EllipticCylinder(centre_mm=(0.0, 25.0), semi_mm=(22.0, 22.0))
    behind_cord = Box(low_mm=(-22.0, 25.0, -FAR_MM), high_mm=(22.0, FAR_MM, FAR_MM))
    parotids = {
        side: Ellipsoid(centre_mm=(x, 8.0, 42.0), semi_mm=(11.0, 16.0, 22.0))
        for side, x in (("Parotid_L", 40.0), ("Parotid_R", -40.0))
    }
    neck = Intersection(
        (
            EllipticCylinder(semi_mm=(48.0, 54.0), z_mm=(-32.0, 32.0)),
            Box(low_mm=(-FAR_MM, -FAR_MM, -FAR_MM), high_mm=(FAR_MM, 36.0, FAR_MM)),
        )
    )
    ptv = Difference(neck, (Union((around_cord, behind_cord)), *parotids.values()))
    return Phantom(
        name="tg119-head-neck",
        title="TG-119 head and neck",
        source=SOURCE,
        parts=(
            _water(EllipticCylinder(semi_mm=(54.0, 60.0))),
            Part(name="PTV", kind="target", solid=ptv, colour=TARGET),
            Part(name="SpinalCord", kind="oar", solid=cord, colour="#e6b800"),
            *(
                Part(name=side, kind="oar", solid=solid, colour=colour)
                for (side, solid), colour in zip(
                    parotids.items(), ("#1f77b4", "#332288"), strict=True
                )
            ),
        ),
        z_mm=(-51.0, 72.0),
        gantry_deg=NINE_BEAMS,
        prescription_gy={"PTV": 50.0},
        fractions=25,
        notes=(
            APPROXIMATE,
            "The neck is an elliptic cylinder of 108 x 120 mm; skin 6 mm and cord 15 mm away "
            "from the target as described, the other lengths are chosen.",
        ),
    )


def c_shape(name: str) -> Phantom:
    """A C of radii 15 to 37 mm and 80 mm length around a core of 10 mm radius.

    Args:
        name: Name of the case; the easy and the hard one differ by their goals only.
    """
    return Phantom(
        name=name,
        title="TG-119 C-shape",
        source=SOURCE,
        parts=(
            _water(SLAB),
            Part(
                name="PTV",
                kind="target",
                solid=AnnularSector(
                    inner_mm=15.0, outer_mm=37.0, z_mm=(-40.0, 40.0), sweep_deg=210.0
                ),
                colour=TARGET,
            ),
            Part(
                name="Core",
                kind="oar",
                solid=Cylinder(radius_mm=10.0, length_mm=100.0),
                colour="#1f77b4",
            ),
        ),
        z_mm=(-60.0, 60.0),
        gantry_deg=NINE_BEAMS,
        prescription_gy={"PTV": 50.0},
        fractions=25,
        notes=(
            APPROXIMATE,
            "The C spans 210 degrees, which gives the 168 cc of the published structure set.",
            SLAB_NOTE,
        ),
    )
