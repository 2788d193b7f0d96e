"""The words that stand wherever a plan appears."""

from __future__ import annotations

NOTICE = "research use only, not for clinical use"
SENTENCE = f"{NOTICE[0].upper()}{NOTICE[1:]}."
FLUENCE_ONLY = "Fluence only: no leaf sequencing, the plan cannot be delivered as it is."
