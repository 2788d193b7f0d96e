"""Optimizers: feedback in, new values out. Importing this loads none of them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from textgrad_core.absent import told

if TYPE_CHECKING:
    from textgrad_core.optimizer.base import Optimizer as Optimizer
    from textgrad_core.optimizer.base import StepReport as StepReport
    from textgrad_core.optimizer.tgd import TGD as TGD
    from textgrad_core.optimizer.tgd import TextualGradientDescent as TextualGradientDescent
    from textgrad_core.optimizer.tgd import (
        TextualGradientDescentwithMomentum as TextualGradientDescentwithMomentum,
    )

_HOMES = {
    "Optimizer": "base",
    "StepReport": "base",
    "TGD": "tgd",
    "TextualGradientDescent": "tgd",
    "TextualGradientDescentwithMomentum": "tgd",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        found: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        return found
    raise AttributeError(told(__name__, name))
