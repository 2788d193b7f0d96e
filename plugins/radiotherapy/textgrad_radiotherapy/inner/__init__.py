"""The inner optimiser: fluence from weights, with a proven gap and exact sensitivities."""

from textgrad_radiotherapy.inner.optimiser import InnerOptimiser
from textgrad_radiotherapy.inner.solution import Sensitivities, Solution

__all__ = ["InnerOptimiser", "Sensitivities", "Solution"]
