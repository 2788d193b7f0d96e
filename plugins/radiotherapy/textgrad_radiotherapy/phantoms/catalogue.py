"""The phantoms that ship with the plugin, by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from textgrad_radiotherapy.phantoms import tg119
from textgrad_radiotherapy.phantoms.pelvis import ADULT, ADULT_HARD, pelvis
from textgrad_radiotherapy.phantoms.phantom import Phantom

DESCRIPTIONS = {
    "tg119-multitarget": "three stacked cylinders, 50, 25 and 12.5 Gy, 7 beams",
    "tg119-prostate": "mock prostate, rectum and bladder, 75.6 Gy, 7 beams",
    "tg119-head-neck": "head and neck with cord and parotids, 50 Gy, 9 beams",
    "tg119-cshape-easy": "C around a core, 50 Gy, core D10 < 25 Gy, 9 beams",
    "tg119-cshape-hard": "the same C, core D10 < 10 Gy, 9 beams",
    "adult": "male pelvis, 70.2 Gy, 7 beams",
    "adult_hard": "male pelvis, rectum close and margins wide, 70.2 Gy, 7 beams",
}
_MAKERS: dict[str, Callable[[], Phantom]] = {
    "tg119-multitarget": tg119.multitarget,
    "tg119-prostate": tg119.prostate,
    "tg119-head-neck": tg119.head_and_neck,
    "tg119-cshape": partial(tg119.c_shape, "tg119-cshape"),
    "tg119-cshape-easy": partial(tg119.c_shape, "tg119-cshape-easy"),
    "tg119-cshape-hard": partial(tg119.c_shape, "tg119-cshape-hard"),
    "adult": partial(pelvis, ADULT),
    "adult_hard": partial(pelvis, ADULT_HARD),
}


def phantom_named(name: str) -> Phantom | None:
    """The phantom of that name, or None; ``tg119-cshape`` is the C without easy or hard."""
    maker = _MAKERS.get(name)
    return maker() if maker else None
